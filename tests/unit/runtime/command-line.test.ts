import {describe, expect, test} from 'vitest'
import {readCommandLine, type CommandLine} from '../../../src/runtime/command-line.ts'

const check = {
  name: 'npm run qa',
  purpose: 'Checks one pull request.',
  options: {
    pr: {value: 'number', what: 'the pull request', required: true, matches: /^\d+$/},
    repo: {value: 'owner/name', what: 'where it is'},
    json: {what: 'the report as JSON'},
  },
} as const satisfies CommandLine
const long = {
  name: 'npm run chaos',
  purpose: 'Kills processes.',
  argument: {name: 'form', what: 'a deploy when left out', among: {locks: 'one lock', bus: 'two processes'}},
} as const satisfies CommandLine
const bare = {name: 'npm run migrate', purpose: 'Migrates.'} satisfies CommandLine

test('what was given is read, and what was left out is off or absent', () => {
  expect(readCommandLine(check, ['--pr', '7', '--json'])).toEqual({
    kind: 'run',
    options: {pr: '7', repo: undefined, json: true},
    argument: undefined,
  })
  expect(readCommandLine(check, ['--pr=7', '--repo=acme/web'])).toMatchObject({
    options: {pr: '7', repo: 'acme/web', json: false},
  })
  expect(readCommandLine(long, ['locks'])).toMatchObject({kind: 'run', argument: 'locks'})
  expect(readCommandLine(bare, [])).toEqual({kind: 'run', options: {}, argument: undefined})
})

describe('what is not understood is refused with a sentence for each fault', () => {
  test.each([
    [
      ['--rep', 'x', '--pr', '7'],
      ['There is no option --rep. Did you mean "repo"?', 'x is one word too many.'],
    ],
    [['-x', '--pr', '7'], ['There is no option -x.']],
    [['--pr'], ['--pr lacks its <number>.']],
    [['--pr', '--json'], ['--pr lacks its <number>.']],
    [['--pr', '7', '--json=yes'], ['--json takes no value.']],
    [['--pr', 'seven'], ['--pr takes a <number>; seven is none.']],
    [['--json'], ['--pr is missing.']],
    [['--pr', '7', 'now'], ['now is one word too many.']],
  ])('%j', (args, faults) => {
    expect(readCommandLine(check, args)).toEqual({kind: 'wrong', faults})
  })

  test('also a word where none is taken, or another than there are', () => {
    expect(readCommandLine(bare, ['now'])).toMatchObject({faults: ['now is one word too many.']})
    expect(readCommandLine(long, ['lock'])).toMatchObject({
      faults: ['There is no form lock. Did you mean "locks"?'],
    })
    expect(readCommandLine(long, ['toString'])).toMatchObject({faults: ['There is no form toString.']})
  })
})

test('help comes before faults, and says all there is', () => {
  expect(readCommandLine(check, ['--nonsense', '--help'])).toEqual({
    kind: 'help',
    text: [
      'Usage: npm run qa -- --pr <number> [--repo <owner/name>] [--json]',
      '',
      'Checks one pull request.',
      '',
      '  --pr <number>        the pull request',
      '  --repo <owner/name>  where it is',
      '  --json               the report as JSON',
      '  --help               this text',
    ].join('\n'),
  })
  expect(readCommandLine(long, ['-h'])).toEqual({
    kind: 'help',
    text: [
      'Usage: npm run chaos -- [form]',
      '',
      'Kills processes.',
      '',
      '  form     a deploy when left out',
      '    locks  one lock',
      '    bus    two processes',
      '  --help   this text',
    ].join('\n'),
  })
})
