import {describe, expect, test} from 'vitest'
import {better, judge, resultOf, type CheckResult} from '../../../src/releases/verdict.ts'

const RULES = {minChecks: 3, promoteAt: {checks: 4, share: 80}}
const check = (name: string, outcome: CheckResult['outcome'], critical = false): CheckResult => ({
  ...{name, outcome, critical},
  url: `https://${name}.example.com/`,
  maxMs: 500,
})
/** `f` frontend, `a` API, `l` login: critical; `s` search, `m` media. Capital: good, small: slow, `-`: down. */
const results = (text: string) =>
  [...text.matchAll(/(-?)([a-z])/gi)].map(([, down, letter = '']) =>
    check(
      {f: 'frontend', a: 'API', l: 'login', s: 'search', m: 'media'}[letter.toLowerCase()] ?? letter,
      down === '-' ? 'down' : letter === letter.toUpperCase() ? 'ok' : 'slow',
      'fal'.includes(letter.toLowerCase()),
    ),
  )

describe('the verdict on what was verified', () => {
  test.each([
    ['FALSM', 'good', true, []],
    // Four of five, and 80 %: enough.
    ['FALSm', 'doubtful', true, []],
    ['FALsm', 'doubtful', false, []],
    ['FALS-m', 'doubtful', false, []],
    ['FAL-s-m', 'doubtful', false, []],
    ['-fALSM', 'bad', false, ['frontend is down']],
    ['F-aLSM', 'bad', false, ['API is down']],
    ['FA-lSM', 'bad', false, ['login is down']],
    [
      '-f-a-l-s-m',
      'bad',
      false,
      ['frontend is down', 'API is down', 'login is down', 'only 0 of 5 checks answer'],
    ],
    ['S-m-m-s', 'bad', false, ['only 1 of 4 checks answer']],
    // Fewer than the thresholds ask for: all of them.
    ['FA', 'good', true, []],
    ['Fa', 'doubtful', false, []],
    ['F-s', 'bad', false, ['only 1 of 2 checks answer']],
    ['fa', 'doubtful', false, []],
  ] as const)('%s is %s, promotable: %s', (text, health, promotable, reasons) => {
    expect(judge(results(text), RULES)).toEqual({health, promotable, reasons})
  })

  test('nothing checked is unknown, and never enough', () => {
    const lenient = {minChecks: 0, promoteAt: {checks: 1, share: 0}}
    expect(judge([], lenient)).toEqual({health: 'unknown', promotable: false, reasons: []})
  })

  test('the share counts all checks, not only those that were asked for', () => {
    expect(judge(results('FALSmmm'), RULES).promotable).toBe(false)
    expect(judge(results('FALSmmm'), {...RULES, promoteAt: {checks: 4, share: 50}}).promotable).toBe(true)
  })
})

describe('one check', () => {
  const frontend = {name: 'frontend', url: 'https://x.example.com/', maxMs: 500, critical: true}
  test.each([
    [{ok: true, ms: 500, status: 200}, 'ok'],
    [{ok: true, ms: 501, status: 200}, 'slow'],
    [{ok: false, ms: 10, status: 503}, 'down'],
    [{ok: false, ms: 10, error: 'The connection was refused.'}, 'down'],
  ] as const)('that answers %j is %s', (answer, outcome) => {
    expect(resultOf(frontend, answer).outcome).toBe(outcome)
  })

  test('tried again keeps the better try', () => {
    const down = resultOf(frontend, {ok: false, ms: 10, status: 503})
    const slow = resultOf(frontend, {ok: true, ms: 900, status: 200})
    const quick = resultOf(frontend, {ok: true, ms: 90, status: 200})
    expect(better(down, slow)).toBe(slow)
    expect(better(quick, slow)).toBe(quick)
    expect(better(slow, resultOf(frontend, {ok: true, ms: 800, status: 200})).ms).toBe(800)
  })
})
