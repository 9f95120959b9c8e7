import {setTimeout as sleep} from 'node:timers/promises'
import {toError} from '../kernel/errors.ts'
import type {Clock} from '../kernel/clock.ts'
import type {Locks} from '../locks/service.ts'
import type {Logger} from '../platform/logger.ts'
import type {Outbox} from '../platform/outbox.ts'
import {isTransient, listen} from '../platform/postgres.ts'
import type {Actions} from './actions.ts'
import {agentsOf} from './asked.ts'
import type {AttemptKey} from './attempt-store.ts'
import {createAttempts} from './attempts.ts'
import type {NewRun, Standing} from './commit-store.ts'
import {createCommits} from './commits.ts'
import {createDecider, needsCommit, type Decision} from './decider.ts'
import {evolve, isOver, newRun} from './evolve.ts'
import type {Delivered, Delivery} from './inbox-store.ts'
import {attemptKey, newLive, type Live} from './live.ts'
import type {WorkflowMetrics} from './metrics.ts'
import {holdOwnership} from './owner.ts'
import type {Snapshot} from './ownership-store.ts'
import {patiently} from './patience.ts'
import {createPins, type Definition, type Definitions} from './pins.ts'
import {checkSteps} from './place.ts'
import type {Plan} from './plan.ts'
import {progress, wakeAt} from './progress.ts'
import type {Effect, Message, Run, RunStatus} from './run.ts'
import {createStepLocks} from './step-locks.ts'
import type {WorkflowStore} from './store.ts'

export type {Definition, Definitions} from './pins.ts'

export interface EngineOptions {
  readonly store: WorkflowStore
  /** Of this process, and another at each start; the same as the store's. */
  readonly instance: string
  readonly databaseUrl: string
  readonly definitions: Definitions
  readonly actions: Actions
  readonly outbox: Pick<Outbox, 'relay'>
  readonly locks: Pick<Locks, 'claim' | 'release' | 'keep'>
  readonly metrics: WorkflowMetrics
  readonly clock: Clock
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
  /** A dead instance's runs are taken over within this and twice `renewEveryMs`. */
  readonly leaseMs?: number
  readonly renewEveryMs?: number
}

export type Engine = Awaited<ReturnType<typeof startEngine>>

const MAX_TIMER_MS = 2 ** 31 - 1
/** A run parked here that is due sooner is claimed in time; else the sweep sees to it. */
const HINT_WITHIN_MS = 60_000
const RING_AGAIN_MS = 1_000
/** An answer was lost: what this instance owns is compared so soon, and again until Postgres answers. */
const RECONCILE_SOON_MS = 1_000
const CLAIM_AT_ONCE = 100

/**
 * Carries runs on. A run has one writer, the instance that owns it: it decides in memory, commits the facts, and then
 * performs what follows from them. When nothing of a run is under way here, the commit parks it: it is a row, and
 * nothing else. Resolves once this instance may own runs.
 */
