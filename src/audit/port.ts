import {AppError} from '../kernel/errors.ts'
import type {AuditedCase, AuditPort} from '../sdk/index.ts'
import {formatLink, parseLink} from './chain.ts'
import type {AuditCase} from './store.ts'
import type {Trail} from './trail.ts'

const MOST = 10

/** What commands and agents may ask of the record. */
export function createAuditPort({
  trail,
  publicUrl,
}: {
  readonly trail: Trail
  readonly publicUrl: () => string
}): AuditPort {
  return {
    search: async query => (await trail.search({...query, limit: MOST})).map(caseOf),
    show: async id => (await trail.show(id, MOST)).map(caseOf),

    async verify(head) {
      const noted = head === undefined ? undefined : parseLink(head)
      if (head !== undefined && !noted)
        throw new AppError(
          'INVALID_INPUT',
          'The head is not as `/audit action:verify` shows it: a number, a colon and 64 hex digits.',
        )
      const verdict = await trail.verify(noted)
      switch (verdict.kind) {
        case 'whole':
          return {
            kind: 'whole',
            records: verdict.head.seq,
            head: formatLink(verdict.head),
            proved: noted !== undefined,
          }
        case 'broken':
          return {kind: 'broken', ...verdict.fault}
        case 'rewritten':
          return {kind: 'rewritten', noted: verdict.noted.seq, records: verdict.head.seq}
      }
    },

    async export() {
      return {url: `${publicUrl()}/audit/export`, records: (await trail.head())?.seq ?? 0}
    },
  }
}

function caseOf({line, outcome}: AuditCase): AuditedCase {
  const {seq, id, at, action, actor, subject, correlation_id: correlationId, phase} = line
  return {
    ...{seq, id, action, subject},
    actor: actor.name,
    at: Date.parse(at),
    correlationId: correlationId ?? undefined,
    end: phase === 'intent' ? endOf(outcome?.phase) : phase,
    endedAt: outcome && Date.parse(outcome.at),
    details: Object.entries({...line.details, ...outcome?.details}).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  }
}

function endOf(phase: AuditCase['line']['phase'] | undefined): AuditedCase['end'] {
  return phase === undefined || phase === 'intent' ? 'open' : phase
}
