import {parentOf} from './place.ts'
import type {Fault, Run, ScopeState, StepState} from './run.ts'

/** A step of which nothing is known. */
export const UNTOUCHED: StepState = {
  status: 'pending',
  attempt: 0,
  attemptsBefore: 0,
  output: null,
  error: undefined,
  startedAt: undefined,
  endedAt: undefined,
  cut: false,
  wakeAt: undefined,
  where: undefined,
  items: undefined,
  lock: undefined,
  awaits: undefined,
}

export function stateOf(run: Run, path: string): StepState {
  return run.steps.get(path) ?? UNTOUCHED
}

/** Over, whatever came of it. */
export function hasEnded({status}: StepState): boolean {
  return ENDED[status]
}

const ENDED: Readonly<Record<StepState['status'], boolean>> = {
  pending: false,
  locking: false,
  running: false,
  waiting: false,
  succeeded: true,
  failed: true,
  skipped: true,
  cancelled: true,
  compensating: false,
  compensated: true,
}

/** The step's new state, and everything that is counted of it. */
export function put(run: Run, path: string, state: StepState): Run {
  const before = run.steps.get(path) ?? UNTOUCHED
  const wasOpen = isOpen(before)
  const open = isOpen(state) && !run.scopes.has(path)
  const attempts = here(state) - here(before)
  const locks = locking(state) - locking(before)
  const round = run.scopes.get(parentOf(path))
  const total = round && round.size === undefined && !run.steps.has(path) ? 1 : 0
  const completed = success(state) - success(before)
  const failed = failure(state) - failure(before)
  return {
    ...run,
    steps: run.steps.set(path, state),
    open: open ? run.open.set(path, state) : wasOpen ? run.open.delete(path) : run.open,
    bound:
      attempts === 0 && locks === 0
        ? run.bound
        : {attempts: run.bound.attempts + attempts, locks: run.bound.locks + locks},
    counts:
      completed === 0 && failed === 0 && total === 0
        ? run.counts
        : {
            total: run.counts.total + total,
            completed: run.counts.completed + completed,
            failed: run.counts.failed + failed,
          },
  }
}

function isOpen({status}: StepState): boolean {
  return status === 'compensating' || status === 'running' || status === 'waiting' || status === 'locking'
}

function here({where}: StepState): number {
  return where === 'here' ? 1 : 0
}

function locking(state: StepState): number {
  return state.lock && !hasEnded(state) ? 1 : 0
}

function success({status}: StepState): number {
  return status === 'succeeded' || status === 'compensating' || status === 'compensated' ? 1 : 0
}

function failure({status}: StepState): number {
  return status === 'failed' ? 1 : 0
}

/**
 * A step is over: its own scope is closed, and the one it is in counts it. What was cut short counts as far as it got, so
 * that nobody's progress falls.
 */
export function end(run: Run, path: string, state: StepState): Run {
  const parent = parentOf(path)
  const scope = run.scopes.get(parent)
  const own = run.scopes.get(path)
  let {scopes} = run
  if (own) scopes = scopes.delete(path)
  if (scope) {
    const share = !state.cut ? 1 : own ? shareOf(own) : 0
    const cut = scope.cut || (state.cut && state.status !== 'failed')
    scopes = scopes.set(parent, {...scope, ended: scope.ended + 1, done: scope.done + share, cut})
  }
  return put({...run, scopes}, path, state)
}

/** How much of it is done, from 0 to 1. Of rounds, each is half of what is left. */
export function shareOf({size, done}: ScopeState): number {
  if (size === 0) return 1
  return size === undefined ? 1 - 2 ** -done : done / size
}

export function openScope(
  run: Run,
  path: string,
  {size, known = 0, done = 0}: {readonly size?: number; readonly known?: number; readonly done?: number},
): Run {
  const more = (size ?? 0) - (size === undefined ? 0 : known)
  return {
    ...run,
    scopes: run.scopes.set(path, {size, ended: done, done, failing: false, cut: false}),
    counts: more === 0 ? run.counts : {...run.counts, total: run.counts.total + more},
  }
}

/** Every scope from `first` up to `within` fails. */
export function doom(
  run: Run,
  path: string,
  first: string,
  {error, within = ''}: {readonly error: Fault; readonly within?: string},
): Run {
  let {scopes} = run
  for (let at = first; ; at = parentOf(at)) {
    const scope = scopes.get(at)
    if (scope && !scope.failing) scopes = scopes.set(at, {...scope, failing: true})
    if (at === within || at === '') break
  }
  const whole = within === '' && run.error === undefined
  return {...run, scopes, error: whole ? {code: error.code, message: `${path}: ${error.message}`} : run.error}
}
