import type {Account, Person} from '../access/people.ts'
import type {Json} from '../kernel/json.ts'
import type {QuietHours} from '../platform/config/config.ts'
import {awakeAt} from './quiet-hours.ts'
import type {
  ApprovalRequest,
  Bound,
  Decision,
  HistoryEntry,
  Redeemed,
  RefusalCode,
  Requester,
  Requirement,
  Surface,
} from './request.ts'

/** A request with what its surfaces need not know. */
export interface ApprovalState extends ApprovalRequest {
  /** Where it is asked in Discord. */
  readonly channelId: string | undefined
  /** When half of the time has gone; undefined: reminded already, or nothing to remind of. */
  readonly remindAt: number | undefined
}

/** Who a surface says it is, and whom we know by that account. */
export interface Voter {
  readonly account: Account
  readonly person: Person | undefined
}

/** The roles that earlier voters hold now, by their ids. Who is not in it holds none. */
export type RolesNow = ReadonlyMap<string, readonly string[]>

/** What can happen to a request. `at` is the database's time, in milliseconds since the epoch. */
export type ApprovalEvent =
  | {readonly type: 'tick'; readonly at: number}
  | {
      readonly type: 'vote'
      readonly at: number
      readonly voter: Voter
      readonly rolesNow: RolesNow
      readonly decision: Decision['decision']
      readonly surface: Surface
      readonly reason?: string | undefined
      readonly justification?: string | undefined
      readonly digest?: string | undefined
    }
  | {
      readonly type: 'question'
      readonly at: number
      readonly voter: Voter
      readonly surface: Surface
      readonly text: string
    }
  /** Turned away by its surface: nothing is left to judge. */
  | {
      readonly type: 'turned-away'
      readonly at: number
      readonly voter: Voter
      readonly decision: Decision['decision']
      readonly surface: Surface
      readonly refusal: {readonly code: RefusalCode; readonly message: string}
    }
  | {readonly type: 'cancel'; readonly at: number; readonly by: string; readonly note?: string | undefined}
  | {readonly type: 'use'; readonly at: number; readonly rolesNow: RolesNow; readonly bound: Bound}

/** What the history says about it. */
export type HistoryLine = Pick<HistoryEntry, 'action' | 'actor'> &
  Partial<Pick<HistoryEntry, 'role' | 'surface' | 'note'>> & {
    readonly metadata?: Readonly<Record<string, Json>>
  }

export interface Decided {
  /** The very same object when nothing changed. */
  readonly state: ApprovalState
  /** In order; that of the event itself comes last. A tick that finds nothing due has none. */
  readonly lines: readonly HistoryLine[]
  /** Of a vote or question that does not count. */
  readonly refusal?: {readonly code: RefusalCode; readonly message: string}
  /** Of a use. */
  readonly redeemed?: Redeemed
}

/** However long the line of those to call in: then it expires. */
const MAX_ESCALATIONS = 3
/** A surface with little room may show, and send back, the beginning of a digest. */
export const DIGEST_SHOWN = 12

const US = 'signalbox'

/**
 * Folds one event into a request. Pure and total. The first valid decision ends it; what has ended stays as it ended,
 * save that an approval whose ground has moved before it was used is void. Persons count, never accounts, and only with
 * the roles that they hold now. Time comes first: a vote after the end finds the request expired, whoever noticed.
 */
export function decide(
  before: ApprovalState,
  event: ApprovalEvent,
  quietHours: QuietHours | undefined,
): Decided {
  const {state, lines} = passTime(before, event.at, quietHours)
  switch (event.type) {
    case 'tick':
      return isDue(state.remindAt, event.at) && state.status === 'pending'
        ? {
            state: changed(state, {remindAt: undefined}),
            lines: [...lines, {action: 'remind', actor: US, note: waitingFor(state)}],
          }
        : {state, lines}
    case 'vote':
      return withEarlier(lines, vote(state, event))
    case 'question':
      return withEarlier(lines, question(state, event))
    case 'turned-away': {
      const {voter, surface, refusal, decision} = event
      return withEarlier(lines, refused(state, voter, surface, refusal, {decision}))
    }
    case 'cancel':
      if (state.status !== 'pending') return {state, lines}
      return {
        state: changed(state, {
          status: 'cancelled',
          note: event.note,
          decidedAt: event.at,
          remindAt: undefined,
        }),
        lines: [...lines, {action: 'cancel', actor: event.by, note: event.note}],
      }
    case 'use':
      return withEarlier(lines, use(state, event))
  }
}

