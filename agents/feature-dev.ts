import {createHash} from 'node:crypto'
import {z} from 'zod'
import {AppError, toError} from '../src/kernel/errors.ts'
import {code, link, plain} from '../src/kernel/markdown.ts'
import {
  defineAction,
  defineAgent,
  showJobs,
  startOnce,
  statusAction,
  type ActionContext,
  type ActionDefinition,
  type OpenedIssue,
  type ProposedChange,
  type WantedChange,
} from '../src/sdk/index.ts'

/** Each step of it finds what an earlier try left: it may be tried again. */
const again = async () => undefined

/** Proposes small changes as drafts on branches of its own; what it can't write, it hands to people as an issue. */
export default defineAgent({
  id: 'feature-dev',
  name: 'Feature Development',
  description: 'Writes small changes as draft pull requests, or a scoped issue where no model can',
  queue: {concurrency: 3, timeoutMs: 1_800_000},
  actions: {
    generate_code: changeAction('implement', 'Implement a small change as a draft pull request'),
    implement_feature: changeAction('implement', 'The same, by the name of the capability'),
    refactor_code: changeAction(
      'refactor',
      'Rewrite a small part as a draft pull request, without changing what it does',
    ),
    get_status: statusAction('feature-dev'),
  },
})

function changeAction(kind: WantedChange['kind'], description: string): ActionDefinition {
  return defineAction({
    description,
    input: z.object({
      description: z.string().trim().min(5).max(4_000).describe('what is wanted, in a person’s own words'),
      repo_url: z.string().max(300).optional().describe('address of the repository, or owner/name'),
      repository: z.string().max(300).optional().describe('the same'),
      path: z.string().min(1).max(200).optional().describe('a file or folder that it is about'),
      issue: z
        .string()
        .regex(/^[A-Za-z0-9#][A-Za-z0-9#/-]{0,60}$/, 'must be the identifier of an issue')
        .optional()
        .describe('the issue it is about, such as OPS-7'),
      project: z.string().max(60).optional().describe('the project whose Linear takes the issue'),
      pipeline: z.string().min(1).max(60).default('test').describe('what is run on the draft'),
    }),
    output: z.object({
      /** `proposed`: a draft pull request. `issue`: handed to people in Linear. */
      outcome: z.enum(['proposed', 'issue']),
      repository: z.string(),
      pr_url: z.string().nullable(),
      pr_number: z.int().nullable(),
      branch: z.string().nullable(),
      head_sha: z.string().nullable(),
      /** How its tests ended; `none` where the repository has no such workflow, `not-started` where it did not start. */
      tests: z.string().nullable(),
      tests_url: z.string().nullable(),
      issue: z.string().nullable(),
      issue_url: z.string().nullable(),
      /** Why it is no pull request. */
      reason: z.string().nullable(),
    }),
    async run({repo_url, repository: name, pipeline, project, ...input}, context) {
      const {
        services: {pipelines, changes},
        effect,
        signal,
      } = context
      const repository = pipelines.repository(repo_url ?? name)
      const wanted = {...input, repository, kind, signal}
      const key = keyOf(context)
      const known = await changes.proposed(repository, key, signal)
      if (known)
        return proposedResult(repository, known, await tested(repository, known, pipeline, key, context))
      // Kept: asked once more, a model writes something else.
      const written = await effect('change', {run: () => changes.write(wanted), find: again})
      if (written.kind === 'nothing') {
        const {reason} = written
        const where = changes.projectFor(repository, project)
        if (where === undefined)
          throw new AppError(
            'NOT_CONFIGURED',
            `${reason} Nor is there one Linear project to write an issue to: an operator can name one under targets.<name>.project of signalbox.yaml.`,
          )
        const opened = await effect('issue', {
          run: () => changes.openIssue({project: where, key, wanted, reason, signal}),
          find: again,
        })
        return issueResult(repository, opened, reason)
      }
      const proposal = await effect('proposal', {
        run: () => changes.propose({repository, key, description: input.description, written, signal}),
        find: again,
      })
      return proposedResult(repository, proposal, await tested(repository, proposal, pipeline, key, context))
    },
  })
}

/** One for the step or command, whatever attempt: what an earlier one proposed is not proposed again. */
function keyOf({step, correlationId}: ActionContext): string {
  const what = step ? `${step.run} ${step.path}` : correlationId
  return createHash('sha256').update(what).digest('hex').slice(0, 16)
}

interface Tested {
  readonly tests: string
  readonly url: string | null
}

/** Runs the repository's own workflow on the draft, and says there how it ended. */
async function tested(
  repository: string,
  {number, branch, headSha}: ProposedChange,
  pipeline: string,
  key: string,
  context: ActionContext,
): Promise<Tested> {
  const {
    services: {pipelines, changes},
    effect,
    signal,
  } = context
  const workflow = await pipelines.workflowFor({repository, pipeline, signal})
  const outcome = await run()
  await effect('report', {
    run: () => changes.tell({repository, number, key, text: reportOf(outcome, pipeline, headSha), signal}),
    find: again,
  })
  return outcome

  async function run(): Promise<Tested> {
    if (workflow === undefined) return {tests: 'none', url: null}
    try {
      const started = await startOnce({repository, workflow, ref: branch, sha: headSha}, context)
      const onChange = showJobs(pipeline, started, context)
      const {conclusion, url} = await pipelines.follow(started, {signal, onChange, sha: headSha})
      return {tests: conclusion, url}
    } catch (error) {
      signal.throwIfAborted()
      // A workflow that can't be started is not a change that can't be proposed: the draft says that it was not tested.
      if (error instanceof AppError && error.code === 'UPSTREAM_REFUSED')
        return {tests: `not-started: ${toError(error).message.slice(0, 300)}`, url: null}
      throw error
    }
  }
}

function reportOf({tests, url}: Tested, pipeline: string, headSha: string): string {
  const what = `${code(pipeline)} of ${code(headSha.slice(0, 7))}`
  if (tests === 'none') return `Not tested: the repository has no workflow called ${code(pipeline)}.`
  if (tests.startsWith('not-started')) return `Not tested: ${what} did not start (${plain(tests.slice(13))}).`
  const verdict = tests === 'success' ? '✅' : '❌'
  return `${verdict} ${what} ended with **${plain(tests)}**${url === null ? '' : `: ${url}`}`
}

const NO_PULL = {pr_url: null, pr_number: null, branch: null, head_sha: null, tests: null, tests_url: null}

function proposedResult(
  repository: string,
  {url, number, branch, headSha}: ProposedChange,
  {tests, url: run}: Tested,
) {
  return {
    kind: 'replied' as const,
    reply: {
      state: tests === 'success' ? ('ok' as const) : ('other' as const),
      title: `#${number} of ${repository} · draft`,
      lines: [link('the draft pull request', url), `tests: ${plain(tests)}`],
    },
    output: {
      ...{outcome: 'proposed', repository, pr_url: url, pr_number: number, branch, head_sha: headSha},
      ...{tests, tests_url: run, issue: null, issue_url: null, reason: null},
    },
  }
}

function issueResult(repository: string, {identifier, url}: OpenedIssue, reason: string) {
  return {
    kind: 'replied' as const,
    reply: {
      state: 'other' as const,
      title: `${identifier} · for people`,
      lines: [plain(reason, 300), link('the issue', url)],
    },
    output: {...NO_PULL, outcome: 'issue', repository, issue: identifier, issue_url: url, reason},
  }
}
