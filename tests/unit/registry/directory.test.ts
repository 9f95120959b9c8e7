import {beforeEach, describe, expect, test} from 'vitest'
import type {AgentRecord} from '../../../src/registry/agent.ts'
import {createDirectory, type Directory, type DirectoryOptions} from '../../../src/registry/directory.ts'
import {anAgent, anInstance} from '../../support/registry.ts'

const TTL = 5_000
const review = {keywords: ['review']}

let now: number
let reads: number
/** The agents that the last reading was about; undefined: all. */
let about: readonly string[] | undefined
let registry: {records: readonly AgentRecord[]; away?: boolean; hold?: Promise<void> | undefined}

beforeEach(() => {
  now = 0
  reads = 0
  registry = {records: [anAgent({agentId: 'a'}), anAgent({agentId: 'b'})]}
})

function open(options: Partial<DirectoryOptions> = {}): Directory {
  return createDirectory({
    async read(ids) {
      reads++
      about = ids
      const records = registry.records.filter(({agentId}) => ids?.includes(agentId) ?? true)
      await registry.hold
      if (registry.away) throw new Error('connection refused')
      return records
    },
    ttlMs: TTL,
    ticks: () => now,
    clock: () => 1_000_000 + now,
    ...options,
  })
}

const alive = async (directory: Directory) => (await directory.query(review)).map(({agent}) => agent.agentId)

describe('memory', () => {
  test('answers without reading again until its time is up', async () => {
    const directory = open()
    await directory.list()
    now += TTL - 1
    await directory.search('review')
    expect(reads).toBe(1)
    now += 1
    await directory.get('a')
    expect(reads).toBe(2)
  })

  test('is dropped when the registry says that something changed', async () => {
    const directory = open()
    expect(await alive(directory)).toEqual(['a', 'b'])
    registry.records = [anAgent({agentId: 'c'})]
    expect(await alive(directory)).toEqual(['a', 'b'])
    directory.invalidate()
    expect(await alive(directory)).toEqual(['c'])
  })

  test('reads only the agents it is told of, and forgets one of them that is gone', async () => {
    const directory = open()
    await directory.list()
    registry.records = [anAgent({agentId: 'b', capabilities: []}), anAgent({agentId: 'c'})]
    directory.invalidate('c')
    expect(await alive(directory)).toEqual(['a', 'b', 'c'])
    expect(about).toEqual(['c'])
    directory.invalidate('a')
    directory.invalidate('b')
    expect(await alive(directory)).toEqual(['c'])
    expect(about).toEqual(['a', 'b'])
  })

  test('judges the lease of each agent from when that agent was read', async () => {
    registry.records = ['a', 'b'].map(agentId =>
      anAgent({agentId, instances: [anInstance({leaseMs: 1_000})]}),
    )
    const directory = open()
    await directory.list()
    now += 600
    directory.invalidate('b')
    await directory.list()
    now += 600
    expect(await alive(directory)).toEqual(['b'])
  })

  test('reads everything when too many changed, when its time is up, and after a failure', async () => {
    const directory = open()
    await directory.list()
    for (let n = 0; n <= 100; n++) directory.invalidate(`agent-${n}`)
    await directory.list()
    expect(about).toBeUndefined()

    directory.invalidate('a')
    now += TTL
    await directory.list()
    expect(about).toBeUndefined()

    registry.away = true
    directory.invalidate('a')
    await directory.list()
    expect(about).toEqual(['a'])
    registry.away = false
    now += 1_000
    await directory.list()
    expect(about).toBeUndefined()
  })

  test('is read once for many who ask at the same time', async () => {
    const directory = open()
    await Promise.all(Array.from({length: 100}, () => directory.list()))
    expect(reads).toBe(1)
  })

  test('that was being read when something changed is read again, not believed', async () => {
    const directory = open()
    let release!: () => void
    registry.hold = new Promise(resolve => (release = resolve))
    const early = directory.list()
    registry.records = [anAgent({agentId: 'new'})]
    directory.invalidate()
    const late = directory.get('new')
    release()
    await early
    expect(await late).toMatchObject({agentId: 'new'})
    expect(reads).toBe(2)
  })

  test('never brings back an agent whose lease lapsed since it was read', async () => {
    registry.records = [anAgent({agentId: 'a', instances: [anInstance({leaseMs: 1_000})]})]
    const directory = open()
    expect(await alive(directory)).toEqual(['a'])
    now += 999
    expect(await alive(directory)).toEqual(['a'])
    now += 1
    expect(await alive(directory)).toEqual([])
    expect(await directory.search('review')).toEqual([])
    expect(await directory.get('a')).toMatchObject({status: 'offline'})
    expect(reads).toBe(1)
  })
})