/** Who may decide: whoever holds one of these. Those who were called in have joined the others; those on call have not. */
export function entitledRoles({
  required,
  escalations,
}: Pick<ApprovalRequest, 'required' | 'escalations'>): readonly string[] {
  return [...new Set([...required.roles, ...joiningRoles(required, escalations)])]
}

/** Who is called in by then, and may decide from there on: those on call come first in line, and have no such right. */
export function joiningRoles(required: Requirement, escalations = MAX_ESCALATIONS): readonly string[] {
  return ladderOf(required)
    .slice(0, escalations)
    .flatMap(({call, duty}) => (duty === undefined ? [call] : []))
}

/** How often somebody is still called in before it ends. */
export function escalationsLeft({
  required,
  escalations,
}: Pick<ApprovalRequest, 'required' | 'escalations'>): number {
  return ladderOf(required).length - escalations
}

/** What those who approve must make up among them: of each of these mixes, somebody holds a role. */
export function mixesOf({
  including,
  alsoIncluding = [],
}: Pick<Requirement, 'including' | 'alsoIncluding'>): readonly (readonly string[])[] {
  return [including, ...alsoIncluding].filter(mix => mix.length > 0)
}

/**
 * The times of one step: from asking, or from calling somebody in, to its end. Nobody is reminded or called in during
 * quiet hours, unless the request wakes them: a step that would end with that lasts until they are over. The last step
 * ends on time. `callAt`: when the first on call is called, for the step of a request that has somebody on call.
 */
export function timesOf(
  required: Requirement,
  escalations: number,
  at: number,
  quietHours: QuietHours | undefined,
  callAt = at,
): Pick<ApprovalState, 'remindAt' | 'expiresAt'> {
  const {expiresMs, onCall, wakes} = required
  if (expiresMs === null) return {remindAt: undefined, expiresAt: undefined}
  const next = ladderOf(required)[escalations]
  const sparing = wakes === 'everybody' ? undefined : quietHours
  const ends = {
    primary: callAt,
    secondary: at + (onCall?.escalateAfterMs ?? expiresMs),
    none: at + expiresMs,
  }
  const end = ends[next?.duty ?? 'none']
  const calls = next?.duty !== undefined && wakes !== undefined ? undefined : sparing
  const expiresAt = next ? awakeAt(end, calls) : end
  const half = awakeAt(at + Math.round(expiresMs / 2), sparing)
  return {remindAt: half < expiresAt ? half : undefined, expiresAt}
}

/** What moved, for people: each thing that is not what was approved. */
function changesOf(approved: Bound, now: Bound): readonly string[] {
  return [...new Set([...Object.keys(approved), ...Object.keys(now)])]
    .filter(key => approved[key] !== now[key])
    .sort()
    .map(key => `${key}: ${approved[key] ?? 'nothing'} → ${now[key] ?? 'nothing'}`)
}

/** What is still missing, for people: `1 more approval, one of a tech_lead or cto`. */
export function stillNeeded(state: Pick<ApprovalRequest, 'required' | 'decisions'>): string {
  const {required} = state
  const approvals = state.decisions.filter(({decision}) => decision === 'approve')
  const lacking = lackingMixes(
    required,
    approvals.map(({role}) => [role]),
  )
  const missing = Math.max(1, required.approvers - approvals.length)
  const count = `${missing} more approval${missing === 1 ? '' : 's'}`
  return [count, ...lacking.map(mix => `one of a ${listed(mix)}`)].join(', ')
}

