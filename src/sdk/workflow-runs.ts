import {AppError} from '../kernel/errors.ts'
import {link, plain} from '../kernel/markdown.ts'
import {formatDuration} from '../kernel/time.ts'
import type {ActionContext} from './agent.ts'
import type {Reply} from './reply.ts'
import type {JobReport, RunReport, StartedRun} from './services.ts'

/**
 * Starts a workflow once, as an effect of the action. Its correlation id begins with the action's own and is this
 * dispatch's alone, so that a second one of the same command or run is never taken for it.
 */
export function startOnce(
  what: {
    readonly repository: string
    readonly workflow: string
    readonly ref: string
    readonly inputs?: Readonly<Record<string, string>>
    readonly target?: string
    readonly sha?: string
  },
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
