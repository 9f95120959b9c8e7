import {isOver} from './evolve.ts'
import {parentOf} from './place.ts'
import type {Plan} from './plan.ts'
import type {Run, RunStatus} from './run.ts'
import {shareOf} from './tally.ts'

/** What may follow which; everything else is refused. From `failed` and `cancelled` on only by a retry. */
export const TRANSITIONS: Readonly<Record<RunStatus, readonly RunStatus[]>> = {
  pending: ['running'],
  running: ['paused', 'completed', 'failed', 'cancelled'],
  paused: ['running', 'completed', 'failed', 'cancelled'],
  completed: [],
  failed: ['running'],
  cancelled: ['running'],
}

export interface Progress {
  /** All steps that are known of; grows as items, rounds and generated steps turn up. */
  readonly total: number
  /** That succeeded. */
  readonly completed: number
  readonly failed: number
  /** Of the whole, in whole numbers. Never falls, but for a retry; 100 only when the run has completed. */
  readonly percentage: number
  /** The path of what is under way, the longest-running first. */
  readonly current: string | undefined
}

/** How far a run has come. Each top-level step is the same share of it, and each step inside the same share of that. */
export function progress(_plan: Plan, run: Run): Progress {
  const {total, completed, failed} = run.counts
  const percentage = run.status === 'completed' ? 100 : Math.min(99, Math.floor(100 * shareDone(run) + 1e-9))
  return {total, completed, failed, percentage, current: first(run.open)}
}

function shareDone(run: Run): number {
  let done = 0
  for (const [path, scope] of run.scopes) done += weightOf(run, path) * shareOf(scope)
  return done
}

/** How much of the run is inside the path. */
function weightOf(run: Run, path: string): number {
  if (path === '') return 1
  const parent = parentOf(path)
  const scope = run.scopes.get(parent)
  if (!scope) return 0
  return weightOf(run, parent) * (scope.size === undefined ? 2 ** -(scope.done + 1) : 1 / scope.size)
}

function first(open: Run['open']): string | undefined {
  for (const [path] of open) return path
  return undefined
}

/**
 * Whether nothing of the run needs the process that carries it on: it waits for what is delivered or for a time, or has
 * ended. While an operator has it paused attempts may still be ending here, which only the process itself knows.
 */
export function parked(_plan: Plan, run: Run): boolean {
  if (isOver(run.status)) return true
  return run.bound.locks === 0 && (run.status === 'paused' || run.bound.attempts === 0)
}

/** What the run waits for when nothing is under way, by itself or elsewhere, and nothing but the named thing helps. */
export function waitingFor(run: Run): {readonly kind: string; readonly id: string} | undefined {
  if (isOver(run.status) || run.status === 'pending') return undefined
  const gate = gateOf(run)
  return run.status === 'paused' ? (gate ?? {kind: 'operator', id: run.told?.id ?? ''}) : gate
}

function gateOf(run: Run): {readonly kind: string; readonly id: string} | undefined {
  if (run.bound.attempts > 0 || run.bound.locks > 0) return undefined
  let gate: {readonly kind: string; readonly id: string} | undefined
  for (const [, {status, awaits}] of run.open) {
    if (status !== 'waiting' || !awaits || awaits.kind === 'retry' || awaits.kind === 'child')
      return undefined
    gate ??= awaits
  }
  return gate
}

/** The state to show: a run parked at a gate, a timer or a signal is `paused` too. */
export function statusOf(run: Run): RunStatus {
  return waitingFor(run) ? 'paused' : run.status
}

/** When the run has to be told the time, without which nothing would happen; `undefined`: never, as it stands. */
export function wakeAt(run: Run): number | undefined {
  if (isOver(run.status) || run.status === 'paused') return undefined
  let soonest: number | undefined
  for (const [, state] of run.open) {
    if (state.wakeAt !== undefined && (soonest === undefined || state.wakeAt < soonest))
      soonest = state.wakeAt
  }
  return soonest
}
