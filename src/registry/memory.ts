import {AppError} from '../kernel/errors.ts'
import type {AgentRecord} from './agent.ts'

/**
 * Where an answer came from. `registry`: as it stands. `cache`: the registry is away and this is what it said last.
 * `static`: it is away and never answered; this is what the configuration says.
 */
export type Source = 'registry' | 'cache' | 'static'

/** What is remembered at a moment. */
export interface Recollection {
  readonly source: Source
  readonly records: readonly AgentRecord[]
  /** When reading the agent began, in ticks: its leases were at least as long then as its record says. */
  readonly readAt: (agentId: string) => number
}

export interface MemoryOptions {
  /**
   * Reads everything there is, or at least the agents named: one of them that is missing from the answer is not
   * there any more.
   */
  readonly read: (agentIds?: readonly string[]) => Promise<readonly AgentRecord[]>
  /** How long what was read may be used unless it is invalidated. Well below the lease, or renewals go unseen. */
  readonly ttlMs: number
  /** How long the registry is waited for when there is something older to answer with. */
  readonly patienceMs?: number | undefined
  /** The answer of last resort. */
  readonly statics?: readonly AgentRecord[] | undefined
  /** Monotonic milliseconds. */
  readonly ticks: () => number
}

export interface Memory {
  /** Something changed, of this agent or of any: it is read again before the next answer. */
  readonly invalidate: (agentId?: string) => void
  /** Throws UPSTREAM_UNAVAILABLE when the registry is away and there is nothing to answer with. */
  recall(): Promise<Recollection>
}

interface Entry {
  readonly record: AgentRecord
  readonly at: number
}

const RETRY_AFTER_MS = 1_000
// Beyond this many changed agents, reading all of them is no dearer.
const FEW = 100

/** The registry, remembered: read again when told that it changed or when time is up, believed while it is away. */
export function createMemory({read, ttlMs, patienceMs = 1_000, statics = [], ticks}: MemoryOptions): Memory {
  let entries: ReadonlyMap<string, Entry> = new Map()
  let records: readonly AgentRecord[] = statics
  /** When everything was last read, and which changes what is remembered takes account of. */
  let fullAt = -Infinity
  let seen = 0
  let changes = 0
  /** The agents that changed, or all of them. */
  let stale: Set<string> | 'all' = 'all'
  let reading: Promise<void> | undefined
  let failedAt = -Infinity

  function refresh(): Promise<void> {
    reading ??= readAgain().finally(() => (reading = undefined))
    return reading
  }

  async function readAgain(): Promise<void> {
    const [at, upTo] = [ticks(), changes]
    const ids = stale === 'all' || stale.size > FEW || at - fullAt >= ttlMs ? undefined : [...stale]
    stale = new Set()
    try {
      const fresh = (await read(ids)).map(record => [record.agentId, {record, at}] as const)
      const kept = ids === undefined ? [] : [...entries].filter(([id]) => !ids.includes(id))
      entries = new Map([...kept, ...fresh])
      records = [...entries.values()].map(({record}) => record)
      if (ids === undefined) fullAt = at
      seen = upTo
      failedAt = -Infinity
    } catch (error) {
      stale = 'all'
      failedAt = ticks()
      throw error
    }
  }

  /** Waits until memory holds what was true when asked. Another's reading may have begun too early, so twice at most. */
  async function ensureFresh(): Promise<void> {
    const wanted = changes
    if (seen >= wanted && stale !== 'all' && ticks() - fullAt < ttlMs) return
    await refresh()
    if (seen < wanted) await refresh()
  }

  function recollection(source: 'registry' | 'cache'): Recollection {
    const known = entries
    return {
      source: fullAt === -Infinity ? 'static' : source,
      records,
      readAt: agentId => known.get(agentId)?.at ?? ticks(),
    }
  }

  return {
    invalidate(agentId?: string): void {
      changes++
      if (agentId === undefined) stale = 'all'
      else if (stale !== 'all') stale.add(agentId)
    },

    async recall(): Promise<Recollection> {
      const fallback = fullAt > -Infinity || statics.length > 0
      if (fallback && ticks() - failedAt < RETRY_AFTER_MS) return recollection('cache')
      try {
        await (fallback ? withPatience(ensureFresh(), patienceMs) : ensureFresh())
        return recollection('registry')
      } catch (error) {
        failedAt = ticks()
        if (fallback) return recollection('cache')
        throw new AppError('UPSTREAM_UNAVAILABLE', 'The agent registry does not answer.', {cause: error})
      }
    },
  }
}

/** Rejects when the work takes longer; the work itself goes on. */
function withPatience(work: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  })
  work.catch(() => undefined)
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
