import {describe, expect, test} from 'vitest'
import type {Person} from '../../../src/access/people.ts'
import {
  decide,
  entitledRoles,
  joiningRoles,
  stillNeeded,
  timesOf,
  type ApprovalEvent,
  type ApprovalState,
} from '../../../src/approvals/decide.ts'
import {requirementOf} from '../../../src/approvals/policy.ts'
import type {Requirement} from '../../../src/approvals/request.ts'
import {aPerson, aRequest, TEAM} from '../../support/approvals.ts'

const MINUTE = 60_000
const person = (id: string): Person => TEAM.find(each => each.id === id) ?? aPerson(id, [])
const everybodysRoles = new Map(TEAM.map(({id, roles}) => [id, roles]))

type VoteEvent = Extract<ApprovalEvent, {type: 'vote'}>
const aVote = (who: string | Person | undefined, rest: Partial<VoteEvent> = {}): VoteEvent => {
  const voter = typeof who === 'string' ? person(who) : who
  return {
    type: 'vote',
    at: MINUTE,
    voter: {account: {kind: 'discord', id: voter?.accounts.discord ?? 'nobody'}, person: voter},
    rolesNow: everybodysRoles,
    decision: 'approve',
    surface: 'discord',
    ...rest,
  }
}
const after = (state: ApprovalState, ...events: readonly ApprovalEvent[]): ApprovalState =>
  events.reduce((sofar, event) => decide(sofar, event, undefined).state, state)
const refusalOf = (state: ApprovalState, event: ApprovalEvent) =>
  decide(state, event, undefined).refusal?.code

