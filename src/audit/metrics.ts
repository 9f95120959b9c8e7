import {Counter, type Registry} from 'prom-client'
import type {AuditPhase} from './chain.ts'

export interface AuditMetrics {
  /** One more is in the record, appended by this process. */
  recorded(phase: AuditPhase): void
}

const PHASES = ['refused', 'intent', 'done', 'failed', 'unknown'] as const satisfies readonly AuditPhase[]

export function createAuditMetrics({registry}: {readonly registry: Registry}): AuditMetrics {
  const records = new Counter({
    name: 'audit_records_total',
    help: 'Records appended to the audit',
    labelNames: ['phase'] as const,
    registers: [registry],
  })
  // From the start, so that a rate can be told from nothing.
  for (const phase of PHASES) records.inc({phase}, 0)
  return {recorded: phase => records.inc({phase})}
}
