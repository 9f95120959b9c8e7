import {strict as assert} from 'node:assert'
import type {Json} from '../../src/kernel/json.ts'
import {decide, type Decision} from '../../src/workflows/decide.ts'
import {lockToken} from '../../src/workflows/derive.ts'
import {evolve, isOver, newRun} from '../../src/workflows/evolve.ts'
import type {Fact} from '../../src/workflows/fact.ts'
import {outstanding} from '../../src/workflows/outstanding.ts'
import {placeAt} from '../../src/workflows/place.ts'
import type {Plan} from '../../src/workflows/plan.ts'
import {wakeAt} from '../../src/workflows/progress.ts'
import type {Effect, Message, Run, RunStatus} from '../../src/workflows/run.ts'
import {hasEnded, stateOf} from '../../src/workflows/tally.ts'
import {chanceFrom, type Chance} from './chance.ts'
import {randomPlan} from './workflow-plan-generator.ts'
import {createWatcher, plain} from './workflow-watcher.ts'

type Perform = Extract<Effect, {kind: 'perform'}>
type Untimed = Message extends infer M ? (M extends Message ? Omit<M, 'at'> : never) : never

/** What one life of a run came to, so that a test can see that enough happened. */
export interface Life {
  readonly status: RunStatus
  readonly commits: number
  readonly crashes: number
  readonly refused: number
  readonly compensated: number
  readonly seen: ReadonlySet<string>
}

const MAX_MOVES = 3_000

/**
 * One run from its creation to its end in a world that follows from the seed: its plan, the order in which everything
 * happens, crashes between commit and act, refused commits, repeated and late messages, and an operator who pauses,
 * resumes, cancels and retries at any time. Throws, naming what was broken, as soon as a promise is.
 */
export function live(seed: number): Life {
  const chance = chanceFrom(seed)
  const world = createWorld(randomPlan(chance), chance)
  const calmAfter = chance.upTo(80)
  for (let moves = 0; moves < MAX_MOVES; moves += 1) {
    if (moves < calmAfter) world.disturb()
    if (!world.move() && moves >= calmAfter) return world.finish()
  }
  throw new assert.AssertionError({
    message: `still not at its end after ${MAX_MOVES} moves\n${world.picture()}`,
  })
}

