import {AppError} from '../kernel/errors.ts'
import {link, plain} from '../kernel/markdown.ts'
import {formatDuration} from '../kernel/time.ts'
import type {ActionContext, RunStep} from './agent.ts'
import type {TargetSummary} from './deployments.ts'
import type {Diagnosis, DiagnosisIssue, Fix, Specialist} from './diagnosis.ts'
import type {Reply} from './reply.ts'

/** A run of a GitHub workflow, by what it takes to find it again. */
export type StartedRun = {readonly repository: string; readonly id: string; readonly url: string}

/** What is to be started. `correlationId` is this dispatch's alone: by it the run is found again. */
export interface DispatchRequest {
  readonly repository: string
  readonly workflow: string
  /** A branch or tag: GitHub starts no workflow at a bare commit. */
  readonly ref: string
  readonly inputs?: Readonly<Record<string, string>>
  /** The target it ships to. Left out, it counts as shipping to each target that is shipped to through the workflow. */
  readonly target?: string
  /** The only commit that it may run, where the caller holds it to one. */
  readonly sha?: string
  readonly step?: RunStep
  readonly correlationId: string
  readonly requester: string
  readonly signal: AbortSignal
}

/** How a job of a run stands. */
export interface JobReport {
  readonly name: string
  readonly status: string
  readonly conclusion: string | null
  /** Milliseconds, so far or in the end; absent until it began. */
  readonly ms?: number
}

/** How a run ended. */
export interface RunReport {
  /** `success`, `failure`, `cancelled`, `timed_out`, …; `unknown` if GitHub did not say. */
  readonly conclusion: string
  readonly url: string
  readonly sha: string
  readonly jobs: readonly JobReport[]
}

/** What a run’s tests came to. */
export interface TestCounts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** A run as one of a workflow's history. */
export interface PastRun {
  readonly id: string
  readonly url: string
  readonly workflow: string
  readonly sha: string
  readonly event: string
  readonly status: string
  readonly conclusion: string | null
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly updatedAt: number
}

/** A target with what it takes to ship it. */
export interface ShippingTarget extends TargetSummary {
  readonly service: string
  /** Of its workflow, those that need no option. */
  readonly inputs: Readonly<Record<string, string>>
  /** Addresses that must answer after a deployment. */
  readonly verify: {readonly frontend?: string; readonly api?: string}
  /** Another target ships through the same workflow, so GitHub's history does not tell the two apart. */
  readonly shared: boolean
}

/**
 * Runs of GitHub workflows, as agents need them. Everything throws NOT_CONFIGURED without GitHub, UPSTREAM_REFUSED for
 * what GitHub declines, UPSTREAM_RATE_LIMITED and UPSTREAM_UNAVAILABLE for what may pass.
 */
export interface PipelinesPort {
  /**
   * The `owner/name` of an address or of such a name; the default repository when there is none.
   * @throws NOT_PERMITTED for a repository that configuration does not name.
   */
  repository(text: string | undefined): string
  /** @throws INVALID_INPUT when there is no target of that name. */
  target(name: string): ShippingTarget
  /** The target of this environment, when there is exactly one. */
  targetOf(environment: TargetSummary['environment']): ShippingTarget | undefined
  /** The workflow that a pipeline such as `test` is run by, told by its file's name. */
  workflowFor(query: {
    readonly repository: string
    readonly pipeline: string
    readonly signal: AbortSignal
  }): Promise<string | undefined>
  /** The newest run of each workflow for a commit. */
  runsOf(query: {
    readonly repository: string
    readonly sha: string
    readonly signal: AbortSignal
  }): Promise<readonly PastRun[]>
  /** What any app checked of a commit, its jobs among it. */
  checksOf(query: {readonly repository: string; readonly sha: string; readonly signal: AbortSignal}): Promise<
    readonly {
      readonly name: string
      readonly url: string
      readonly status: string
      readonly conclusion: string | null
    }[]
  >
  /** Runs of a target's workflow that may have shipped something, newest first, at most 50. */
  history(target: ShippingTarget, signal: AbortSignal): Promise<readonly PastRun[]>
  /** The newest success that shipped another commit than this one. */
  lastGood(history: readonly PastRun[], not: string | undefined): PastRun | undefined
  /** The commit that a branch or tag stands for now. */
  commitAt(query: {
    readonly repository: string
    readonly ref: string
    readonly signal: AbortSignal
  }): Promise<string>
  /** A branch whose newest commit this is, the preferred one if it can be, or our tag for it. */
  refAt(query: {
    readonly repository: string
    readonly sha: string
    readonly prefer?: string
    readonly signal: AbortSignal
  }): Promise<string | undefined>
  /** Tags a commit so that a workflow can be started there; a commit that has our tag keeps it. */
  tag(change: {
    readonly repository: string
    readonly sha: string
    readonly signal: AbortSignal
  }): Promise<string>
  /**
   * Sends the request once. Where its answer is lost, the run is looked for; not found, it is UPSTREAM_REFUSED with the
   * advice to look before trying again. @throws NOT_PERMITTED where it would ship what its run has no approval for.
   */
  dispatch(request: DispatchRequest): Promise<StartedRun>
  /** The run of a dispatch that may have got through. Looks as long as GitHub may take to list a new run. */
  find(request: DispatchRequest): Promise<StartedRun | undefined>
  /** Follows a run until it ends or the signal is aborted; the run itself goes on then. Asks seldom, and less with time. */
  follow(
    run: StartedRun,
    how: {
      readonly signal: AbortSignal
      readonly onChange?: (jobs: readonly JobReport[]) => void
      /** The commit it must be of: a run of another one, since its branch moved, is stopped, and CONFLICT thrown. */
      readonly sha?: string
    },
  ): Promise<RunReport>
  /** What the logs of a finished run say about its tests; undefined when they say nothing that we understand. */
  tests(run: StartedRun, signal: AbortSignal): Promise<TestCounts | undefined>
  /** What the role can tell about the issues of a target by rules, leaving out fixes that were tried. */
  diagnose(question: {
    readonly role: Specialist
    readonly target: ShippingTarget
    readonly issues: readonly DiagnosisIssue[]
    readonly tried: readonly Fix[]
    readonly signal: AbortSignal
  }): Promise<Diagnosis>
  /** Sets a variable of the repository's workflows. @throws NOT_PERMITTED unless ALLOW_SECRET_WRITES. */
  setVariable(change: {
    readonly repository: string
    readonly name: string
    readonly value: string
    readonly signal: AbortSignal
  }): Promise<'created' | 'changed' | 'unchanged'>
}

