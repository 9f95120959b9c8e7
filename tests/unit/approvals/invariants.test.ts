import fc from 'fast-check'
import {expect, test} from 'vitest'
import type {Person} from '../../../src/access/people.ts'
import {withOnCall} from '../../../src/approvals/business-hours.ts'
import {decide, timesOf, type ApprovalEvent, type ApprovalState} from '../../../src/approvals/decide.ts'
import {raised, rulesFor} from '../../../src/approvals/operations.ts'
import {requirementOf} from '../../../src/approvals/policy.ts'
import type {Requirement} from '../../../src/approvals/request.ts'
import type {Schedule} from '../../../src/platform/config/config.ts'
import {aPerson, aRequest} from '../../support/approvals.ts'

const ROLES = ['developer', 'team_lead', 'tech_lead', 'cto', 'security_team'] as const
const PEOPLE = ['ada', 'bea', 'cid', 'dan', 'eve', 'fay'] as const
const BOUND = aRequest().bound
const SCHEDULE: Schedule = {
  ...{timezone: 'UTC', days: ['thu'] as const, from: '09:00', to: '17:00'},
  onCall: {primary: 'developer', secondary: 'fay', escalateAfterMs: 30 * 60_000},
}

/** What may happen, in any order; people's roles change on the way. */
type Happening =
  | {
      readonly do: 'vote'
      readonly who: number
      readonly approve: boolean
      readonly words: boolean
      readonly digest: 'none' | 'same' | 'other'
    }
  | {readonly do: 'roles'; readonly who: number; readonly roles: readonly string[]}
  | {readonly do: 'wait'; readonly minutes: number}
  | {readonly do: 'tick' | 'cancel'}
  | {readonly do: 'use'; readonly moved: boolean}

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('vote' as const),
      who: fc.nat(PEOPLE.length),
      approve: fc.boolean().map(rejects => !rejects),
      words: fc.boolean(),
      digest: fc.constantFrom('none' as const, 'same' as const, 'same' as const, 'other' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('roles' as const),
      who: fc.nat(PEOPLE.length - 1),
      roles: fc.subarray([...ROLES]),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({do: fc.constant('wait' as const), minutes: fc.constantFrom(1, 29, 45, 100)}),
  },
  {weight: 1, arbitrary: fc.record({do: fc.constantFrom('tick' as const, 'cancel' as const)})},
  {weight: 2, arbitrary: fc.record({do: fc.constant('use' as const), moved: fc.nat(3).map(n => n === 0)})},
)
const lives = fc.record({
  level: fc.constantFrom('medium' as const, 'high' as const, 'critical' as const),
  approvers: fc.integer({min: 1, max: 3}),
  operation: fc.constantFrom('deploy', 'modify infrastructure', 'delete data', 'security_remediation'),
  /** Asked within business hours, outside of them, or so late that they end meanwhile; the 1st of January 1970 is a Thursday. */
  asked: fc.constantFrom('12:00', '20:00', '16:50').map(time => Date.parse(`1970-01-01T${time}Z`)),
  roles: fc.array(fc.subarray([...ROLES], {minLength: 1}), {
    minLength: PEOPLE.length,
    maxLength: PEOPLE.length,
  }),
  happenings: fc.array(happening, {maxLength: 25}),
})

interface Seen {
  readonly before: ApprovalState
  readonly event: ApprovalEvent
  readonly after: ApprovalState
  readonly at: number
  readonly roles: ReadonlyMap<string, readonly string[]>
  readonly went: boolean
}

/** Lives the life and shows each step of it. */
function live({
  level,
  approvers,
  operation,
  asked,
  roles,
  happenings,
}: typeof lives extends fc.Arbitrary<infer L> ? L : never): readonly Seen[] {
  const takes: Requirement = raised(
    requirementOf(level, new Map([[level, {approvers}]])),
    rulesFor({operation, environment: 'production'}),
  )
  const {required, callAt} = withOnCall(takes, {level, at: asked}, SCHEDULE, undefined)
  const people = new Map<string, Person>(
    PEOPLE.map((id, i): [string, Person] => [id, aPerson(id, roles[i] ?? [])]),
  )
  let state = aRequest({
    ...{level, required, at: asked, requester: {name: 'ada', person: 'ada'}},
    ...timesOf(required, 0, asked, undefined, callAt),
  })
  let at = asked
  const seen: Seen[] = []
  for (const each of happenings) {
    if (each.do === 'wait') at += each.minutes * 60_000
    if (each.do === 'roles') {
      const id = PEOPLE[each.who] ?? 'ada'
      people.set(id, aPerson(id, each.roles))
    }
    const rolesNow = new Map([...people].map(([id, person]) => [id, person.roles]))
    const event = eventOf(each, state, at, people, rolesNow)
    if (!event) continue
    const decided = decide(state, event, undefined)
    seen.push({
      before: state,
      event,
      after: decided.state,
      at,
      roles: rolesNow,
      went: decided.redeemed?.kind === 'go',
    })
    state = decided.state
  }
  return seen
}

function eventOf(
  each: Happening,
  state: ApprovalState,
  at: number,
  people: ReadonlyMap<string, Person>,
  rolesNow: ReadonlyMap<string, readonly string[]>,
): ApprovalEvent | undefined {
  switch (each.do) {
    case 'vote': {
      const id = PEOPLE[each.who]
      const digest = {none: undefined, same: state.digest, other: 'f'.repeat(64)}[each.digest]
      return {
        ...{type: 'vote', at, rolesNow, surface: 'discord', digest},
        decision: each.approve ? 'approve' : 'reject',
        voter: {
          account: {kind: 'discord', id: id ?? 'stranger'},
          person: id === undefined ? undefined : people.get(id),
        },
        ...(each.words ? {reason: 'because', justification: 'because'} : {}),
      }
    }
    case 'tick':
      return {type: 'tick', at}
    case 'cancel':
      return {type: 'cancel', at, by: 'ada'}
    case 'use':
      return {type: 'use', at, rolesNow, bound: each.moved ? {...BOUND, sha: 'moved'} : BOUND}
    default:
      return undefined
  }
}

