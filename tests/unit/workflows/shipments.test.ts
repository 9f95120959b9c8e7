import {describe, expect, test} from 'vitest'
import {gapOf} from '../../../src/workflows/shipments.ts'

const SHA = '8c1e77f'.padEnd(40, '0')
const OTHER = '1234567'.padEnd(40, '0')
const APPROVED = {operation: 'deploy', environment: 'production', title: 'Ship it', target: 'client'}
const CLIENT = {name: 'client', repository: 'acme/web', environment: 'production'} as const

describe('an approval covers', () => {
  test.each<[string, object, Readonly<Record<string, string>>]>([
    ['the commit that it binds', {}, {sha: SHA}],
    ['the head of its pull request', {}, {'pull request': `acme/web#7@${SHA}`}],
    ['any commit, when it binds none', {}, {}],
    ['any target there, when it names none', {target: undefined}, {sha: SHA}],
    ['a pull request elsewhere, whose head is none of ours', {}, {'pull request': `acme/docs#7@${OTHER}`}],
    ['a way back', {operation: 'rollback'}, {}],
    ['what nobody has a word for: it was asked about as a deploy', {operation: ''}, {}],
  ])('%s', (_what, action, bound) => {
    const approval = {action: {...APPROVED, ...action}, bound}
    expect(gapOf(approval, {target: CLIENT, sha: SHA})).toBeUndefined()
  })
})

describe('an approval does not cover', () => {
  test.each<[string, object, Readonly<Record<string, string>>, string | undefined, string]>([
    ['another environment', {environment: 'staging'}, {}, SHA, 'for staging'],
    ['what it names in another way', {environment: 'prod'}, {}, SHA, 'for prod'],
    ['an environment, when it names none', {environment: ''}, {}, SHA, 'for no environment'],
    ['another target', {target: 'api'}, {}, SHA, 'for api'],
    ['a deploy, being for something else', {operation: 'scale'}, {}, SHA, 'to scale, which is no deploy'],
    ['another commit', {}, {sha: OTHER}, SHA, 'of 1234567, not of 8c1e77f'],
    [
      'another commit than its pull request’s head',
      {},
      {'pull request': `acme/web#7@${OTHER}`},
      SHA,
      'of 1234567, not of 8c1e77f',
    ],
    ['a branch', {}, {sha: SHA}, undefined, 'of 8c1e77f, not of whatever a branch holds'],
  ])('%s', (_what, action, bound, sha, gap) => {
    const approval = {action: {...APPROVED, ...action}, bound}
    expect(gapOf(approval, {target: CLIENT, sha})).toBe(gap)
  })
})