/**
 * Starts a workflow once, as an effect of the action. Its correlation id begins with the action's own and is this
 * dispatch's alone, so that a second one of the same command or run is never taken for it.
 */
export function startOnce(
  what: Pick<DispatchRequest, 'repository' | 'workflow' | 'ref' | 'inputs' | 'target' | 'sha'>,
  {services: {pipelines}, effect, signal, correlationId, step, actor}: ActionContext,
): Promise<StartedRun> {
  const request = (id: string) => ({
    ...what,
    ...(step ? {step} : {}),
    correlationId: `${correlationId}-${id.slice(0, 8)}`,
    requester: actor.name,
    signal,
  })
  return effect('dispatch', {
    run: id => pipelines.dispatch(request(id)),
    find: id => pipelines.find(request(id)),
  })
}

/** A branch or tag at which a workflow runs exactly this commit; our own tag where no branch does. */
export function refFor(
  {
    repository,
    sha,
    prefer,
  }: {readonly repository: string; readonly sha: string; readonly prefer?: string | undefined},
  {services: {pipelines}, effect, signal}: ActionContext,
): Promise<string> {
  const query = {repository, sha, signal, ...(prefer === undefined ? {} : {prefer})}
  return effect('ref', {
    run: async () => (await pipelines.refAt(query)) ?? (await pipelines.tag(query)),
    find: () => pipelines.refAt(query),
  })
}

/** Shows how a run's jobs go on. A message that can't be shown does not keep the work from going on. */
export function showJobs(
  title: string,
  {url}: StartedRun,
  context: ActionContext,
): (jobs: readonly JobReport[]) => void {
  return jobs => {
    const lines = [...jobLine(jobs), link('the run', url)]
    context.progress({state: 'running', title: `${title} · running`, lines}).catch(() => undefined)
  }
}

/** What people are told of a run that ended. */
export function endedReply(title: string, {conclusion, jobs, url}: RunReport): Reply {
  return {
    state: conclusion === 'success' ? 'success' : conclusion === 'failure' ? 'failure' : 'other',
    title: `${title} · ${conclusion.replaceAll('_', ' ')}`,
    lines: [...jobLine(jobs), link('the run', url)],
  }
}

/** For an action whose run had to succeed. */
export function unsuccessful(title: string, {conclusion, url, jobs}: RunReport): AppError {
  const broken = jobs.find(job => job.conclusion === 'failure')
  const where = broken === undefined ? '' : ` in job ${broken.name}`
  return new AppError('UPSTREAM_REFUSED', `${title} ended with ${conclusion}${where}: ${url}`)
}

/** Nothing went wrong: also where there was nothing to do. */
export function isGoodConclusion(conclusion: string | null): boolean {
  return conclusion === 'success' || conclusion === 'skipped' || conclusion === 'neutral'
}

function jobLine(jobs: readonly JobReport[]): readonly string[] {
  return jobs.length === 0 ? [] : [jobs.map(jobWord).join(' · ')]
}

function jobWord({name, status, conclusion, ms}: JobReport): string {
  const glyph =
    status === 'completed'
      ? isGoodConclusion(conclusion)
        ? '✅'
        : '❌'
      : status === 'in_progress'
        ? '▶'
        : '·'
  return `${plain(name, 40)} ${glyph}${ms === undefined ? '' : ` ${formatDuration(ms)}`}`
}
