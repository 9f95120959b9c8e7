import {spawn, type ChildProcess} from 'node:child_process'
import {once} from 'node:events'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterEach, beforeEach, expect, test} from 'vitest'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'
import {openTestRegistry, type TestRegistry} from '../support/open-registry.ts'

const LEASE_MS = 3_000
const SWEEP_MS = 500

let database: TestDatabase
let registry: TestRegistry
let sweeping: NodeJS.Timeout
let children: ChildProcess[]

beforeEach(async () => {
  database = await createTestDatabase()
  registry = openTestRegistry(database.url, {leaseMs: LEASE_MS})
  sweeping = setInterval(() => void registry.sweep().catch(() => undefined), SWEEP_MS)
  children = []
})

afterEach(async () => {
  clearInterval(sweeping)
  await Promise.all(children.map(child => end(child, 'SIGKILL')))
  await registry.close()
  await database.drop()
})

/** A real process that serves the agent `mortal`, registered. */
async function serve(instanceId: string): Promise<ChildProcess> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'tests/support/registered-agent.ts', database.url, instanceId, String(LEASE_MS)],
    {stdio: ['ignore', 'pipe', 'inherit']},
  )
  children.push(child)
  await once(child.stdout, 'data')
  return child
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}

const singers = async () => (await registry.directory.query({keywords: ['sing']})).length

/** The database's word on how long the agent has to live, in ms. */
async function leaseLeft(): Promise<number> {
  const {rows} = await registry.pool.query<{left: number}>(
    `select coalesce(max(extract(epoch from lease_expires_at - clock_timestamp())::float8 * 1000), 0) as left
     from agent_instances`,
  )
  return rows[0]?.left ?? 0
}

/** Looks until the agent is gone; whenever it was still found, its lease must have been running right before. */
async function watchItDie(): Promise<number> {
  const began = Date.now()
  for (;;) {
    const left = await leaseLeft()
    if ((await singers()) === 0) return Date.now() - began
    expect(left).toBeGreaterThan(0)
    await sleep(10)
  }
}

const announced = () => registry.changes.map(({from, to, reason}) => `${from} → ${to}: ${reason}`)

test('a killed process is found until its lease ends and never after, and its end is announced', async () => {
  const child = await serve('one')
  await expect.poll(singers).toBe(1)
  await end(child, 'SIGKILL')
  const took = await watchItDie()
  expect(took).toBeLessThan(LEASE_MS * 3)
  await expect.poll(announced, {timeout: 10_000}).toEqual(['active → offline: lease_expired'])
  expect(await registry.metrics()).toContain('agent_registry_stale_agents_total 1')
})

test('a stopped process dies like a killed one, and lives again when it goes on', async () => {
  const child = await serve('one')
  await expect.poll(singers).toBe(1)
  child.kill('SIGSTOP')
  await watchItDie()
  await expect.poll(announced, {timeout: 10_000}).toContain('active → offline: lease_expired')
  child.kill('SIGCONT')
  await expect.poll(singers, {timeout: 20_000}).toBe(1)
  expect(await registry.directory.get('mortal')).toMatchObject({status: 'active'})
})

test('an agent of two processes survives the death of one, unannounced', async () => {
  const [one] = [await serve('one'), await serve('two')]
  const load = async () => (await registry.directory.get('mortal'))?.load.capacity
  await expect.poll(load).toBe(4)
  await end(one, 'SIGKILL')
  await expect.poll(load, {timeout: LEASE_MS * 4}).toBe(2)
  expect(await singers()).toBe(1)
  expect(announced()).toEqual([])
})

test('a process that ends in good order is gone at once, without waiting for its lease', async () => {
  const child = await serve('one')
  await expect.poll(singers).toBe(1)
  await end(child, 'SIGTERM')
  expect(await registry.pool.query('select from agent_instances')).toMatchObject({rowCount: 0})
  await expect.poll(singers).toBe(0)
  expect(announced()).toEqual([])
})