function passTime(
  state: ApprovalState,
  at: number,
  quietHours: QuietHours | undefined,
): Pick<Decided, 'state' | 'lines'> {
  if (state.status !== 'pending' || !isDue(state.expiresAt, at)) return {state, lines: []}
  const next = ladderOf(state.required)[state.escalations]
  if (!next) {
    return {
      state: changed(state, {status: 'expired', decidedAt: at, remindAt: undefined}),
      lines: [{action: 'timeout', actor: US, note: `${counted(state)} when its time was up`}],
    }
  }
  const escalations = state.escalations + 1
  const {call: role, duty} = next
  const metadata = {step: escalations, ...(duty === undefined ? {} : {onCall: duty})}
  return {
    state: changed(state, {escalations, ...timesOf(state.required, escalations, at, quietHours)}),
    lines: [{action: 'escalate', actor: US, role, note: waitingFor(state), metadata}],
  }
}

/** Somebody who is called when a step ends; `duty` says that they are on call. */
interface Rung {
  readonly call: string
  readonly duty?: 'primary' | 'secondary'
}

/** What waits for ever calls nobody in. */
function ladderOf({onCall, escalateTo, expiresMs}: Requirement): readonly Rung[] {
  if (expiresMs === null) return []
  const duty: readonly Rung[] = onCall
    ? [
        {call: onCall.primary, duty: 'primary'},
        {call: onCall.secondary, duty: 'secondary'},
      ]
    : []
  return [...duty, ...escalateTo.map(call => ({call}))].slice(0, MAX_ESCALATIONS)
}

function vote(state: ApprovalState, event: Extract<ApprovalEvent, {type: 'vote'}>): Decided {
  const {at, decision, surface, voter, rolesNow} = event
  const reason = given(event.reason)
  const justification = given(event.justification)
  const {person} = voter
  const entitled = entitledRoles(state)
  const approving = decision === 'approve'
  const refusal =
    refusePerson(voter) ??
    refuseEnded(state) ??
    refuseMoved(state, event.digest) ??
    refuseOwn(state, voter) ??
    refuseRoles(person, entitled) ??
    (approving && votesOf(state, person).includes('approve')
      ? refuse('ALREADY_VOTED', `You have approved it already. It waits for ${stillNeeded(state)}.`)
      : undefined) ??
    (!approving && reason === undefined
      ? refuse('REASON_REQUIRED', 'Say why: a rejection needs a reason.')
      : undefined) ??
    (approving && state.required.justification && justification === undefined
      ? refuse(
          'JUSTIFICATION_REQUIRED',
          `Say why it should go ahead: approving ${state.risk.level} risk needs a justification.`,
        )
      : undefined)
  if (refusal || !person) return refused(state, voter, surface, refusal ?? unknownPerson(), {decision})

  const others = state.decisions.filter(each => each.principal !== person.id)
  const standing = others.filter(each => holdsOne(rolesNow.get(each.principal), entitled))
  const role = bestRole(person.roles, mixesOf(state.required).flat(), entitled)
  const own: Decision = {
    ...{principal: person.id, decision, surface, role, at},
    ...(reason === undefined ? {} : {reason}),
    ...(justification === undefined ? {} : {justification}),
  }
  const decisions = [...standing, own]
  const roles = new Map([...rolesNow, [person.id, person.roles]])
  const status = !approving ? 'rejected' : isEnough(state.required, decisions, roles) ? 'approved' : 'pending'
  return {
    state: changed(state, {
      decisions,
      status,
      ...(status === 'pending' ? {} : {decidedAt: at, remindAt: undefined}),
    }),
    lines: [
      ...others.filter(each => !standing.includes(each)).map(({principal}): HistoryLine => lapsed(principal)),
      {action: decision, actor: person.id, role, surface, note: approving ? justification : reason},
    ],
  }
}

function question(state: ApprovalState, event: Extract<ApprovalEvent, {type: 'question'}>): Decided {
  const {voter, surface} = event
  const text = given(event.text)
  const refusal =
    refusePerson(voter) ??
    refuseEnded(state) ??
    (isRequester(state, voter) ? undefined : refuseRoles(voter.person, entitledRoles(state))) ??
    (text === undefined ? refuse('REASON_REQUIRED', 'Say what you would like to know.') : undefined)
  if (refusal || !voter.person)
    return refused(state, voter, surface, refusal ?? unknownPerson(), {decision: 'question'})
  return {state, lines: [{action: 'question', actor: voter.person.id, surface, note: text}]}
}

