import fc from 'fast-check'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import type {InstanceStatus} from '../../src/registry/agent.ts'
import {statusOf} from '../../src/registry/decide.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'
import {aRegistration, lapse, openTestRegistry, type TestRegistry} from '../support/open-registry.ts'
import {aCapability, anInstance} from '../support/registry.ts'
import type {EmitStatusChange} from '../../src/registry/service.ts'

let database: TestDatabase
let registry: TestRegistry
let others: TestRegistry[]

beforeEach(async () => {
  database = await createTestDatabase()
  registry = openTestRegistry(database.url)
  others = []
})

afterEach(async () => {
  for (const each of [registry, ...others]) await each.close()
  await database.drop()
})

function another(options: Parameters<typeof openTestRegistry>[1] = {}): TestRegistry {
  const opened = openTestRegistry(database.url, options)
  others.push(opened)
  return opened
}

const register = (registration: Parameters<typeof aRegistration>[0] = {}) =>
  registry.register(aRegistration(registration), 'test')
const statusIn = async ({directory}: TestRegistry, id = 'a') => (await directory.get(id))?.status

describe('registering', () => {
  test('makes an agent known, alive and found, and announces it once', async () => {
    const at = await register({
      baseUrl: 'https://a.example.com',
      metadata: {team: 'web'},
      load: {active: 1, capacity: 4},
    })
    expect(await registry.directory.get('a')).toMatchObject({
      agentId: 'a',
      agentName: 'Agent a',
      baseUrl: 'https://a.example.com',
      status: 'active',
      load: {active: 1, capacity: 4},
      capabilities: [{name: 'review'}],
      metadata: {team: 'web'},
      registeredBy: 'test',
      lastHeartbeat: at.getTime(),
    })
    expect(registry.changes).toEqual([{agent_id: 'a', from: 'offline', to: 'active', reason: 'registered'}])
  })

  test('again overwrites what was declared, and changes no status', async () => {
    await register({capabilities: [aCapability({name: 'old'})], baseUrl: 'https://old.example.com'})
    await register({capabilities: [aCapability({name: 'new'})], agentName: 'New'})
    expect(await registry.directory.list()).toMatchObject({
      agents: [{agentName: 'New', baseUrl: undefined, capabilities: [{name: 'new'}]}],
    })
    expect(registry.changes).toHaveLength(1)
  })

  test('by many at the same time leaves one agent and one announcement', async () => {
    const processes = [registry, another(), another()]
    await Promise.all(
      Array.from({length: 30}, (_, n) =>
        (processes[n % 3] ?? registry).register(aRegistration({instanceId: `i${n}`}), 'test'),
      ),
    )
    expect(await registry.directory.list()).toMatchObject({agents: [{agentId: 'a', status: 'active'}]})
    expect(processes.flatMap(({changes}) => changes)).toHaveLength(1)
  })

  test.each([
    'http://a.example.com',
    'https://127.0.0.1',
    'https://169.254.169.254/latest',
    'https://localhost',
  ])('refuses the address %s', async baseUrl => {
    await expect(register({baseUrl})).rejects.toMatchObject({code: 'INVALID_INPUT'})
    expect(await registry.directory.list()).toMatchObject({agents: []})
  })

  test('whose announcement can not be written does not happen', async () => {
    const deaf = another({
      emit: async () => {
        throw new Error('no room')
      },
    })
    await expect(deaf.register(aRegistration(), 'test')).rejects.toThrow('no room')
    expect(await registry.directory.get('a')).toBeUndefined()
  })
})

