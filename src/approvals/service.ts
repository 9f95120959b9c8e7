import {randomUUID} from 'node:crypto'
import {isDeepStrictEqual} from 'node:util'
import type {Pool} from 'pg'
import type {People} from '../access/people.ts'
import type {Event, EventJournal} from '../events/index.ts'
import {AppError} from '../kernel/errors.ts'
import type {ReplyTarget} from '../invocations/invocation.ts'
import type {Notices} from '../notifications/notice.ts'
import type {ApprovalPolicy, QuietHours, RiskLevel} from '../platform/config/config.ts'
import type {Logger} from '../platform/logger.ts'
import type {Outbox} from '../platform/outbox.ts'
import {afterCommit, transaction, type Db} from '../platform/postgres.ts'
import type {Reply} from '../sdk/index.ts'
import {callsPeople, factOf, noticeOf} from './announce.ts'
import type {Approvals} from './approvals.ts'
import {
  decide,
  entitledRoles,
  nextAt,
  stillHolds,
  timesOf,
  type ApprovalEvent,
  type ApprovalState,
  type Decided,
  type HistoryLine,
  type RolesNow,
  type Voter,
} from './decide.ts'
import {digestOf} from './digest.ts'
import type {ApprovalMetrics} from './metrics.ts'
import {APPROVAL_OUTCOMES_QUEUE, jobsOf} from './outcomes.ts'
import {lackingApprovers, requirementOf} from './policy.ts'
import type {
  ApprovalRequest,
  HistoryEntry,
  NewApproval,
  RefusalCode,
  Requirement,
  Subject,
  Vote,
  VoteOutcome,
} from './request.ts'
import type {ApprovalStore, Attempt} from './store.ts'
import {describeApproval} from './view.ts'

export interface ApprovalsOptions {
  readonly pool: Pool
  readonly store: ApprovalStore
  readonly people: People
  readonly replies: {
    open(db: Db, id: string, target: ReplyTarget, view: Reply): Promise<void>
    write(db: Db, id: string, view: Reply): Promise<void>
  }
  readonly notices: Notices
  readonly journal: Pick<EventJournal, 'emitWithin' | 'announce'>
  readonly outbox: Pick<Outbox, 'relay'>
  /** The message under this id changed. */
  readonly notify: (id: string) => Promise<void>
  /** What the operator changed, by level. */
  readonly policies: ReadonlyMap<RiskLevel, ApprovalPolicy>
  readonly quietHours: QuietHours | undefined
  /** Where a request without a channel of its own is asked. */
  readonly statusChannelId: string | undefined
  readonly metrics: ApprovalMetrics
  readonly log: Pick<Logger, 'info' | 'warn'>
}

export interface ApprovalService extends Approvals {
  /** Reminds, escalates or expires one request if that is due; otherwise nothing. */
  passTime(id: string): Promise<void>
  /** The latest request of a deployment or a run. */
  findByTask(taskId: string): Promise<ApprovalRequest | undefined>
  /** What was asked about this very subject. */
  findBySubject(subject: Subject): Promise<ApprovalRequest | undefined>
  /** Approvals of a run's gates that were used and that their approvers could still give, the last one first. */
  usedBy(db: Db, run: string): Promise<readonly ApprovalRequest[]>
  /** Where in Linear it is told from now on: its message in Discord leads there. */
  toldInLinear(id: string, issue: NonNullable<ApprovalRequest['linear']>): Promise<void>
  /** Gives word to what waited once more, should it have missed the first. */
  tellAgain(request: ApprovalRequest): Promise<void>
}

