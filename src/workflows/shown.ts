import type {Json} from '../kernel/json.ts'
import {layerAt, placeAt} from './place.ts'
import type {Plan} from './plan.ts'
import type {Fault, Run, RunStatus, StepState} from './run.ts'
import type {RunRow} from './run-store.ts'

/** A run as it is shown outside: contract.md section 5. */
export interface ShownRun {
  readonly id: string
  readonly workflow: string
  readonly status: RunStatus
  readonly current_step: string
  readonly waiting_for: {readonly kind: string; readonly id: string} | null
  /** An operator told it to pause, whatever else it waits for. Absent in lists. */
  readonly held?: boolean
  readonly progress: {
    readonly total: number
    readonly completed: number
    readonly failed: number
    /** 0 to 100. */
    readonly percentage: number
  }
  /** Absent in lists. */
  readonly steps?: readonly ShownStep[]
  readonly version: number
  readonly input: Json
  readonly result: Json
  readonly error: Fault | null
  readonly correlation_id: string
  readonly started_at: string
  readonly updated_at: string
  readonly completed_at: string | null
}

export interface ShownStep {
  /** Its path: unique in the run. */
  readonly id: string
  /** Ids of the steps that it waits for. Those of steps inside of others are not told. */
  readonly needs: readonly string[]
  /** Who does it; absent where no agent does: values, gates, timers, groups. */
  readonly agent?: string
  readonly status: StepState['status']
  readonly attempt: number
  readonly output: Json
  readonly error: Fault | null
  readonly started_at: string | null
  readonly ended_at: string | null
  /** When it is tried again; absent unless it waits for that. */
  readonly retry_at?: string
}

/** Without its steps. */
export function showRow(row: RunRow): ShownRun {
  const {id, workflow, status, total, completed, failed, percentage, version, input, result} = row
  return {
    id,
    workflow,
    status,
    current_step: row.currentStep,
    waiting_for: row.waitingFor,
    progress: {total, completed, failed, percentage},
    version,
    input,
    result,
    error: row.error === null ? null : {code: 'FAILED', message: row.error},
    correlation_id: row.correlationId,
    started_at: isoTime(row.startedAt),
    updated_at: isoTime(row.updatedAt),
    completed_at: row.completedAt === null ? null : isoTime(row.completedAt),
  }
}

/** With its steps: those of the top level in the plan's order, also before they are touched, with what is inside them. */
export function showRun(row: RunRow, run: Run, plan: Plan | undefined): ShownRun {
  const shown = showRow(row)
  return {
    ...shown,
    held: run.status === 'paused',
    error: run.error ?? shown.error,
    steps: stepsOf(run, plan),
  }
}

function stepsOf(run: Run, plan: Plan | undefined): readonly ShownStep[] {
  const order = new Map((plan?.steps.order ?? []).map(({id}, index) => [id, index]))
  const untouched = [...order.keys()].filter(id => !run.steps.has(id))
  const rank = (path: string) => order.get(topOf(path)) ?? Infinity
  // Sorting is stable: what is inside a step stays in the order in which it was touched.
  return [...run.steps.keys(), ...untouched]
    .sort((a, b) => compare(rank(a), rank(b)))
    .map(path => {
      const state = run.steps.get(path)
      const agent = plan && agentOf(plan, run, path)
      return {
        id: path,
        needs: plan?.steps.byId.get(path)?.needs ?? [],
        ...(agent === undefined ? {} : {agent}),
        status: state?.status ?? 'pending',
        attempt: state?.attempt ?? 0,
        output: state?.output ?? null,
        error: state?.error ?? null,
        started_at: state?.startedAt === undefined ? null : isoTime(state.startedAt),
        ended_at: state?.endedAt === undefined ? null : isoTime(state.endedAt),
        ...(state?.awaits?.kind === 'retry' && state.wakeAt !== undefined
          ? {retry_at: isoTime(state.wakeAt)}
          : {}),
      }
    })
}

/** Where the work itself is done: not for the whole of what is done several times. */
function agentOf(plan: Plan, run: Run, path: string): string | undefined {
  const place = placeAt(plan, run, path)
  if (!place || layerAt(place) !== undefined) return undefined
  const {work} = place.step
  return work.kind === 'action' ? work.agent : undefined
}

function compare(a: number, b: number): number {
  return a === b ? 0 : a - b
}

/** The step of the top level that the path is, or is inside of. */
export function topOf(path: string): string {
  return path.split(/[/[]/, 1)[0] ?? path
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}
