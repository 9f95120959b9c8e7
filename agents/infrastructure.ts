import {z} from 'zod'
import {ENVIRONMENTS} from '../src/kernel/environment.ts'
import {AppError} from '../src/kernel/errors.ts'
import {code, plain} from '../src/kernel/markdown.ts'
import {
  defineAction,
  defineAgent,
  diagnosisAction,
  endedReply,
  refFor,
  showJobs,
  startOnce,
  statusAction,
  unsuccessful,
  type ActionContext,
  type DiagnosisIssue,
  type EndpointCheck,
  type PastRun,
  type PipelinesPort,
  type ShippingTarget,
} from '../src/sdk/index.ts'

const sha = z.string().regex(/^[0-9a-f]{40}$/, 'must be a full commit id')
const environment = z.enum(ENVIRONMENTS)
const name = z.string().min(1).max(60)

/** Looks after what runs: whether it is well, what is shipped there, and how it gets back. */
export default defineAgent({
  id: 'infrastructure',
  name: 'Infrastructure',
  description: 'Checks health, ships commits to targets, rolls back, sets variables',
  queue: {concurrency: 20, timeoutMs: 3_600_000},
  actions: {
    find_target: defineAction({
      description: 'What a target is: its repository, environment and service',
      pure: true,
      askable: true,
      input: z.object({
        target: name.nullish().describe('its name; the only one of the environment otherwise'),
        environment: environment.nullish().describe('must be the target’s own'),
      }),
      output: z.object({
        target: z.string(),
        repository: z.string(),
        workflow: z.string(),
        environment,
        service: z.string(),
      }),
      async run({target: what, environment: where}, {services: {pipelines}}) {
        const target = targetNamed(pipelines, what ?? undefined, where ?? undefined)
        const {repository, workflow, service} = target
        return {
          kind: 'replied',
          reply: {state: 'info', title: titleOf(target), lines: [plain(repository)]},
          output: {target: target.name, repository, workflow, environment: target.environment, service},
        }
      },
    }),

    health_check: defineAction({
      description: 'Whether a target’s addresses answer and its last deployment went through',
      pure: true,
      askable: true,
      input: z.object({
        environment: environment.optional().describe('its only target is looked at, too'),
        target: name.optional().describe('what to look at'),
      }),
      output: z.object({
        /** `unknown`: there is nothing to look at. That is not health. */
        status: z.enum(['healthy', 'degraded', 'critical', 'unknown']),
        issues: z.array(z.object({service: z.string(), kind: z.string(), evidence: z.string()})),
        target: z.string().nullable(),
        checked: z.int(),
      }),
      async run({environment: where, target: what}, {services: {pipelines, endpoints}, signal}) {
        const target =
          what !== undefined
            ? pipelines.target(what)
            : where === undefined
              ? undefined
              : pipelines.targetOf(where)
        const own = target && Object.keys(target.verify).length > 0 ? target.verify : undefined
        const [checks, history] = await Promise.all([
          endpoints.check(signal, own),
          target ? pipelines.history(target, signal) : [],
        ])
        const last = history.find(run => run.status === 'completed')
        const issues = [
          ...checks.flatMap(check => endpointIssue(check, target)),
          ...(target && last ? deploymentIssue(last, target) : []),
        ]
        const checked = checks.length + (last ? 1 : 0)
        const status = healthOf(issues.length, checked)
        return {
          kind: 'replied',
          reply: {
            state: status === 'healthy' ? 'ok' : status === 'unknown' ? 'other' : 'error',
            title: `${target?.name ?? where ?? 'endpoints'} · ${status}`,
            lines: issues.map(issue => `❌ ${plain(issue.service, 60)} ${plain(issue.evidence)}`),
          },
          output: {status, issues, target: target?.name ?? null, checked},
        }
      },
    }),

    deploy_service: defineAction({
      description: 'Ship a commit through a target’s workflow and follow it to the verdict; never twice',
      input: z.object({
        target: name.default('client').describe('what to ship'),
        sha: sha.describe('the commit, such as the head of a pull request'),
        ref: z.string().max(200).optional().describe('a branch to ship it from, if that is where it stands'),
        environment: environment.optional().describe('must be the target’s own: a check, not a choice'),
        repo_url: z.string().max(300).optional().describe('where the pull request is'),
        pr_number: z.int().min(1).optional().describe('the pull request whose head the commit must still be'),
      }),
      output: z.object({
        status: z.literal('success'),
        target: z.string(),
        environment,
        sha,
        run_id: z.string(),
        run_url: z.string(),
        /** What succeeded there before; null where GitHub’s history does not tell. */
        previous_sha: sha.nullable(),
      }),
      async run(
        {target: what, sha: commit, ref, environment: expected, repo_url: address, pr_number: number},
        context,
      ) {
        const {
          services: {pipelines},
          effect,
          signal,
        } = context
        const target = targetNamed(pipelines, what, expected)
        // Kept: after a crash, a push does not stand between the attempt and the run that it may have started.
        if (number !== undefined)
          await effect('head', {
            run: () => headIsStill(commit, {repository: pipelines.repository(address), number}, context),
            find: async () => undefined,
          })
        // Kept, so that after a crash nothing stands between the attempt and the run it may have started.
        const previous = await effect('previous', {
          run: async () =>
            target.shared
              ? null
              : (pipelines.lastGood(await pipelines.history(target, signal), commit)?.sha ?? null),
          find: async () => undefined,
        })
        const shipped = await ship(target, commit, ref, context)
        return {
          kind: 'replied',
          reply: endedReply(titleOf(target), shipped.report),
          output: {
            status: 'success',
            target: target.name,
            environment: target.environment,
            sha: commit,
            run_id: shipped.id,
            run_url: shipped.report.url,
            previous_sha: previous,
          },
        }
      },
    }),

    rollback: defineAction({
      description: 'Ship the last commit that went well once more',
      input: z.object({
        target: name.default('client').describe('what to bring back'),
        to: sha.nullish().describe('the commit to go back to; the last good one otherwise'),
        from: sha.nullish().describe('the commit to leave; that of the newest run otherwise'),
      }),
      output: z.object({
        status: z.literal('success'),
        target: z.string(),
        environment,
        sha,
        run_id: z.string(),
        run_url: z.string(),
      }),
      async run({target: what, to, from}, context) {
        const {
          services: {pipelines},
          effect,
          signal,
        } = context
        const target = pipelines.target(what)
        // Kept: looked at again after a crash, the newest run would be this very rollback.
        const commit =
          to ??
          (await effect('last good', {
            run: async () =>
              lastGoodOf(target, await pipelines.history(target, signal), from ?? undefined, context),
            find: async () => undefined,
          }))
        const shipped = await ship(target, commit, undefined, context)
        return {
          kind: 'replied',
          reply: endedReply(`${titleOf(target)} · back to ${commit.slice(0, 7)}`, shipped.report),
          output: {
            status: 'success',
            target: target.name,
            environment: target.environment,
            sha: commit,
            run_id: shipped.id,
            run_url: shipped.report.url,
          },
        }
      },
    }),

    update_config: defineAction({
      description: 'Set a variable of a repository’s workflows; never a secret',
      input: z.object({
        repo_url: z.string().max(300).optional().describe('address of the repository, or owner/name'),
        repository: z.string().max(300).optional().describe('the same'),
        name: z
          .string()
          .regex(/^(?!GITHUB_)[A-Z_][A-Z0-9_]{0,99}$/, 'must be capitals, digits and underscores')
          .describe('name of the variable'),
        value: z.string().min(1).max(10_000).describe('its value'),
      }),
      output: z.object({
        repository: z.string(),
        name: z.string(),
        change: z.enum(['created', 'changed', 'unchanged']),
      }),
      async run({repo_url, repository, name: variable, value}, {services: {pipelines}, effect, signal}) {
        const of = pipelines.repository(repo_url ?? repository)
        const change = await effect('variable', {
          run: () => pipelines.setVariable({repository: of, name: variable, value, signal}),
          // Setting it again sets the same.
          find: async () => undefined,
        })
        return {
          kind: 'replied',
          reply: {state: 'ok', title: `variable ${change}`, lines: [`${code(variable)} of ${plain(of)}`]},
          output: {repository: of, name: variable, change},
        }
      },
    }),

    execute_task: diagnosisAction('infrastructure'),
    get_status: statusAction('infrastructure'),
  },
})

