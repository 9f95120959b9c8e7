import type {Json} from '../kernel/json.ts'
import type {TaskResult, WorkflowResult} from './score.ts'

/** A run that has ended, as far as its evaluation looks. Times in ISO 8601. */
export interface EndedRun {
  readonly id: string
  readonly workflow: string
  readonly started_at: string
  readonly completed_at: string | null
  readonly steps?: readonly {
    readonly id: string
    /** Absent where no agent does it: values, gates, timers, groups. */
    readonly agent?: string | undefined
    readonly status: string
    readonly attempt: number
    readonly output: Json
    readonly error: {readonly message: string} | null
    readonly started_at: string | null
    readonly ended_at: string | null
  }[]
}

const DONE = new Set(['succeeded', 'compensating', 'compensated'])

/**
 * What agents did in a run. A step that was never begun, since its condition or an end before it ruled it out, is no task;
 * one that was undone later had succeeded; one that was cut short had not.
 */
export function resultOf(run: EndedRun): WorkflowResult {
  const ended = run.completed_at ?? run.started_at
  const tasks = (run.steps ?? []).flatMap((step): TaskResult[] => {
    if (step.agent === undefined || step.started_at === null) return []
    return [
      {
        task_id: step.id,
        agent_role: step.agent,
        success: DONE.has(step.status),
        output: step.output,
        execution_time: secondsBetween(step.started_at, step.ended_at ?? ended),
        errors: step.error === null ? [] : [step.error.message],
        warnings: step.attempt > 1 ? [`it took ${step.attempt} attempts`] : [],
      },
    ]
  })
  return {
    workflow_id: run.id,
    workflow_type: run.workflow,
    task_results: tasks,
    total_execution_time: secondsBetween(run.started_at, ended),
  }
}

function secondsBetween(from: string, to: string): number {
  return Math.max(0, Date.parse(to) - Date.parse(from)) / 1000
}