describe('a vote', () => {
  test.each<[string, ApprovalState, VoteEvent]>([
    ['UNKNOWN_PERSON', aRequest(), aVote(undefined)],
    ['NOT_ENTITLED', aRequest(), aVote('sam')],
    ['NOT_ENTITLED', aRequest(), aVote(aPerson('none', []))],
    ['NOT_ENTITLED', aRequest({level: 'critical'}), aVote('tom', {justification: 'fire'})],
    ['OWN_REQUEST', aRequest(), aVote('ada')],
    ['OWN_REQUEST', aRequest({requester: {name: 'Grace', person: 'grace'}}), aVote('grace')],
    [
      'OWN_REQUEST',
      aRequest({requester: {name: 'Grace', account: {kind: 'github', id: 'Grace-GH'}}}),
      aVote('grace'),
    ],
    [
      'OWN_REQUEST',
      aRequest({requester: {name: 'g', account: {kind: 'discord', id: 'old'}}}),
      aVote('grace', {voter: {account: {kind: 'discord', id: 'old'}, person: person('grace')}}),
    ],
    ['ALREADY_VOTED', after(aRequest(), aVote('tom')), aVote('tom')],
    ['MOVED', aRequest(), aVote('tom', {digest: '0'.repeat(64)})],
    ['MOVED', aRequest(), aVote('tom', {digest: ''})],
    ['MOVED', aRequest(), aVote('tom', {digest: aRequest().digest.slice(0, 11)})],
    ['REASON_REQUIRED', aRequest(), aVote('tom', {decision: 'reject'})],
    ['REASON_REQUIRED', aRequest(), aVote('tom', {decision: 'reject', reason: '  '})],
    ['JUSTIFICATION_REQUIRED', aRequest({level: 'critical'}), aVote('cleo')],
    ['JUSTIFICATION_REQUIRED', aRequest({level: 'critical'}), aVote('cleo', {justification: '\n'})],
    ['ALREADY_DECIDED', after(aRequest(), aVote('tom'), aVote('grace')), aVote('lin')],
    [
      'ALREADY_DECIDED',
      after(aRequest(), aVote('tom', {decision: 'reject', reason: 'no'})),
      aVote('lin', {decision: 'reject', reason: 'me too'}),
    ],
    ['ALREADY_DECIDED', after(aRequest(), {type: 'cancel', at: 1, by: 'ada'}), aVote('tom')],
    [
      'EXPIRED',
      aRequest({required: {...requirementOf('high', new Map()), escalateTo: []}}),
      aVote('tom', {at: 60 * MINUTE}),
    ],
  ])('is refused: %s', (code, state, event) => {
    const decided = decide(state, event, undefined)
    expect(decided.refusal?.code).toBe(code)
    expect(decided.refusal?.message).toMatch(/\.$/)
    expect(decided.state.decisions).toEqual(state.decisions)
    expect(decided.lines.at(-1)).toMatchObject({action: 'refuse', metadata: {code}})
  })

  test.each([aRequest(), after(aRequest(), aVote('tom'), aVote('grace'))])(
    'that its surface turned away is kept and changes nothing',
    state => {
      const {voter} = aVote('lin')
      const refusal = {code: 'WRONG_CODE', message: 'not the code'} as const
      expect(
        decide(
          state,
          {type: 'turned-away', at: MINUTE, voter, surface: 'mail', decision: 'approve', refusal},
          undefined,
        ),
      ).toEqual({
        state,
        lines: [
          {
            ...{action: 'refuse', actor: 'lin', surface: 'mail', note: 'not the code'},
            metadata: {code: 'WRONG_CODE', decision: 'approve'},
          },
        ],
        refusal,
      })
    },
  )

  test('counts by whole or beginning of what was seen', () => {
    for (const digest of [undefined, aRequest().digest, aRequest().digest.slice(0, 12)])
      expect(refusalOf(aRequest(), aVote('tom', {digest}))).toBeUndefined()
  })

  test('of one person never makes two, by whichever account', () => {
    const once = after(aRequest(), aVote('grace'))
    const again = aVote('grace', {voter: {account: {kind: 'linear', id: 'x'}, person: person('grace')}})
    expect(after(once, again)).toBe(once)
  })

  test('two team leads are enough of them, but one must be a tech lead or the CTO', () => {
    const two = after(aRequest(), aVote('tom'), aVote('tina'))
    expect(two).toMatchObject({status: 'pending', decisions: [{principal: 'tom'}, {principal: 'tina'}]})
    expect(stillNeeded(two)).toBe('1 more approval, one of a tech_lead or cto')
    expect(after(two, aVote('cleo'))).toMatchObject({status: 'approved', decidedAt: MINUTE})
  })

  test.each([
    ['medium', ['tom'], 'approved'],
    ['high', ['grace'], 'pending'],
    ['high', ['grace', 'tom'], 'approved'],
    ['high', ['cleo', 'lin'], 'approved'],
    ['critical', ['grace', 'lin'], 'pending'],
    ['critical', ['grace', 'cleo'], 'approved'],
    ['critical', ['grace', 'sam'], 'approved'],
  ] as const)('%s by %j is %s', (level, who, status) => {
    const votes = who.map(id => aVote(id, {justification: 'it burns'}))
    expect(after(aRequest({level}), ...votes).status).toBe(status)
  })

  test('of one who rejects decides, also after having approved', () => {
    const state = after(
      aRequest(),
      aVote('tom'),
      aVote('tom', {decision: 'reject', reason: ' the tests are red ', surface: 'linear', at: 2 * MINUTE}),
    )
    expect(state).toMatchObject({
      status: 'rejected',
      decidedAt: 2 * MINUTE,
      decisions: [{principal: 'tom', decision: 'reject', reason: 'the tests are red', surface: 'linear'}],
    })
  })

  test('stops counting when its voter has lost the role by the time another comes', () => {
    const one = after(aRequest(), aVote('tom'))
    const without = new Map(everybodysRoles).set('tom', ['developer'])
    const {state, lines} = decide(one, aVote('grace', {rolesNow: without}), undefined)
    expect(state).toMatchObject({status: 'pending', decisions: [{principal: 'grace'}]})
    expect(lines.map(({action, actor}) => `${action} ${actor}`)).toEqual(['refuse tom', 'approve grace'])
    expect(after(one, aVote('grace', {rolesNow: new Map()})).status).toBe('pending')
  })

  test('of a demoted tech lead does not stand for the tech leads any more', () => {
    const one = after(aRequest(), aVote('grace'))
    const demoted = new Map(everybodysRoles).set('grace', ['team_lead'])
    expect(after(one, aVote('tom', {rolesNow: demoted})).status).toBe('pending')
  })
})

