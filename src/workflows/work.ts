import type {Json} from '../kernel/json.ts'
import {approvalSignal, backoff, childId} from './derive.ts'
import type {Place} from './place.ts'
import type {ActionCall} from './plan.ts'
import type {Effect, Fault, Run, Signal} from './run.ts'
import {stateOf} from './tally.ts'
import {cancel, evaluate, fail, record, succeed, textOf, type Turn} from './turn.ts'
import {viewAt} from './view.ts'

/** Begins what the step itself does: its next attempt, its wait, its sub-workflow. Steps inside are not its business. */
export function startWork(turn: Turn, place: Place): void {
  const {path, step} = place
  const asked = evaluate(() => question(turn.run, place))
  if ('fault' in asked) return fail(turn, place, asked.fault)
  const n = attemptToCome(turn.run, path)
  switch (step.work.kind) {
    case 'action':
    case 'generate': {
      const where = turn.context.hosts(step.work.agent) ? 'here' : 'queue'
      record(turn, {is: 'started', path, n, where, ...deadline(turn, place)})
      turn.effects.push(performing(place, n, where, asked.value, step.work, false))
      return
    }
    case 'value':
      return succeed(turn, place, {out: asked.value})
    case 'timer': {
      const until = turn.at + (asked.value as number)
      if (until <= turn.at) return succeed(turn, place, {})
      return record(turn, {is: 'waiting', path, n, for: 'timer', id: path, until})
    }
    case 'signal':
      return awaitSignal(turn, place, {kind: 'signal', id: asked.value as string})
    case 'approval':
      return awaitSignal(turn, place, {kind: 'approval', id: approvalSignal(path, n)}, asked.value)
    case 'workflow': {
      const id = childId(turn.run.id, path, n)
      record(turn, {is: 'waiting', path, n, for: 'child', id})
      turn.effects.push({kind: 'start-child', path, id, workflow: step.work.name, input: asked.value})
      return
    }
    case 'group':
  }
}

/** What the step's own expression answers: what its action is given, what it waits for, what it is worth. */
export function question(run: Run, place: Place): Json {
  const {work} = place.step
  switch (work.kind) {
    case 'action':
    case 'generate':
    case 'workflow':
      return work.with(viewAt(run, place))
    case 'value':
      return work.value(viewAt(run, place))
    case 'approval':
      return work.request(viewAt(run, place))
    case 'signal':
      return textOf(work.name(viewAt(run, place)), 'The name of a signal')
    case 'timer': {
      const ms = work.ms(viewAt(run, place))
      if (typeof ms === 'number' && ms >= 0 && ms <= Number.MAX_SAFE_INTEGER) return ms
      throw new TypeError(`A time to wait must be a number of milliseconds, not ${JSON.stringify(ms)}.`)
    }
    case 'group':
      return null
  }
}

export function performing(
  {path, step}: Place,
  attempt: number,
  where: 'here' | 'queue',
  input: Json,
  {agent, action, pure}: ActionCall,
  compensation: boolean,
): Effect {
  const {timeoutMs} = step
  return {kind: 'perform', path, attempt, where, agent, action, input, pure, timeoutMs, compensation}
}

/** A step that waits for its lock knows its attempt already. */
export function attemptToCome(run: Run, path: string): number {
  const {status, attempt, lock, where, awaits} = stateOf(run, path)
  const locked = status === 'locking' || (status === 'compensating' && lock && !where && !awaits)
  return locked ? attempt : attempt + 1
}

export function deadline(turn: Turn, {step}: Place): {readonly until?: number} {
  return step.timeoutMs === undefined ? {} : {until: turn.at + step.timeoutMs}
}

function awaitSignal(
  turn: Turn,
  place: Place,
  awaited: {readonly kind: 'signal' | 'approval'; readonly id: string},
  request?: Json,
): void {
  const {path} = place
  const {kind, id} = awaited
  const n = attemptToCome(turn.run, path)
  record(turn, {is: 'waiting', path, n, for: kind, id, ...deadline(turn, place)})
  const sent = turn.run.signals.find(({name}) => name === id)
  if (sent) take(turn, place, sent)
  else if (request !== undefined) turn.effects.push({kind: 'request-approval', path, signal: id, request})
}

/** The signal that a step waits for: its output, or for an approval its verdict. */
export function take(turn: Turn, place: Place, {id, payload}: Signal): void {
  const approval = stateOf(turn.run, place.path).awaits?.kind === 'approval'
  if (!approval || isApproval(payload)) return succeed(turn, place, {took: id})
  fail(turn, place, {code: 'REJECTED', message: reasonOf(payload) ?? 'The approval was refused.'}, id)
}

function isApproval(payload: Json): boolean {
  return fieldOf(payload, 'approved') === true
}

function reasonOf(payload: Json): string | undefined {
  const reason = fieldOf(payload, 'reason')
  return typeof reason === 'string' && reason !== '' ? reason : undefined
}

export function fieldOf(value: Json, name: string): Json | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined
  return Object.hasOwn(value, name) ? (value as Readonly<Record<string, Json>>)[name] : undefined
}

export interface Failure {
  readonly error: Fault
  readonly retryable: boolean
  readonly retryAfterMs?: number | undefined
}

/** An attempt came to nothing: another one after a pause, as long as the step has patience, else it has failed. */
export function attemptFailed(turn: Turn, place: Place, failure: Failure): void {
  if (turn.run.cancelling) return cancel(turn, place)
  const until = nextAttemptAt(turn, place, failure)
  if (until === undefined) return fail(turn, place, failure.error)
  record(turn, {is: 'retrying', path: place.path, error: failure.error, until})
}

/** When to try again; `undefined`: not any more. */
export function nextAttemptAt(
  turn: Turn,
  {path, step}: Place,
  {retryable, retryAfterMs = 0}: Failure,
): number | undefined {
  const {attempt, attemptsBefore} = stateOf(turn.run, path)
  const failures = attempt - attemptsBefore
  if (!retryable || failures > step.retry.max) return undefined
  const pause = backoff(step.retry, failures, `${turn.run.id}:${path}:${attempt}`)
  return turn.at + Math.max(pause, retryAfterMs)
}
