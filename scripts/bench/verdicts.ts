/** One goal and whether it was reached. */
export interface Verdict {
  readonly what: string
  readonly measured: string
  readonly goal: string
  readonly reached: boolean
}

/** Prints the verdicts in one table. */
export function sayVerdicts(verdicts: readonly Verdict[]): void {
  const width = (of: (verdict: Verdict) => string) => Math.max(...verdicts.map(verdict => of(verdict).length))
  const [what, measured, goal] = [
    width(verdict => verdict.what),
    width(verdict => verdict.measured),
    width(verdict => verdict.goal),
  ]
  for (const each of verdicts) {
    process.stdout.write(
      `  ${each.what.padEnd(what)}  ${each.measured.padStart(measured)}  ${each.goal.padEnd(goal)}  ` +
        `${each.reached ? 'reached' : 'MISSED'}\n`,
    )
  }
}