describe('time', () => {
  const tick = (at: number): ApprovalEvent => ({type: 'tick', at})

  test('reminds at half, calls the next in at the end, then expires', () => {
    const state = aRequest()
    expect(state).toMatchObject({remindAt: 30 * MINUTE, expiresAt: 60 * MINUTE})
    expect(decide(state, tick(30 * MINUTE - 1), undefined)).toEqual({state, lines: []})
    const reminded = decide(state, tick(30 * MINUTE), undefined)
    expect(reminded.lines.map(({action}) => action)).toEqual(['remind'])
    expect(reminded.state).toMatchObject({remindAt: undefined, expiresAt: 60 * MINUTE})
    const called = decide(reminded.state, tick(60 * MINUTE), undefined)
    expect(called.lines).toMatchObject([{action: 'escalate', role: 'cto', metadata: {step: 1}}])
    expect(called.state).toMatchObject({
      ...{status: 'pending', escalations: 1},
      ...{remindAt: 90 * MINUTE, expiresAt: 120 * MINUTE},
    })
    const over = decide(called.state, tick(120 * MINUTE), undefined)
    expect(over.lines.map(({action}) => action)).toEqual(['timeout'])
    expect(over.state).toMatchObject({status: 'expired', decidedAt: 120 * MINUTE, remindAt: undefined})
    expect(decide(over.state, tick(999 * MINUTE), undefined)).toEqual({state: over.state, lines: []})
  })

  test('whoever is called in may decide from then on, at most three times', () => {
    const required = {...requirementOf('medium', new Map()), escalateTo: ['a', 'b', 'c', 'd']}
    const steps = [1, 2, 3, 4].map(n => tick(n * 30 * MINUTE))
    const thrice = after(aRequest({required}), ...steps.slice(0, 3))
    expect(entitledRoles(thrice)).toEqual(['team_lead', 'tech_lead', 'cto', 'a', 'b', 'c'])
    expect(after(thrice, ...steps.slice(3)).status).toBe('expired')
    const bea = aPerson('bea', ['b'])
    expect(refusalOf(after(aRequest({required}), ...steps.slice(0, 1)), aVote(bea, {at: 31 * MINUTE}))).toBe(
      'NOT_ENTITLED',
    )
    expect(after(thrice, aVote(bea, {at: 91 * MINUTE})).status).toBe('approved')
  })

  test('comes before a vote: one in the next step counts there, one after the end finds it expired', () => {
    const late = decide(aRequest(), aVote('tom', {at: 61 * MINUTE}), undefined)
    expect(late.state).toMatchObject({escalations: 1, decisions: [{principal: 'tom'}]})
    expect(late.lines.map(({action}) => action)).toEqual(['escalate', 'approve'])
    const over = decide(after(aRequest(), tick(60 * MINUTE)), aVote('tom', {at: 120 * MINUTE}), undefined)
    expect(over.refusal?.code).toBe('EXPIRED')
    expect(over.state.status).toBe('expired')
    expect(over.lines.map(({action}) => action)).toEqual(['timeout', 'refuse'])
  })

  test('may be without end', () => {
    const required = {...requirementOf('low', new Map([['low', {approvers: 1}]])), expiresMs: null}
    const state = aRequest({required})
    expect(state).toMatchObject({remindAt: undefined, expiresAt: undefined})
    expect(
      after(
        state,
        tick(1e15),
        aVote('ada2', {voter: {account: {kind: 'discord', id: 'z'}, person: person('tom')}}),
      ).status,
    ).toBe('approved')
  })

  test('disturbs nobody in quiet hours, but the last step ends on time', () => {
    const quietHours = {from: '22:00', to: '07:00', timezone: 'UTC'}
    const required = requirementOf('high', new Map())
    const evening = Date.parse('2026-11-21T21:10:00Z')
    const morning = Date.parse('2026-11-22T07:00:00Z')
    expect(timesOf(required, 0, evening, quietHours)).toEqual({
      remindAt: evening + 30 * MINUTE,
      expiresAt: morning,
    })
    expect(timesOf(required, 0, evening + 30 * MINUTE, quietHours)).toEqual({
      remindAt: undefined,
      expiresAt: morning,
    })
    expect(timesOf(required, 1, evening, quietHours).expiresAt).toBe(evening + 60 * MINUTE)
  })
})

