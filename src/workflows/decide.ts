import {goOnUndoing, undoingFailed, undone, undoNext} from './compensation.ts'
import {isOver} from './evolve.ts'
import type {Fact} from './fact.ts'
import {outstanding, performAgain} from './outstanding.ts'
import type {Json} from '../kernel/json.ts'
import type {Place} from './place.ts'
import {TRANSITIONS} from './progress.ts'
import type {Plan} from './plan.ts'
import {resetFor} from './reset.ts'
import type {Effect, Fault, Message, Run, StepState} from './run.ts'
import {advance, goOn, inventory, settle} from './schedule.ts'
import {stateOf} from './tally.ts'
import {breakUp, cancel, evaluate, fail, known, record, skip, succeed, type Turn} from './turn.ts'
import {attemptFailed, deadline, fieldOf, take, type Failure} from './work.ts'

export interface Context {
  /** Whether this process can carry out the agent's actions; else they go through the agent's queue. */
  readonly hosts: (agent: string) => boolean
}

export interface Decision {
  readonly facts: readonly Fact[]
  /** To be performed once the facts have committed. */
  readonly effects: readonly Effect[]
  /** After those facts. */
  readonly run: Run
}

/** How long an attempt may take to end after a cancel, before the run goes on without its answer. */
const CANCEL_GRACE_MS = 10_000

const LOCK_LOST: Fault = {code: 'LOCK_LOST', message: 'Its lock was lost.'}
const TIMEOUT: Fault = {code: 'TIMEOUT', message: 'It took too long.'}

/**
 * What a message changes in a run. Pure and total: no message in any state throws, and one that makes no sense there (late,
 * repeated, not allowed) has neither facts nor effects. The run given stays as it was, so a decision whose commit is
 * refused is simply dropped. The cost is that of what changes, not of the run.
 *
 * Relies on the steps that were generated for the run to compile: see `checkSteps` in src/workflows/place.ts.
 */
export function decide(plan: Plan, run: Run, message: Message, context: Context): Decision {
  const turn: Turn = {plan, context, at: message.at, run, facts: [], effects: [], ended: []}
  hear(turn, message)
  settle(turn)
  return {facts: turn.facts, effects: turn.effects, run: turn.run}
}

function hear(turn: Turn, message: Message): void {
  const {run} = turn
  if ('id' in message && message.kind !== 'child-ended' && run.taken.has(message.id)) return
  switch (message.kind) {
    case 'begin':
      return begin(turn)
    case 'retry':
      return retry(turn, message)
    case 'signal':
      return signal(turn, message)
    case 'taken-over':
      return takeOver(turn)
    default:
      if (run.status === 'running' || run.status === 'paused') hearUnderWay(turn, message)
  }
}

function hearUnderWay(
  turn: Turn,
  message: Exclude<Message, {kind: 'begin' | 'retry' | 'signal' | 'taken-over'}>,
): void {
  switch (message.kind) {
    case 'attempt-succeeded':
    case 'attempt-failed':
    case 'attempt-interrupted':
      return attemptEnded(turn, message)
    case 'clock':
      return tick(turn)
    case 'child-ended':
      return childEnded(turn, message)
    case 'lock-granted':
      return lockGranted(turn, message)
    case 'lock-lost':
      return lockLost(turn, message)
    case 'pause':
      return pause(turn, message)
    case 'resume':
      return resume(turn, message)
    case 'cancel':
      return stop(turn, message)
  }
}

function begin(turn: Turn): void {
  if (turn.run.status !== 'pending') return
  const {order} = turn.plan.steps
  record(turn, {is: 'begun', size: order.length})
  if (order.length > 0) return advance(turn, undefined)
  record(turn, {is: 'ended', status: 'failed', error: {code: 'EMPTY', message: 'The workflow has no steps.'}})
}

// --- Attempts ---

function attemptEnded(turn: Turn, message: Extract<Message, {attempt: number}>): void {
  const {path, attempt} = message
  const state = turn.run.steps.get(path)
  if (!state || state.where === undefined || state.attempt !== attempt) return
  const place = known(turn, path)
  const undoing = state.status === 'compensating'
  switch (message.kind) {
    case 'attempt-succeeded':
      if (undoing) return undone(turn, place)
      if (place.step.work.kind === 'generate') return generated(turn, place, message.output)
      return succeed(turn, place, {out: message.output})
    case 'attempt-failed':
      return undoing ? undoingFailed(turn, place, message) : attemptFailed(turn, place, message)
    case 'attempt-interrupted': {
      if (turn.run.cancelling && !undoing) return cancel(turn, place)
      const again = performAgain(turn.run, place, state)
      if (again) turn.effects.push(again)
    }
  }
}

