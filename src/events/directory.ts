import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import type {Transport} from './transport.ts'

/** One process that serves an agent: where a request can be put. */
export interface Candidate {
  readonly agentId: string
  /** The `nodeId` of the process's transport. */
  readonly instanceId: string
}

export type Resolution =
  /** At least one, best first; each is tried when those before it can't be reached. */
  | {readonly kind: 'found'; readonly candidates: readonly Candidate[]}
  /** Known, but nobody who could answer is alive. */
  | {readonly kind: 'offline'}
  | {readonly kind: 'unknown'}

/** Who answers for an agent, or for a capability. The registry's part; throwing means that it can't tell now. */
export interface Directory {
  resolve(target: {readonly agent: string} | {readonly capability: string}): Promise<Resolution>
}

/** Where every process says which agents it serves; nothing is ever sent there. */
export const presenceTopic = (agentId: string): string =>
  `agents.${encodeURIComponent(agentId).replace(/[.~!*'()]/g, percent)}`

const percent = (character: string): string => `%${character.charCodeAt(0).toString(16)}`

const FRESH_MS = 1_000
const SETTLE_MS = 5_000

/**
 * Knows agents by who listens for them on the transport: enough without a registry, though a process that died is
 * found here until its lease has lapsed, and capabilities are not known at all. Answers of the last second are
 * reused, older ones while the transport is away. After a gap the others may still be on their way back: for some
 * seconds an agent that is not found was not looked up well enough.
 */
export function createTransportDirectory({
  transport,
  clock,
}: {
  readonly transport: Pick<Transport, 'nodeId' | 'listeners' | 'isUp' | 'watch'>
  readonly clock: Clock
}): Directory {
  const cache = new Map<string, {readonly at: number; readonly instances: readonly string[]}>()
  const asking = new Map<string, Promise<readonly string[]>>()
  let settledAt = 0
  transport.watch({up: () => undefined, down: () => undefined, gap: () => (settledAt = clock() + SETTLE_MS)})

  async function look(agentId: string): Promise<readonly string[]> {
    const known = cache.get(agentId)
    try {
      const instances = await transport.listeners(presenceTopic(agentId))
      if (instances.length > 0) {
        cache.set(agentId, {at: clock(), instances})
        return instances
      }
    } catch (error) {
      if (known) return known.instances
      throw error
    }
    if (clock() < settledAt) {
      if (known) return known.instances
      throw new AppError('UPSTREAM_UNAVAILABLE', 'The event transport has not settled yet.')
    }
    cache.delete(agentId)
    return []
  }

  function instancesOf(agentId: string): Promise<readonly string[]> | readonly string[] {
    const known = cache.get(agentId)
    if (known && (clock() - known.at < FRESH_MS || !transport.isUp())) return known.instances
    let answer = asking.get(agentId)
    if (!answer) {
      answer = look(agentId).finally(() => asking.delete(agentId))
      asking.set(agentId, answer)
    }
    // What was known a moment ago is good enough until it is known better.
    if (known && clock() - known.at < 2 * FRESH_MS) {
      answer.catch(() => undefined)
      return known.instances
    }
    return answer
  }

  return {
    async resolve(target) {
      if (!('agent' in target)) return {kind: 'unknown'}
      const instances = await instancesOf(target.agent)
      if (instances.length === 0) return {kind: 'unknown'}
      // The way to this process is the shortest; among others chance spreads the work.
      const own = instances.indexOf(transport.nodeId)
      const first = own === -1 ? Math.floor(Math.random() * instances.length) : own
      return {
        kind: 'found',
        candidates: [...instances.slice(first), ...instances.slice(0, first)].map(instanceId => ({
          agentId: target.agent,
          instanceId,
        })),
      }
    },
  }
}
