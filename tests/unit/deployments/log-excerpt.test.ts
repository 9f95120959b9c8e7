import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {excerptOf, failingStep} from '../../../src/deployments/log-excerpt.ts'
import type {StepView} from '../../../src/deployments/state.ts'

const unchanged = (text: string) => text
const at = (second: number) => Date.UTC(2025, 0, 15, 12, 0, second)
const stamp = (second: number, text: string) =>
  `${new Date(at(second)).toISOString().slice(0, 19)}.1234567Z ${text}`

function aStep(from: number, to: number, name = 'Upload to bucket'): StepView {
  return {name, number: 3, status: 'completed', conclusion: 'failure', startedAt: at(from), endedAt: at(to)}
}

/** As the runner writes it: byte order mark, a header group per step, colours, and clean-up in the failing second. */
const LOG = [
  '\ufeff' + stamp(0, 'Current runner version: 2.320.0'),
  stamp(0, '##[group]Operating System'),
  stamp(0, 'Ubuntu'),
  stamp(0, '##[endgroup]'),
  stamp(1, '##[group]Run npm run build'),
  stamp(1, '\u001b[36;1mnpm run build\u001b[0m'),
  stamp(1, 'shell: /usr/bin/bash -e {0}'),
  stamp(1, '##[endgroup]'),
  stamp(3, 'built in 2 s'),
  stamp(4, 'built and checked'),
  stamp(4, '##[group]Run aws s3 sync dist s3://bucket'),
  stamp(4, 'env:'),
  stamp(4, '  AWS_REGION: eu-central-1'),
  stamp(4, '##[endgroup]'),
  stamp(5, 'uploading 14 files'),
  stamp(6, '\u001b[31mAccessDenied\u001b[0m: not authorized to perform s3:PutObject'),
  stamp(6, '##[error]Process completed with exit code 1.'),
  stamp(6, 'Post job cleanup.'),
  stamp(6, '##[group]Run actions/cache/save@v4'),
  stamp(6, '##[endgroup]'),
  stamp(6, 'Cache saved'),
]

describe('the excerpt of a failed step', () => {
  test('holds its own output only: no header, no stamps, no colours, nothing of its neighbours', () => {
    expect(excerptOf(LOG.join('\n'), aStep(4, 6), unchanged)).toEqual({
      text: 'uploading 14 files\nAccessDenied: not authorized to perform s3:PutObject',
      moreLines: 0,
      exitCode: 1,
    })
  })

  test.each(['\n', '\r\n'])('reads logs with and without a last line break (%j)', separator => {
    const {text} = excerptOf(LOG.join(separator), aStep(4, 6), unchanged)
    expect(excerptOf(LOG.join(separator) + separator, aStep(4, 6), unchanged).text).toBe(text)
    expect(text.endsWith('s3:PutObject')).toBe(true)
  })

  test('keeps output that the step put into a group of its own', () => {
    const log = [
      stamp(1, '##[group]Run npm test'),
      stamp(1, '##[endgroup]'),
      stamp(2, '##[group]unit'),
      stamp(2, 'expected 2, got 3'),
      stamp(2, '##[endgroup]'),
      stamp(2, '##[error]Process completed with exit code 1.'),
    ]
    expect(excerptOf(log.join('\n'), aStep(1, 2), unchanged).text).toBe('expected 2, got 3')
  })

  test('shows what an action reported as its error', () => {
    const log = [
      stamp(1, '##[group]Run acme/deploy@v1'),
      stamp(1, '##[endgroup]'),
      stamp(2, '##[error]No credentials'),
    ]
    expect(excerptOf(log.join('\n'), aStep(1, 2), unchanged)).toEqual({text: 'No credentials', moreLines: 0})
  })

  test('shows what ran when the step said nothing', () => {
    const log = [
      stamp(1, '##[group]Run exit 7'),
      stamp(1, 'exit 7'),
      stamp(1, '##[endgroup]'),
      stamp(1, '##[error]Process completed with exit code 7.'),
    ]
    expect(excerptOf(log.join('\n'), aStep(1, 1), unchanged)).toEqual({
      text: 'exit 7',
      moreLines: 0,
      exitCode: 7,
    })
  })

  test('takes lines without a stamp to the time of the line before', () => {
    const log = [stamp(1, 'before'), stamp(5, 'panic:'), '  at main.go:12', stamp(5, '##[error]exit')]
    expect(excerptOf(log.join('\n'), aStep(5, 5), unchanged).text).toBe('panic:\n  at main.go:12\nexit')
  })

  test('ends at the last error when the step has no times', () => {
    const {startedAt: _from, endedAt: _to, ...timeless} = aStep(0, 0)
    expect(excerptOf(LOG.join('\n'), timeless, unchanged).text).toContain('AccessDenied')
    expect(excerptOf(LOG.join('\n'), undefined, unchanged).text).not.toContain('Cache saved')
  })

  test('shows only the last state of a progress bar', () => {
    const log = stamp(1, 'upload 10%\rupload 60%\rupload stuck\r')
    expect(excerptOf(log, aStep(1, 1), unchanged).text).toBe('upload stuck')
  })

  test('takes the last lines that fit, and counts the rest', () => {
    const log = Array.from({length: 50_000}, (_, line) => stamp(1, `line ${line}`)).join('\n')
    const {text, moreLines} = excerptOf(log, aStep(1, 1), unchanged)
    expect(text.endsWith('line 49999')).toBe(true)
    expect(text.split('\n').length + moreLines).toBe(50_000)
    expect(text.length).toBeGreaterThan(850)
  })

  test('redacts secrets that span lines or hide behind colours and invisible characters', () => {
    const log = [
      stamp(1, 'key: AAAA'),
      stamp(1, 'BBBB'),
      stamp(1, 'token s\u200be\u001b[1mcr\u001b[0met!'),
    ].join('\n')
    const redact = (text: string) => text.replace('AAAA\nBBBB', '***').replace('secret!', '***')
    expect(excerptOf(log, aStep(1, 1), redact).text).toBe('key: ***\ntoken ***')
  })

  test('is at most 900 well-formed, printable characters of any log', () => {
    const anyLine = fc.oneof(
      fc.string({unit: 'binary', maxLength: 300}),
      fc.string({maxLength: 2000}),
      fc.constant('😀'.repeat(800)),
      fc.constantFrom(...LOG),
    )
    const anyStep = fc.option(fc.record({from: fc.integer({min: 0, max: 9}), lasts: fc.nat(9)}), {
      nil: undefined,
    })
    fc.assert(
      fc.property(fc.array(anyLine, {maxLength: 40}), anyStep, (lines, step) => {
        const shown = excerptOf(lines.join('\n'), step && aStep(step.from, step.from + step.lasts), unchanged)
        expect(shown.text.length).toBeLessThanOrEqual(900)
        expect(shown.text).not.toMatch(/[^\P{C}\t\n]/u)
        expect(shown.moreLines).toBeGreaterThanOrEqual(0)
      }),
      {numRuns: 500},
    )
  })
})

test('the step that broke the job is the first one that failed', () => {
  const steps = [
    {...aStep(0, 1, 'build'), conclusion: 'success'},
    aStep(1, 2, 'upload'),
    {...aStep(2, 2, 'notify'), conclusion: 'skipped'},
    aStep(2, 3, 'report'),
  ]
  const job = {id: '1', name: 'deploy', status: 'completed', conclusion: 'failure', url: '', steps}
  expect(failingStep(job)?.name).toBe('upload')
  expect(failingStep({...job, steps: []})).toBeUndefined()
})