function createWorld(plan: Plan, chance: Chance) {
  let now = 1_000
  let hostsWorker = true
  const context = {hosts: (agent: string) => agent === 'worker' && hostsWorker}
  const blank = newRun({id: 'wf-sim', workflow: 'sim', correlationId: 'c', input: null})

  // What Postgres holds.
  const journal: Fact[][] = []
  const inbox: Message[] = []
  let stopped: 'pause' | 'cancel' | undefined
  const effects = new Map<string, number>()

  // What the owner holds, lost with it.
  let run = blank
  let taken = 0
  let inHand: Message[] = []
  let owed: Effect[] = []
  const performing = new Map<string, Perform>()

  // The rest of the world.
  const queued = new Map<string, Perform>()
  const children = new Map<string, {readonly path: string; stopped: boolean; ended: boolean}>()
  const gates = new Map<string, {readonly path: string; open: boolean}>()
  const locks = new Map<string, string[]>()
  const fences = new Map<string, number>()
  const lockers = new Map<string, string>()
  const history: Message[] = []
  const seen = new Set<string>()
  const watcher = createWatcher(plan)
  /** Whether what others are asked for commits with the facts, or is only owed, like what the owner does itself. */
  const outbox = chance.oneIn(2)
  const granted = new Set<string>()
  let orders = 0
  let crashes = 0
  let refused = 0

  inHand.push({kind: 'begin', at: now})

  function say(message: Untimed): Message {
    const timed = {...message, at: now} as Message
    history.push(timed)
    return timed
  }

  /** From outside: committed before anybody decides on it. */
  function deliver(message: Untimed): void {
    const timed = say(message)
    if (timed.kind === 'pause' || timed.kind === 'cancel') stopped = timed.kind
    if (timed.kind === 'resume' || timed.kind === 'retry') stopped = undefined
    inbox.push(timed)
  }

  function order(): void {
    orders += 1
    // As the service has it: acknowledged with its commit, and refused where it is not allowed.
    const over = isOver(run.status) && !inbox.slice(taken).some(({kind}) => kind === 'retry')
    const kinds: Untimed['kind'][] = []
    if (run.status === 'pending') return
    if (!over && stopped === undefined) kinds.push('pause', 'cancel')
    if (!over && stopped === 'pause') kinds.push('resume', 'resume', 'cancel')
    if (over && run.status !== 'completed' && orders < 12) kinds.push('retry')
    if (kinds.length === 0) return
    const kind = chance.pick(kinds)
    const touched = run.steps.keys()
    const path = kind === 'retry' && touched.length > 0 && chance.oneIn(3) ? {path: chance.pick(touched)} : {}
    deliver({kind, id: `order-${orders}`, by: 'ada', ...path} as never)
  }

  /** One turn of the owner: decide on everything there, commit it all or nothing, act. */
  function turn(): boolean {
    const news = inbox.slice(taken)
    const messages = [...news, ...inHand]
    if (messages.length === 0) return false
    const before = run
    const facts: Fact[] = []
    const asked: Effect[] = []
    for (const message of messages) {
      const known = run
      const decision = decide(plan, known, message, context)
      if (chance.oneIn(50)) assertSame(decision, decide(plan, known, message, context))
      watcher.decided(known, message, decision)
      facts.push(...decision.facts)
      asked.push(...decision.effects)
      run = decision.run
    }
    if (chance.oneIn(15)) {
      // Refused, for the inbox has something new: the decision never was, what was at hand still is.
      refused += 1
      run = before
      order()
      return true
    }
    taken += news.length
    inHand = []
    if (facts.length > 0) {
      journal.push(facts)
      watcher.committed(before, facts, run)
      for (const fact of facts) seen.add(fact.is)
      for (const fact of facts) if (fact.is === 'locked') assertGranted(fact)
    }
    for (const effect of asked) seen.add(effect.kind)
    if (outbox) {
      for (const effect of asked) askOthers(effect)
      for (const {path, open} of gates.values()) {
        assert(!open || run.open.get(path)?.awaits?.kind === 'approval', `the gate ${path} is left open`)
      }
    }
    if (chance.oneIn(25)) crash()
    else owed.push(...asked)
    return true
  }

  /** What is not the owner's own to do. */
  function askOthers(effect: Effect): void {
    switch (effect.kind) {
      case 'perform':
        if (effect.where === 'queue') queued.set(keyOf(effect), effect)
        return
      case 'abort':
        return
      case 'start-child':
        if (!children.has(effect.id))
          children.set(effect.id, {path: effect.path, stopped: false, ended: false})
        return
      case 'stop-child': {
        const child = children.get(effect.id)
        if (child && effect.how === 'cancel') child.stopped = true
        return
      }
      case 'request-approval':
        if (!gates.has(effect.signal)) gates.set(effect.signal, {path: effect.path, open: true})
        return
      case 'withdraw-approval':
        gates.set(effect.signal, {path: effect.path, open: false})
        return
      case 'lock':
      case 'unlock':
    }
  }

  function act(effect: Effect): void {
    if (!outbox) askOthers(effect)
    switch (effect.kind) {
      case 'perform':
        if (effect.where === 'here') performing.set(keyOf(effect), effect)
        return
      case 'lock': {
        const line = locks.get(effect.resource) ?? []
        if (!line.includes(effect.token)) line.push(effect.token)
        locks.set(effect.resource, line)
        lockers.set(effect.token, effect.path)
        return
      }
      case 'unlock':
        return leave(effect.resource, effect.token)
      default:
    }
  }

  /** Everything the owner held is gone; the next one has the journal and what is outstanding. */
  function crash(): void {
    crashes += 1
    performing.clear()
    owed = []
    inHand = []
    hostsWorker = !chance.oneIn(4)
    run = journal.flat().reduce(evolve, blank)
    inHand.push({kind: journal.length === 0 ? 'begin' : 'taken-over', at: now})
    if (isOver(run.status)) owed.push(...outstanding(plan, run))
  }

  /** An attempt begins its effect, if it still may, and ends. */
  function carryOut(attempt: Perform, from: Map<string, Perform>): void {
    const key = keyOf(attempt)
    const allowed = stopped === undefined || (stopped === 'cancel' && attempt.compensation)
    const {path} = attempt
    if (!allowed && !effects.has(key)) {
      from.delete(key)
      return reply({kind: 'attempt-interrupted', path, attempt: attempt.attempt}, from)
    }
    if (!effects.has(key)) effects.set(key, effects.size)
    if (chance.oneIn(20)) return
    from.delete(key)
    if (chance.oneIn(5)) {
      const error = {code: 'BROKEN', message: key}
      const retryable = !chance.oneIn(3)
      return reply({kind: 'attempt-failed', path, attempt: attempt.attempt, error, retryable}, from)
    }
    reply({kind: 'attempt-succeeded', path, attempt: attempt.attempt, output: outputOf(attempt)}, from)
  }

  function outputOf(attempt: Perform): Json {
    const place = placeAt(plan, run, attempt.path)
    if (place?.step.work.kind !== 'generate' || attempt.compensation) return keyOf(attempt)
    const count = chance.upTo(4)
    return {steps: Array.from({length: count}, (_, index) => index)}
  }

  function reply(message: Untimed, from: Map<string, Perform>): void {
    if (from === queued) deliver(message)
    else inHand.push(say(message))
  }

  /** Anything that may happen by itself. Answers whether anything could. */
  function move(): boolean {
    const moves: (() => void)[] = []
    if (inbox.length > taken || inHand.length > 0) moves.push(() => turn())
    for (const effect of owed.slice(0, 1)) {
      moves.push(() => {
        owed.shift()
        act(effect)
      })
    }
    for (const attempt of performing.values()) moves.push(() => carryOut(attempt, performing))
    for (const attempt of queued.values()) moves.push(() => carryOut(attempt, queued))
    for (const [id, child] of children) if (!child.ended) moves.push(() => endChild(id, child))
    for (const [signal, gate] of gates) if (gate.open) moves.push(() => decideGate(signal, gate))
    for (const [resource, [holder]] of locks) {
      if (holder === undefined) continue
      const {lock, status} = stateOf(run, lockers.get(holder) ?? '')
      const wanted = lock?.token === holder && !hasEnded({status} as never)
      // Nobody renews it: its lease runs out.
      if (!wanted && owed.length === 0) moves.push(() => leave(resource, holder))
      else if (wanted && lock.fence === undefined) moves.push(() => grant(holder))
    }
    if (moves.length === 0) return nudge()
    chance.pick(moves)()
    return true
  }

  function grant(token: string): void {
    const fence = fences.get(token) ?? fences.size + 1 + now
    fences.set(token, fence)
    granted.add(`${token} ${fence}`)
    inHand.push(say({kind: 'lock-granted', path: lockers.get(token) ?? '', token, fence}))
  }

  function assertGranted(locked: Extract<Fact, {is: 'locked'}>): void {
    const {path, fence} = locked
    const facts = journal.flat()
    const before = facts.slice(0, facts.indexOf(locked))
    const asked = before.findLast(fact => fact.is === 'locking' && fact.path === path)
    assert(asked?.is === 'locking')
    assert(
      granted.has(`${lockToken('wf-sim', path, asked.n)} ${fence}`),
      `${path} takes a lock it was not granted`,
    )
  }

  function leave(resource: string, token: string): void {
    const line = locks.get(resource) ?? []
    locks.set(
      resource,
      line.filter(each => each !== token),
    )
    fences.delete(token)
  }

  function endChild(
    id: string,
    child: {readonly path: string; readonly stopped: boolean; ended: boolean},
  ): void {
    const {path} = child
    child.ended = true
    const status = child.stopped ? 'cancelled' : chance.oneIn(4) ? 'failed' : 'completed'
    deliver({kind: 'child-ended', path, id, status, result: id})
  }

  function decideGate(signal: string, gate: {open: boolean}): void {
    gate.open = false
    orders += 1
    deliver({kind: 'signal', id: `vote-${orders}`, name: signal, payload: {approved: !chance.oneIn(4)}})
  }

  /** Nothing moves by itself: whoever the run waits for does their part, and the time passes. */
  function nudge(): boolean {
    if (isOver(run.status)) return false
    orders += 1
    if (run.status === 'paused') {
      assert.equal(stopped, 'pause')
      deliver({kind: 'resume', id: `order-${orders}`, by: 'ada'})
      return true
    }
    const at = wakeAt(run)
    const awaited = [...run.open].flatMap(([, {status, awaits}]) =>
      status === 'waiting' && awaits?.kind === 'signal' ? [awaits.id] : [],
    )
    if (awaited.length > 0 && (at === undefined || chance.oneIn(2))) {
      deliver({kind: 'signal', id: `signal-${orders}`, name: chance.pick(awaited), payload: orders})
      return true
    }
    assert(at !== undefined, `stuck: nothing is under way and nothing is waited for\n${picture(run)}`)
    now = Math.max(now, at)
    inHand.push(say({kind: 'clock'}))
    return true
  }

  function disturb(): void {
    if (chance.oneIn(12)) order()
    if (chance.oneIn(15)) crash()
    if (chance.oneIn(6) && history.length > 0) again(chance.pick(history))
    if (chance.oneIn(8)) {
      now += chance.upTo(20_000)
      inHand.push(say({kind: 'clock'}))
    }
    if (chance.oneIn(10)) {
      orders += 1
      deliver({
        kind: 'signal',
        id: `early-${chance.upTo(orders)}`,
        name: chance.pick(['go', 'stop']),
        payload: orders,
      })
    }
    if (chance.oneIn(30)) loseLock()
    if (chance.oneIn(20)) inHand.push(nonsense())
  }

  /** Repeated or late. An order that the run passed over is not told it twice: the inbox takes an id once. */
  function again(message: Message): void {
    const order = 'by' in message && !run.taken.has(message.id)
    if (!order) inHand.push(message)
  }

  function loseLock(): void {
    for (const [path, {lock}] of run.steps) {
      if (!lock) continue
      leave(lock.resource, lock.token)
      inHand.push(say({kind: 'lock-lost', path, token: lock.token}))
      return
    }
  }

  function nonsense(): Message {
    const path = chance.pick(['', 's0', 's0[0]', 's9/g1', '[', 's0[x]/', '../s0', '__proto__'])
    return chance.pick<Message>([
      {kind: 'attempt-succeeded', path, attempt: 0, output: 'nonsense', at: now},
      {
        kind: 'attempt-failed',
        path,
        attempt: 999,
        error: {code: 'X', message: 'x'},
        retryable: true,
        at: now,
      },
      {kind: 'child-ended', path, id: 'nobody', status: 'completed', result: null, at: now},
      {kind: 'lock-granted', path, token: 'none', fence: 3, at: now},
      {kind: 'lock-lost', path, token: 'none', at: now},
      {kind: 'begin', at: now},
      {kind: 'retry', id: `odd-${now}`, by: 'eve', path: 'no/such', at: now},
    ])
  }

  function finish(): Life {
    for (const effect of outstanding(plan, run)) {
      assert(
        effect.kind === 'unlock' || effect.kind === 'withdraw-approval',
        `owed after the end: ${effect.kind}`,
      )
      act(effect)
    }
    const folded = journal.flat().reduce(evolve, blank)
    assert.deepEqual(plain(folded), plain(run), 'the fold of the journal is not the run')
    for (const message of history) {
      if (message.kind === 'retry' && run.status !== 'completed') continue
      const late = decide(plan, run, message, context)
      assert.deepEqual(
        [late.facts, late.effects.filter(({kind}) => kind !== 'unlock')],
        [[], []],
        'terminal is not terminal',
      )
    }
    assert.deepEqual(
      [...locks.values()].flat().filter(token => isTokenOf(run, token)),
      [],
      'a lock is held after the end',
    )
    assert(![...gates.values()].some(({open}) => open), 'a gate is open after the end')
    assert.equal(queued.size + performing.size, 0)
    watcher.ended(run)
    const compensated = journal.flat().filter(({is}) => is === 'compensated').length
    return {status: run.status, commits: journal.length, crashes, refused, compensated, seen}
  }

  function isTokenOf(of: Run, token: string): boolean {
    return stateOf(of, lockers.get(token) ?? '').lock?.token === token
  }

  return {disturb, move, finish, picture: () => picture(run)}
}

function keyOf({path, attempt}: {readonly path: string; readonly attempt: number}): string {
  return `${path}#${attempt}`
}

function assertSame(one: Decision, other: Decision): void {
  assert.deepEqual(
    [one.facts, one.effects],
    [other.facts, other.effects],
    'the same question, another decision',
  )
}

function picture(run: Run): string {
  const steps = [...run.steps].map(([path, {status, attempt, where, wakeAt: at, awaits}]) =>
    [path, status, attempt, where, at, awaits?.kind].join(' '),
  )
  return [run.status, ...steps, 'scopes', ...[...run.scopes].map(scope => JSON.stringify(scope))].join('\n')
}
