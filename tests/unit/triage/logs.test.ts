import {readFileSync} from 'node:fs'
import {describe, expect, test} from 'vitest'
import {failuresIn} from '../../../src/triage/causes.ts'
import type {Failure} from '../../../src/triage/failure.ts'
import {linesOfLog} from '../../../src/triage/log.ts'
import {cpuMs} from '../../support/cost.ts'

const same = (text: string) => text
const logOf = (name: string) =>
  readFileSync(new URL(`../../fixtures/triage/${name}.txt`, import.meta.url), 'utf8')
const failuresOf = (name: string) => failuresIn(linesOfLog(logOf(name), undefined, same))

describe('the log of', () => {
  test.each<[string, Partial<Failure>]>([
    [
      'tsc',
      {
        ...{kind: 'code_error', tool: 'tsc', code: 'TS2551', file: 'src/cart/total.ts', line: 14},
        meant: {wrong: 'lenght', right: 'length'},
      },
    ],
    [
      'tsc-module',
      {kind: 'missing_dependency', tool: 'tsc', subject: 'dinero.js', file: 'src/money.ts', line: 3},
    ],
    [
      'eslint',
      {
        ...{kind: 'lint', code: '@typescript-eslint/no-unused-vars', file: 'src/api/client.ts', line: 31},
        message: "'retries' is assigned a value but never used",
      },
    ],
    [
      'vitest',
      {
        ...{kind: 'test_failure', code: 'AssertionError', file: 'tests/cart.test.ts', line: 18},
        ...{
          subject: 'adds up > rounds to cents',
          message: 'expected 10.005 to be 10.01 // Object.is equality',
        },
      },
    ],
    [
      'jest',
      {
        ...{kind: 'test_failure', file: 'src/login/session.test.js', line: 42},
        subject: 'session › expires after an hour',
      },
    ],
    ['node', {kind: 'code_error', tool: 'node', code: 'TypeError', file: 'scripts/seed.js', line: 22}],
    ['node-package', {kind: 'missing_dependency', subject: 'left-pad', file: 'src/pad.js'}],
    ['npm-lockfile', {kind: 'missing_dependency', tool: 'npm', code: 'EUSAGE'}],
    ['npm-absent', {kind: 'missing_dependency', tool: 'npm', code: 'E404', subject: '@acme/tokens'}],
    ['vite', {kind: 'missing_dependency', subject: 'chart.js/auto', file: 'src/charts/bar.ts'}],
    [
      'pytest',
      {
        ...{kind: 'test_failure', tool: 'pytest', code: 'AssertionError', subject: 'test_discount'},
        ...{file: 'tests/test_orders.py', line: 31, message: 'assert 10 == 90'},
      },
    ],
    [
      'pytest-module',
      {
        ...{kind: 'missing_dependency', tool: 'pytest', subject: 'yaml', code: 'ModuleNotFoundError'},
        ...{file: 'tests/test_report.py', line: 3},
      },
    ],
    [
      'traceback',
      {
        ...{kind: 'code_error', tool: 'python', code: 'NameError', file: 'jobs/nightly.py', line: 27},
        meant: {wrong: 'datbase', right: 'database'},
      },
    ],
    [
      'traceback-module',
      {kind: 'missing_dependency', tool: 'python', subject: 'requests', file: 'app/main.py', line: 2},
    ],
    ['memory', {kind: 'memory', code: 'heap out of memory'}],
    ['timeout', {kind: 'timeout', code: 'exceeded the maximum execution time'}],
    ['network', {kind: 'network', code: 'Could not resolve host'}],
    ['permission', {kind: 'permission'}],
    ['unknown', {kind: 'job_failure', code: 'exit 3'}],
  ])('%s says what broke and where', (name, expected) => {
    const [first] = failuresOf(name)
    expect(first).toMatchObject(expected)
    expect(first?.evidence.length).toBeGreaterThan(0)
  })

  test.each([
    ['tsc', 2],
    ['eslint', 2],
    ['vitest', 1],
    ['jest', 2],
    ['node', 1],
    ['node-package', 1],
    ['pytest', 1],
    ['pytest-module', 1],
    ['traceback', 1],
    ['unknown', 1],
  ])('%s tells %i failures, none twice', (name, count) => {
    expect(failuresOf(name)).toHaveLength(count)
  })

  test('a green job holds no failure', () => {
    expect(failuresIn(['> vitest run', ' ✓ tests/a.test.ts (3 tests) 4ms', ' Tests  3 passed (3)'])).toEqual(
      [],
    )
  })
})

describe('of several failures', () => {
  test('a missing module explains the tests that fail, and tests explain an exit code', () => {
    const lines = ['pytest', 'tsc', 'traceback-module', 'unknown', 'eslint'].flatMap(name =>
      linesOfLog(logOf(name), undefined, same),
    )
    expect(failuresIn(lines).map(({kind}) => kind)).toEqual([
      'missing_dependency',
      'test_failure',
      'code_error',
      'code_error',
      'lint',
      'lint',
    ])
  })
})

describe('whatever is in a log', () => {
  test('lines of other steps, stamps, colours and invisible characters are gone, secrets too', () => {
    const step = {
      ...{name: 'Test', number: 3, status: 'completed', conclusion: 'failure'},
      ...{startedAt: Date.parse('2026-11-20T10:00:10Z'), endedAt: Date.parse('2026-11-20T10:00:20Z')},
    }
    const log = [
      '\ufeff2026-11-20T10:00:05.0000000Z Error: of another step',
      '2026-11-20T10:00:12.0000000Z \u001b[31mFAILED\u001b[0m tests/a.py::t \u202e- hunter2!',
      '2026-11-20T10:00:13.0000000Z ##[error]Process completed with exit code 1.',
      '2026-11-20T10:00:14.0000000Z cleaning up',
    ].join('\n')
    expect(linesOfLog(log, step, text => text.replaceAll('hunter2!', '***'))).toEqual([
      'FAILED tests/a.py::t - ***',
      '##[error]Process completed with exit code 1.',
    ])
  })

  test.each([
    ['a long line of one character', 'a'.repeat(400_000)],
    ['many quotes', `Cannot find module '${"'".repeat(100_000)}`],
    ['many slashes and dots', `${'a/'.repeat(50_000)}x.ts(1,1): error TS1: `.repeat(2)],
    ['spaces', `${' '.repeat(200_000)}error`],
    ['many tracebacks', 'Traceback (most recent call last):\n'.repeat(20_000)],
    ['many heads of tests', 'FAIL src/a.test.ts > b\n'.repeat(20_000)],
    ['many summaries', 'FAILED tests/a.py::t - x\n'.repeat(5000)],
  ])('it is read in time: %s', (_what, log) => {
    expect(cpuMs(() => failuresIn(linesOfLog(log, undefined, same)))).toBeLessThan(1500)
  })
})
