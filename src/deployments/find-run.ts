import type {RunSummary} from '../integrations/github/code-host.ts'

/**
 * Our run among those dispatched since: the one whose title or name carries the full correlation id. Somebody
 * else's run is never ours: the newest one is at best a guess, to be shown and not followed.
 */
export function findRun(
  runs: readonly RunSummary[],
  correlationId: string,
): {readonly run?: RunSummary; readonly twins: readonly RunSummary[]; readonly bestGuess?: RunSummary} {
  const ours = runs
    .filter(run => run.displayTitle.includes(correlationId) || run.name.includes(correlationId))
    .sort((a, b) => a.createdAt - b.createdAt)
  const [run, ...twins] = ours
  if (run) return {run, twins}
  const [bestGuess] = runs
  return bestGuess ? {twins: [], bestGuess} : {twins: []}
}
