import type {Registry} from 'prom-client'
import {createInstruments} from '../platform/instruments.ts'
import type {AuditPhase} from './chain.ts'

export interface AuditMetrics {
  /** One more is in the record, appended by this process. */
  recorded(phase: AuditPhase): void
}

const PHASES = ['refused', 'intent', 'done', 'failed', 'unknown'] as const satisfies readonly AuditPhase[]

export function createAuditMetrics({registry}: {readonly registry: Registry}): AuditMetrics {
  const {counter} = createInstruments(registry)
  const records = counter('audit_records_total', 'Records appended to the audit', ['phase'])
  // From the start, so that a rate can be told from nothing.
  for (const phase of PHASES) records.inc({phase}, 0)
  return {recorded: phase => records.inc({phase})}
}