function use(state: ApprovalState, {at, rolesNow, bound}: Extract<ApprovalEvent, {type: 'use'}>): Decided {
  const stop = (reason: string): Decided => ({
    state,
    lines: [{action: 'refuse', actor: US, note: reason, metadata: {decision: 'use'}}],
    redeemed: {kind: 'stop', reason},
  })
  if (state.status === 'pending') return stop(`it is not approved yet: ${waitingFor(state)}`)
  if (state.status !== 'approved') return stop(`it is not approved: ${endedHow(state)}`)
  if (state.usedAt !== undefined) return stop('it permitted one beginning, and that has been made')
  const changes = changesOf(state.bound, bound)
  if (changes.length > 0) {
    const note = changes.join('; ')
    return {
      state: changed(state, {status: 'cancelled', note}),
      lines: [{action: 'void', actor: US, note, metadata: {changes}}],
      redeemed: {kind: 'void', changes},
    }
  }
  const standing = standingOf(state, rolesNow)
  if (!isEnough(state.required, standing, rolesNow)) {
    const gone = state.decisions.filter(each => !standing.includes(each)).map(({principal}) => principal)
    return stop(
      gone.length === 0
        ? `its approvers no longer include a ${listed(lackingMixes(state.required, heldBy(standing, rolesNow))[0] ?? [])}`
        : `${listed(gone, 'and')} may not approve it any more`,
    )
  }
  return {
    state: changed(state, {usedAt: at}),
    lines: [{action: 'use', actor: US}],
    redeemed: {kind: 'go'},
  }
}

/** Whether those who approved it hold, by their roles now, what it takes. */
export function stillHolds(state: ApprovalState, rolesNow: RolesNow): boolean {
  return isEnough(state.required, standingOf(state, rolesNow), rolesNow)
}

function standingOf(state: ApprovalState, rolesNow: RolesNow): readonly Decision[] {
  const entitled = entitledRoles(state)
  return state.decisions.filter(each => holdsOne(rolesNow.get(each.principal), entitled))
}

function isEnough(required: Requirement, decisions: readonly Decision[], roles: RolesNow): boolean {
  const held = heldBy(decisions, roles)
  return held.length >= required.approvers && lackingMixes(required, held).length === 0
}

/** The roles of each who approves, as they are now. */
function heldBy(decisions: readonly Decision[], roles: RolesNow): readonly (readonly string[])[] {
  return decisions
    .filter(({decision}) => decision === 'approve')
    .map(({principal}) => roles.get(principal) ?? [])
}

function lackingMixes(
  required: Requirement,
  held: readonly (readonly string[])[],
): readonly (readonly string[])[] {
  return mixesOf(required).filter(mix => !held.some(roles => holdsOne(roles, mix)))
}

type Refusal = NonNullable<Decided['refusal']>

function refuse(code: RefusalCode, message: string): Refusal {
  return {code, message}
}

function refusePerson({person}: Voter): Refusal | undefined {
  return person ? undefined : unknownPerson()
}

function unknownPerson(): Refusal {
  return refuse(
    'UNKNOWN_PERSON',
    'Nobody here is known by this account. Use /link in Discord, or ask an admin to add you to the principals.',
  )
}

function refuseEnded(state: ApprovalState): Refusal | undefined {
  switch (state.status) {
    case 'pending':
      return undefined
    case 'expired':
      return refuse('EXPIRED', 'Its time is up, so nothing was changed. It has to be asked for again.')
    default:
      return refuse('ALREADY_DECIDED', `It was ${endedHow(state)} before, so nothing was changed.`)
  }
}

function refuseMoved(state: ApprovalState, digest: string | undefined): Refusal | undefined {
  if (digest === undefined) return undefined
  if (digest.length >= DIGEST_SHOWN && state.digest.startsWith(digest)) return undefined
  return refuse('MOVED', 'What you saw is not what is asked for now. Look at the request again.')
}

