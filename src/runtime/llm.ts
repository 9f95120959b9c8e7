import type {Pool} from 'pg'
import type {Llm} from '../integrations/llm/llm.ts'
import {createLlmMetrics} from '../integrations/llm/metrics.ts'
import {createLlm} from '../integrations/llm/model.ts'
import {createSpendingStore} from '../integrations/llm/spending-store.ts'
import type {Clock} from '../kernel/clock.ts'
import type {Config} from '../platform/config/config.ts'
import type {Logger} from '../platform/logger.ts'
import type {Metrics} from '../platform/metrics.ts'

/** The language model of the house; it is off where none is configured. */
export function openLlm({
  config,
  pool,
  redact,
  metrics,
  clock,
  log,
}: {
  readonly config: Config
  readonly pool: Pool
  readonly redact: (text: string) => string
  readonly metrics: Metrics
  readonly clock: Clock
  readonly log: Logger
}): Llm {
  return createLlm({
    config: config.llm,
    spending: createSpendingStore({pool}),
    redact,
    metrics: createLlmMetrics({registry: metrics.registry}),
    clock,
    log,
  })
}
