import type {Json} from '../kernel/json.ts'
import type {Context} from './decide.ts'
import {lockToken} from './derive.ts'
import {evolve} from './evolve.ts'
import type {Fact} from './fact.ts'
import {containerOf, layerAt, parentOf, placeAt, type Place} from './place.ts'
import type {Plan} from './plan.ts'
import type {Effect, Fault, Run} from './run.ts'
import {hasEnded, stateOf} from './tally.ts'
import {viewAt} from './view.ts'

/** One decision in the making: what a message has caused so far. */
export interface Turn {
  readonly plan: Plan
  readonly context: Context
  readonly at: number
  run: Run
  readonly facts: Fact[]
  readonly effects: Effect[]
  /** Places that are over, for those around them to be told: see `settle` of src/workflows/schedule.ts. */
  readonly ended: Place[]
}

type Untimed<F> = F extends Fact ? Omit<F, 'at'> : never

export function record(turn: Turn, fact: Untimed<Fact>): void {
  const timed = {...fact, at: turn.at} as Fact
  turn.facts.push(timed)
  turn.run = evolve(turn.run, timed)
}

/** What an expression of the definition answers, or the fault that it failed with. */
export function evaluate<T>(work: () => T): {readonly value: T} | {readonly fault: Fault} {
  try {
    return {value: work()}
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'INVALID_INPUT'
    return {fault: {code, message: thrown instanceof Error ? thrown.message : String(thrown)}}
  }
}

type Outcome = Omit<Extract<Untimed<Fact>, {is: 'succeeded'}>, 'is' | 'path' | 'undo' | 'checkpoint'>

export function succeed(turn: Turn, place: Place, outcome: Outcome): void {
  const {path, step, indexes} = place
  release(turn, place)
  record(turn, {
    is: 'succeeded',
    path,
    ...outcome,
    ...(step.compensate && layerAt(place) === undefined ? {undo: true} : {}),
    ...(step.checkpoint !== undefined && indexes.length === 0 ? {checkpoint: step.checkpoint} : {}),
  })
  turn.ended.push(place)
}

/** Its failure is that of everything around it, up to a step that tolerates it. */
export function fail(turn: Turn, place: Place, error: Fault, took?: string): void {
  const {path} = place
  release(turn, place)
  const used = took === undefined ? {} : {took}
  if (tolerates(place)) {
    record(turn, {is: 'failed', path, error, ...used, tolerated: true})
  } else {
    const within = reachOf(place)
    const first = firstToFail(turn.run, parentOf(path), within)
    record(turn, {is: 'failed', path, error, ...used, ...(within === '' ? {} : {within})})
    if (first !== undefined) breakOffWaits(turn, first)
  }
  turn.ended.push(place)
}

/**
 * What goes on inside must not, because what it relied on is gone: attempts and waits are broken off, and it will end as
 * failed once its sub-workflows, which nobody can break off, have ended.
 */
export function breakUp(turn: Turn, place: Place, error: Fault): void {
  const {path} = place
  const within = tolerates(place) ? path : reachOf(place)
  const first = firstToFail(turn.run, path, within)
  record(turn, {is: 'broken', path, error, ...(within === '' ? {} : {within})})
  for (const inner of turn.run.open.keys()) {
    if (!isInside(inner, path)) continue
    const {awaits, attempt, where} = stateOf(turn.run, inner)
    if (awaits?.kind === 'child') continue
    if (where) turn.effects.push({kind: 'abort', path: inner, attempt})
    cancel(turn, known(turn, inner))
  }
  if (first !== undefined) breakOffWaits(turn, first)
}

export function cancel(turn: Turn, place: Place): void {
  release(turn, place)
  record(turn, {is: 'cancelled', path: place.path})
  turn.ended.push(place)
}

/** `cut`: because of a failure elsewhere or to cancel, and not by its own condition or for want of what it needs. */
export function skip(turn: Turn, place: Place, cut: boolean): void {
  record(turn, {is: 'skipped', paths: [place.path], ...(cut ? {cut: true} : {})})
  turn.ended.push(place)
}

/**
 * What the place needs to go on: `free`: it has its lock, or needs none, or is inside a step that holds it; `asked`: it waits
 * for it now. Else the fault for which it is not even clear what to lock.
 */