function refuseOwn(state: ApprovalState, voter: Voter): Refusal | undefined {
  return isRequester(state, voter)
    ? refuse('OWN_REQUEST', 'You asked for it yourself, so somebody else has to decide. You can cancel it.')
    : undefined
}

function refuseRoles(person: Person | undefined, entitled: readonly string[]): Refusal | undefined {
  const held = person?.roles ?? []
  if (holdsOne(held, entitled)) return undefined
  return refuse(
    'NOT_ENTITLED',
    `It needs a ${listed(entitled)}; you have: ${held.join(', ') || 'no role'}. Ask one of them.`,
  )
}

function refused(
  state: ApprovalState,
  {account, person}: Voter,
  surface: Surface,
  refusal: Refusal,
  metadata: Readonly<Record<string, Json>>,
): Decided {
  const actor = person?.id ?? `${account.kind}:${account.id}`
  return {
    state,
    lines: [
      {action: 'refuse', actor, surface, note: refusal.message, metadata: {code: refusal.code, ...metadata}},
    ],
    refusal,
  }
}

/** The same person, or the same account, whoever it was then. */
function isRequester({requester}: ApprovalState, voter: Voter): boolean {
  return [requester, ...(requester.others ?? [])].some(one => isOne(one, voter))
}

function isOne(
  {person: id, account: asked}: Pick<Requester, 'person' | 'account'>,
  {account, person}: Voter,
): boolean {
  if (person && person.id === id) return true
  if (!asked) return false
  const own = person?.accounts[asked.kind]
  return isSame(asked, account) || (own !== undefined && isSame(asked, {kind: asked.kind, id: own}))
}

function isSame(a: Account, b: Account): boolean {
  return a.kind === b.kind && a.id.toLowerCase() === b.id.toLowerCase()
}

function votesOf(state: ApprovalState, person: Person | undefined): readonly Decision['decision'][] {
  return state.decisions.filter(({principal}) => principal === person?.id).map(({decision}) => decision)
}

/** A role that only some of them need first: it is why this vote mattered. */
function bestRole(
  held: readonly string[],
  including: readonly string[],
  entitled: readonly string[],
): string {
  return [...including, ...entitled].find(role => held.includes(role)) ?? ''
}

function holdsOne(held: readonly string[] | undefined, roles: readonly string[]): boolean {
  return (held ?? []).some(role => roles.includes(role))
}

function lapsed(principal: string): HistoryLine {
  return {
    action: 'refuse',
    actor: principal,
    note: 'holds no role any more that may decide: the approval does not count',
    metadata: {code: 'NOT_ENTITLED', decision: 'approve'},
  }
}

function isDue(time: number | undefined, at: number): boolean {
  return time !== undefined && time <= at
}

function changed(state: ApprovalState, change: Partial<ApprovalState>): ApprovalState {
  return {...state, ...change, version: state.version + 1}
}

function withEarlier(lines: readonly HistoryLine[], decided: Decided): Decided {
  return {...decided, lines: [...lines, ...decided.lines]}
}

/** Nothing but spaces is nothing. */
function given(text: string | undefined): string | undefined {
  return text?.trim() || undefined
}

function endedHow(state: ApprovalState): string {
  if (state.status === 'cancelled') return 'cancelled'
  if (state.status === 'expired') return 'left to expire'
  const by = state.decisions.filter(
    ({decision}) => decision === (state.status === 'approved' ? 'approve' : 'reject'),
  )
  return `${state.status} by ${listed(
    by.map(({principal}) => principal),
    'and',
  )}`
}

function waitingFor(state: ApprovalState): string {
  return `waits for ${stillNeeded(state)}`
}

function counted({decisions, required}: ApprovalState): string {
  return `${decisions.length} of ${required.approvers} approvals`
}

/** `a`, `a or b`, `a, b or c`. */
function listed(words: readonly string[], last: 'or' | 'and' = 'or'): string {
  const [end = 'nobody', ...rest] = words.toReversed()
  return rest.length === 0 ? end : `${rest.toReversed().join(', ')} ${last} ${end}`
}
