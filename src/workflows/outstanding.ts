import {undoQuestion} from './compensation.ts'
import {isOver} from './evolve.ts'
import {placeAt, type Place} from './place.ts'
import type {ActionCall, Plan} from './plan.ts'
import type {Effect, Run, StepState} from './run.ts'
import {hasEnded} from './tally.ts'
import {performing, question} from './work.ts'

/**
 * What is still to be performed, from the state alone: asked after a crash or by whoever takes the run over. The same paths,
 * attempts and tokens as when it was decided. Looks at every step, so it is not for every turn.
 *
 * No attempt is owed while the run is paused (its resumption asks for it), nor after a cancel but those that undo.
 */
export function outstanding(plan: Plan, run: Run): readonly Effect[] {
  const effects: Effect[] = []
  for (const path of run.steps.keys()) {
    const state = run.steps.get(path)
    const place = placeAt(plan, run, path)
    if (!state || !place) continue
    if (hasEnded(state)) effects.push(...lettingGo(path, state))
    else if (!isOver(run.status)) effects.push(...goingOn(run, place, state))
  }
  return effects
}

/** What a step that is over held. */
function lettingGo(path: string, {status, lock, awaits}: StepState): Effect[] {
  const effects: Effect[] = []
  if (lock) effects.push({kind: 'unlock', path, resource: lock.resource, token: lock.token})
  if (awaits?.kind === 'approval' && status !== 'succeeded')
    effects.push({kind: 'withdraw-approval', path, signal: awaits.id})
  return effects
}

function goingOn(run: Run, place: Place, state: StepState): Effect[] {
  const {path} = place
  const {lock, awaits, status} = state
  const effects: Effect[] = []
  if (lock) {
    const {resource, kind, token} = lock
    effects.push({kind: 'lock', path, resource, lockKind: kind, token})
  }
  const perform = performAgain(run, place, state)
  if (perform) effects.push(perform)
  if (status === 'waiting' && awaits?.kind === 'approval')
    effects.push({kind: 'request-approval', path, signal: awaits.id, request: question(run, place)})
  if (status === 'waiting' && awaits?.kind === 'child') {
    const workflow = place.step.work.kind === 'workflow' ? place.step.work.name : ''
    effects.push({kind: 'start-child', path, id: awaits.id, workflow, input: question(run, place)})
    if (run.told) effects.push({kind: 'stop-child', id: awaits.id, how: run.told.how, cause: run.told.id})
  }
  return effects
}

/** The attempt under way, once more; nothing where none is, or none may go on. */
export function performAgain(
  run: Run,
  place: Place,
  {where, attempt, status}: StepState,
): Effect | undefined {
  const undoing = status === 'compensating'
  if (!where || run.status === 'paused' || (run.cancelling && !undoing)) return undefined
  const {work, compensate} = place.step
  const call = undoing ? compensate : work
  const input = undoing ? undoQuestion(run, place) : question(run, place)
  return performing(place, attempt, where, input, call as ActionCall, undoing)
}
