import {randomUUID} from 'node:crypto'
import {isDeepStrictEqual} from 'node:util'
import type {Pool} from 'pg'
import type {Account, People, Person} from '../access/people.ts'
import type {AuditNotes} from '../audit/audit.ts'
import type {EventJournal} from '../events/index.ts'
import {AppError, toError} from '../kernel/errors.ts'
import type {RiskLevel} from '../kernel/risk-level.ts'
import type {ReplyTarget} from '../invocations/invocation.ts'
import type {Notices} from '../notifications/notice.ts'
import type {ApprovalPolicy, QuietHours, Schedule} from '../platform/config/config.ts'
import type {Logger} from '../platform/logger.ts'
import type {Outbox} from '../platform/outbox.ts'
import {
  afterCommit,
  isTransient,
  sqlState,
  SQLSTATE,
  together,
  transaction,
  underWay,
  type Db,
} from '../platform/postgres.ts'
import type {Reply} from '../sdk/index.ts'
import {auditOf, callsPeople, factOf, noticeOf} from './announce.ts'
import type {Approvals} from './approvals.ts'
import {withOnCall} from './business-hours.ts'
import {
  decide,
  entitledRoles,
  joiningRoles,
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
import {bounded, spared} from './limits.ts'
import type {ApprovalMetrics} from './metrics.ts'
import {lackingEvidence, raised, rulesFor, type Evidence} from './operations.ts'
import {APPROVAL_OUTCOMES_QUEUE, jobsOf} from './outcomes.ts'
import {lackingApprovers, requirementOf} from './policy.ts'
import {namedInHistory} from './requester.ts'
import type {
  ApprovalRequest,
  HistoryEntry,
  NewApproval,
  RefusalCode,
  Requester,
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
  readonly audit: AuditNotes
  readonly journal: Pick<EventJournal, 'emitWithin' | 'announce'>
  readonly outbox: Pick<Outbox, 'relay'>
  /** The message under this id changed. */
  readonly notify: (id: string) => Promise<void>
  /** What the operator changed, by level. */
  readonly policies: ReadonlyMap<RiskLevel, ApprovalPolicy>
  readonly quietHours: QuietHours | undefined
  /** Without one nobody is on call. */
  readonly schedule: Schedule | undefined
  /** By role: at how many requests that wait for its holders they are called to no further one. */
  readonly limits: ReadonlyMap<string, number>
  /** What need not be given with a request, though its operation would take it. */
  readonly waived: ReadonlySet<Evidence>
  /** Where a request without a channel of its own is asked. */
  readonly statusChannelId: string | undefined
  readonly metrics: ApprovalMetrics
  readonly log: Pick<Logger, 'info' | 'warn'>
}

export interface ApprovalService extends Approvals {
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

/** Who makes an attempt, and what identifies it. */
interface AttemptBy extends Attempt {
  readonly account: Account
}

/** What became of a request under its row's lock, not written yet. */
interface Judged {
  readonly before: ApprovalState
  readonly decided: Decided
  /** The number of the first line. */
  readonly first: number
  readonly at: number
  readonly attempt: Attempt | undefined
}

type EventOf = (state: ApprovalState, at: number, person: Person | undefined) => ApprovalEvent

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** A change whose time runs out while it is made looks again. */
const TRIES = 3
const SWEEP_AT_ONCE = 200

/**
 * The requests and their one decision. Every change is made under the lock of its row and commits together with its
 * history, its message, its notices and the word to what waits: whoever shows or does something because of it reads
 * what was decided. The pure half is in decide.ts.
 */
export function createApprovals(options: ApprovalsOptions): ApprovalService {
  const {pool, store, people, replies, notices, audit, journal, outbox, notify, policies} = options
  const {quietHours, schedule, limits, waived, statusChannelId, metrics, log} = options

  async function ask(db: Db, request: NewApproval): Promise<ApprovalRequest | undefined> {
    const {level} = request.risk
    const rules = rulesFor(request.action)
    const takes = raised(requirementOf(level, policies), rules)
    if (takes.approvers === 0) return undefined
    const holders = people.holding(takes.roles)
    const [{at, asked}, requester, busy] = await Promise.all([
      store.look(db, request.subject),
      knownRequester(db, request.requester),
      store.busy(db, bounded(holders, takes.roles, limits)),
    ])
    if (asked) return asked
    const lacking = lackingEvidence(request.action, rules, waived)
    if (lacking !== undefined) throw new AppError('NOT_PERMITTED', lacking)
    const {required, callAt} = withOnCall(takes, {level, at}, schedule, quietHours)
    assertDecidable(required, requester)
    const asking: ApprovalState = {
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
      ...timesOf(required, 0, at, quietHours, callAt),
      decidedAt: undefined,
      usedAt: undefined,
      channelId: request.channelId ?? statusChannelId,
    }
    // Who is on call may be called at once: then asking and calling are one change.
    const called = callAt === at ? decide(asking, {type: 'tick', at}, quietHours) : undefined
    const state: ApprovalState = {...(called?.state ?? asking), version: 1}
    const askers = askersOf(requester)
    const notCalled = spared(
      takes,
      holders.filter(({id}) => !askers.has(id)),
      busy,
    )
    const lines: readonly HistoryLine[] = [
      {
        action: 'ask',
        actor: namedInHistory(requester),
        metadata: {digest: state.digest, ...(notCalled.length > 0 ? {notCalled} : {})},
      },
      ...(called?.lines ?? []),
    ]
    if (!(await store.insert(db, state, lines))) return (await store.look(db, request.subject)).asked
    afterCommit(db, await publish(db, undefined, {state, lines}, 1, at))
    return state
  }

  /** Its message. Whoever may decide stays named in it while it waits, or they would not be called by its first copy. */
  function draw(state: ApprovalState, notCalled: readonly string[] = []): Reply {
    if (state.status !== 'pending') return describeApproval(state)
    const askers = askersOf(state.requester)
    const mentions = people
      .holding(entitledRoles(state))
      .filter(({id}) => !askers.has(id) && !notCalled.includes(id))
      .flatMap(({discord}) => discord ?? [])
    return describeApproval(state, {mentions})
  }

  /** Begins its message with the request, and keeps it true to it. */
  async function show(
    db: Db,
    before: ApprovalState | undefined,
    state: ApprovalState,
    notCalled: readonly string[] = [],
  ): Promise<void> {
    const {id, channelId} = state
    if (channelId === undefined) return
    if (before) await replies.write(db, id, draw(state))
    else await replies.open(db, id, {kind: 'channel', channelId}, draw(state, notCalled))
  }

  /**
   * What a change means for everybody else, in its own transaction; answers how to hint at it after the commit. `first` is
   * the number of its first line. Nothing here waits for the answer to anything else, so all of it is one round trip.
   */
  async function publish(
    db: Db,
    before: ApprovalState | undefined,
    {state, lines}: Pick<Decided, 'state' | 'lines'>,
    first: number,
    at: number,
  ): Promise<() => void> {
    const changed = before !== state
    const about = {source: 'approvals', correlationId: state.correlationId}
    const [events] = await Promise.all([
      Promise.all(
        lines
          .flatMap(line => factOf(state, line, at) ?? [])
          .map(({type, data}) => journal.emitWithin(db, type, data, about)),
      ),
      changed ? show(db, before, state, lines.flatMap(notCalledBy)) : undefined,
      ...lines
        .flatMap((line, i) => noticeOf(state, line, first + i, stillCalled(state, line)) ?? [])
        .map(notice => notices.announce(db, notice)),
      ...lines
        .flatMap(line => auditOf(state, line) ?? [])
        .map(({event, phase}) => audit.note(db, event, phase)),
    ])
    return () => {
      journal.announce(events)
      if (changed) void notify(state.id)
      if (!before) metrics.asked(state)
      else if (before.status === 'pending' && state.status !== 'pending') metrics.ended(state)
      for (const line of lines)
        log.info(
          {approval: state.id, action: line.action, actor: line.actor, status: state.status},
          'approval changed',
        )
    }
  }

  /**
   * Takes the row and decides; undefined when there is no such request. Who makes an attempt is asked behind the lock: as
   * it is known then.
   */
  async function judge(
    db: Db,
    id: string,
    eventOf: EventOf,
    by?: AttemptBy,
  ): Promise<Judged | Repeated | undefined> {
    const [held, person] = await Promise.all([
      store.take(db, id, by?.key),
      by && people.personOf(by.account, db),
    ])
    if (!held) return undefined
    const {state: before, at, earlier, next: first} = held
    if (earlier) return {earlier, state: before}
    return {before, decided: decide(before, eventOf(before, at, person), quietHours), first, at, attempt: by}
  }

  /**
   * Writes what was decided, and what it means for everybody else, which rests on what is saved and fails with it: that is
   * made up while the database is at the former.
   */
  async function write(
    db: Db,
    {before, decided, first, at, attempt}: Judged,
    commit = together,
  ): Promise<Decided> {
    const {state, lines} = decided
    if (lines.length === 0) return decided
    const jobs = before === state ? [] : jobsOf(before, state)
    const saved = store.save(db, before, state, {lines, first, at, attempt}, jobs)
    saved.catch(() => undefined)
    await underWay()
    const [left, tell] = await commit(saved, publish(db, before, decided, first, at))
    // In a turn of its own: whoever waits for the answer need not wait for hints.
    afterCommit(db, () => {
      setImmediate(() => {
        outbox.relay(left)
        tell()
      })
    })
    return decided
  }

  /** Takes the row, decides, and writes all of it, in the caller's transaction. */
  async function changeWithin(db: Db, id: string, eventOf: EventOf): Promise<Decided | undefined> {
    const judged = await judge(db, id, eventOf)
    return judged && 'decided' in judged ? write(db, judged) : undefined
  }

  /** The same in a transaction of its own, whose commit waits for no answer. */
  async function change(
    id: string,
    eventOf: EventOf,
    by?: AttemptBy,
  ): Promise<Decided | Repeated | undefined> {
    for (let tries = 0; tries < TRIES; tries++) {
      try {
        return await transaction(pool, async (db, commit) => {
          const judged = await judge(db, id, eventOf, by)
          return judged && 'decided' in judged ? write(db, judged, commit) : judged
        })
      } catch (error) {
        if (sqlState(error) !== SQLSTATE.SERIALIZATION_FAILURE) throw error
      }
    }
    throw new AppError('CONTENDED', `The approval ${id} keeps changing.`)
  }

  /** An attempt of somebody's: decided once, however often it comes. */
  async function attempt(
    {id, account, key, evidence = {}}: Pick<Vote, 'id' | 'account' | 'key' | 'evidence'>,
    eventOf: (voter: Voter, rolesNow: RolesNow, at: number) => ApprovalEvent,
  ): Promise<VoteOutcome> {
    if (!UUID.test(id)) return notFound(id)
    const done = await change(id, (state, at, person) => eventOf({account, person}, rolesOf(state), at), {
      account,
      key,
      evidence,
    })
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

  /** Reminds, escalates or expires one request if that is due; otherwise nothing. */
  async function passTime(id: string): Promise<void> {
    await change(id, (_state, at) => ({type: 'tick', at}))
  }

  async function knownRequester(
    db: Db,
    requester: NewApproval['requester'],
  ): Promise<NewApproval['requester']> {
    if (requester.person !== undefined || !requester.account) return requester
    const person = await people.personOf(requester.account, db)
    return person ? {...requester, person: person.id} : requester
  }

  /** Throws NOT_PERMITTED when all who may come to decide it, before it ends, can't make it up among them. */
  function assertDecidable(required: Requirement, requester: Requester): void {
    const askers = askersOf(requester)
    const escalateTo = joiningRoles(required)
    const holders = people.holding([...required.roles, ...escalateTo])
    const lacking = lackingApprovers(
      {...required, escalateTo},
      holders.filter(({id}) => !askers.has(id)),
    )
    if (!lacking) return
    const {what, count} = lacking
    throw new AppError(
      'NOT_PERMITTED',
      `This needs approval by ${what}, and besides who asks there ${count === 1 ? 'is' : 'are'} only ${count}. An admin can add principals with these roles to signalbox.yaml.`,
    )
  }

  /** Those whom a line calls, who have not voted and may. */
  function stillCalled(state: ApprovalState, line: HistoryLine): readonly string[] {
    if (!callsPeople(line)) return []
    const not = new Set([
      ...askersOf(state.requester),
      ...state.decisions.map(({principal}) => principal),
      line.actor,
      ...notCalledBy(line),
    ])
    const called = line.action === 'escalate' && line.role !== undefined ? [line.role] : entitledRoles(state)
    const holders = people.holding(called).map(({id}) => id)
    // Who is on call by name holds no role of that name.
    const ids = holders.length === 0 && line.metadata?.['onCall'] !== undefined ? called : holders
    return ids.filter(id => !not.has(id))
  }

  function rolesOf({decisions}: ApprovalState): RolesNow {
    return new Map(decisions.map(({principal}) => [principal, people.rolesOf(principal)]))
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
      const done = await changeWithin(db, id, (_state, at) => ({type: 'cancel', at, by, note}))
      return done?.lines.at(-1)?.action === 'cancel'
    },

    async redeem(db, id, bound) {
      const none = {kind: 'stop', reason: 'there is no such approval'} as const
      if (!UUID.test(id)) return none
      const done = await changeWithin(db, id, (state, at) => {
        return {type: 'use', at, rolesNow: rolesOf(state), bound}
      })
      return done?.redeemed ?? none
    },

    async find(id) {
      return UUID.test(id) ? store.find(id) : undefined
    },

    async history(id) {
      return UUID.test(id) ? store.history(id) : []
    },

    findByTask: taskId => store.findByTask(taskId),

    findBySubject: async subject => (await store.look(pool, subject)).asked,

    async usedBy(db, run) {
      return (await store.usedBy(db, run)).filter(state => stillHolds(state, rolesOf(state)))
    },

    async toldInLinear(id, issue) {
      await transaction(pool, async db => {
        const state = (await store.take(db, id, undefined))?.state
        if (!state || isDeepStrictEqual(state.linear, issue)) return
        await Promise.all([store.place(db, id, issue), show(db, state, {...state, linear: issue})])
        afterCommit(db, () => void notify(id))
      })
    },

    async tellAgain({id}) {
      const job = {queue: APPROVAL_OUTCOMES_QUEUE, name: 'tell', id: `tell-${id}-again-${randomUUID()}`}
      outbox.relay(await store.leave(pool, [{...job, data: {id}}]))
    },

    pending: query => store.pending(query),

    statistics: () => store.statistics(),

    async sweep() {
      let passed = 0
      for (;;) {
        const due = await store.due(SWEEP_AT_ONCE)
        const before = passed
        for (const id of due) {
          try {
            await passTime(id)
            passed++
          } catch (error) {
            // A database that is away keeps all of them waiting; one that can't be carried on must not.
            if (isTransient(error)) throw error
            log.warn({approval: id, reason: toError(error).message}, 'time does not pass for a request')
          }
        }
        if (due.length < SWEEP_AT_ONCE || passed === before) return passed
      }
    },

    async forgetOld() {
      while ((await store.forget(SWEEP_AT_ONCE)) === SWEEP_AT_ONCE);
    },
  }
}

/** The persons who asked, now or before: none of them decides it. */
function askersOf({person, others = []}: Requester): ReadonlySet<string> {
  return new Set([person, ...others.map(other => other.person)].flatMap(id => id ?? []))
}

/** Who may decide, and is not called by a line of the history, since they have enough to decide. */
function notCalledBy({metadata}: HistoryLine): readonly string[] {
  return (metadata?.['notCalled'] as readonly string[] | undefined) ?? []
}

function outcomeOf({refusal, state}: Decided): VoteOutcome {
  return refusal ? {kind: 'refused', ...refusal, request: state} : {kind: 'counted', request: state}
}

function outcomeOfEarlier({earlier: {action, note, metadata}, state}: Repeated): VoteOutcome {
  if (action !== 'refuse') return {kind: 'counted', request: state}
  return {kind: 'refused', code: metadata['code'] as RefusalCode, message: note ?? '', request: state}
}
