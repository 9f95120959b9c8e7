import type {Registry} from 'prom-client'
import {createInstruments} from '../platform/instruments.ts'
import type {WorkflowStore} from './store.ts'

export interface WorkflowMetrics {
  ended(
    workflow: string,
    status: string,
    seconds: number,
    steps: {readonly completed: number; readonly failed: number},
  ): void
}

/** The metrics of workflow runs. `workflow` is a known definition's name, else `other`. */
export function createWorkflowMetrics({
  registry,
  workflows,
  countOpen,
}: {
  readonly registry: Registry
  readonly workflows: ReadonlySet<string>
  readonly countOpen: WorkflowStore['countOpen']
}): WorkflowMetrics {
  const {counter, histogram, gauge} = createInstruments(registry)
  const label = (workflow: string) => (workflows.has(workflow) ? workflow : 'other')
  const durations = histogram(
    'workflow_duration_seconds',
    'From a run’s start to its end',
    [0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400],
    ['workflow', 'status'],
  )
  const steps = counter('workflow_steps_total', 'Steps of ended runs, by how they ended', [
    'workflow',
    'status',
  ])
  const failures = counter('workflow_failures_total', 'Runs that failed', ['workflow'])
  gauge('workflows_active', 'Open runs by status, as the database says; absent while it does not answer', {
    labelNames: ['status'],
    ask: countOpen,
    show: counts => ['pending', 'running', 'paused'].map(status => [{status}, counts.get(status) ?? 0]),
  })

  return {
    ended(workflow, status, seconds, {completed, failed}) {
      const name = label(workflow)
      durations.observe({workflow: name, status}, seconds)
      if (completed > 0) steps.inc({workflow: name, status: 'succeeded'}, completed)
      if (failed > 0) steps.inc({workflow: name, status: 'failed'}, failed)
      if (status === 'failed') failures.inc({workflow: name})
    },
  }
}
