import type {WorkflowDigest, WorkflowRunSummary} from '../sdk/index.ts'

/** Runs created at or after `since`; the average counts finished runs that took any time at all, in whole seconds. */
export function digestRuns(runs: readonly WorkflowRunSummary[], since: number): WorkflowDigest {
  const inWindow = runs.filter(run => run.createdAt >= since)
  const of = (conclusion: string) => inWindow.filter(run => run.conclusion === conclusion).length
  const durations = inWindow
    .filter(run => run.status === 'completed')
    .map(run => Math.floor((run.updatedAt - run.createdAt) / 1000) * 1000)
    .filter(ms => ms > 0)
  const success = of('success')
  const failure = of('failure')
  return {
    total: inWindow.length,
    success,
    failure,
    other: inWindow.length - success - failure,
    averageMs:
      durations.length === 0 ? undefined : durations.reduce((sum, ms) => sum + ms, 0) / durations.length,
    latest: inWindow[0],
  }
}