export async function startEngine(options: EngineOptions) {
  const {store, instance, definitions, actions, outbox, metrics, clock, log} = options
  const {leaseMs = 12_000, renewEveryMs = 4_000} = options
  const runs = new Map<string, Live>()
  const waiting = new Map<string, Set<(status: RunStatus) => void>>()
  const hints = new Map<string, NodeJS.Timeout>()
  let turning: Promise<void> | undefined
  let state = 'working' as 'working' | 'draining' | 'closed'
  let reconciling: NodeJS.Timeout | undefined
  const pins = createPins({store, definitions})
  const decider = createDecider({
    definitions,
    pins,
    context: {hosts: agent => actions.hosts(agent)},
    leaving: () => state !== 'working',
    clock,
  })

  const stepLocks = createStepLocks({
    locks: options.locks,
    onGranted: ({run, path, token}, fence) =>
      tell(run, {kind: 'lock-granted', path, token, fence, at: clock()}),
    onLost: ({run, path, token}) => tell(run, {kind: 'lock-lost', path, token, at: clock()}),
    log,
  })
  const ownership = await holdOwnership({
    store,
    leaseMs,
    renewEveryMs,
    onLapsed: takeOver,
    onRegained: reconcile,
    log,
  })
  const attempts = createAttempts({store, instance, actions, ownership, clock})
  const commit = createCommits({
    store,
    ownership,
    decider,
    outbox,
    closed: () => state === 'closed',
    onUnbegun: (run, attempt) => void neverBegun(run, attempt),
    log,
  })
  const listener = listen({
    connectionString: options.databaseUrl,
    channels: ['workflows'],
    onNotify(_channel, payload) {
      const [owner, id] = payload.split(' ')
      if (id === undefined) return
      if (owner === instance) heard(id)
      else if (owner === '*') void claim([id])
    },
    onListening() {
      for (const id of runs.keys()) heard(id)
    },
    onError: error => log.warn({reason: error.message}, 'wake-ups of workflow runs interrupted'),
  })
  await listener.ready
  let sweeping: Promise<void> | undefined

  async function claim(ids: readonly string[]): Promise<void> {
    const wanted = ids.filter(id => !runs.has(id))
    if (state !== 'working' || !ownership.valid() || wanted.length === 0) return
    try {
      for (const snapshot of await store.claim(wanted)) await adopt(snapshot)
    } catch (error) {
      reconcileSoon()
      log.warn({reason: toError(error).message}, 'workflow runs could not be claimed; trying again')
    }
  }

  /** Carries a run on that was just claimed. Never throws: what fails here is released by `reconcile`. */
  async function adopt(snapshot: Snapshot): Promise<void> {
    const {id, fence, definition, workflow, correlationId, input, journal, messages} = snapshot
    let plan: Plan
    let run = newRun({id, workflow, correlationId, input})
    try {
      plan = await pins.planOf(definition)
      for (const facts of journal) for (const fact of facts) run = evolve(run, fact)
      checkSteps(plan, run)
    } catch (error) {
      if (isTransient(error)) {
        reconcileSoon()
        return
      }
      const reason = toError(error).message
      log.error({run: id, workflow, reason}, 'a workflow run cannot be carried on')
      await strand(id, fence, `This version can't carry it on. ${reason}`)
      return
    }
    const before = runs.get(id)
    if (before && before.fence >= fence) return
    if (before) drop(before)
    const live = newLive({plan, run, fence, parentId: snapshot.parentId, createdAt: snapshot.startedAt})
    live.seq = journal.length
    live.seen = snapshot.inbox
    live.taken = snapshot.inbox - messages.length
    const at = clock()
    if (journal.length === 0) live.inbox.push({kind: 'begin', at}, ...messages)
    else {
      live.inbox.push(...messages)
      live.pending.push({kind: 'taken-over', at})
    }
    live.pending.push({kind: 'clock', at})
    // Claimed while this instance went: whoever takes over from it finds the run.
    if (state === 'closed') return
    runs.set(id, live)
    void turn(live)
  }

  async function strand(id: string, fence: number, reason: string): Promise<void> {
    await store
      .strand(id, fence, reason)
      .catch((error: unknown) =>
        log.warn({run: id, reason: toError(error).message}, 'a run’s fault was not recorded'),
      )
  }

  async function takeOver(dead: readonly string[]): Promise<void> {
    if (state !== 'working') return
    const lost = await store.ownedBy(dead)
    if (lost.length > 0)
      log.warn({runs: lost.length, from: dead}, 'taking over the workflow runs of a dead instance')
    for (let at = 0; at < lost.length; at += CLAIM_AT_ONCE)
      await claim(lost.slice(at, at + CLAIM_AT_ONCE).map(({id}) => id))
    await store.forgetOwners(dead)
  }

  /**
   * Compares what this instance carries on with what Postgres says it owns. What it lost it drops; what it owns without
   * knowing, since an answer was lost on its way, it gives up for anybody to claim.
   */
  async function reconcile(): Promise<void> {
    if (state === 'closed' || !ownership.valid()) return
    const known = new Set([...runs.values()].filter(live => !live.turning))
    const mine = new Map((await store.ownedBy([instance])).map(({id, fence}) => [id, fence]))
    for (const live of known) if (!live.gone && !live.turning && mine.get(live.id) !== live.fence) drop(live)
    const stray = [...mine].filter(([id]) => !runs.has(id)).map(([id, fence]) => ({id, fence}))
    if (stray.length > 0) await store.release(stray)
  }

  function reconcileSoon(): void {
    reconciling ??= setTimeout(() => {
      reconciling = undefined
      reconcile().catch(reconcileSoon)
    }, RECONCILE_SOON_MS)
  }

  async function sweepAll(): Promise<void> {
    while (state === 'working' && ownership.valid()) {
      const due = await store.due(clock(), CLAIM_AT_ONCE)
      await claim(due)
      if (due.length < CLAIM_AT_ONCE) return
    }
  }

  /** Carries runs on that are due: those that parked for long, and those whose instance has left. */
  function sweep(): Promise<void> {
    sweeping ??= sweepAll().finally(() => (sweeping = undefined))
    return sweeping
  }

  /** Ends carrying it on here; whatever is under way can begin no more effects. */
  function drop(live: Live): void {
    if (live.gone) return
    leave(live)
    attempts.abandon(live)
    stepLocks.forsake(live.id)
  }

  function leave(live: Live): void {
    live.gone = true
    clearTimeout(live.timer)
    if (runs.get(live.id) === live) runs.delete(live.id)
  }

  function tell(id: string, message: Message): void {
    const live = runs.get(id)
    if (live) push(live, message)
  }

  function push(live: Live, message: Message): void {
    if (live.gone) return
    live.pending.push(message)
    if (!live.turning) void turn(live)
  }

  function heard(id: string): void {
    const live = runs.get(id)
    if (!live) return
    live.told = true
    if (!live.turning) void turn(live)
  }

  /** Decides on what came, commits, performs; until nothing more has come. */
  async function turn(live: Live): Promise<void> {
    live.turning = true
    const atHand: Message[] = []
    try {
      do {
        if (live.told) {
          live.told = false
          const told = await patiently(
            () => live.gone,
            () => store.messages(live.id, live.seen),
          )
          live.seen += told.length
          live.inbox.push(...told)
        }
        atHand.push(...live.pending.splice(0))
        // The inbox ahead of what is at hand: should it say stop, nothing starts because of that.
        const decision = decider.decideOn(live, [...live.inbox, ...atHand])
        if (needsCommit(live, decision) && !(await committed(live, decision))) continue
        live.inbox.length = 0
        atHand.length = 0
        live.run = decision.run
        if (decision.parks) park(live)
        perform(live, decision.effects)
      } while (
        !live.gone &&
        (live.inbox.length > 0 || atHand.length > 0 || live.pending.length > 0 || live.told)
      )
      if (!live.gone) setTimer(live)
    } catch (error) {
      if (live.gone) return
      log.error(
        {run: live.id, workflow: live.run.workflow, err: error},
        'a workflow run cannot be carried on',
      )
      drop(live)
      await strand(live.id, live.fence, toError(error).message)
    } finally {
      live.turning = false
    }
  }

  /** Resolves in the next turn of the event loop, for all who wait at the same moment: so their commits meet. */
  function nextTurn(): Promise<void> {
    turning ??= new Promise(resolve =>
      setImmediate(() => {
        turning = undefined
        resolve()
      }),
    )
    return turning
  }

  /**
   * What a run begins with. First steps without an effect outside need not wait for its creation: what they come to
   * before the next turn of the event loop commits with it. Should it not be created, nothing has happened.
   */
  async function opening(
    live: Live,
    begin: Message,
  ): Promise<{
    readonly decision: Decision
    /** It asks for nothing beside the run, and can commit with its creation. */
    readonly whole: boolean
    /** Attempts that are under way or over already. */
    readonly begun: ReadonlySet<string>
  }> {
    const decision = decider.decideOn(live, [begin])
    const whole = (await decider.ask(live, decision)) === undefined
    const {effects} = decision
    const harmless = effects.length > 0 && effects.every(effect => effect.kind === 'perform' && effect.pure)
    if (!whole || !harmless) return {decision, whole, begun: new Set()}
    perform(live, effects)
    const begun = new Set(live.attempts.keys())
    await nextTurn()
    const ends = live.pending.splice(0)
    const more = decider.decideOn(live, [begin, ...ends])
    if ((await decider.ask(live, more)) === undefined) return {decision: more, whole, begun}
    live.pending.unshift(...ends)
    return {decision, whole, begun}
  }

  /** False when the run has to be decided upon again first, or is not ours any more. */
  async function committed(live: Live, decision: Decision): Promise<boolean> {
    const outcome = await commit(live, decision)
    if (outcome === 'lost') drop(live)
    if (outcome === 'stale') live.told = true
    return outcome === 'committed'
  }

  /** A run that is being cancelled waits for its attempts to end, but not for those that nobody will ever begin. */
  async function neverBegun({id, steps, cancelling}: Run, {path, attempt}: AttemptKey): Promise<void> {
    const state = steps.get(path)
    if (!cancelling || state?.where !== 'queue' || state.attempt !== attempt) return
    await deliver({
      run: id,
      messageId: `unbegun ${path} ${attempt}`,
      message: {kind: 'attempt-interrupted', path, attempt, at: clock()},
      allowedWhen: ['stopping'],
    }).catch((error: unknown) =>
      log.warn({run: id, reason: toError(error).message}, 'a cancelled run waits for its grace to end'),
    )
  }

  /** Leaves a message for a run, and carries the run on here if nobody else does. */
  async function deliver(delivery: Delivery): Promise<Delivered> {
    const claim = state === 'working' && ownership.valid()
    try {
      const delivered = await store.deliver(delivery, {claim})
      if (delivered.outcome === 'delivered') {
        if (delivered.run) await adopt(delivered.run)
        else if (delivered.owner === instance) heard(delivery.run)
      }
      return delivered
    } catch (error) {
      if (claim) reconcileSoon()
      throw error
    }
  }

  /** After its last commit here. */
  function park(live: Live): void {
    const {id, run} = live
    leave(live)
    if (isOver(run.status)) {
      const {completed, failed: lost} = progress(live.plan, run)
      metrics.ended(run.workflow, run.status, Math.max(0, clock() - live.createdAt) / 1000, {
        completed,
        failed: lost,
      })
      for (const told of waiting.get(id) ?? []) told(run.status)
      waiting.delete(id)
      return
    }
    const due = wakeAt(run)
    const inMs = due === undefined ? Infinity : due - clock()
    // What is overdue was just looked at: the sweep looks again, but not at once.
    if (inMs <= 0 || inMs > HINT_WITHIN_MS || state !== 'working') return
    clearTimeout(hints.get(id))
    hints.set(
      id,
      setTimeout(() => {
        hints.delete(id)
        void claim([id])
      }, inMs + 1),
    )
  }

  /** What is committed may now happen; a run that is parked has only what lets go. */
  function perform(live: Live, effects: readonly Effect[]): void {
    if (effects.length === 0) return
    const over = new Set(effects.flatMap(effect => (effect.kind === 'abort' ? [attemptKey(effect)] : [])))
    for (const effect of effects) {
      switch (effect.kind) {
        case 'perform':
          // While draining it is left to the next owner.
          if (effect.where === 'here' && !live.gone && state === 'working' && !over.has(attemptKey(effect)))
            attempts.begin(live, effect, message => push(live, message))
          break
        case 'abort':
          attempts.abort(live, effect)
          break
        case 'lock':
          if (!live.gone) {
            const {path, resource, lockKind, token} = effect
            stepLocks.acquire({run: live.id, path, resource, kind: lockKind, token})
          }
          break
        case 'unlock':
          void stepLocks.release({run: live.id, resource: effect.resource, token: effect.token})
          break
        case 'start-child':
          void claim([effect.id])
          break
        case 'stop-child':
        case 'request-approval':
        case 'withdraw-approval':
          break
      }
    }
  }

  function setTimer(live: Live): void {
    const due = wakeAt(live.run)
    if (due === live.timerAt) return
    clearTimeout(live.timer)
    live.timerAt = due
    if (due === undefined) return
    const ring = (): void => {
      // Should its time not be due after all, it is looked at again, but not at once.
      live.timer = setTimeout(ring, RING_AGAIN_MS)
      push(live, {kind: 'clock', at: clock()})
    }
    live.timer = setTimeout(ring, Math.min(MAX_TIMER_MS, Math.max(0, due - clock()) + 1))
  }

  return {
    instance,

    /**
     * Starts a run here: resolves when its creation and its first facts have committed. False when its id or its source
     * is there already; then nothing was started.
     */
    async start(
      {id, input, correlationId, sourceId, metadata}: Omit<NewRun, 'workflow' | 'definition' | 'agents'>,
      definition: Definition,
    ): Promise<boolean> {
      const {plan} = definition
      await pins.pin(definition)
      const wanted: NewRun = {
        id,
        workflow: plan.name,
        definition: plan.hash,
        correlationId,
        input,
        sourceId,
        agents: agentsOf(plan),
        metadata,
      }
      if (state !== 'working' || !ownership.valid()) return store.create(wanted)
      const at = clock()
      const live = newLive({
        plan,
        run: newRun({id, workflow: plan.name, correlationId, input}),
        fence: 1,
        parentId: null,
        createdAt: at,
      })
      live.turning = true
      runs.set(id, live)
      let created = false
      try {
        const {decision, whole, begun} = await opening(live, {kind: 'begin', at})
        const {facts, parks} = decision
        created = whole
          ? await store.create(wanted, {facts, standing: decider.standing(decision, plan)})
          : // What asks for more than the run itself commits right after the bare creation.
            await store.create(wanted, {facts: [], standing: BARE})
        if (!created) return false
        if (whole) {
          live.seq = facts.length > 0 ? 1 : 0
          live.run = decision.run
          if (parks) park(live)
          perform(
            live,
            decision.effects.filter(effect => effect.kind !== 'perform' || !begun.has(attemptKey(effect))),
          )
          if (!live.gone) setTimer(live)
        } else {
          live.inbox.push({kind: 'begin', at})
        }
        return true
      } finally {
        live.turning = false
        if (!created) {
          leave(live)
          attempts.abandon(live)
        } else if (!live.gone && (live.inbox.length > 0 || live.pending.length > 0 || live.told))
          void turn(live)
      }
    },

    deliver,

    sweep,
    reconcile,

    /** Whether this instance carries the run on right now. */
    carries: (id: string): boolean => runs.has(id),

    /** Tells the final status when the run ends here. Answers how to be told no more. */
    onEnd(id: string, told: (status: RunStatus) => void): () => void {
      const heard = waiting.get(id) ?? new Set()
      waiting.set(id, heard.add(told))
      return () => {
        heard.delete(told)
        if (heard.size === 0 && waiting.get(id) === heard) waiting.delete(id)
      }
    },

    /** Something happened to a lock's token: a hint. */
    lockRang: (token: string) => stepLocks.rang(token),

    /** Runs this instance carries on right now. */
    load: () => runs.size,

    /**
     * Takes no more runs and lets attempts end, up to `graceMs`; those that do not are aborted. Then everything is left
     * to other instances, which go on at once.
     */
    async close(graceMs = 0): Promise<void> {
      if (state !== 'working') return
      state = 'draining'
      clearTimeout(reconciling)
      for (const hint of hints.values()) clearTimeout(hint)
      for (const live of runs.values()) if (!live.turning) void turn(live)
      const until = performance.now() + graceMs
      while (runs.size > 0 && performance.now() < until) await sleep(20)
      state = 'closed'
      for (const live of [...runs.values()]) drop(live)
      await sweeping?.catch(() => undefined)
      await ownership.close()
      stepLocks.close()
      await store
        .resign()
        .catch((error: unknown) =>
          log.warn({reason: toError(error).message}, 'the lease on runs is left to run out'),
        )
      await listener.close()
    },
  }
}

/** A run that was created, and nothing more. */
const BARE: Standing = {
  status: 'pending',
  step: 'initialized',
  waitingFor: undefined,
  result: null,
  error: undefined,
  total: 0,
  completed: 0,
  failed: 0,
  percentage: 0,
  parked: undefined,
}
