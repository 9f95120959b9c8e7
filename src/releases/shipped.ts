import type {DeploymentState} from '../deployments/state.ts'
import type {Shipped} from './decide.ts'

/** What a release needs to know of its deployment, once the command that it carries has ended. */
export function shippedBy(deployment: DeploymentState | undefined): Shipped {
  const {verdict, run} = deployment ?? {}
  const seen = {
    ...(run?.sha === undefined ? {} : {sha: run.sha}),
    ...(run === undefined ? {} : {runUrl: run.url}),
  }
  switch (verdict?.kind) {
    case undefined:
      return {kind: 'none', why: 'it was stopped before it began'}
    case 'concluded':
      return {kind: 'ended', conclusion: verdict.conclusion, ...seen}
    case 'started':
    case 'watch-timeout':
      return {kind: 'unknown', why: 'its run still went on when it was no longer watched', ...seen}
    case 'run-hidden':
      return {kind: 'unknown', why: 'GitHub did not show its run any more', ...seen}
    case 'not-found':
      return {kind: 'unknown', why: 'its run was not found', ...seen}
    case 'wrong-commit':
      return {kind: 'unknown', why: 'its run was of another commit than the approved one', ...seen}
    case 'cancelled-before-start':
      return {kind: 'none', why: 'it was cancelled before it started'}
    case 'refused':
    case 'blocked':
      return {kind: 'none', why: verdict.reason}
    case 'not-approved':
      return {
        kind: 'none',
        why: `its approval ${verdict.how === 'rejected' ? 'was rejected' : verdict.how === 'expired' ? 'expired' : 'was withdrawn'}`,
      }
  }
}

/** How the deployment ended that carried a decision out: well only where it ran the very commit that was wanted. */
export function carriedOut(
  deployment: DeploymentState,
  wanted: string | undefined,
): {readonly ok: boolean; readonly words: string; readonly runUrl?: string} {
  const shipped = shippedBy(deployment)
  if (shipped.kind === 'none') return {ok: false, words: `not shipped: ${shipped.why}`}
  const run = shipped.runUrl === undefined ? {} : {runUrl: shipped.runUrl}
  if (shipped.kind === 'unknown') return {ok: false, words: shipped.why, ...run}
  if (shipped.conclusion !== 'success')
    return {ok: false, words: `its run ended with ${shipped.conclusion.replaceAll('_', ' ')}`, ...run}
  return shipped.sha === wanted
    ? {ok: true, words: `shipped ${(wanted ?? '').slice(0, 7)}`, ...run}
    : {
        ok: false,
        words: `it shipped another commit, ${(shipped.sha ?? 'unknown').slice(0, 7)}: a branch moved`,
        ...run,
      }
}