/** An attempt that was made before: what it was answered then, and the record as it is now. */
interface Repeated {
  readonly earlier: HistoryEntry
  readonly state: ApprovalState
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** A change that meets another one looks again; under the row's lock that is the clock alone. */
const TRIES = 3
const SWEEP_AT_ONCE = 200

/**
 * The requests and their one decision. Every change is made under the lock of its row and commits together with its
 * history, its message, its notices and the word to what waits: whoever shows or does something because of it reads
 * what was decided. The pure half is in decide.ts.
 */
export function createApprovals(options: ApprovalsOptions): ApprovalService {
  const {pool, store, people, replies, notices, journal, outbox, notify, policies, quietHours} = options
  const {statusChannelId, metrics, log} = options

  async function ask(db: Db, request: NewApproval): Promise<ApprovalRequest | undefined> {
    const required = requirementOf(request.risk.level, policies)
    if (required.approvers === 0) return undefined
    const earlier = await store.findBySubject(db, request.subject)
    if (earlier) return earlier
    const requester = await knownRequester(db, request.requester)
    await assertDecidable(db, required, requester.person)
    const at = await store.now(db)
    const state: ApprovalState = {
      id: randomUUID(),
      subject: request.subject,
      correlationId: request.correlationId,
      status: 'pending',
      action: request.action,
      requester,
      risk: request.risk,
      required,
      bound: request.bound,
      digest: digestOf(request.bound),
      card: request.card,
      decisions: [],
      escalations: 0,
      note: undefined,
      version: 1,
      createdAt: at,
      ...timesOf(required, 0, at, quietHours),
      decidedAt: undefined,
      usedAt: undefined,
      channelId: request.channelId ?? statusChannelId,
    }
    if (!(await store.insert(db, state))) return store.findBySubject(db, request.subject)
    if (state.channelId !== undefined) {
      const target = {kind: 'channel', channelId: state.channelId} as const
      await replies.open(db, state.id, target, await draw(db, state))
    }
    const lines: readonly HistoryLine[] = [
      {action: 'ask', actor: requester.person ?? requester.name, metadata: {digest: state.digest}},
    ]
    await publish(db, undefined, state, lines, at)
    return state
  }

  /** Its message. Whoever may decide stays named in it while it waits, or they would not be called by its first copy. */
  async function draw(db: Db, state: ApprovalState): Promise<Reply> {
    if (state.status !== 'pending') return describeApproval(state)
    const approvers = await people.holding(entitledRoles(state), db)
    const mentions = approvers
      .filter(({id}) => id !== state.requester.person)
      .flatMap(({accounts}) => accounts.discord ?? [])
    return describeApproval(state, {mentions})
  }

  /** What a change means for everybody else, in its own transaction; and the hints that go out after it. */
  async function publish(
    db: Db,
    before: ApprovalState | undefined,
    state: ApprovalState,
    lines: readonly HistoryLine[],
    at: number,
    attempt?: Attempt,
  ): Promise<void> {
    if (lines.length > 0) {
      const first = await store.append(db, state.id, lines, at, attempt)
      for (const [i, line] of lines.entries()) {
        const approvers = callsPeople(line) ? await stillCalled(db, state, line) : []
        const notice = noticeOf(state, line, first + i, approvers)
        if (notice) await notices.announce(db, notice)
      }
    }
    const events: Event[] = []
    for (const {type, data} of lines.flatMap(line => factOf(state, line, at) ?? []))
      events.push(
        await journal.emitWithin(db, type, data, {source: 'approvals', correlationId: state.correlationId}),
      )
    const changed = before !== state
    if (before && changed) await replies.write(db, state.id, await draw(db, state))
    const due = {before: before && nextAt(before), after: nextAt(state), now: at}
    const jobs = changed ? await store.leave(db, jobsOf(before, state, due)) : []
    afterCommit(db, () => {
      outbox.relay(jobs)
      journal.announce(events)
      if (changed) void notify(state.id)
      if (!before) metrics.asked(state)
      else if (before.status === 'pending' && state.status !== 'pending') metrics.ended(state)
      for (const line of lines)
        log.info(
          {approval: state.id, action: line.action, actor: line.actor, status: state.status},
          'approval changed',
        )
    })
  }

  /** Takes the row, decides, and writes all of it; undefined when there is no such request. */
  async function change(
    db: Db,
    id: string,
    eventOf: (state: ApprovalState, at: number) => Promise<ApprovalEvent>,
    attempt?: Attempt,
  ): Promise<Decided | Repeated | undefined> {
    for (let tries = 0; tries < TRIES; tries++) {
      const before = await store.lock(db, id)
      if (!before) return undefined
      const {at, earlier} = await store.look(db, id, attempt?.key)
      if (earlier) return {earlier, state: before}
      const event = await eventOf(before, at)
      const decided = decide(before, event, quietHours)
      const {state, lines} = decided
      if (state !== before && !(await store.save(db, before, state))) continue
      await publish(db, before, state, lines, event.at, attempt)
      return decided
    }
    throw new AppError('CONTENDED', `The approval ${id} keeps changing.`)
  }

  /** An attempt of somebody's: decided once, however often it comes. */
  async function attempt(
    {id, account, key, evidence = {}}: Pick<Vote, 'id' | 'account' | 'key' | 'evidence'>,
    eventOf: (voter: Voter, rolesNow: RolesNow, at: number) => ApprovalEvent,
  ): Promise<VoteOutcome> {
    if (!UUID.test(id)) return notFound(id)
    const done = await transaction(pool, db =>
      change(
        db,
        id,
        async (state, at) => {
          const person = await people.personOf(account, db)
          return eventOf({account, person}, await rolesOf(db, state), at)
        },
        {key, evidence},
      ),
    )
    if (!done) return notFound(id)
    if ('earlier' in done) return outcomeOfEarlier(done)
    if (done.refusal) metrics.refused(done.refusal.code)
    return outcomeOf(done)
  }

  function notFound(id: string): VoteOutcome {
    log.warn({approval: id.slice(0, 64)}, 'a vote on an approval that is not there')
    metrics.refused('NOT_FOUND')
    return {
      kind: 'refused',
      code: 'NOT_FOUND',
      message: 'There is no such request. Look at the pending ones.',
    }
  }

  async function passTime(id: string): Promise<void> {
    await transaction(pool, db => change(db, id, async (_state, at) => ({type: 'tick', at})))
  }

  async function knownRequester(
    db: Db,
    requester: NewApproval['requester'],
  ): Promise<NewApproval['requester']> {
    if (requester.person !== undefined || !requester.account) return requester
    const person = await people.personOf(requester.account, db)
    return person ? {...requester, person: person.id} : requester
  }

  /** Throws NOT_PERMITTED when all who may come to decide it can't make it up among them. */
  async function assertDecidable(
    db: Db,
    required: Requirement,
    requester: string | undefined,
  ): Promise<void> {
    const holders = await people.holding([...new Set([...required.roles, ...required.escalateTo])], db)
    const lacking = lackingApprovers(
      required,
      holders.filter(({id}) => id !== requester),
    )
    if (!lacking) return
    const {what, count} = lacking
    throw new AppError(
      'NOT_PERMITTED',
      `This needs approval by ${what}, and besides who asks there ${count === 1 ? 'is' : 'are'} only ${count}. An admin can add principals with these roles to signalbox.yaml.`,
    )
  }

  /** Those whom a line calls, who have not voted and may. */
  async function stillCalled(db: Db, state: ApprovalState, line: HistoryLine): Promise<readonly string[]> {
    const roles = line.action === 'escalate' && line.role !== undefined ? [line.role] : entitledRoles(state)
    const not = new Set([
      state.requester.person,
      ...state.decisions.map(({principal}) => principal),
      line.actor,
    ])
    return (await people.holding(roles, db)).map(({id}) => id).filter(id => !not.has(id))
  }

  async function rolesOf(db: Db, {decisions}: ApprovalState): Promise<RolesNow> {
    const roles = new Map<string, readonly string[]>()
    for (const {principal} of decisions) roles.set(principal, (await people.find(principal, db))?.roles ?? [])
    return roles
  }

  return {
    ask,

    vote: vote =>
      attempt(vote, (voter, rolesNow, at) => {
        const {decision, surface, reason, justification, digest} = vote
        return {type: 'vote', at, voter, rolesNow, decision, surface, reason, justification, digest}
      }),

    question: ({surface, text, ...asked}) =>
      attempt(asked, (voter, _rolesNow, at) => ({type: 'question', at, voter, surface, text})),

    turnAway: ({decision, surface, code, note, ...attempted}) =>
      attempt(attempted, (voter, _rolesNow, at) => ({
        ...{type: 'turned-away', at, voter, decision, surface},
        refusal: {code, message: note},
      })),

    async cancel(db, id, {by, note}) {
      if (!UUID.test(id)) return false
      const done = await change(db, id, async (_state, at) => ({type: 'cancel', at, by, note}))
      return done !== undefined && 'lines' in done && done.lines.at(-1)?.action === 'cancel'
    },

    async redeem(db, id, bound) {
      const none = {kind: 'stop', reason: 'there is no such approval'} as const
      if (!UUID.test(id)) return none
      const done = await change(db, id, async (state, at) => ({
        type: 'use',
        at,
        rolesNow: await rolesOf(db, state),
        bound,
      }))
      return done && 'redeemed' in done ? (done.redeemed ?? none) : none
    },

    async find(id) {
      return UUID.test(id) ? store.find(id) : undefined
    },

    async history(id) {
      return UUID.test(id) ? store.history(id) : []
    },

    findByTask: taskId => store.findByTask(taskId),

    findBySubject: subject => store.findBySubject(pool, subject),

    async usedBy(db, run) {
      const standing: ApprovalState[] = []
      for (const state of await store.usedBy(db, run))
        if (stillHolds(state, await rolesOf(db, state))) standing.push(state)
      return standing
    },

    async toldInLinear(id, issue) {
      await transaction(pool, async db => {
        const state = await store.lock(db, id)
        if (!state || isDeepStrictEqual(state.linear, issue)) return
        await store.place(db, id, issue)
        await replies.write(db, id, await draw(db, {...state, linear: issue}))
        afterCommit(db, () => void notify(id))
      })
    },

    async tellAgain({id}) {
      const job = {queue: APPROVAL_OUTCOMES_QUEUE, name: 'tell', id: `tell-${id}-again-${randomUUID()}`}
      outbox.relay(await store.leave(pool, [{...job, data: {id}}]))
    },

    pending: query => store.pending(query),

    passTime,

    async sweep() {
      const due = await store.due(SWEEP_AT_ONCE)
      for (const id of due) await passTime(id)
      return due.length
    },
  }
}

function outcomeOf({refusal, state}: Decided): VoteOutcome {
  return refusal ? {kind: 'refused', ...refusal, request: state} : {kind: 'counted', request: state}
}

function outcomeOfEarlier({earlier: {action, note, metadata}, state}: Repeated): VoteOutcome {
  if (action !== 'refuse') return {kind: 'counted', request: state}
  return {kind: 'refused', code: metadata['code'] as RefusalCode, message: note ?? '', request: state}
}