function targetNamed(
  pipelines: PipelinesPort,
  what: string | undefined,
  where: ShippingTarget['environment'] | undefined,
): ShippingTarget {
  if (what === undefined) {
    const only = where === undefined ? undefined : pipelines.targetOf(where)
    if (only) return only
    throw new AppError('INVALID_INPUT', `Name a target: ${where ?? 'no environment'} has not exactly one.`)
  }
  const target = pipelines.target(what)
  if (where !== undefined && where !== target.environment)
    throw new AppError('INVALID_INPUT', `${what} ships to ${target.environment}, not to ${where}.`)
  return target
}

/** What was reviewed, tested and approved is this commit: a pull request that moved on since is not shipped. */
async function headIsStill(
  commit: string,
  pull: {readonly repository: string; readonly number: number},
  {services: {reviews}, signal}: ActionContext,
): Promise<string> {
  const head = await reviews.headOf({...pull, signal})
  if (head === commit) return head
  throw new AppError(
    'CONFLICT',
    `Pull request #${pull.number} moved on from ${commit.slice(0, 7)} to ${head.slice(0, 7)}. Run it again.`,
  )
}

async function ship(
  target: ShippingTarget,
  commit: string,
  prefer: string | undefined,
  context: ActionContext,
) {
  const {
    services: {pipelines},
    signal,
  } = context
  const {name: to, repository, workflow, inputs} = target
  const ref = await refFor({repository, sha: commit, prefer: prefer ?? target.ref}, context)
  const run = await startOnce({repository, workflow, ref, inputs, target: to, sha: commit}, context)
  const title = titleOf(target)
  const onChange = showJobs(title, run, context)
  const report = await pipelines.follow(run, {signal, onChange, sha: commit})
  if (report.conclusion !== 'success') throw unsuccessful(title, report)
  return {id: run.id, report}
}

