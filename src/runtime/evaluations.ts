import type {Pool} from 'pg'
import {createEvaluationMetrics} from '../evaluation/metrics.ts'
import {createEvaluations, type Evaluations, type LookedAtRun} from '../evaluation/service.ts'
import {createEvaluationStore} from '../evaluation/store.ts'
import type {Clock} from '../kernel/clock.ts'
import type {Metrics} from '../platform/metrics.ts'

/** What ended runs of workflows were worth. */
export function openEvaluations({
  pool,
  runs,
  metrics,
  clock,
}: {
  readonly pool: Pool
  readonly runs: () => {get(id: string): Promise<LookedAtRun | undefined>}
  readonly metrics: Metrics
  readonly clock: Clock
}): Evaluations {
  return createEvaluations({
    store: createEvaluationStore({pool}),
    runs,
    metrics: createEvaluationMetrics({registry: metrics.registry}),
    clock,
  })
}