export function acquire(turn: Turn, place: Place): 'free' | 'asked' | Fault {
  const {path, step, indexes} = place
  const {lock} = step
  const state = stateOf(turn.run, path)
  // Its items and rounds share the lock of the step, but each is undone under a lock of its own.
  if (!lock || (state.lock && !hasEnded(state)) || (indexes.length > 0 && !turn.run.undoing)) return 'free'
  const asked = evaluate(() => textOf(lock.resource(viewAt(turn.run, place)), 'The resource to lock'))
  if ('fault' in asked) return asked.fault
  const resource = asked.value
  if (!turn.run.undoing && isLockedAround(turn.run, place, resource)) return 'free'
  const n = state.attempt + 1
  record(turn, {is: 'locking', path, n, lock: resource, kind: lock.kind})
  const token = lockToken(turn.run.id, path, n)
  turn.effects.push({kind: 'lock', path, resource, lockKind: lock.kind, token})
  return 'asked'
}

function isLockedAround(run: Run, place: Place, resource: string): boolean {
  for (let at = containerOf(place); at; at = containerOf(at)) {
    if (stateOf(run, at.path).lock?.resource === resource) return true
  }
  return false
}

export function textOf(value: Json, what: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw new TypeError(`${what} must be a text, not ${JSON.stringify(value)}.`)
}

/** Gives back what it holds outside: its lock, its question to people. */
function release(turn: Turn, {path}: Place): void {
  const state = turn.run.steps.get(path)
  if (!state) return
  if (state.lock) {
    const {resource, token} = state.lock
    turn.effects.push({kind: 'unlock', path, resource, token})
  }
  const {awaits, status} = state
  if (status !== 'waiting' || awaits?.kind !== 'approval') return
  // Decided just now: the one that is taken is still there.
  const decided = turn.run.signals.some(({name}) => name === awaits.id)
  if (!decided) turn.effects.push({kind: 'withdraw-approval', path, signal: awaits.id})
}

/** The place of a path that the run has a state for. */
export function known(turn: Turn, path: string): Place {
  return placeAt(turn.plan, turn.run, path) as Place
}

/** `continue-on-error` is for the step as a whole, and for each item of its own. */
function tolerates({step, indexes}: Place): boolean {
  return (
    step.continueOnError && (indexes.length === 0 || (step.forEach !== undefined && indexes.length === 1))
  )
}

/** The outermost scope that fails with the place; empty for the whole run. */
function reachOf(place: Place): string {
  for (let around = containerOf(place); around; around = containerOf(around)) {
    if (tolerates(around)) return around.path
  }
  return ''
}

/** Of the scopes from the inner one up to `within`, the outermost that does not fail already. */
function firstToFail(run: Run, inner: string, within: string): string | undefined {
  let first: string | undefined
  for (let at = inner; ; at = parentOf(at)) {
    if (run.scopes.get(at)?.failing === false) first = at
    if (at === within || at === '') return first
  }
}

/**
 * Whether it may not start because something around it fails. A step that asks the outcome is asked all the same, and what
 * is inside of it goes on as if nothing had happened outside.
 */
export function isDoomed(run: Run, place: Place): boolean {
  for (let at: Place | undefined = place; at; at = containerOf(at)) {
    if (run.scopes.get(parentOf(at.path))?.failing) return true
    const container = containerOf(at)
    if (container && asksOutcome(container)) return false
  }
  return false
}

function asksOutcome({step, indexes}: Place): boolean {
  return indexes.length === 0 && step.condition?.asksOutcome === true
}

/** A failure leaves what is under way to end, but nobody waits any longer for people, a time, a lock or a next round. */
function breakOffWaits(turn: Turn, scope: string): void {
  for (const path of turn.run.open.keys()) {
    if (scope !== '' && !isInside(path, scope)) continue
    const {status, awaits, attempt, attemptsBefore} = stateOf(turn.run, path)
    const nextRound = awaits?.kind === 'retry' && attempt === attemptsBefore
    const waits =
      status === 'waiting' && (nextRound || (awaits?.kind !== 'retry' && awaits?.kind !== 'child'))
    if (!waits && status !== 'locking') continue
    const place = known(turn, path)
    if (!asksWithin(place, scope)) cancel(turn, place)
  }
}

/** Whether it, or what it is inside of within the scope, runs because it asks the outcome. */
function asksWithin(place: Place, scope: string): boolean {
  for (let at: Place | undefined = place; at && at.path !== scope; at = containerOf(at)) {
    if (asksOutcome(at)) return true
  }
  return false
}

function isInside(path: string, scope: string): boolean {
  return (
    path.length > scope.length &&
    path.startsWith(scope) &&
    (path[scope.length] === '/' || path[scope.length] === '[')
  )
}
