/** What one kind of work did in a period. */
export interface Period {
  readonly runs: number
  /** Mean, in seconds. */
  readonly seconds: number
  /** 0 to 100; absent where nothing is graded. */
  readonly score?: number
  /** 0 to 1. */
  readonly successRate: number
}

const ENOUGH_RUNS = 2
const SLOWER_BY = 0.25
const SLOWER_BY_SECONDS = 10
const WORSE_BY_POINTS = 10
const WORSE_BY_RATE = 0.1

/**
 * In which ways a period is worse than the one before: slower by more than a quarter and ten seconds, or its score or
 * success down by more than what counts as a regression. Nothing is said where either has fewer than two runs.
 */
export function worseThan(before: Period, now: Period): {readonly slower: boolean; readonly worse: boolean} {
  if (before.runs < ENOUGH_RUNS || now.runs < ENOUGH_RUNS) return {slower: false, worse: false}
  const more = now.seconds - before.seconds
  const fewerPoints =
    now.score !== undefined && before.score !== undefined && before.score - now.score > WORSE_BY_POINTS
  return {
    slower: more > SLOWER_BY_SECONDS && more > before.seconds * SLOWER_BY,
    worse: fewerPoints || before.successRate - now.successRate > WORSE_BY_RATE,
  }
}
