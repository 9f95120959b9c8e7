import {afterEach, beforeEach, expect, test, vi} from 'vitest'
import {z} from 'zod'
import type {Beat, Load, Registration} from '../../../src/registry/agent.ts'
import {joinRegistry, type Membership, type RegistryPort} from '../../../src/registry/membership.ts'
import {defineAction, defineAgent} from '../../../src/sdk/index.ts'

const HEARTBEAT = 10_000

const agent = (id: string) =>
  defineAgent({
    id,
    name: id.toUpperCase(),
    description: `what ${id} is for`,
    command: `/${id}`,
    queue: {concurrency: 2, timeoutMs: 1_000},
    actions: {
      ship: defineAction({
        description: 'Ship it',
        input: z.object({target: z.string(), count: z.int().default(1)}),
        run: async () => ({kind: 'following'}),
      }),
    },
  })

/** A registry in memory that notes what it is told; it can be away, or lose its memory. */
class FakeRegistry implements RegistryPort {
  readonly heard: string[] = []
  readonly registrations: Registration[] = []
  readonly beats: Beat[] = []
  away = false
  readonly #known = new Set<string>()

  async register(registration: Registration) {
    this.#answer(`register ${registration.agentId}`)
    this.registrations.push(registration)
    this.#known.add(registration.agentId)
  }

  async heartbeat(beats: readonly Beat[]) {
    this.#answer(`beat ${beats.map(({agentId}) => agentId).join(' ')}`)
    this.beats.push(...beats)
    return new Set(this.#known)
  }

  async leave(agentId: string) {
    this.#answer(`leave ${agentId}`)
  }

  forget(): void {
    this.#known.clear()
  }

  take(): readonly string[] {
    return this.heard.splice(0)
  }

  #answer(what: string): void {
    this.heard.push(this.away ? `${what} (away)` : what)
    if (this.away) throw new Error('connection refused')
  }
}

let registry: FakeRegistry
let warnings: string[]
let loads: Record<string, Load>
let membership: Membership

beforeEach(() => {
  vi.useFakeTimers()
  registry = new FakeRegistry()
  warnings = []
  loads = {}
})

afterEach(async () => {
  registry.away = false
  await membership.close()
  vi.useRealTimers()
})

function join(): Membership {
  membership = joinRegistry({
    registry,
    agents: [agent('a'), agent('b')],
    instanceId: 'process-1',
    load: id => loads[id] ?? {active: 0, capacity: 2},
    heartbeatMs: HEARTBEAT,
    log: {
      info: (_fields, message) => void warnings.push(message),
      warn: (_fields, message) => void warnings.push(message),
    },
    random: () => 1,
  })
  return membership
}

test('every agent is registered with its actions as capabilities, then beats together with the others', async () => {
  await join().joined
  expect(registry.take()).toEqual(['register a', 'register b'])
  expect(registry.registrations[0]).toEqual({
    agentId: 'a',
    instanceId: 'process-1',
    agentName: 'A',
    capabilities: [
      {
        name: 'ship',
        description: 'Ship it',
        parameters: {target: 'string', count: 'integer'},
        tags: ['a', 'a'],
        input_schema: expect.objectContaining({type: 'object', required: ['target']}) as object,
      },
    ],
    metadata: {description: 'what a is for', command: '/a'},
    load: {active: 0, capacity: 2},
    status: 'active',
  })
  await vi.advanceTimersByTimeAsync(HEARTBEAT * 2)
  expect(registry.take()).toEqual(['beat a b', 'beat a b'])
})

test('a beat carries the load, and says busy at capacity', async () => {
  await join().joined
  loads = {a: {active: 2, capacity: 2}}
  await vi.advanceTimersByTimeAsync(HEARTBEAT)
  expect(registry.beats).toEqual([
    {agentId: 'a', instanceId: 'process-1', load: {active: 2, capacity: 2}, status: 'busy'},
    {agentId: 'b', instanceId: 'process-1', load: {active: 0, capacity: 2}, status: 'active'},
  ])
})

test('a beat can be asked for', async () => {
  await join().joined
  registry.take()
  membership.beat()
  await vi.advanceTimersByTimeAsync(0)
  expect(registry.take()).toEqual(['beat a b'])
})

test('agents that the registry does not know any more register again at once', async () => {
  await join().joined
  registry.take()
  registry.forget()
  await vi.advanceTimersByTimeAsync(HEARTBEAT)
  expect(registry.take()).toEqual(['beat a b', 'register a', 'register b'])
})

test('a registry that is away is tried again for ever, with pauses that double up to 30 s', async () => {
  registry.away = true
  join()
  const tries: number[] = []
  for (let second = 0; second <= 121; second++) {
    await vi.advanceTimersByTimeAsync(second === 0 ? 0 : 1_000)
    if (registry.take().length > 0) tries.push(second)
  }
  expect(tries).toEqual([0, 1, 3, 7, 15, 31, 61, 91, 121])
  expect(warnings).toEqual(['the agent registry is away; trying again'])

  registry.away = false
  await vi.advanceTimersByTimeAsync(30_000)
  await membership.joined
  expect(registry.take()).toEqual(['register a', 'register b'])
  expect(warnings.at(-1)).toBe('the agent registry is back')
})

test('a failed beat is followed by a registration', async () => {
  await join().joined
  registry.take()
  registry.away = true
  await vi.advanceTimersByTimeAsync(HEARTBEAT)
  registry.away = false
  await vi.advanceTimersByTimeAsync(1_000)
  expect(registry.take()).toEqual(['beat a b (away)', 'register a', 'register b'])
})

test('a registry that never answers is given up on, and tried again', async () => {
  registry.register = () => new Promise(() => undefined)
  join()
  await vi.advanceTimersByTimeAsync(10_000)
  expect(warnings).toEqual(['the agent registry is away; trying again'])
})

test('leaving ends the beats, and does not mind a registry that is away', async () => {
  await join().joined
  registry.take()
  await membership.close()
  expect(registry.take()).toEqual(['leave a', 'leave b'])
  await vi.advanceTimersByTimeAsync(HEARTBEAT * 3)
  expect(registry.take()).toEqual([])

  await join().joined
  registry.away = true
  await membership.close()
  expect(warnings).toContain('could not leave the registry; the lease will end')
})
