import {describe, expect, test} from 'vitest'
import {
  choices,
  decide,
  type Release,
  type ReleaseEvent,
  type ReleasePhase,
  type ReleaseRules,
} from '../../../src/releases/decide.ts'
import {describe as drawn} from '../../../src/releases/message.ts'
import {carriedOut, shippedBy} from '../../../src/releases/shipped.ts'
import type {CheckResult} from '../../../src/releases/verdict.ts'
import {aDeployment, aRun} from '../../support/deployments.ts'

const NOW = 1_000_000
const SHA = 'a'.repeat(40)
const GOOD = 'b'.repeat(40)
const RULES: ReleaseRules = {
  checks: [],
  autoPromote: false,
  autoRollback: false,
  minChecks: 3,
  promoteAt: {checks: 4, share: 80},
  timeoutMs: 1000,
  decideWithinMs: 60_000,
}
const request = {
  ...{id: 'r', target: 'api', environment: 'staging', channelId: '5', requestedAt: NOW},
  strategy: 'full',
  requester: {id: '1', name: 'ada', kind: 'discord'},
  rules: RULES,
} as const
const by = {id: '2', name: 'leo', kind: 'discord'} as const
const up: CheckResult = {
  name: 'API',
  url: 'https://x/',
  outcome: 'ok',
  maxMs: 200,
  critical: true,
  ms: 9,
  status: 200,
}
const down: CheckResult = {...up, outcome: 'down', status: 503}
const aRelease = (changes: Partial<Release> = {}): Release => ({
  request,
  phase: 'deciding',
  shipped: {kind: 'ended', conclusion: 'success', sha: SHA},
  checks: [up],
  lastGood: {sha: GOOD},
  messageId: 'm',
  expiresAt: NOW + 60_000,
  ...changes,
})
const ruled = (rules: Partial<ReleaseRules>, strategy: 'full' | 'canary' = 'full') => ({
  ...request,
  strategy,
  rules: {...RULES, ...rules},
})
const verified = (changes: Partial<Extract<ReleaseEvent, {type: 'verified'}>> = {}): ReleaseEvent => ({
  ...{type: 'verified', at: NOW, checks: [up], lastGood: {sha: GOOD}, messageId: 'm', followUp: 'f'},
  ...changes,
})
const decided = (kind: 'promote' | 'rollback', at = NOW): ReleaseEvent => ({
  ...{type: 'decided', at, kind, by, followUp: 'f'},
})

describe('after its deployment', () => {
  test.each([
    [{kind: 'ended', conclusion: 'success'}, 'verifying'],
    // Half a deployment may have broken something: it is looked at.
    [{kind: 'ended', conclusion: 'failure'}, 'verifying'],
    [{kind: 'unknown', why: 'x'}, 'unverified'],
    [{kind: 'none', why: 'x'}, 'not-shipped'],
  ] as const)('%j it is %s', (shipped, phase) => {
    const release = aRelease({phase: 'shipping'})
    expect(decide(release, {type: 'shipped', at: NOW, shipped, messageId: 'm'}).phase).toBe(phase)
  })
})

describe('after its verification', () => {
  const verifying = (rules: Partial<ReleaseRules> = {}, strategy: 'full' | 'canary' = 'full') =>
    aRelease({phase: 'verifying', request: ruled(rules, strategy)})

  test('it waits for a decision, for as long as is configured', () => {
    expect(decide(verifying(), verified())).toMatchObject({phase: 'deciding', expiresAt: NOW + 60_000})
  })

  test.each<[string, Partial<ReleaseRules>, 'full' | 'canary', CheckResult, ReleasePhase]>([
    ['bad, with automatic rollback', {autoRollback: true}, 'full', down, 'rolling-back'],
    ['bad, without', {autoRollback: false}, 'full', down, 'deciding'],
    ['good, with automatic promotion, in full', {autoPromote: true}, 'full', up, 'promoted'],
    ['good, with automatic promotion, of a canary', {autoPromote: true}, 'canary', up, 'promoting'],
    ['good, without', {autoPromote: false}, 'canary', up, 'deciding'],
    ['bad, with automatic promotion only', {autoPromote: true}, 'canary', down, 'deciding'],
  ])('%s', (_what, rules, strategy, check, phase) => {
    expect(decide(verifying(rules, strategy), verified({checks: [check]})).phase).toBe(phase)
  })

  test('bad with no way back waits for people, who are told so', () => {
    const after = decide(
      verifying({autoRollback: true}),
      verified({checks: [down], lastGood: {none: 'nothing before'}}),
    )
    expect(after.phase).toBe('deciding')
    expect(drawn(after).lines?.join('\n')).toContain('no way back: nothing before')
    expect(drawn(after).controls?.map(({label}) => label)).toEqual(['Promote', 'Details'])
  })

  test('nothing checked is never promoted by itself, and said to be unknown', () => {
    const after = decide(verifying({autoPromote: true, autoRollback: true}), verified({checks: []}))
    expect(after.phase).toBe('deciding')
    expect(drawn(after)).toMatchObject({
      state: 'partial',
      title: 'api → staging · deployed, nothing verified',
    })
  })
})

