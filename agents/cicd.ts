import {z} from 'zod'
import {AppError} from '../src/kernel/errors.ts'
import {link, plain} from '../src/kernel/markdown.ts'
import {
  defineAction,
  defineAgent,
  diagnosisAction,
  endedReply,
  isGoodConclusion,
  refFor,
  showJobs,
  startOnce,
  statusAction,
  unsuccessful,
  type ActionContext,
  type PastRun,
  type PipelinesPort,
  type RunReport,
  type StartedRun,
} from '../src/sdk/index.ts'

const repository = z.string().max(300).optional()
const sha = z.string().regex(/^[0-9a-f]{40}$/, 'must be a full commit id')
const ref = z
  .string()
  .max(200)
  .regex(/^(?!.*(\.\.|@\{|\/\/))[\w][\w./+@-]*$/, 'is not a branch or tag')
const workflow = z.string().regex(/^[A-Za-z0-9._-]{1,100}\.ya?ml$/, 'must be the file name of a workflow')

const job = z.object({name: z.string(), conclusion: z.string().nullable()})
const ended = z.object({
  status: z.literal('completed'),
  conclusion: z.string(),
  passed: z.boolean(),
  run_url: z.string().nullable(),
  workflow: z.string().nullable(),
  sha: z.string().nullable(),
  jobs: z.array(job),
  /** Null where the logs say nothing that we understand. */
  tests: z.object({passed: z.int(), failed: z.int(), skipped: z.int()}).nullable(),
})

/** Runs workflows that change nothing for people: tests, builds, artifacts. What they said before is not asked again. */
export default defineAgent({
  id: 'cicd',
  name: 'CI/CD',
  description: 'Runs pipelines and tells how commits did in them',
  queue: {concurrency: 20, timeoutMs: 3_600_000},
  actions: {
    run_pipeline: defineAction({
      description:
        'Run the workflow of a pipeline and wait for its end; a commit that went through is not run again',
      input: z.object({
        pipeline: z
          .string()
          .min(1)
          .max(60)
          .default('test')
          .describe('such as test; tells the workflow by its file’s name'),
        repo_url: repository.describe('address of the repository, or owner/name'),
        repository: repository.describe('the same'),
        sha: sha.optional().describe('the commit'),
        ref: ref.optional().describe('branch or tag, where no commit is given'),
        workflow: workflow.optional().describe('its file, where the pipeline’s name does not tell'),
      }),
      output: ended,
      async run(input, context) {
        const {
          services: {pipelines},
          signal,
        } = context
        const of = pipelines.repository(input.repo_url ?? input.repository)
        const file =
          input.workflow ?? (await pipelines.workflowFor({repository: of, pipeline: input.pipeline, signal}))
        if (file === undefined) return checksAlone(of, input, context)
        const run = await runOf({...input, repository: of, workflow: file}, context)
        const onChange = showJobs(input.pipeline, run, context)
        const report = await pipelines.follow(run, {
          signal,
          onChange,
          ...(input.sha === undefined ? {} : {sha: input.sha}),
        })
        const tests = await pipelines.tests(run, signal)
        return {
          kind: 'replied',
          reply: endedReply(input.pipeline, report),
          output: {...outcome(report), workflow: file, tests: tests ? {...tests} : null},
        }
      },
    }),

    validate_build: defineAction({
      description: 'How the newest run of each workflow did for a commit; starts nothing',
      pure: true,
      askable: true,
      input: z.object({
        repo_url: repository.describe('address of the repository, or owner/name'),
        repository: repository.describe('the same'),
        sha: sha.describe('the commit'),
      }),
      output: z.object({
        status: z.enum(['success', 'failure', 'pending', 'none']),
        passed: z.boolean(),
        checks: z.array(
          z.object({
            name: z.string(),
            status: z.string(),
            conclusion: z.string().nullable(),
            url: z.string(),
          }),
        ),
      }),
      async run({repo_url, repository: name, sha: commit}, {services: {pipelines}, signal}) {
        const of = pipelines.repository(repo_url ?? name)
        const checks = await checksOf(pipelines, {repository: of, sha: commit, signal})
        const status = together(checks)
        return {
          kind: 'replied',
          reply: {
            state: STATES[status],
            title: `${commit.slice(0, 7)} · ${WORDS[status]}`,
            lines: checks.map(
              check => `${plain(check.name, 80)} ${link(check.conclusion ?? check.status, check.url)}`,
            ),
          },
          output: {status, passed: status === 'success', checks},
        }
      },
    }),

    deploy_artifact: defineAction({
      description: 'Run a target’s workflow at a branch or tag, at what that holds now, and wait for its end',
      input: z.object({
        target: z.string().max(60).default('client').describe('what to ship'),
        ref: ref.optional().describe('branch or tag; the target’s own otherwise'),
      }),
      output: ended,
      async run({target: name, ref: at}, context) {
        const {
          services: {pipelines},
          effect,
          signal,
        } = context
        const target = pipelines.target(name)
        const {repository: of, workflow: file, inputs} = target
        const from = at ?? target.ref
        // Kept: what was permitted is this commit, and a push since then must not be shipped in its place.
        const commit = await effect('commit', {
          run: () => pipelines.commitAt({repository: of, ref: from, signal}),
          find: async () => undefined,
        })
        const run = await startOnce(
          {repository: of, workflow: file, ref: from, inputs, target: target.name, sha: commit},
          context,
        )
        const title = `${target.name} → ${target.environment}`
        const onChange = showJobs(title, run, context)
        const report = await pipelines.follow(run, {signal, onChange, sha: commit})
        if (report.conclusion !== 'success') throw unsuccessful(title, report)
        return {
          kind: 'replied',
          reply: endedReply(title, report),
          output: {...outcome(report), workflow: file, tests: null},
        }
      },
    }),

    execute_task: diagnosisAction('cicd'),
    get_status: statusAction('cicd'),
  },
})

interface Wanted {
  readonly repository: string
  readonly workflow: string
  readonly sha?: string | undefined
  readonly ref?: string | undefined
}

/** The run to follow: the one the commit has already, unless it went wrong; then, or without one, a new one. */
async function runOf(wanted: Wanted, context: ActionContext): Promise<StartedRun> {
  const {
    services: {pipelines},
    effect,
    signal,
  } = context
  const {repository: of, workflow: file, sha: commit} = wanted
  if (commit === undefined) {
    if (wanted.ref === undefined) throw new AppError('INVALID_INPUT', 'Name a commit, a branch or a tag.')
    return startOnce({repository: of, workflow: file, ref: wanted.ref}, context)
  }
  const query = {repository: of, sha: commit, signal}
  // Kept: looked at again after a crash, the newest run would be the one started here.
  const known = await effect('known run', {
    run: async () => {
      const runs = await pipelines.runsOf(query)
      const newest = runs.find(run => run.workflow === file)
      return newest && (newest.status !== 'completed' || newest.conclusion === 'success')
        ? {repository: of, id: newest.id, url: newest.url}
        : null
    },
    find: async () => undefined,
  })
  if (known) return known
  const at = await refFor({repository: of, sha: commit, prefer: wanted.ref}, context)
  return startOnce({repository: of, workflow: file, ref: at, sha: commit}, context)
}

/** A repository whose workflows are called otherwise: what was checked of the commit has to do. */
async function checksAlone(
  of: string,
  {pipeline, sha: commit}: {readonly pipeline: string; readonly sha?: string | undefined},
  {services: {pipelines}, signal}: ActionContext,
) {
  const checks = commit === undefined ? [] : await checksOf(pipelines, {repository: of, sha: commit, signal})
  const status = together(checks)
  if (status === 'none')
    throw new AppError(
      'INVALID_INPUT',
      `${of} has no workflow called ${pipeline}, and nothing was checked of the commit. Name its file as "workflow".`,
    )
  if (status === 'pending')
    throw new AppError('CONTENDED', `The checks of ${commit?.slice(0, 7) ?? ''} have not ended yet.`, {
      retryAfterMs: 15_000,
    })
  const [failed] = checks.filter(check => !isGoodConclusion(check.conclusion))
  const conclusion = status === 'success' ? 'success' : (failed?.conclusion ?? 'failure')
  return {
    kind: 'replied' as const,
    reply: {state: STATES[status], title: `${pipeline} · ${WORDS[status]}`},
    output: {
      status: 'completed',
      conclusion,
      passed: status === 'success',
      run_url: failed?.url ?? checks[0]?.url ?? null,
      workflow: null,
      sha: commit ?? null,
      jobs: checks.map(({name, conclusion: how}) => ({name, conclusion: how})),
      tests: null,
    },
  }
}

type Check = {
  readonly name: string
  readonly status: string
  readonly conclusion: string | null
  readonly url: string
}

async function checksOf(
  pipelines: PipelinesPort,
  query: {readonly repository: string; readonly sha: string; readonly signal: AbortSignal},
): Promise<Check[]> {
  const runs = await pipelines.runsOf(query)
  if (runs.length > 0) return runs.map(toCheck)
  return [...(await pipelines.checksOf(query))]
}

function toCheck({workflow: name, status, conclusion, url}: PastRun): Check {
  return {name, status, conclusion, url}
}

type Together = 'success' | 'failure' | 'pending' | 'none'

const STATES = {success: 'success', failure: 'failure', pending: 'running', none: 'other'} as const
const WORDS = {
  success: 'passed',
  failure: 'failed',
  pending: 'still running',
  none: 'nothing was checked',
} as const

function together(checks: readonly Check[]): Together {
  if (checks.length === 0) return 'none'
  if (checks.some(({status, conclusion}) => status === 'completed' && !isGoodConclusion(conclusion)))
    return 'failure'
  return checks.every(({status}) => status === 'completed') ? 'success' : 'pending'
}

function outcome({conclusion, url, sha: commit, jobs}: RunReport) {
  return {
    status: 'completed',
    conclusion,
    passed: conclusion === 'success',
    run_url: url,
    sha: commit,
    jobs: jobs.map(({name, conclusion: how}) => ({name, conclusion: how})),
  }
}