describe('on call', () => {
  const tick = (at: number): ApprovalEvent => ({type: 'tick', at})
  const onCall = {primary: 'sre', secondary: 'dora', escalateAfterMs: 10 * MINUTE}
  const required = {...requirementOf('high', new Map()), onCall, wakes: 'on-call' as const}
  const night = Date.parse('2026-11-21T23:00:00Z')
  const quietHours = {from: '22:00', to: '07:00', timezone: 'UTC'}
  const asked = (callAt = night, rest: Requirement = required) =>
    aRequest({required: rest, at: night, ...timesOf(rest, 0, night, quietHours, callAt)})

  test('the first is called at once, the second after a while, then those up the line: three times in all', () => {
    const calls: [number, string | undefined, unknown][] = []
    let state = asked()
    while (state.status === 'pending') {
      const at = state.expiresAt ?? 0
      const {state: next, lines} = decide(state, tick(at), quietHours)
      for (const {action, role, metadata} of lines)
        if (action === 'escalate') calls.push([(at - night) / MINUTE, role, metadata])
      state = next
    }
    expect(calls).toEqual([
      [0, 'sre', {step: 1, onCall: 'primary'}],
      [10, 'dora', {step: 2, onCall: 'secondary'}],
      // The CTO is no one's on call: quiet hours spare her.
      [8 * 60, 'cto', {step: 3}],
    ])
    expect(state).toMatchObject({status: 'expired', decidedAt: night + 9 * 60 * MINUTE})
  })

  test('is no right to decide; those up the line have it once called', () => {
    const called = after(asked(), tick(night), tick(night + 10 * MINUTE))
    expect(called.escalations).toBe(2)
    expect(entitledRoles(called)).toEqual(required.roles)
    expect(refusalOf(called, aVote(aPerson('dora', ['sre']), {at: night + 11 * MINUTE}))).toBe('NOT_ENTITLED')
    const more = {...required, escalateTo: ['owner']}
    // Those on call take two of three places in line.
    expect(joiningRoles({...required, escalateTo: ['owner', 'board']})).toEqual(['owner'])
    const up = after(
      asked(night, more),
      tick(night),
      tick(night + 10 * MINUTE),
      tick(night + 8 * 60 * MINUTE),
    )
    expect(entitledRoles(up)).toEqual([...required.roles, 'owner'])
  })

  test('in quiet hours below high risk nobody is called before they are over', () => {
    const medium = {...requirementOf('medium', new Map()), onCall}
    const morning = Date.parse('2026-11-22T07:00:00Z')
    const state = asked(morning, medium)
    expect(state).toMatchObject({expiresAt: morning, remindAt: undefined})
    expect(decide(state, tick(morning - 1), quietHours).lines).toEqual([])
    expect(decide(state, tick(morning), quietHours)).toMatchObject({
      ...{state: {expiresAt: morning + 10 * MINUTE}, lines: [{role: 'sre'}]},
    })
  })

  test('what is expedited spares nobody at all', () => {
    const expedited = {...requirementOf('high', new Map()), wakes: 'everybody' as const}
    expect(timesOf(expedited, 0, night, quietHours)).toEqual({
      ...{remindAt: night + 30 * MINUTE, expiresAt: night + 60 * MINUTE},
    })
  })
})

test('one of each mix of roles has to approve, and what is missing is said', () => {
  const required = {
    ...requirementOf('high', new Map()),
    ...{roles: ['team_lead', 'tech_lead', 'security_team'], alsoIncluding: [['security_team']]},
  }
  const two = after(aRequest({required}), aVote('tom'), aVote('grace'))
  expect(two.status).toBe('pending')
  expect(stillNeeded(two)).toBe('1 more approval, one of a security_team')
  expect(after(two, aVote('sam')).status).toBe('approved')
  expect(stillNeeded(after(aRequest({required}), aVote('tom')))).toBe(
    '1 more approval, one of a tech_lead or cto, one of a security_team',
  )
})