/** The answer to what is to be done: done as a group of its own, or nothing, which ends the asking. */
function generated(turn: Turn, place: Place, output: Json): void {
  const {path, step} = place
  if (turn.run.cancelling) return cancel(turn, place)
  const steps = fieldOf(output, 'steps') ?? []
  if (!Array.isArray(steps)) {
    return fail(turn, place, {code: 'INVALID_INPUT', message: 'The generated steps are no list.'})
  }
  const {length} = steps as readonly Json[]
  if (length === 0) return skip(turn, place, false)
  const {maxGenerated} = turn.plan
  if (turn.run.generatedSteps + length > maxGenerated) {
    const message = `Over ${maxGenerated} steps were generated for the run.`
    return fail(turn, place, {code: 'LIMIT_EXCEEDED', message})
  }
  const compiled = evaluate(() => step.work.kind === 'generate' && step.work.expand(steps as Json))
  if ('fault' in compiled) return fail(turn, place, compiled.fault)
  record(turn, {is: 'generated', path, steps: steps as readonly Json[]})
  goOn(turn, place)
}

function childEnded(turn: Turn, message: Extract<Message, {kind: 'child-ended'}>): void {
  const {path, id, status, result, error} = message
  const {awaits, status: mine} = stateOf(turn.run, path)
  if (mine !== 'waiting' || awaits?.kind !== 'child' || awaits.id !== id) return
  const place = known(turn, path)
  if (status === 'completed') return succeed(turn, place, {out: result})
  const fallback = {
    code: status === 'failed' ? 'CHILD_FAILED' : 'CHILD_CANCELLED',
    message: `${id} ${status}.`,
  }
  attemptFailed(turn, place, {error: error ?? fallback, retryable: status === 'failed'})
}

// --- Time ---

function tick(turn: Turn): void {
  if (turn.run.status === 'paused') return
  for (const path of dueAt(turn.run, turn.at)) {
    const state = turn.run.open.get(path)
    if (state?.wakeAt !== undefined && state.wakeAt <= turn.at) due(turn, known(turn, path), state)
    settle(turn)
  }
}

function dueAt(run: Run, at: number): string[] {
  const due: string[] = []
  for (const [path, {wakeAt}] of run.open) if (wakeAt !== undefined && wakeAt <= at) due.push(path)
  return due
}

function due(turn: Turn, place: Place, {status, awaits, where, attempt}: StepState): void {
  const {path} = place
  if (where) turn.effects.push({kind: 'abort', path, attempt})
  if (status === 'compensating') {
    if (where) return undoingFailed(turn, place, {error: TIMEOUT, retryable: true})
    return goOnUndoing(turn, place)
  }
  if (where) return attemptFailed(turn, place, {error: TIMEOUT, retryable: true})
  if (awaits?.kind === 'timer') return succeed(turn, place, {})
  if (awaits?.kind === 'retry') return goOn(turn, place)
  fail(turn, place, TIMEOUT)
}

// --- Signals and locks ---

/** Taken also before the run has begun: who sends first need not know. */
function signal(turn: Turn, {id, name, payload}: Extract<Message, {kind: 'signal'}>): void {
  if (isOver(turn.run.status)) return
  record(turn, {is: 'signalled', id, name, payload})
  for (const [path, {status, awaits}] of turn.run.open) {
    const awaited = awaits?.kind === 'signal' || awaits?.kind === 'approval'
    if (status === 'waiting' && awaited && awaits.id === name) {
      return take(turn, known(turn, path), {id, name, payload})
    }
  }
}

function lockGranted(turn: Turn, {path, token, fence}: Extract<Message, {kind: 'lock-granted'}>): void {
  const state = turn.run.steps.get(path)
  if (state?.lock?.token !== token || !isUnderWay(state)) return
  const {lock} = state
  if (lock.fence === fence) return
  if (lock.fence !== undefined) {
    // Granted anew: it was free in between, and somebody else may have had it.
    turn.effects.push({kind: 'unlock', path, resource: lock.resource, token})
    return loseLock(turn, path, state)
  }
  record(turn, {is: 'locked', path, fence})
  if (turn.run.status !== 'paused') goOnLocked(turn, path)
}

function goOnLocked(turn: Turn, path: string): void {
  const place = known(turn, path)
  if (stateOf(turn.run, path).status === 'compensating') goOnUndoing(turn, place)
  else goOn(turn, place)
}

function lockLost(turn: Turn, {path, token}: Extract<Message, {kind: 'lock-lost'}>): void {
  const state = turn.run.steps.get(path)
  if (state?.lock?.token === token && isUnderWay(state)) loseLock(turn, path, state)
}

function loseLock(turn: Turn, path: string, {status, where, attempt, awaits}: StepState): void {
  const place = known(turn, path)
  const failure: Failure = {error: LOCK_LOST, retryable: true}
  record(turn, {is: 'unlocked', path})
  if (where) turn.effects.push({kind: 'abort', path, attempt})
  if (turn.run.scopes.has(path)) return breakUp(turn, place, LOCK_LOST)
  if (awaits?.kind === 'retry') return
  if (awaits?.kind === 'child') {
    turn.effects.push({
      kind: 'stop-child',
      id: awaits.id,
      how: 'cancel',
      cause: `${path}:${attempt}:lock-lost`,
    })
  } else if (status === 'compensating') undoingFailed(turn, place, failure)
  else if (status === 'waiting') fail(turn, place, LOCK_LOST)
  else attemptFailed(turn, place, failure)
}