function lastGoodOf(
  target: ShippingTarget,
  history: readonly PastRun[],
  from: string | undefined,
  {services: {pipelines}}: ActionContext,
): string {
  if (target.shared)
    throw new AppError(
      'INVALID_INPUT',
      `Other targets ship through ${target.workflow}, too, so its history does not tell what ${target.name} had. Say to which commit.`,
    )
  const good = pipelines.lastGood(history, from)
  if (!good)
    throw new AppError('NOT_FOUND', `No other commit was ever shipped to ${target.name} with success.`)
  return good.sha
}

function titleOf({name: target, environment: where}: ShippingTarget): string {
  return `${target} → ${where}`
}

function endpointIssue(check: EndpointCheck, target: ShippingTarget | undefined): DiagnosisIssue[] {
  if (check.ok) return []
  const said = check.status === undefined ? (check.error ?? 'no answer') : `HTTP ${check.status}`
  return [
    {
      service: target?.service ?? check.side,
      kind: check.status === undefined ? 'endpoint-silent' : 'endpoint-failing',
      evidence: `${check.url}: ${said}`,
    },
  ]
}

function deploymentIssue({conclusion, url, sha: commit}: PastRun, target: ShippingTarget): DiagnosisIssue[] {
  if (conclusion === 'success' || conclusion === 'skipped' || conclusion === 'neutral') return []
  return [
    {
      service: target.service,
      kind: 'deployment-failed',
      evidence: `${commit.slice(0, 7)} ended with ${conclusion ?? 'nothing'}: ${url}`,
    },
  ]
}

function healthOf(issues: number, checked: number): 'healthy' | 'degraded' | 'critical' | 'unknown' {
  if (checked === 0) return 'unknown'
  if (issues === 0) return 'healthy'
  return issues * 2 < checked ? 'degraded' : 'critical'
}
