import {Counter, Gauge, Histogram, type Registry} from 'prom-client'
import {inTimeForScrape} from '../platform/scrape.ts'
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
  const registers = [registry]
  const label = (workflow: string) => (workflows.has(workflow) ? workflow : 'other')
  const durations = new Histogram({
    name: 'workflow_duration_seconds',
    help: 'From a run’s start to its end',
    labelNames: ['workflow', 'status'] as const,
    buckets: [0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400],
    registers,
  })
  const steps = new Counter({
    name: 'workflow_steps_total',
    help: 'Steps of ended runs, by how they ended',
    labelNames: ['workflow', 'status'] as const,
    registers,
  })
  const failures = new Counter({
    name: 'workflow_failures_total',
    help: 'Runs that failed',
    labelNames: ['workflow'] as const,
    registers,
  })
  new Gauge({
    name: 'workflows_active',
    help: 'Open runs by status, as the database says; absent while it does not answer',
    labelNames: ['status'] as const,
    registers,
    async collect() {
      this.reset()
      const counts = await inTimeForScrape(countOpen())
      if (!counts) return
      for (const status of ['pending', 'running', 'paused']) this.set({status}, counts.get(status) ?? 0)
    },
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