describe('a heartbeat', () => {
  test('renews the lease and keeps busy', async () => {
    await register({status: 'busy'})
    const before = await registry.directory.get('a')
    const beaten = await registry.heartbeat([{agentId: 'a', instanceId: 'i1'}])
    registry.directory.invalidate()
    const after = await registry.directory.get('a')
    expect(after?.status).toBe('busy')
    expect(after?.lastHeartbeat).toBe(beaten.get('a')?.getTime())
    expect(after?.lastHeartbeat).toBeGreaterThan(before?.lastHeartbeat ?? Infinity)
  })

  test('carries status and load, and what it leaves out stays', async () => {
    await register({load: {active: 0, capacity: 4}})
    await registry.heartbeat([{agentId: 'a', instanceId: 'i1', status: 'busy', load: {active: 4}}])
    expect(await registry.directory.get('a')).toMatchObject({status: 'busy', load: {active: 4, capacity: 4}})
    expect(registry.changes.at(-1)).toEqual({
      agent_id: 'a',
      from: 'active',
      to: 'busy',
      reason: 'heartbeat',
    })
  })

  test('revives an agent whose lease lapsed, as active', async () => {
    await register({status: 'busy'})
    await lapse(registry.pool, 'a')
    await registry.sweep()
    await registry.heartbeat([{agentId: 'a', instanceId: 'i1'}])
    expect(await statusIn(registry)).toBe('active')
    expect(registry.changes.map(({from, to, reason}) => [from, to, reason])).toEqual([
      ['offline', 'busy', 'registered'],
      ['busy', 'offline', 'lease_expired'],
      ['offline', 'active', 'heartbeat'],
    ])
  })

  test('of the unknown, and of those that left, is not answered', async () => {
    await register()
    await register({agentId: 'gone'})
    await registry.leave('gone', 'i1')
    const beaten = await registry.heartbeat(
      ['a', 'gone', 'never'].map(agentId => ({agentId, instanceId: 'i1'})),
    )
    expect([...beaten.keys()]).toEqual(['a'])
    expect(await statusIn(registry, 'gone')).toBe('offline')
  })

  test('without an instance is of the only one, and of nobody where there are several', async () => {
    await register()
    expect((await registry.heartbeat([{agentId: 'a'}])).size).toBe(1)
    await register({instanceId: 'i2'})
    expect((await registry.heartbeat([{agentId: 'a'}])).size).toBe(0)
  })
})

describe('an agent of several processes', () => {
  beforeEach(async () => {
    await register({load: {active: 2, capacity: 4}})
    await register({instanceId: 'i2', load: {active: 1, capacity: 4}})
  })

  test('lives while one of them does, with the load of the living', async () => {
    expect(await registry.directory.get('a')).toMatchObject({load: {active: 3, capacity: 8}})
    await lapse(registry.pool, 'a', 'i1')
    registry.directory.invalidate()
    expect(await registry.directory.get('a')).toMatchObject({
      status: 'active',
      load: {active: 1, capacity: 4},
    })
    await registry.leave('a', 'i2')
    expect(await statusIn(registry)).toBe('offline')
  })

  test('is busy when all of them are', async () => {
    await registry.setStatus('a', 'busy', 'i1')
    expect(await statusIn(registry)).toBe('active')
    await registry.setStatus('a', 'busy', 'i2')
    expect(await statusIn(registry)).toBe('busy')
    await lapse(registry.pool, 'a', 'i1')
    await registry.setStatus('a', 'active', 'i1')
    expect(await statusIn(registry)).toBe('busy')
  })
})

describe('leaving and saying', () => {
  test('an agent that left stays known as offline, with when it was last alive', async () => {
    const at = await register()
    await registry.leave('a')
    expect(await registry.directory.get('a')).toMatchObject({status: 'offline', lastHeartbeat: at.getTime()})
    expect(await registry.directory.query({keywords: ['review']})).toEqual([])
    expect(registry.changes.at(-1)).toMatchObject({to: 'offline', reason: 'left'})
  })

  test('an agent said to be offline is, until its next heartbeat', async () => {
    await register()
    await registry.setStatus('a', 'offline')
    expect(await statusIn(registry)).toBe('offline')
    await registry.heartbeat([{agentId: 'a', instanceId: 'i1'}])
    expect(await statusIn(registry)).toBe('active')
  })

  test('a dead agent is not revived by saying so', async () => {
    await register()
    await lapse(registry.pool, 'a')
    await registry.setStatus('a', 'active')
    expect(await statusIn(registry)).toBe('offline')
  })

  test('the unknown can do neither', async () => {
    await expect(registry.leave('nobody')).rejects.toMatchObject({code: 'NOT_FOUND'})
    await expect(registry.setStatus('nobody', 'busy')).rejects.toMatchObject({code: 'NOT_FOUND'})
  })
})

