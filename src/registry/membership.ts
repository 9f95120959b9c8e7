import {toError} from '../kernel/errors.ts'
import type {Logger} from '../platform/logger.ts'
import type {AgentDefinition} from '../sdk/index.ts'
import type {Beat, Load, Registration} from './agent.ts'
import {statusForLoad} from './decide.ts'
import {registrationOf} from './registration.ts'

/** What a member asks of the registry: our own service, or another machine's over HTTP. */
export interface RegistryPort {
  register(registration: Registration, registeredBy: string): Promise<unknown>
  /** Answers those whose lease was renewed; the others have to register again. */
  heartbeat(beats: readonly Beat[]): Promise<{has(agentId: string): boolean}>
  leave(agentId: string, instanceId: string): Promise<void>
}

export interface Membership {
  /** Resolves when every agent is registered for the first time, or membership ended before that. */
  readonly joined: Promise<void>
  /** Beats at once: for when the load reached capacity, or fell below it. */
  beat(): void
  /** Ends the heartbeats and leaves. Never throws: what can't be told the lease will show. */
  close(): Promise<void>
}

const REGISTER_WITHIN_MS = 10_000
const HEARTBEAT_WITHIN_MS = 5_000
const LEAVE_WITHIN_MS = 5_000
const FIRST_PAUSE_MS = 1_000
const MAX_PAUSE_MS = 30_000

/**
 * Keeps the agents of this process registered for as long as it lives: registers, beats, registers again when the
 * registry does not know them or a beat failed, and leaves at the end. Never throws and never gives up; without a
 * registry the agents work all the same, found by the static map.
 */
export function joinRegistry({
  registry,
  agents,
  instanceId,
  load,
  heartbeatMs,
  log,
  random = Math.random,
}: {
  readonly registry: RegistryPort
  readonly agents: Iterable<AgentDefinition>
  /** Of this process. Others that serve the same agents have their own. */
  readonly instanceId: string
  readonly load: (agentId: string) => Load
  readonly heartbeatMs: number
  readonly log: Pick<Logger, 'info' | 'warn'>
  readonly random?: () => number
}): Membership {
  const members = [...agents]
  const registered = new Set<string>()
  let ending = false
  let hurried = false
  let wake = (): void => undefined
  let failures = 0
  let markJoined: () => void
  const joined = new Promise<void>(resolve => (markJoined = resolve))

  async function register(agent: AgentDefinition): Promise<void> {
    const current = load(agent.id)
    const registration = {
      ...registrationOf(agent, instanceId),
      load: current,
      status: statusForLoad(current),
    }
    await within(registry.register(registration, instanceId), REGISTER_WITHIN_MS)
    registered.add(agent.id)
  }

  async function renew(): Promise<void> {
    const known = members.filter(agent => registered.has(agent.id))
    const beats = known.map(({id}): Beat => {
      const current = load(id)
      return {agentId: id, instanceId, load: current, status: statusForLoad(current)}
    })
    if (beats.length > 0) {
      const renewed = await within(registry.heartbeat(beats), HEARTBEAT_WITHIN_MS)
      for (const {id} of known) if (!renewed.has(id)) registered.delete(id)
    }
    for (const agent of members) {
      if (ending) return
      if (!registered.has(agent.id)) await register(agent)
    }
  }

  async function attempt(): Promise<void> {
    try {
      await renew()
      if (failures > 0) log.info({failures}, 'the agent registry is back')
      failures = 0
      markJoined()
    } catch (error) {
      // Whatever is wrong, registering anew mends it.
      registered.clear()
      if (failures++ === 0) log.warn({err: toError(error)}, 'the agent registry is away; trying again')
    }
  }

  /** Jittered, so that processes which started together do not beat together. */
  function pauseMs(): number {
    if (failures === 0) return heartbeatMs * (0.8 + 0.2 * random())
    return Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1)) * (0.5 + 0.5 * random())
  }

  async function run(): Promise<void> {
    while (!ending) {
      hurried = false
      await attempt()
      if (!isHurried()) await pause(pauseMs())
    }
    markJoined()
  }

  // A function, since what changes during an await is more than the compiler can follow.
  const isHurried = (): boolean => hurried || ending

  function pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, ms).unref()
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  const running = run()
  return {
    joined,
    beat() {
      hurried = true
      wake()
    },
    async close() {
      ending = true
      wake()
      await running
      await Promise.all(
        [...registered].map(agentId =>
          within(registry.leave(agentId, instanceId), LEAVE_WITHIN_MS).catch((error: unknown) =>
            log.warn(
              {err: toError(error), agent: agentId},
              'could not leave the registry; the lease will end',
            ),
          ),
        ),
      )
    },
  }
}

/** Rejects when the work takes longer; the work itself goes on, and repeating it is harmless. */
function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  })
  work.catch(() => undefined)
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