describe('a question', () => {
  const ask = (who: string, text = 'why today?'): ApprovalEvent => ({
    type: 'question',
    at: MINUTE,
    voter: {account: {kind: 'discord', id: 'x'}, person: person(who)},
    surface: 'discord',
    text,
  })

  test('stands in the history and changes nothing', () => {
    const state = aRequest()
    for (const who of ['tom', 'ada'])
      expect(decide(state, ask(who), undefined)).toEqual({
        state,
        lines: [{action: 'question', actor: who, surface: 'discord', note: 'why today?'}],
      })
  })

  test('is for those concerned, while it waits', () => {
    expect(refusalOf(aRequest(), ask('sam'))).toBe('NOT_ENTITLED')
    expect(refusalOf(aRequest(), ask('tom', ' '))).toBe('REASON_REQUIRED')
    expect(refusalOf(after(aRequest(), {type: 'cancel', at: 1, by: 'x'}), ask('tom'))).toBe('ALREADY_DECIDED')
  })
})

describe('a use', () => {
  const use = (
    bound = aRequest().bound,
    rolesNow: ReadonlyMap<string, readonly string[]> = everybodysRoles,
  ): ApprovalEvent => ({
    type: 'use',
    at: 5 * MINUTE,
    rolesNow,
    bound,
  })
  const approved = after(aRequest(), aVote('tom'), aVote('grace'))

  test('goes once', () => {
    const first = decide(approved, use(), undefined)
    expect(first).toMatchObject({redeemed: {kind: 'go'}, state: {status: 'approved', usedAt: 5 * MINUTE}})
    expect(decide(first.state, use(), undefined)).toMatchObject({
      redeemed: {kind: 'stop'},
      state: first.state,
    })
  })

  test.each([
    ['pending', aRequest()],
    ['rejected', after(aRequest(), aVote('tom', {decision: 'reject', reason: 'no'}))],
    ['cancelled', after(aRequest(), {type: 'cancel', at: 1, by: 'ada'})],
    ['expired', after(aRequest(), {type: 'tick', at: 60 * MINUTE}, {type: 'tick', at: 200 * MINUTE})],
  ])('stops while it is %s', (status, state) => {
    expect(state.status).toBe(status)
    expect(decide(state, use(), undefined).redeemed).toMatchObject({kind: 'stop'})
  })

  test.each([
    ['a value', {...aRequest().bound, sha: 'b'.repeat(40)}, 'sha'],
    ['one more', {...aRequest().bound, ref: 'main'}, 'ref'],
    ['one less', {sha: 'a'.repeat(40)}, 'workflow'],
  ])('is void for ever when %s moved', (_what, bound, key) => {
    const {state, redeemed} = decide(approved, use(bound), undefined)
    expect(redeemed).toMatchObject({kind: 'void', changes: [expect.stringContaining(`${key}: `)]})
    expect(state).toMatchObject({status: 'cancelled', note: expect.stringContaining(key)})
    expect(decide(state, use(), undefined).redeemed?.kind).toBe('stop')
  })

  test('stops when too few of its approvers hold their roles now', () => {
    const fired = new Map(everybodysRoles).set('grace', [])
    expect(decide(approved, use(aRequest().bound, fired), undefined).redeemed).toEqual({
      kind: 'stop',
      reason: 'grace may not approve it any more',
    })
    const demoted = new Map(everybodysRoles).set('grace', ['team_lead'])
    expect(decide(approved, use(aRequest().bound, demoted), undefined).redeemed).toEqual({
      kind: 'stop',
      reason: 'its approvers no longer include a tech_lead or cto',
    })
  })
})

test('what is withdrawn is withdrawn only while it waits', () => {
  const cancel: ApprovalEvent = {type: 'cancel', at: MINUTE, by: 'ada', note: 'not today'}
  expect(after(aRequest(), cancel)).toMatchObject({status: 'cancelled', note: 'not today', decidedAt: MINUTE})
  const approved = after(aRequest(), aVote('tom'), aVote('grace'))
  expect(decide(approved, cancel, undefined)).toEqual({state: approved, lines: []})
})