describe.each([
  ['a lapsed lease', 'offline', ({sweep}: TestRegistry) => sweep()],
  ['a revived lease', 'active', ({heartbeat}: TestRegistry) => heartbeat([{agentId: 'a', instanceId: 'i1'}])],
] as const)('two processes that notice %s', (_what, to, notice) => {
  test('at the same time announce it once: while one is at it, the other passes or waits', async () => {
    await register()
    await lapse(registry.pool, 'a')
    if (to === 'active') await registry.sweep()
    const announced: string[] = []
    let enter!: () => void
    let release!: () => void
    const entered = new Promise<void>(resolve => (enter = resolve))
    const held = new Promise<void>(resolve => (release = resolve))
    const emit: EmitStatusChange = async (_type, change) => {
      announced.push(change.to)
      enter()
      await held
    }
    const first = notice(another({emit}))
    await entered
    let over = false
    const second = notice(another({emit})).finally(() => (over = true))
    const waits = async () =>
      (await registry.pool.query(`select from pg_locks l where not l.granted`)).rowCount !== 0
    await expect.poll(async () => over || (await waits())).toBe(true)
    release()
    await Promise.all([first, second])
    expect(announced).toEqual([to])
  })
})

describe('a lease that lapses', () => {
  test('is announced and counted once, however many processes sweep at the same time', async () => {
    const processes = [registry, another(), another(), another()]
    const ids = Array.from({length: 20}, (_, n) => `agent-${n}`)
    for (const agentId of ids) await register({agentId})
    for (const agentId of ids) await lapse(registry.pool, agentId)
    await Promise.all(processes.map(each => each.sweep()))
    await registry.sweep()
    const announced = processes.flatMap(({changes}) => changes).filter(({to}) => to === 'offline')
    expect(announced.map(change => change.agent_id).sort()).toEqual(ids.sort())
    const counted = await Promise.all(
      processes.map(async each => {
        const line = (await each.metrics()).find(metric =>
          metric.startsWith('agent_registry_stale_agents_total'),
        )
        return Number(line?.split(' ')[1])
      }),
    )
    expect(counted.reduce((sum, count) => sum + count, 0)).toBe(20)
  })

  test('hides the agent from every process before anybody sweeps', async () => {
    const other = another({leaseMs: 1_500})
    await other.register(aRegistration(), 'test')
    const leaseEnd = async () => {
      const {rows} = await registry.pool.query<{left: number}>(
        'select extract(epoch from lease_expires_at - clock_timestamp())::float8 as left from agent_instances',
      )
      return rows[0]?.left ?? 0
    }
    let seenAlive = 0
    for (;;) {
      const left = await leaseEnd()
      const found = (await registry.directory.query({keywords: ['review']})).length
      if (found > 0) {
        seenAlive++
        expect(left).toBeGreaterThan(0)
      } else break
    }
    expect(seenAlive).toBeGreaterThan(0)
    // Hidden a round trip early rather than late.
    expect(await leaseEnd()).toBeLessThan(0.5)
    expect(registry.changes).toEqual([])
  })

  test('long ago takes the instance out, and an agent long offline is forgotten', async () => {
    await register()
    await register({agentId: 'b'})
    await registry.pool.query(`update agent_instances set lease_expires_at = now() - interval '2 h'`)
    await registry.sweep()
    expect(await registry.directory.get('a')).toMatchObject({status: 'offline', instances: []})
    await registry.pool.query(
      `update agent_registry set updated_at = now() - interval '8 days' where agent_id = 'a'`,
    )
    await registry.sweep()
    registry.directory.invalidate()
    expect((await registry.directory.list()).agents.map(({agentId}) => agentId)).toEqual(['b'])
    await register()
    expect(await statusIn(registry)).toBe('active')
  })
})