const holds = (roles: readonly string[] | undefined, wanted: readonly string[]) =>
  (roles ?? []).some(role => wanted.includes(role))
/** Being on call gives nobody the right to decide. */
const mayDecide = ({required, escalations}: ApprovalState) => [
  ...required.roles,
  ...required.escalateTo.slice(0, Math.max(0, escalations - (required.onCall ? 2 : 0))),
]

function forAll(check: (seen: readonly Seen[]) => void): void {
  fc.assert(
    fc.property(lives, life => {
      check(live(life))
    }),
    {numRuns: 2_000},
  )
}

test('what is permitted begins at most once', () => {
  forAll(seen => {
    expect(seen.filter(({went}) => went).length).toBeLessThanOrEqual(1)
  })
})

test('nothing begins without enough different persons who may decide at that moment, of what was bound, none who asked', () => {
  forAll(seen => {
    for (const {before, event, roles} of seen.filter(({went}) => went)) {
      if (event.type !== 'use') throw new Error('only a use goes')
      expect(event.bound).toEqual(before.bound)
      expect(before.status).toBe('approved')
      const approvers = new Set(
        before.decisions
          .filter(({decision}) => decision === 'approve')
          .map(({principal}) => principal)
          .filter(id => holds(roles.get(id), mayDecide(before))),
      )
      expect(approvers.has('ada')).toBe(false)
      expect(approvers.size).toBeGreaterThanOrEqual(before.required.approvers)
      const {including, alsoIncluding = []} = before.required
      for (const mix of [including, ...alsoIncluding].filter(({length}) => length > 0))
        expect([...approvers].some(id => holds(roles.get(id), mix))).toBe(true)
    }
  })
})

test('a request becomes approved only by a vote in time, of somebody entitled who saw it, with what was demanded', () => {
  forAll(seen => {
    for (const {before, event, after, at, roles} of seen) {
      if (before.status === 'approved' || after.status !== 'approved') continue
      if (event.type !== 'vote') throw new Error('only a vote approves')
      expect(before.status).toBe('pending')
      expect(event.decision).toBe('approve')
      expect(event.digest === undefined || event.digest === before.digest).toBe(true)
      expect(after.expiresAt === undefined || at < after.expiresAt).toBe(true)
      if (before.required.justification) expect(event.justification).toBeTruthy()
      const voters = after.decisions.map(({principal}) => principal)
      expect(new Set(voters).size).toBe(voters.length)
      for (const id of voters) {
        expect(id).not.toBe('ada')
        expect(holds(roles.get(id), mayDecide(after))).toBe(true)
      }
    }
  })
})

test('a vote that does not count changes neither who has decided nor how it stands, but for the time', () => {
  forAll(seen => {
    for (const {before, event} of seen) {
      const {refusal, state} = decide(before, event, undefined)
      if (!refusal) continue
      const timeAlone = decide(before, {type: 'tick', at: event.at}, undefined).state
      expect(state.status).toBe(timeAlone.status)
      expect(state.decisions).toEqual(before.decisions)
    }
  })
})

test('what has ended stays as it ended; only an unused approval can become void', () => {
  forAll(seen => {
    for (const {before, event, after} of seen) {
      if (before.status === 'pending') continue
      const voided = before.status === 'approved' && before.usedAt === undefined && event.type === 'use'
      if (!voided) expect(after).toEqual(before)
      else expect(['approved', 'cancelled']).toContain(after.status)
    }
  })
})

test('nobody is called more than three times, and whoever is on call is called first', () => {
  forAll(seen => {
    for (const {before, event} of seen) {
      const {state, lines} = decide(before, event, undefined)
      expect(state.escalations).toBeLessThanOrEqual(3)
      for (const {action, role, metadata} of lines) {
        if (action !== 'escalate') continue
        const expected = before.required.onCall ? ['developer', 'fay'][before.escalations] : undefined
        expect(metadata?.['onCall']).toBe(
          expected === undefined ? undefined : ['primary', 'secondary'][before.escalations],
        )
        if (expected !== undefined) expect(role).toBe(expected)
      }
    }
  })
})

test('versions rise with every change and with nothing else', () => {
  forAll(seen => {
    for (const {before, after} of seen)
      expect(after === before ? after.version === before.version : after.version > before.version).toBe(true)
  })
})

test('these lives reach what they are to prove: beginnings, voids, expiries, rejections, refusals', () => {
  const reached = new Set<string>()
  for (const seen of fc.sample(lives, {numRuns: 2_000, seed: 7}).map(live))
    for (const {before, event, after, went} of seen) {
      if (went) reached.add('go')
      if (before.status !== after.status) reached.add(after.status)
      reached.add(decide(before, event, undefined).refusal?.code ?? 'counted')
    }
  expect([...reached].sort()).toEqual([
    'ALREADY_DECIDED',
    'ALREADY_VOTED',
    'EXPIRED',
    'JUSTIFICATION_REQUIRED',
    'MOVED',
    'NOT_ENTITLED',
    'OWN_REQUEST',
    'REASON_REQUIRED',
    'UNKNOWN_PERSON',
    'approved',
    'cancelled',
    'counted',
    'expired',
    'go',
    'rejected',
  ])
})
