import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {choiceIn, commandIn, voteIn} from '../../../src/approvals/surfaces/linear-command.ts'
import {cpuMs} from '../../support/cost.ts'

describe('commandIn', () => {
  test.each([
    ['/approve', 'approve', undefined],
    ['  /Approve\n', 'approve', undefined],
    ['/approve the rollback was rehearsed', 'approve', 'the rollback was rehearsed'],
    ['/deny too late on a Friday', 'deny', 'too late on a Friday'],
    ['/reject no', 'deny', 'no'],
    ['/deny', 'deny', undefined],
    ['/request-info who tested it?\nand where', 'request-info', 'who tested it?\nand where'],
    ['@signalbox /approve', 'approve', undefined],
    ['https://linear.app/acme/profiles/signalbox /approve', 'approve', undefined],
    ['[@signalbox](https://linear.app/acme/profiles/signalbox), /approve', 'approve', undefined],
    ['> shall we /deny it?\n\n/approve yes', 'approve', 'yes'],
    ['```\n/deny\n```\n/approve', 'approve', undefined],
    ['`/deny` is wrong', 'none', undefined],
    ['/approve `rm -rf` was removed', 'approve', 'was removed'],
  ])('%j', (body, kind, words) => {
    expect(commandIn(body)).toEqual(kind === 'none' ? {kind} : {kind, words})
  })

  test.each([
    'looks good',
    '/approved',
    '/approve-later',
    '/approve/all',
    'see docs/approve',
    'https://example.com/approve',
    '> /approve',
    '>> quoted /approve',
    '> quoted\n/approve',
    '`/approve`',
    '``a ` /approve``',
    '```sh\n/approve\n```',
    '~~~\n/approve\n~~~',
    '```\n/approve and no end',
    '    /approve',
    '\t/approve',
    '<!-- /approve -->',
    '<!-- /approve',
    '\\/approve',
    '//approve',
    '',
  ])('%j is no command', body => expect(commandIn(body)).toEqual({kind: 'none'}))

  test.each([
    'I would not /approve this',
    'please /approve',
    '/approve or /deny, I am not sure',
    '/approve /approve',
    'no:\n/approve',
    'ada said\n\n/approve',
  ])('%j is unclear and decides nothing', body => expect(commandIn(body)).toEqual({kind: 'unclear'}))

  test('whatever is quoted or in code never decides', () => {
    const anything = fc.string({unit: 'grapheme', maxLength: 30})
    fc.assert(
      fc.property(anything, anything, (before, after) => {
        const line = `${before} /approve ${after}`.replace(/[\r\n]+/g, ' ')
        expect(commandIn(`> ${line}`)).toEqual({kind: 'none'})
        expect(commandIn(`\`\`\`\`\`\n${line.replaceAll('`', '')}\n\`\`\`\`\``)).toEqual({kind: 'none'})
      }),
    )
  })

  test('is quick on hostile text', () => {
    for (const hostile of [
      '`'.repeat(50_000),
      '<!--'.repeat(20_000),
      '/approve '.repeat(10_000),
      '```\n'.repeat(10_000),
    ]) {
      expect(cpuMs(() => commandIn(hostile))).toBeLessThan(1000)
    }
  })
})

test('a choice is a label or value exactly, else a command, else unclear', () => {
  expect(choiceIn(' approve ')).toEqual({kind: 'approve', words: undefined})
  expect(choiceIn('Reject')).toEqual({kind: 'deny', words: undefined})
  expect(choiceIn('/deny not today')).toEqual({kind: 'deny', words: 'not today'})
  for (const text of ['approve?', 'I approve', 'yes', '', 'approve deny'])
    expect(choiceIn(text)).toEqual({kind: 'unclear'})
})

test('reactions by name and by glyph', () => {
  expect(['+1', '👍', '👍🏽', 'thumbsup'].map(voteIn)).toEqual(Array(4).fill('approve'))
  expect(['-1', '👎', '👎🏿', 'thumbsdown'].map(voteIn)).toEqual(Array(4).fill('deny'))
  expect(['heart', '1', '+10', '🎉', ''].map(voteIn)).toEqual(Array(5).fill(undefined))
})
