import type {TestCounts} from '../sdk/index.ts'

/** Ends of lines as test runners write them; each answers its own counts. */
const SUMMARIES: readonly RegExp[] = [
  // vitest: `Tests  2 failed | 10 passed | 1 skipped (13)`; jest: `Tests:  1 failed, 20 passed, 21 total`
  /\bTests:?\s+(?=[\d])(.*\b(?:passed|failed)\b.*)/,
  // pytest: `=== 3 failed, 20 passed, 1 skipped in 1.2s ===`
  /={3,}\s*(\d+ (?:passed|failed|skipped|error)[^=]*?)\s+in\s/,
  // our own, mocha’s and others’ last line: `20 passed, 0 failed, 1 skipped`
  /^(\d+ passed, \d+ failed(?:, \d+ skipped)?)\b/,
]
const STAMP = /^\ufeff?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z /
const COLOUR = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')

/** What a job's log says about its tests: the last summary counts. Undefined when there is none that we understand. */
export function testCounts(log: string): TestCounts | undefined {
  let found: string | undefined
  for (const line of log.split(/\r?\n/)) {
    const words = line.replace(STAMP, '').replace(COLOUR, '').trim()
    for (const pattern of SUMMARIES) found = pattern.exec(words)?.[1] ?? found
  }
  if (found === undefined) return undefined
  const count = (...names: readonly string[]) =>
    names.reduce((sum, name) => sum + Number(new RegExp(`(\\d+) ${name}\\b`).exec(found)?.[1] ?? 0), 0)
  return {
    passed: count('passed'),
    failed: count('failed', 'errors?'),
    skipped: count('skipped', 'todo', 'pending'),
  }
}

export function sumOfCounts(all: readonly TestCounts[]): TestCounts | undefined {
  if (all.length === 0) return undefined
  return all.reduce((sum, one) => ({
    passed: sum.passed + one.passed,
    failed: sum.failed + one.failed,
    skipped: sum.skipped + one.skipped,
  }))
}
