import type {Json} from '../kernel/json.ts'
import type {Place} from './place.ts'
import type {ActionCall} from './plan.ts'
import type {Fault, Run} from './run.ts'
import {stateOf} from './tally.ts'
import {acquire, evaluate, known, record, type Turn} from './turn.ts'
import {viewAt, viewOfRun} from './view.ts'
import {attemptToCome, deadline, nextAttemptAt, performing, type Failure} from './work.ts'

/** All steps are over. Ends the run; after a failure or a cancel only once what was done is undone. */
export function finish(turn: Turn): void {
  const {run, plan} = turn
  if (run.undoing) return
  if (run.cancelling || run.scopes.get('')?.failing === true) return beginUndoing(turn)
  const {result} = plan
  if (!result) return record(turn, {is: 'ended', status: 'completed'})
  const made = evaluate(() => result(viewOfRun(run, plan.steps)))
  if ('fault' in made) return beginUndoing(turn, {...made.fault, message: `result: ${made.fault.message}`})
  record(turn, {is: 'ended', status: 'completed', result: made.value})
}

function beginUndoing(turn: Turn, error?: Fault): void {
  const because = error === undefined ? {} : {error}
  if (!turn.run.undo) return record(turn, {is: 'ended', status: verdict(turn.run), ...because})
  if (turn.run.status === 'paused') return
  record(turn, {is: 'undoing', ...because})
  undoNext(turn)
}

/** The last success that is not undone yet, one at a time; after the first of all, the run ends. */
export function undoNext(turn: Turn): void {
  while (turn.run.undo && turn.run.status !== 'paused') {
    const place = known(turn, turn.run.undo.path)
    const fault = startUndoing(turn, place)
    if (!fault) return
    record(turn, {is: 'compensated', path: place.path, error: fault})
  }
  if (turn.run.undo) return
  record(turn, {is: 'ended', status: verdict(turn.run), result: account(turn.run)})
}

/** Its next attempt, under its lock. Answers the fault with which it could not even begin. */
function startUndoing(turn: Turn, place: Place): Fault | undefined {
  const {path} = place
  const lock = acquire(turn, place)
  if (lock !== 'free') return lock === 'asked' ? undefined : lock
  const call = place.step.compensate as ActionCall
  const input = evaluate(() => undoQuestion(turn.run, place))
  if ('fault' in input) return input.fault
  const n = attemptToCome(turn.run, path)
  const where = turn.context.hosts(call.agent) ? 'here' : 'queue'
  record(turn, {is: 'started', path, n, where, ...deadline(turn, place)})
  turn.effects.push(performing(place, n, where, input.value, call, true))
  return undefined
}

export function undoQuestion(run: Run, place: Place): Json {
  const {output} = stateOf(run, place.path)
  return (place.step.compensate as ActionCall).with(viewAt(run, place, output))
}

/** Its lock was granted, its pause is over, or it was held back. */
export function goOnUndoing(turn: Turn, place: Place): void {
  const fault = startUndoing(turn, place)
  if (fault) undone(turn, place, fault)
}

/** One is undone, or, with an error, could not be: the rest is undone all the same. */
export function undone(turn: Turn, place: Place, error?: Fault): void {
  const {path} = place
  const {lock} = stateOf(turn.run, path)
  if (lock) turn.effects.push({kind: 'unlock', path, resource: lock.resource, token: lock.token})
  record(turn, {is: 'compensated', path, ...(error ? {error} : {})})
  undoNext(turn)
}

export function undoingFailed(turn: Turn, place: Place, failure: Failure): void {
  const until = nextAttemptAt(turn, place, failure)
  if (until === undefined) return undone(turn, place, failure.error)
  record(turn, {is: 'retrying', path: place.path, error: failure.error, until})
}

function verdict({cancelling}: Run): 'failed' | 'cancelled' {
  return cancelling ? 'cancelled' : 'failed'
}

/** What became of the compensations, as the result of a run that has none of its own. */
function account({undone: all}: Run): Json {
  return {
    compensated: all.filter(({error}) => !error).map(({path}) => path),
    not_compensated: all.flatMap(({path, error}) => (error ? [{path, error: {...error}}] : [])),
  }
}