describe('while the registry is away', () => {
  test('its last word stands, leases as they were, and is marked as such', async () => {
    registry.records = [anAgent({agentId: 'a', instances: [anInstance({leaseMs: 1_000})]})]
    const directory = open()
    expect(await directory.list()).toMatchObject({source: 'registry'})
    registry.away = true
    now += 60_000
    expect(await directory.list()).toMatchObject({
      source: 'cache',
      agents: [{agentId: 'a', status: 'active'}],
    })
    registry.away = false
    registry.records = []
    now += 1_000
    expect(await directory.list()).toEqual({source: 'registry', agents: []})
  })

  test('it is asked again at most once a second', async () => {
    const directory = open()
    await directory.list()
    registry.away = true
    now += TTL
    for (let lookup = 0; lookup < 10; lookup++) await directory.list()
    expect(reads).toBe(2)
    now += 1_000
    await directory.list()
    expect(reads).toBe(3)
  })

  test('and was never heard of, the static map answers', async () => {
    registry.away = true
    const directory = open({statics: [anAgent({agentId: 'static'})]})
    expect(await directory.list()).toMatchObject({source: 'static', agents: [{agentId: 'static'}]})
    expect(await directory.select(review)).toMatchObject({agentId: 'static'})
  })

  test('and there is nothing to answer with, the refusal says so', async () => {
    registry.away = true
    await expect(open().list()).rejects.toMatchObject({code: 'UPSTREAM_UNAVAILABLE'})
  })

  test('silent rather than refusing, a lookup does not wait for it longer than its patience', async () => {
    const directory = open({patienceMs: 20})
    await directory.list()
    now += TTL
    registry.hold = new Promise(() => undefined)
    expect(await directory.list()).toMatchObject({source: 'cache'})
  })

  test('an empty registry that answers is believed, not replaced by the static map', async () => {
    registry.records = []
    expect(await open({statics: [anAgent()]}).list()).toEqual({source: 'registry', agents: []})
  })
})

describe('selecting', () => {
  const pick = async (directory: Directory, times: number) => {
    const picked: string[] = []
    for (let i = 0; i < times; i++) picked.push((await directory.select(review)).agentId)
    return picked
  }

  test('spreads work over equals', async () => {
    expect(await pick(open(), 4)).toEqual(['a', 'b', 'a', 'b'])
  })

  test('evens out loads before their next report, and does not count work twice after it', async () => {
    const report = (active: number, heartbeatAgeMs: number) =>
      anAgent({agentId: 'a', heartbeatAgeMs, instances: [anInstance({load: {active, capacity: 10}})]})
    registry.records = [report(2, 0), anAgent({agentId: 'b'})]
    const directory = open()
    expect(await pick(directory, 4)).toEqual(['b', 'b', 'a', 'b'])
    now += 1_000
    // "a" has reported since; of "b" the last word is older than what it was given.
    registry.records = [report(3, 0), anAgent({agentId: 'b', heartbeatAgeMs: 2_000})]
    directory.invalidate()
    const loads = (await directory.list()).agents.map(agent => [agent.agentId, agent.load.active])
    expect(loads).toEqual([
      ['a', 3],
      ['b', 3],
    ])
  })

  test('tells the registry whom it chose', async () => {
    const assigned: string[] = []
    const directory = open({assigned: async id => void assigned.push(id)})
    await directory.query(review)
    expect(assigned).toEqual([])
    await pick(directory, 2)
    expect(assigned).toEqual(['a', 'b'])
  })

  test('takes the second choice when nobody can do the first, and says so when nobody can do either', async () => {
    const directory = open()
    expect(await directory.select({keywords: ['deploy']}, review)).toMatchObject({agentId: 'a'})
    await expect(directory.select({keywords: ['deploy']}, {keywords: ['sing']})).rejects.toThrow(
      'No living agent offers deploy, nor sing.',
    )
  })

  test('can insist on a number of agents', async () => {
    const directory = open()
    expect(await directory.atLeast(2, review)).toHaveLength(2)
    await expect(directory.atLeast(3, review)).rejects.toThrow('there are 2')
  })
})

test('lookups are observed, and discoveries by the name found, never by what was typed', async () => {
  const seen: unknown[] = []
  const directory = open({
    observe: {
      lookup: (lookup, seconds) => void seen.push([lookup, seconds >= 0]),
      discovered: capability => void seen.push(capability),
    },
  })
  await directory.query({keywords: ['REV']})
  await directory.search('no such thing')
  await directory.list()
  expect(seen).toEqual([['query', true], 'review', ['search', true], undefined, ['list', true]])
})
