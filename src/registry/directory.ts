import type {Resolution} from '../events/index.ts'
import {systemClock, type Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import type {AgentStatus, AgentView} from './agent.ts'
import {viewOf} from './decide.ts'
import {createMemory, type MemoryOptions, type Recollection, type Source} from './memory.ts'
import type {Lookup} from './metrics.ts'
import {route, type Target} from './routing.ts'
import {
  matchAgents,
  searchCapabilities,
  type CapabilityHit,
  type CapabilityQuery,
  type Look,
  type Match,
} from './score.ts'

export interface Listing {
  readonly source: Source
  readonly agents: readonly AgentView[]
}

export interface DirectoryOptions extends Omit<MemoryOptions, 'ticks'> {
  /** Records that work was routed to the agent. What becomes of the record is nobody's concern. */
  readonly assigned?: (agentId: string) => Promise<void>
  readonly observe?: {
    lookup(lookup: Lookup, seconds: number): void
    discovered(capability: string | undefined): void
  }
  /** Monotonic milliseconds. */
  readonly ticks?: () => number
  readonly clock?: Clock
}

export type Directory = ReturnType<typeof createDirectory>

/**
 * Who can do what, answered from memory. Leases are judged anew at each lookup, so a dead agent is not returned
 * however fresh it was when read. While the registry is away the last answer stands, leases as they were: nobody is
 * dead because we can't hear.
 */
export function createDirectory(options: DirectoryOptions) {
  const {observe, ticks = () => performance.now(), clock = systemClock} = options
  const memory = createMemory({...options, ticks})
  /** When work was routed from here to each agent, as far as its own reports do not count it yet. */
  const routed = new Map<string, readonly number[]>()

  /** How agents stand at this moment. */
  function looking({source, readAt}: Recollection): Look {
    const now = ticks()
    return record => {
      const at = readAt(record.agentId)
      const view = viewOf(record, source === 'registry' ? now - at : 0)
      return withRouted(view, at - record.heartbeatAgeMs)
    }
  }

  /** Counts the work routed since the agent said how loaded it is: all of a burst must not go to one. */
  function withRouted(view: AgentView, reportedAt: number): AgentView {
    const times = routed.get(view.agentId)
    if (times === undefined) return view
    const unreported = times.filter(time => time >= reportedAt)
    const last = unreported.at(-1)
    if (last === undefined) {
      routed.delete(view.agentId)
      return view
    }
    routed.set(view.agentId, unreported)
    return {
      ...view,
      load: {...view.load, active: view.load.active + unreported.length},
      lastAssignedAt: Math.max(view.lastAssignedAt ?? 0, clock() - (ticks() - last)),
    }
  }

  async function lookUp<T>(lookup: Lookup, answer: (known: Recollection, look: Look) => T): Promise<T> {
    const began = performance.now()
    try {
      const known = await memory.recall()
      return answer(known, looking(known))
    } finally {
      observe?.lookup(lookup, (performance.now() - began) / 1000)
    }
  }

  async function query(wanted: CapabilityQuery): Promise<readonly Match[]> {
    const matches = await lookUp('query', ({records}, look) => matchAgents(records, wanted, look))
    observe?.discovered(matches[0]?.capability)
    return matches
  }

  function assign(agentId: string): void {
    routed.set(agentId, [...(routed.get(agentId) ?? []), ticks()])
    void options.assigned?.(agentId).catch(() => undefined)
  }

  return {
    /** Something changed, of this agent or of any: the next lookup reads it again. */
    invalidate: memory.invalidate,

    /** Every agent, offline ones too, by name. */
    list({status}: {readonly status?: AgentStatus | undefined} = {}): Promise<Listing> {
      return lookUp('list', ({source, records}, look) => ({
        source,
        agents: records
          .map(look)
          .filter(agent => status === undefined || agent.status === status)
          .sort(byName),
      }))
    },

    get(agentId: string): Promise<AgentView | undefined> {
      return lookUp('get', ({records}, look) => {
        const record = records.find(known => known.agentId === agentId)
        return record && look(record)
      })
    },

    /** Capabilities of living agents that contain the text. */
    async search(text: string): Promise<readonly CapabilityHit[]> {
      const hits = await lookUp('search', ({records}, look) => searchCapabilities(records, text, look))
      observe?.discovered(hits[0]?.capability.name)
      return hits
    },

    /** The living agents that fit, best first. */
    query,

    /**
     * The agent to give work to: the best for the first of the queries that anybody fits. Counts as work given, so
     * that the next of equals is another. Throws NOT_FOUND when nobody can do any of it.
     */
    async select(...queries: readonly CapabilityQuery[]): Promise<AgentView> {
      for (const wanted of queries) {
        const [best] = await query(wanted)
        if (!best) continue
        assign(best.agent.agentId)
        return best.agent
      }
      throw nobody(queries)
    },

    /** Counts work as given to the agent, as `select` does. */
    assign,

    /**
     * Which processes can be asked over the bus for an agent, or for a capability, which then counts as work given.
     * Throws UPSTREAM_UNAVAILABLE while nothing but configuration is known: that does not say where anybody lives.
     */
    async resolve(target: Target): Promise<Resolution> {
      const found = await lookUp('resolve', ({source, records}, look) => {
        if (source === 'static')
          throw new AppError('UPSTREAM_UNAVAILABLE', 'The agent registry can’t be read now.')
        return route(records, target, look)
      })
      const [first] = found.kind === 'found' ? found.candidates : []
      if ('capability' in target && first) assign(first.agentId)
      return found
    },

    /** As `query`, or NOT_FOUND when fewer than this many fit. */
    async atLeast(count: number, wanted: CapabilityQuery): Promise<readonly Match[]> {
      const matches = await query(wanted)
      if (matches.length < count) throw nobody([wanted], count, matches.length)
      return matches
    },
  }
}

function byName(a: AgentView, b: AgentView): number {
  if (a.agentName === b.agentName) return a.agentId < b.agentId ? -1 : 1
  return a.agentName < b.agentName ? -1 : 1
}

function nobody(queries: readonly CapabilityQuery[], wanted = 1, found = 0): AppError {
  const what = queries
    .map(({keywords, requireAll}) => keywords.join(requireAll ? ' and ' : ' or '))
    .join(', nor ')
  return new AppError(
    'NOT_FOUND',
    wanted === 1
      ? `No living agent offers ${what}.`
      : `${wanted} living agents that offer ${what} are needed; there are ${found}.`,
    {details: {queries}},
  )
}
