import type {Pool} from 'pg'
import {createAuditMetrics} from '../audit/metrics.ts'
import {createAuditPort} from '../audit/port.ts'
import {createAudit, type AuditService} from '../audit/service.ts'
import {createAuditStore} from '../audit/store.ts'
import {createTrail, type Trail} from '../audit/trail.ts'
import type {Logger} from '../platform/logger.ts'
import type {Metrics} from '../platform/metrics.ts'
import type {AuditPort} from '../sdk/index.ts'

/** The record of refusals and effects: where it is written, and where it is read. */
export interface HouseAudit {
  readonly audit: AuditService
  readonly trail: Trail
  port(publicUrl: () => string): AuditPort
}

export function openAudit({
  pool,
  redact,
  metrics,
  log,
}: {
  readonly pool: Pool
  readonly redact: (text: string) => string
  readonly metrics: Metrics
  readonly log: Logger
}): HouseAudit {
  const store = createAuditStore({pool})
  const trail = createTrail({pool, store})
  return {
    audit: createAudit({store, redact, metrics: createAuditMetrics({registry: metrics.registry}), log}),
    trail,
    port: publicUrl => createAuditPort({trail, publicUrl}),
  }
}
