import {setTimeout as sleep} from 'node:timers/promises'
import {AppError, toError} from '../kernel/errors.ts'
import type {Clock} from '../kernel/clock.ts'
import {correlation} from '../kernel/correlation.ts'
import type {Json} from '../kernel/json.ts'
import type {Locks} from '../locks/service.ts'
import type {Logger} from '../platform/logger.ts'
import type {Outbox} from '../platform/outbox.ts'
import {isTransient, listen} from '../platform/postgres.ts'
import {failed, succeeded, type Actions, type AttemptEnd} from './actions.ts'
import {agentsOf, askedOf} from './asked.ts'
import {decide} from './decide.ts'
import {effectsOf} from './effects.ts'
import {evolve, isOver, newRun, type Fact} from './evolve.ts'
import type {WorkflowMetrics} from './metrics.ts'
import {holdOwnership} from './owner.ts'
import {checkSteps} from './place.ts'
import type {Plan} from './plan.ts'
import {parked, progress, statusOf, waitingFor, wakeAt} from './progress.ts'
import type {Effect, Fault, Message, Run, RunStatus} from './run.ts'
import {createStepLocks} from './step-locks.ts'
import type {Asked, Delivered, Delivery, NewRun, Snapshot, Standing, WorkflowStore} from './store.ts'

/** A plan with the body it was compiled from, which a run pins. */
export interface Definition {
  readonly plan: Plan
  readonly body: Json
  /** Answers the input as a run sees it, or throws INVALID_INPUT; without it, anything is accepted as it is. */
  readonly accept?: (input: Json) => Json
}

export interface Definitions {
  /** The present definition of that name. */
  current(name: string): Definition | undefined
  /** The plan of a pinned body. Throws INVALID_INPUT, naming the step, when this version can't carry it on. */
  compile(name: string, body: Json): Plan
}

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
  readonly sweepEveryMs?: number
}

export type Engine = Awaited<ReturnType<typeof startEngine>>

/** A run that this instance carries on. */
interface Live {
  readonly id: string
  readonly plan: Plan
  readonly fence: number
  readonly parentId: string | null
  readonly createdAt: number
  /** As committed. */
  run: Run
  /** Rows of its journal. */
  seq: number
  /** Messages of its inbox that were read; `taken` of them are accounted for in Postgres. */
  seen: number
  taken: number
  /** Read from the inbox, in its order, and not yet accounted for by a commit; the run's beginning before all else. */
  readonly inbox: Message[]
  /** What came up here and was not decided upon. */
  readonly pending: Message[]
  /** The inbox may have something that was not read. */
  told: boolean
  turning: boolean
  gone: boolean
  /** Under way here and not aborted, by path and attempt. */
  readonly attempts: Map<string, AbortController>
  timer: NodeJS.Timeout | undefined
  timerAt: number | undefined
}

type Child = Definition & {readonly input: Json}

/** What a turn came to. */
interface Decision {
  readonly run: Run
  readonly facts: readonly Fact[]
  readonly effects: readonly Effect[]
  /** Attempts of other processes that are over. */
  readonly closed: Asked['closed']
  /** Its commit leaves the run to its row: it has ended, or nothing of it is under way here. */
  readonly parks: boolean
}

const MAX_TIMER_MS = 2 ** 31 - 1
/** A run parked here that is due sooner is claimed in time; else the sweep sees to it. */
const HINT_WITHIN_MS = 60_000
const RING_AGAIN_MS = 1_000
const RECONCILE_EVERY_MS = 10_000
const RETRY_COMMIT_MS = 200
const CLAIM_AT_ONCE = 100

/**
 * Carries runs on. A run has one writer, the instance that owns it: it decides in memory, commits the facts, and then
 * performs what follows from them. When nothing of a run is under way here, the commit parks it: it is a row, and
 * nothing else. Resolves once this instance may own runs.
 */