describe('the decision', () => {
  test('the first one counts, whatever comes after it', () => {
    const back = decide(aRelease(), decided('rollback'))
    expect(back).toMatchObject({phase: 'rolling-back', decision: {kind: 'rollback', by, followUp: 'f'}})
    for (const later of [
      decided('promote'),
      decided('rollback'),
      {type: 'time-passed', at: NOW + 99_999} as const,
    ])
      expect(decide(back, later)).toBe(back)
    const kept = decide(aRelease(), decided('promote'))
    expect(decide(kept, decided('rollback'))).toBe(kept)
  })

  test('to keep what is out in full is a mark and ships nothing', () => {
    const after = decide(aRelease(), decided('promote'))
    expect(after.phase).toBe('promoted')
    expect(after.decision?.followUp).toBeUndefined()
    expect(drawn(after).lines?.join('\n')).toContain('marked as good; nothing further was shipped')
  })

  test('comes too late at the moment that it expires', () => {
    const release = aRelease()
    expect(decide(release, decided('promote', NOW + 60_000))).toBe(release)
    expect(decide(release, {type: 'time-passed', at: NOW + 59_999})).toBe(release)
    const after = decide(release, {type: 'time-passed', at: NOW + 60_000})
    expect(after.phase).toBe('expired')
    expect(drawn(after).controls).toEqual([])
  })

  test('what failed can’t be promoted, and without a good commit there is no way back', () => {
    expect(choices(aRelease({shipped: {kind: 'ended', conclusion: 'failure'}}))).toEqual(['rollback'])
    expect(choices(aRelease({lastGood: {none: 'x'}}))).toEqual(['promote'])
    const release = aRelease({shipped: {kind: 'ended', conclusion: 'failure'}})
    expect(decide(release, decided('promote'))).toBe(release)
  })

  test('is taken away when something else was shipped since, but not once it was made', () => {
    const after = decide(aRelease(), {type: 'superseded', at: NOW})
    expect(after.phase).toBe('superseded')
    expect(drawn(after).controls).toEqual([])
    const made = decide(aRelease(), decided('rollback'))
    expect(decide(made, {type: 'superseded', at: NOW})).toBe(made)
  })

  test.each([
    ['promoting', true, 'promoted'],
    ['promoting', false, 'promotion-failed'],
    ['rolling-back', true, 'rolled-back'],
    ['rolling-back', false, 'rollback-failed'],
    ['expired', true, 'expired'],
    ['promoted', false, 'promoted'],
  ] as const)('%s, carried out well: %s, is %s', (phase, ok, expected) => {
    const event = {type: 'carried-out', at: NOW, ok, words: 'x'} as const
    expect(decide(aRelease({phase}), event).phase).toBe(expected)
  })
})

describe('what its deployment says', () => {
  const run = aRun({sha: SHA, status: 'completed', conclusion: 'success'})
  const ended = (verdict: NonNullable<ReturnType<typeof aDeployment>['verdict']>) =>
    aDeployment({phase: 'finished', verdict, run})

  test.each([
    [{kind: 'concluded', conclusion: 'success'}, 'ended'],
    [{kind: 'watch-timeout'}, 'unknown'],
    [{kind: 'run-hidden'}, 'unknown'],
    [{kind: 'not-found', unclear: true}, 'unknown'],
    [{kind: 'wrong-commit', sha: GOOD, conclusion: null}, 'unknown'],
    [{kind: 'refused', reason: 'no'}, 'none'],
    [{kind: 'blocked', reason: 'no'}, 'none'],
    [{kind: 'not-approved', how: 'expired'}, 'none'],
    [{kind: 'cancelled-before-start'}, 'none'],
  ] as const)('%j is %s', (verdict, kind) => {
    expect(shippedBy(ended(verdict)).kind).toBe(kind)
  })

  test('a rollback went well only if it ran the very commit', () => {
    const success = ended({kind: 'concluded', conclusion: 'success'})
    expect(carriedOut(success, SHA)).toMatchObject({ok: true, words: 'shipped aaaaaaa'})
    expect(carriedOut(success, GOOD)).toMatchObject({
      ok: false,
      words: expect.stringContaining('another commit'),
    })
    expect(carriedOut(ended({kind: 'concluded', conclusion: 'failure'}), SHA).ok).toBe(false)
    expect(shippedBy(undefined)).toEqual({kind: 'none', why: 'it was stopped before it began'})
  })
})