function isUnderWay({status}: StepState): boolean {
  return status === 'locking' || status === 'running' || status === 'waiting' || status === 'compensating'
}

// --- What operators say ---

type Order<K extends Message['kind']> = Extract<Message, {id: string; kind: K}>

function pause(turn: Turn, {id, by, reason}: Order<'pause' | 'resume' | 'cancel'>): void {
  const {run} = turn
  if (run.cancelling || !TRANSITIONS[run.status].includes('paused')) return
  record(turn, {is: 'paused', id, by, ...(reason === undefined ? {} : {reason})})
  tellChildren(turn, 'pause', id)
}

function resume(turn: Turn, {id, by, reason}: Order<'pause' | 'resume' | 'cancel'>): void {
  if (turn.run.status !== 'paused') return
  record(turn, {is: 'resumed', id, by, ...(reason === undefined ? {} : {reason})})
  tellChildren(turn, 'resume', id)
  for (const path of turn.run.open.keys()) unleash(turn, path)
  settle(turn)
  goOnEverywhere(turn)
  tick(turn)
}

/** Goes on with what the pause held back: an attempt that may have been interrupted, a lock that was granted. */
function unleash(turn: Turn, path: string): void {
  const {where, lock, status, awaits} = stateOf(turn.run, path)
  const granted = lock?.fence !== undefined && awaits?.kind !== 'retry'
  if (where) performAnew(turn, path)
  else if (granted && (status === 'locking' || status === 'compensating')) goOnLocked(turn, path)
}

/** The same attempt, where it can be done now, with all its time. */
function performAnew(turn: Turn, path: string): void {
  const place = known(turn, path)
  const {attempt, where: before} = stateOf(turn.run, path)
  const where = before === 'here' && isHosted(turn, path) ? 'here' : 'queue'
  const until = deadline(turn, place)
  if (where !== before || until.until !== undefined)
    record(turn, {is: 'started', path, n: attempt, where, ...until})
  const again = performAgain(turn.run, place, stateOf(turn.run, path))
  if (again) turn.effects.push(again)
}

/** Nothing new starts but compensation; what is under way is told to end, and gets a little time for that. */
function stop(turn: Turn, {id, by, reason}: Order<'pause' | 'resume' | 'cancel'>): void {
  if (turn.run.cancelling) return
  const paused = turn.run.status === 'paused'
  record(turn, {is: 'cancelling', id, by, ...(reason === undefined ? {} : {reason})})
  tellChildren(turn, 'cancel', id)
  for (const path of turn.run.open.keys()) {
    const {status, attempt, where, awaits} = stateOf(turn.run, path)
    if (awaits?.kind === 'child') continue
    if (status === 'compensating') {
      if (paused) unleash(turn, path)
    } else if (where) {
      turn.effects.push({kind: 'abort', path, attempt})
      record(turn, {is: 'started', path, n: attempt, where, until: turn.at + CANCEL_GRACE_MS})
    } else cancel(turn, known(turn, path))
  }
  settle(turn)
  goOnEverywhere(turn)
}

function tellChildren(turn: Turn, how: 'pause' | 'resume' | 'cancel', cause: string): void {
  for (const [, {status, awaits}] of turn.run.open) {
    if (status === 'waiting' && awaits?.kind === 'child')
      turn.effects.push({kind: 'stop-child', id: awaits.id, how, cause})
  }
}

/** Whatever was held back may be possible now, anywhere in the run. */
function goOnEverywhere(turn: Turn): void {
  if (turn.run.undoing) {
    if (turn.run.open.size === 0) undoNext(turn)
    return
  }
  for (const path of turn.run.scopes.keys()) {
    if (!turn.run.scopes.has(path)) continue
    advance(turn, path === '' ? undefined : known(turn, path))
    settle(turn)
  }
}

function retry(turn: Turn, {id, by, path}: Order<'retry'>): void {
  const {run, plan} = turn
  if (!TRANSITIONS[run.status].includes('running') || run.status === 'pending' || run.status === 'paused')
    return
  if (path !== undefined && !run.steps.has(path)) return
  record(turn, {is: 'retried', id, by, ...resetFor(plan, run, path)})
  const inner = plan.steps.order.map(step => step.id)
  record(turn, {is: 'opened', path: '', n: 0, ...inventory(turn.run, '', inner)})
  advance(turn, undefined)
}

// --- Another process ---

/** An attempt that the last process did itself goes through the queue when this one can't do it. */
function takeOver(turn: Turn): void {
  const {run} = turn
  for (const path of run.status === 'running' ? run.open.keys() : []) {
    const {where, attempt, wakeAt} = stateOf(run, path)
    if (where !== 'here' || isHosted(turn, path)) continue
    const until = wakeAt === undefined ? {} : {until: wakeAt}
    record(turn, {is: 'started', path, n: attempt, where: 'queue', ...until})
  }
  turn.effects.push(...outstanding(turn.plan, turn.run))
}

function isHosted(turn: Turn, path: string): boolean {
  const {step} = known(turn, path)
  const call = stateOf(turn.run, path).status === 'compensating' ? step.compensate : step.work
  return call !== undefined && 'agent' in call && turn.context.hosts(call.agent)
}
