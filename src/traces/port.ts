import type {AuditCase, AuditQuery} from '../audit/store.ts'
import type {Clock} from '../kernel/clock.ts'
import type {TracesPort} from '../sdk/index.ts'
import type {TraceStore} from './store.ts'
import {traceOf} from './trace.ts'

const MOST_AUDITED = 20
/** A correlation id, or so much of it that it tells. */
const ID = /^[0-9a-f][0-9a-f-]{7,35}$/

/** Tells people what their own commands did. */
export function createTraces({
  enabled,
  store,
  trail,
  redact,
  clock,
}: {
  readonly enabled: boolean
  readonly store: TraceStore
  readonly trail: {search(query: AuditQuery): Promise<readonly AuditCase[]>}
  readonly redact: (text: string) => string
  readonly clock: Clock
}): TracesPort {
  return {
    enabled,

    async find({kind, id: discordId}, wanted) {
      if (!enabled || kind !== 'discord') return undefined
      const prefix = wanted?.toLowerCase().replace(/…$/, '')
      if (prefix !== undefined && !ID.test(prefix)) return undefined
      const id =
        prefix === undefined ? (await store.recent(discordId, 1))[0]?.id : await store.own(discordId, prefix)
      const facts = id === undefined ? undefined : await store.facts(id)
      if (!facts) return undefined
      const audited = await trail.search({correlationId: facts.id, limit: MOST_AUDITED})
      return traceOf(facts, audited.toReversed(), {now: clock(), redact})
    },

    recent: async ({kind, id}, limit) => (enabled && kind === 'discord' ? store.recent(id, limit) : []),
  }
}
