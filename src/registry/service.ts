import type {Pool} from 'pg'
import {AppError} from '../kernel/errors.ts'
import {checkPublicUrl, type UrlRules} from '../kernel/public-url.ts'
import type {Logger} from '../platform/logger.ts'
import {transaction, type Db} from '../platform/postgres.ts'
import type {AgentStatus, Beat, Registration} from './agent.ts'
import type {RegistryMetrics} from './metrics.ts'
import type {RegistryStore, Settled} from './store.ts'

/**
 * Why an agent's status changed. `lease_expired`: no sign of life in time. `heartbeat`: one that changed something.
 * `reported`: it was said so. `left`: it went in good order.
 */
export type StatusReason = 'registered' | 'heartbeat' | 'reported' | 'left' | 'lease_expired'

/** The data of the event `agent.status_change`. */
export interface StatusChange {
  readonly agent_id: string
  readonly from: AgentStatus
  readonly to: AgentStatus
  readonly reason: StatusReason
}

/**
 * Where status changes are told. `db` is the transaction that makes the change: what is written with it is told if
 * and only if the change happened. What it answers is called once that is committed.
 */
export type EmitStatusChange = (
  type: 'agent.status_change',
  data: StatusChange,
  db: Db,
) => Promise<(() => void) | void>

interface Settlement {
  readonly settled: readonly Settled[]
  readonly announce: readonly (() => void)[]
}

const MAX_URL = 256
const FORGET_INSTANCE_MS = 3_600_000
const FORGET_AGENT_MS = 7 * 24 * 3_600_000

/** How often a worker tells of agents that fell silent. */
export const REGISTRY_SWEEP_MS = 5_000

export type RegistryService = ReturnType<typeof createRegistryService>

/** Writes to the registry. Every change of an agent's status is emitted exactly once, by whoever settles it. */
export function createRegistryService({
  pool,
  store,
  urlRules,
  emit,
  metrics,
  changed,
  log,
}: {
  readonly pool: Pool
  readonly store: RegistryStore
  readonly urlRules: UrlRules
  readonly emit: EmitStatusChange
  readonly metrics: Pick<RegistryMetrics, 'heartbeat' | 'lapsed'>
  /** Told after each change made here, so that this process reads what it wrote. */
  readonly changed: (agentId: string) => void
  readonly log: Pick<Logger, 'info' | 'warn'>
}) {
  /** Brings what was announced to what the leases say. To be told with `tell` once it is committed. */
  async function settle(db: Db, reason: StatusReason, agentIds?: readonly string[]): Promise<Settlement> {
    const settled = await store.settle(db, agentIds)
    const announce: (() => void)[] = []
    for (const {agentId, from, to} of settled) {
      const committed = await emit('agent.status_change', {agent_id: agentId, from, to, reason}, db)
      if (committed) announce.push(committed)
    }
    return {settled, announce}
  }

  /** Makes a change and settles the agent, together or not at all. */
  async function change<T>(agentId: string, reason: StatusReason, make: (db: Db) => Promise<T>): Promise<T> {
    const {result, settlement} = await transaction(pool, async db => {
      const result = await make(db)
      return {result, settlement: await settle(db, reason, [agentId])}
    })
    changed(agentId)
    tell(settlement, reason)
    return result
  }

  function tell({settled, announce}: Settlement, reason: StatusReason): void {
    for (const committed of announce) committed()
    for (const {agentId, from, to} of settled) {
      changed(agentId)
      const fields = {agent: agentId, from, to, reason}
      if (reason === 'lease_expired' && to === 'offline') log.warn(fields, 'agent gave no sign of life')
      else log.info(fields, 'agent changed status')
    }
  }

  function refuseUrl(baseUrl: string | undefined): void {
    if (baseUrl === undefined) return
    const verdict = checkPublicUrl(baseUrl, urlRules)
    const reason = verdict.ok
      ? baseUrl.length > MAX_URL && `The address is longer than ${MAX_URL} characters.`
      : verdict.reason
    if (reason !== false) throw new AppError('INVALID_INPUT', `base_url: ${reason}`)
  }

  return {
    /**
     * Adds the agent or overwrites what it said before, and starts its lease. Answers when. Throws INVALID_INPUT for
     * an address that the URL rules refuse: what is registered here is called with our credentials.
     */
    async register(registration: Registration, registeredBy: string): Promise<Date> {
      refuseUrl(registration.baseUrl)
      return change(registration.agentId, 'registered', db =>
        store.register(db, {...registration, registeredBy}),
      )
    },

    /**
     * Renews leases, all in one statement; answers when per agent. An agent that is missing from the answer is not
     * registered, or left, and has to register again.
     */
    async heartbeat(beats: readonly Beat[]): Promise<ReadonlyMap<string, Date>> {
      const began = performance.now()
      const beaten = await store.beat(beats)
      const unsettled = [...beaten].flatMap(([agentId, beat]) => (beat.unsettled ? [agentId] : []))
      if (unsettled.length > 0) {
        const settlement = await transaction(pool, db => settle(db, 'heartbeat', unsettled))
        tell(settlement, 'heartbeat')
      }
      const seconds = (performance.now() - began) / 1000
      for (const agentId of beaten.keys()) metrics.heartbeat(agentId, seconds)
      return new Map([...beaten].map(([agentId, {lastHeartbeat}]) => [agentId, lastHeartbeat]))
    },

    /** The instance goes, or all of them; the agent stays known, as offline. Throws NOT_FOUND when it never was. */
    async leave(agentId: string, instanceId?: string): Promise<void> {
      const known = await change(agentId, 'left', db => store.leave(db, agentId, instanceId))
      if (!known) throw unknownAgent(agentId)
    },

    /** Without an instance, all of them. Does not renew a lease: saying "active" for a dead agent revives nobody. */
    async setStatus(agentId: string, status: AgentStatus, instanceId?: string): Promise<void> {
      const known = await change(agentId, 'reported', db => store.sayStatus(db, agentId, status, instanceId))
      if (!known) throw unknownAgent(agentId)
    },

    /** Tells of leases that lapsed without anybody asking, and forgets what has long been gone. Any process may. */
    async sweep(): Promise<void> {
      const settlement = await transaction(pool, db => settle(db, 'lease_expired'))
      metrics.lapsed(settlement.settled.filter(({to}) => to === 'offline').length)
      tell(settlement, 'lease_expired')
      await store.forget({instanceMs: FORGET_INSTANCE_MS, agentMs: FORGET_AGENT_MS})
    },
  }
}

/** NOT_FOUND, for an agent that nobody registered. */
export function unknownAgent(agentId: string): AppError {
  return new AppError('NOT_FOUND', `No agent ${agentId} is registered.`, {details: {agentId}})
}
