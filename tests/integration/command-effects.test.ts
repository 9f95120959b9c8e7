import {randomUUID} from 'node:crypto'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {createCommandEffects} from '../../src/invocations/effect-store.ts'
import {createInvocationStore, type InvocationStore} from '../../src/invocations/store.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'

let database: TestDatabase
let pool: ReturnType<typeof createPool>
let invocations: InvocationStore
let effects: ReturnType<typeof createCommandEffects>
beforeAll(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
  invocations = createInvocationStore({pool})
  effects = createCommandEffects({pool})
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

async function aCommand(): Promise<string> {
  const id = randomUUID()
  await invocations.record({
    id,
    source: 'api',
    sourceId: id,
    command: 'x',
    options: {},
    actor: {kind: 'api', id: 'x', name: 'x'},
    agent: 'x',
    action: 'x',
  })
  return id
}

describe('an effect of a command', () => {
  test('is done once, and answers the same again', async () => {
    const id = await aCommand()
    let times = 0
    const how = {run: async (key: string) => ({times: ++times, key})}
    const first = await effects(id)('post', how)
    expect(await effects(id)('post', how)).toEqual(first)
    expect(first).toEqual({times: 1, key: expect.stringMatching(/^[0-9a-f]{24}$/)})
    expect(await effects(id)('another', how)).toMatchObject({
      times: 2,
      key: expect.not.stringMatching(first.key),
    })
  })

  test('is known to have ended when it has, and not before', async () => {
    const id = await aCommand()
    const doneAt = async () =>
      (
        await pool.query<{done_at: Date | null}>(
          'select done_at from command_effects where invocation_id = $1',
          [id],
        )
      ).rows[0]?.done_at
    await effects(id)('post', {run: async () => (await doneAt()) === null})
    expect(await doneAt()).toBeInstanceOf(Date)
  })

  test('that was cut short is looked for before it is done again', async () => {
    const id = await aCommand()
    const cut = async () => {
      throw new Error('cut')
    }
    await expect(effects(id)('post', {run: cut})).rejects.toThrow('cut')
    await expect(effects(id)('post', {run: async () => 1})).rejects.toMatchObject({code: 'EFFECT_UNCERTAIN'})
    const keys: string[] = []
    const find = async (key: string) => void keys.push(key)
    const run = async (key: string) => keys.push(key)
    expect(await effects(id)('post', {run, find})).toBe(2)
    expect(keys[0]).toBe(keys[1])
    expect(await effects(id)('post', {run, find})).toBe(2)
  })

  test('that is found is not done again', async () => {
    const id = await aCommand()
    await effects(id)('post', {run: () => Promise.reject(new Error('cut'))}).catch(() => undefined)
    const run = () => Promise.reject(new Error('done twice'))
    expect(await effects(id)('post', {run, find: async () => 'there'})).toBe('there')
  })

  test('does not begin once the command has ended', async () => {
    const id = await aCommand()
    await invocations.claim(id)
    await invocations.end(id, {status: 'succeeded'})
    await expect(effects(id)('post', {run: async () => 1})).rejects.toMatchObject({code: 'CONFLICT'})
  })
})