test('the database and the code judge every set of leases alike', async () => {
  await register()
  const instances = fc.array(
    fc.record({
      status: fc.constantFrom<InstanceStatus>('active', 'busy'),
      // Far from now: what ends within a statement is judged by when it is read.
      leaseMs: fc.constantFrom(-60_000, 60_000),
    }),
    {maxLength: 4},
  )
  await fc.assert(
    fc.asyncProperty(instances, async given => {
      await registry.pool.query(
        `with gone as (delete from agent_instances)
         insert into agent_instances (agent_id, instance_id, status, lease_expires_at)
         select 'a', gen_random_uuid(), status, now() + make_interval(secs => "leaseMs" / 1000)
         from jsonb_to_recordset($1) as g(status text, "leaseMs" float8)`,
        [JSON.stringify(given)],
      )
      const {rows} = await registry.pool.query<{status: string}>('select status from agent_presence')
      expect(rows[0]?.status).toBe(statusOf(given.map(anInstance)))
    }),
    {numRuns: 50},
  )
})

describe('another process', () => {
  test('reads at once what this one wrote, though its memory is fresh', async () => {
    const reader = another()
    expect(await reader.directory.list()).toMatchObject({agents: []})
    await register()
    await expect.poll(() => statusIn(reader)).toBe('active')
    await registry.setStatus('a', 'busy')
    await expect.poll(() => statusIn(reader)).toBe('busy')
    await register({capabilities: [aCapability({name: 'sing'})]})
    await expect.poll(() => reader.directory.search('sing')).toHaveLength(1)
    await registry.leave('a')
    await expect.poll(() => statusIn(reader)).toBe('offline')
  })

  test('gives work to the agent that this one gave none', async () => {
    await register()
    await register({agentId: 'b'})
    expect(await registry.directory.select({keywords: ['review']})).toMatchObject({agentId: 'a'})
    const other = another()
    await expect
      .poll(
        async () =>
          (await registry.pool.query('select from agent_registry where last_assigned_at is not null'))
            .rowCount,
      )
      .toBe(1)
    expect(await other.directory.select({keywords: ['review']})).toMatchObject({agentId: 'b'})
  })
})

describe('metrics', () => {
  test('gauges are what the database says at the scrape, whoever wrote it', async () => {
    const scraping = another()
    await register({capabilities: [aCapability(), aCapability({name: 'deploy'})]})
    await register({agentId: 'b', status: 'busy'})
    await register({agentId: 'c'})
    await lapse(registry.pool, 'c')
    expect(await scraping.metrics()).toEqual(
      expect.arrayContaining([
        'agent_registry_agents_total{status="active"} 1',
        'agent_registry_agents_total{status="busy"} 1',
        'agent_registry_agents_total{status="offline"} 1',
        'agent_registry_capabilities_total 3',
      ]),
    )
  })

  test('gauges are absent, not old, while the database is away', async () => {
    await register()
    expect((await registry.metrics()).join('\n')).toContain('agent_registry_agents_total{')
    await registry.pool.query(`alter table agent_instances rename to away`)
    await registry.pool.query(`drop view agent_presence`)
    const names = (await registry.metrics()).map(line => line.split(/[ {]/)[0])
    expect(names).not.toContain('agent_registry_agents_total')
    expect(names).not.toContain('agent_registry_capabilities_total')
    expect(names).toContain('agent_registry_stale_agents_total')
  })

  test('heartbeats are timed by agent, discoveries counted by capability found', async () => {
    await register()
    await registry.heartbeat([{agentId: 'a', instanceId: 'i1'}])
    await registry.directory.query({keywords: ['rev']})
    await registry.directory.search('whatever somebody typed')
    const lines = await registry.metrics()
    expect(lines).toEqual(
      expect.arrayContaining([
        'agent_registry_heartbeat_latency_seconds_count{agent_id="a"} 1',
        'agent_registry_discovery_requests_total{capability="review"} 1',
        'agent_registry_discovery_requests_total{capability="none"} 1',
        'agent_registry_lookup_duration_seconds_count{lookup="query"} 1',
      ]),
    )
    expect(lines.join('\n')).not.toContain('whatever')
  })
})