export async function startEngine(options: EngineOptions) {
  const {store, instance, definitions, actions, outbox, metrics, clock, log} = options
  const {leaseMs = 12_000, renewEveryMs = 4_000, sweepEveryMs = 1_000} = options
  const runs = new Map<string, Live>()
  const plans = new Map<string, Plan>()
  const pinned = new Map<string, Promise<void>>()
  const waiting = new Map<string, Set<(status: RunStatus) => void>>()
  const hints = new Map<string, NodeJS.Timeout>()
  let state = 'working' as 'working' | 'draining' | 'closed'
  let reconciledAt = clock()
  const context = {hosts: (agent: string) => actions.hosts(agent)}

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
  const sweeper = setInterval(() => {
    sweeping ??= sweep().finally(() => (sweeping = undefined))
  }, sweepEveryMs)

  async function planOf(hash: string): Promise<Plan> {
    const known = plans.get(hash)
    if (known) return known
    const stored = await store.pinned(hash)
    if (!stored) throw new AppError('INVARIANT_BROKEN', `Its definition ${hash} is gone.`)
    const plan = definitions.compile(stored.name, stored.body)
    plans.set(hash, plan)
    return plan
  }

  /** Keeps the definition's body for as long as runs pin it; asked of Postgres once for each process. */
  function pin({plan, body}: Definition): Promise<void> {
    let pinning = pinned.get(plan.hash)
    if (!pinning) {
      pinning = store.pin(plan.hash, plan.name, body)
      pinning.catch(() => pinned.delete(plan.hash))
      pinned.set(plan.hash, pinning)
      plans.set(plan.hash, plan)
    }
    return pinning
  }

  async function claim(ids: readonly string[]): Promise<void> {
    const wanted = ids.filter(id => !runs.has(id))
    if (state !== 'working' || !ownership.valid() || wanted.length === 0) return
    try {
      for (const snapshot of await store.claim(wanted)) await adopt(snapshot)
    } catch (error) {
      log.warn({reason: toError(error).message}, 'workflow runs could not be claimed; trying again')
    }
  }

  /** Carries a run on that was just claimed. Never throws: what fails here is released by `reconcile`. */
  async function adopt(snapshot: Snapshot): Promise<void> {
    const {id, fence, definition, workflow, correlationId, input, journal, messages} = snapshot
    let plan: Plan
    let run = newRun({id, workflow, correlationId, input})
    try {
      plan = await planOf(definition)
      for (const facts of journal) for (const fact of facts) run = evolve(run, fact)
      checkSteps(plan, run)
    } catch (error) {
      if (isTransient(error)) return
      const reason = toError(error).message
      log.error({run: id, workflow, reason}, 'a workflow run cannot be carried on')
      await strand(id, fence, `This version can't carry it on. ${reason}`)
      return
    }
    const before = runs.get(id)
    if (before && before.fence >= fence) return
    if (before) drop(before)
    const live = toLive({plan, run, fence, parentId: snapshot.parentId, createdAt: snapshot.startedAt})
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
    reconciledAt = clock()
    const known = new Set([...runs.values()].filter(live => !live.turning))
    const mine = new Map((await store.ownedBy([instance])).map(({id, fence}) => [id, fence]))
    for (const live of known) if (!live.gone && !live.turning && mine.get(live.id) !== live.fence) drop(live)
    const stray = [...mine].filter(([id]) => !runs.has(id)).map(([id, fence]) => ({id, fence}))
    if (stray.length > 0) await store.release(stray)
  }

  async function sweep(): Promise<void> {
    if (state !== 'working' || !ownership.valid()) return
    try {
      if (clock() - reconciledAt >= RECONCILE_EVERY_MS) await reconcile()
      for (;;) {
        const due = await store.due(clock(), CLAIM_AT_ONCE)
        await claim(due)
        if (due.length < CLAIM_AT_ONCE) return
      }
    } catch (error) {
      log.warn({reason: toError(error).message}, 'due workflow runs could not be looked for; trying again')
    }
  }

  /** Ends carrying it on here; whatever is under way can begin no more effects. */
  function drop(live: Live): void {
    if (live.gone) return
    leave(live)
    for (const attempt of live.attempts.values())
      attempt.abort(new AppError('CONFLICT', 'The run is carried on elsewhere.'))
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
          const told = await store.messages(live.id, live.seen)
          live.seen += told.length
          live.inbox.push(...told)
        }
        atHand.push(...live.pending.splice(0))
        // The inbox ahead of what is at hand: should it say stop, nothing starts because of that.
        const decision = decideOn(live, [...live.inbox, ...atHand])
        if (needsCommit(live, decision) && !(await commit(live, decision))) continue
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

  function decideOn(live: Live, messages: readonly Message[]): Decision {
    let {run} = live
    const facts: Fact[] = []
    const effects: Effect[] = []
    const closed: Asked['closed'][number][] = []
    const queue = [...messages]
    for (const message of queue) {
      if (isAttemptEnd(message) && run.steps.get(message.path)?.where === 'queue')
        closed.push({path: message.path, attempt: message.attempt})
      const decided = decide(live.plan, run, message, context)
      run = decided.run
      facts.push(...decided.facts)
      effects.push(...decided.effects)
      for (const effect of decided.effects) {
        if (effect.kind !== 'start-child') continue
        const child = childOf(effect)
        if ('code' in child)
          queue.push({
            kind: 'child-ended',
            path: effect.path,
            id: effect.id,
            status: 'failed',
            result: null,
            error: child,
            at: message.at,
          })
      }
    }
    for (const effect of effects) {
      if (effect.kind === 'abort' && !live.attempts.has(attemptKey(effect)))
        closed.push({path: effect.path, attempt: effect.attempt})
    }
    return {run, facts, effects, closed, parks: canPark(live, run)}
  }

  /** What a sub-workflow would be started with, or why it can't be. */
  function childOf({workflow, input}: {readonly workflow: string; readonly input: Json}): Child | Fault {
    const definition = definitions.current(workflow)
    if (!definition) return {code: 'NOT_FOUND', message: `There is no workflow ${workflow}.`}
    try {
      return {...definition, input: definition.accept?.(input) ?? input}
    } catch (error) {
      return {code: 'INVALID_INPUT', message: toError(error).message}
    }
  }

  function canPark(live: Live, run: Run): boolean {
    if (isOver(run.status)) return true
    if (live.attempts.size > 0) return false
    return state !== 'working' || parked(live.plan, run)
  }

  function needsCommit(live: Live, {facts, closed, parks}: Decision): boolean {
    return facts.length > 0 || live.seen > live.taken || closed.length > 0 || parks
  }

  /** What commits with the decision because others are to act upon it. */
  async function ask(live: Live, {run, facts, effects, closed}: Decision): Promise<Asked | undefined> {
    const ended = live.parentId !== null && isOver(run.status)
    const quiet = closed.length === 0 && !ended && effects.every(isLocal) && !facts.some(isCheckpoint)
    if (quiet) return undefined
    const children = new Map<string, Child>()
    for (const effect of effects) {
      if (effect.kind !== 'start-child') continue
      const child = childOf(effect)
      if ('code' in child) continue
      await pin(child)
      children.set(effect.id, child)
    }
    return askedOf({run, facts, effects, closed, key: live.seq + 1, children, ended})
  }

  function standing({run, parks}: Decision, plan: Plan): Standing {
    const {total, completed, failed: lost, percentage, current} = progress(plan, run)
    const wake = state === 'working' ? wakeAt(run) : clock()
    return {
      status: statusOf(run),
      step: current ?? run.status,
      waitingFor: waitingFor(run),
      result: run.result,
      error: run.error?.message.replaceAll('\0', ''),
      total,
      completed,
      failed: lost,
      percentage,
      parked: parks ? {wakeAt: isOver(run.status) ? undefined : wake} : undefined,
    }
  }

  /** False when the run has to be decided upon again first, or is not ours any more. */
  async function commit(live: Live, decision: Decision): Promise<boolean> {
    const {id, fence, seen, seq} = live
    const {facts} = decision
    const asked = await ask(live, decision)
    for (let tries = 0; ; tries++) {
      await ownership.regained()
      if (live.gone || state === 'closed') return false
      try {
        const doubtful = tries > 0 ? await store.probe(id, fence) : undefined
        if (doubtful && doubtful.seq > seq) break
        if (doubtful && !doubtful.owned) return lost(live)
        const {moved, jobs} = await store.commit({
          id,
          fence,
          inbox: seen,
          seq: seq + 1,
          facts,
          standing: standing(decision, live.plan),
          asked,
        })
        if (jobs.length > 0) outbox.relay(jobs)
        if (moved) break
        const present = await store.probe(id, fence)
        if (present.seq > seq) break
        if (!present.owned) return lost(live)
        live.told = true
        return false
      } catch (error) {
        if (!isTransient(error)) throw error
        if (tries === 0)
          log.warn({run: id, reason: toError(error).message}, 'a run’s commit was not answered; asking again')
        await sleep(RETRY_COMMIT_MS)
      }
    }
    if (facts.length > 0) live.seq = seq + 1
    live.taken = seen
    return true
  }

  function lost(live: Live): false {
    drop(live)
    return false
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
            attempt(live, effect)
          break
        case 'abort':
          live.attempts
            .get(attemptKey(effect))
            ?.abort(new AppError('CONFLICT', `The step ${effect.path} was stopped.`))
          live.attempts.delete(attemptKey(effect))
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

  function attempt(live: Live, effect: Extract<Effect, {kind: 'perform'}>): void {
    const {path, attempt: number, agent, action, input, compensation} = effect
    const key = attemptKey(effect)
    if (live.attempts.has(key)) return
    const controller = new AbortController()
    const {signal} = controller
    live.attempts.set(key, controller)
    const {workflow, correlationId} = live.run
    let interrupted = false
    const permitted = effectsOf(store, {
      run: live.id,
      path,
      attempt: number,
      compensation,
      by: {kind: 'owner', instance, fence: live.fence},
      signal,
      onInterrupted: () => (interrupted = true),
    })
    const end = (message: Message): void => {
      if (live.attempts.get(key) === controller) live.attempts.delete(key)
      push(live, interrupted ? {kind: 'attempt-interrupted', path, attempt: number, at: clock()} : message)
    }
    correlation
      .run(correlationId, async () =>
        actions.run(
          {agent, action, input, correlationId, workflow},
          {
            signal,
            async effect(name, how) {
              await ownership.regained()
              return permitted(name, how)
            },
          },
        ),
      )
      .then(
        output => end(succeeded(path, number, output, clock())),
        (error: unknown) => end(failed(path, number, error, clock())),
      )
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

  function toLive({
    plan,
    run,
    fence,
    parentId,
    createdAt,
  }: Pick<Live, 'plan' | 'run' | 'fence' | 'parentId' | 'createdAt'>): Live {
    return {
      id: run.id,
      plan,
      fence,
      parentId,
      createdAt,
      run,
      seq: 0,
      seen: 0,
      taken: 0,
      inbox: [],
      pending: [],
      told: false,
      turning: false,
      gone: false,
      attempts: new Map(),
      timer: undefined,
      timerAt: undefined,
    }
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
      await pin(definition)
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
      const live = toLive({
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
        const decision = decideOn(live, [{kind: 'begin', at}])
        const whole = (await ask(live, decision)) === undefined
        const {facts, parks} = decision
        created = whole
          ? await store.create(wanted, {facts, standing: standing(decision, plan)})
          : // What asks for more than the run itself commits right after the bare creation.
            await store.create(wanted, {facts: [], standing: BARE})
        if (!created) return false
        if (whole) {
          live.seq = facts.length > 0 ? 1 : 0
          live.run = decision.run
          if (parks) park(live)
          perform(live, decision.effects)
          if (!live.gone) setTimer(live)
        } else {
          live.inbox.push({kind: 'begin', at})
        }
        return true
      } finally {
        live.turning = false
        if (!created) leave(live)
        else if (!live.gone && (live.inbox.length > 0 || live.pending.length > 0 || live.told))
          void turn(live)
      }
    },

    /** Leaves a message for a run, and carries the run on here if nobody else does. */
    async deliver(delivery: Delivery): Promise<Delivered> {
      const delivered = await store.deliver(delivery, {claim: state === 'working' && ownership.valid()})
      if (delivered.outcome === 'delivered') {
        if (delivered.run) await adopt(delivered.run)
        else if (delivered.owner === instance) heard(delivery.run)
      }
      return delivered
    },

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
      clearInterval(sweeper)
      for (const hint of hints.values()) clearTimeout(hint)
      for (const live of runs.values()) if (!live.turning) void turn(live)
      const until = performance.now() + graceMs
      while (runs.size > 0 && performance.now() < until) await sleep(20)
      state = 'closed'
      for (const live of [...runs.values()]) drop(live)
      await sweeping
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

function attemptKey({path, attempt}: {readonly path: string; readonly attempt: number}): string {
  return `${path}:${attempt}`
}

function isAttemptEnd(message: Message): message is AttemptEnd {
  return (
    message.kind === 'attempt-succeeded' ||
    message.kind === 'attempt-failed' ||
    message.kind === 'attempt-interrupted'
  )
}

/** Nobody else has to know of it. */
function isLocal(effect: Effect): boolean {
  switch (effect.kind) {
    case 'perform':
      return effect.where === 'here'
    case 'abort':
    case 'lock':
    case 'unlock':
      return true
    default:
      return false
  }
}

function isCheckpoint(fact: Fact): boolean {
  return fact.is === 'succeeded' && fact.checkpoint !== undefined
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
