import type {Ask, DeploymentState, JobView} from './state.ts'

/** What the shell does next. Derived from the state alone, so a restart picks up exactly where the record stands. */
export type Next =
  /** Read what would ship, and ask for it. */
  | {readonly do: 'inspect'}
  /** See how the request stands. */
  | {readonly do: 'consult'}
  | {readonly do: 'dispatch'}
  | {readonly do: 'reconcile'}
  | {readonly do: 'locate'}
  | {readonly do: 'observe'}
  | {readonly do: 'read-log'; readonly job: JobView}
  | {readonly do: 'cancel'; readonly force: boolean}
  /** Infinity: until somebody has news. */
  | {readonly do: 'wait'; readonly until: number}
  | {readonly do: 'nothing'}

/** How often the log of a failed job is asked for. */
export const LOG_READS = 3
const FORCE_CANCEL_AFTER_MS = 60_000
/** A request is looked up this often for its address, at first after a second, then after ever longer. */
const LOOKS_FOR_ADDRESS = 5
const FIRST_LOOK_MS = 1000

/** The one next thing to do at `now`, whoever asks and whatever happened to those who asked before. */
export function next(state: DeploymentState, now: number): Next {
  if (state.phase === 'finished') return {do: 'nothing'}
  if (state.slowUntil !== undefined && now < state.slowUntil) return {do: 'wait', until: state.slowUntil}
  const due = dueAt(state)
  switch (state.phase) {
    case 'inspecting':
      return now >= due ? {do: 'inspect'} : {do: 'wait', until: due}
    case 'parked': {
      const at = addressDueAt(state.gate?.ask)
      return now >= at ? {do: 'consult'} : {do: 'wait', until: at}
    }
    case 'requested':
      return now >= turnAt(state, due) ? {do: 'dispatch'} : {do: 'wait', until: turnAt(state, due)}
    case 'dispatching':
      // Whoever began this dispatch records its outcome under the same claim. Seen by a new claim, that one is gone.
      return {do: 'reconcile'}
    case 'locating':
      return now >= due ? {do: 'locate'} : {do: 'wait', until: due}
    case 'watching': {
      const stopAt = stopDueAt(state)
      if (now >= stopAt) return {do: 'cancel', force: state.cancel?.sentAt !== undefined}
      const job = unreadFailure(state)
      if (job && now >= retryAt(state)) return {do: 'read-log', job}
      return now >= due ? {do: 'observe'} : {do: 'wait', until: Math.min(due, stopAt)}
    }
  }
}

/** When to tell the run to stop, again after a failed try, and by force once it ignored us for a minute. */
function stopDueAt({cancel, run, request}: DeploymentState): number {
  if (!cancel || cancel.forcedAt !== undefined || run?.status === 'completed') return Number.POSITIVE_INFINITY
  const due = cancel.sentAt === undefined ? 0 : cancel.sentAt + FORCE_CANCEL_AFTER_MS
  return cancel.failedAt === undefined ? due : Math.max(due, cancel.failedAt + request.patience.pollMs)
}

/** When to look again: the poll interval after the last look, growing while looks fail, never past the deadline. */
function dueAt(state: DeploymentState): number {
  if (state.lookedAt === undefined) return 0
  const {pollMs} = state.request.patience
  const due = state.lookedAt + Math.min(pollMs * 2 ** Math.min(state.misses, 4), Math.max(pollMs, 30_000))
  const deadline =
    state.phase === 'watching'
      ? watchDeadline(state)
      : state.phase === 'locating'
        ? locatingDeadline(state)
        : 0
  return state.lookedAt < deadline ? Math.min(due, deadline) : due
}

/** A log is read at once, unless the last look at anything failed. */
function retryAt(state: DeploymentState): number {
  return state.misses > 0 || state.logReads > 0 ? dueAt(state) : 0
}

/** Who stands in line asks about it as often as about a run; that it is its turn is told besides. */
function turnAt({line, request}: DeploymentState, due: number): number {
  return line === undefined ? due : Math.max(due, line.askedAt + request.patience.pollMs)
}

/** It is decided by those who hear of it, so nothing is asked in between, but where people find it. */
function addressDueAt(ask: Ask | undefined): number {
  if (!ask || ask.url !== undefined || ask.looks >= LOOKS_FOR_ADDRESS) return Number.POSITIVE_INFINITY
  return ask.askedAt + FIRST_LOOK_MS * (2 ** (ask.looks + 1) - 1)
}

/** Until when a run is looked for. */
export function locatingDeadline(state: DeploymentState): number {
  return (state.locatingSince ?? 0) + state.request.patience.discoveryMs + state.slowedMs
}

/** Until when a run is watched, or is given to obey. */
export function watchDeadline(state: DeploymentState): number {
  const watch = (state.watchingSince ?? 0) + state.request.patience.watchMs + state.slowedMs
  return state.cancel ? Math.max(watch, state.cancel.at + 2 * FORCE_CANCEL_AFTER_MS + state.slowedMs) : watch
}

/** The first failed job whose log nobody has read yet; its words are worth more than the run's end. */
export function unreadFailure(state: DeploymentState): JobView | undefined {
  if (state.failure || state.logReads >= LOG_READS || state.run?.conclusion === 'success') return undefined
  return state.jobs.find(job => job.status === 'completed' && job.conclusion === 'failure')
}
