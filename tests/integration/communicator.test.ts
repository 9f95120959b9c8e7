import type pg from 'pg'
import {afterEach, beforeEach, expect, test} from 'vitest'
import type {AgentMessage, MessageHandler} from '../../src/events/index.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'
import {openNode, type MemoryServer} from '../support/events.ts'
import {createMemoryServer} from '../support/memory-transport.ts'

let database: TestDatabase
let pool: pg.Pool
let server: MemoryServer
let closers: (() => Promise<unknown>)[]

beforeEach(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
  server = createMemoryServer()
  closers = [() => database.drop(), () => pool.end()]
})
afterEach(async () => {
  for (const close of closers.reverse()) await close()
})

/** An agent in a process of its own, that notes every message. */
async function agent(id: string, handlers: Partial<Record<string, MessageHandler>> = {}) {
  const node = openNode(server, {pool, id: `node-${id}`})
  closers.push(() => node.close())
  const heard: AgentMessage[] = []
  const note: MessageHandler = async message => void heard.push(message)
  const {ready} = node.communicator.join(id, {
    notification: note,
    result_handoff: note,
    state_update: note,
    ...handlers,
  })
  await ready
  return {...node.communicator, node, heard, payloads: () => heard.map(message => message.payload)}
}

const hello = {from: 'ada', type: 'notification' as const, payload: 'hello'}

test('a direct message reaches only its target, a broadcast everyone but the sender', async () => {
  const [ada, lin, kim] = [await agent('ada'), await agent('lin'), await agent('kim')]
  expect(await ada.send('lin', hello)).toBe(true)
  await ada.broadcast({...hello, payload: 'all'})
  await ada.broadcast({...hello, payload: 'kim only', to: ['kim']})
  await expect.poll(kim.payloads).toEqual(['all', 'kim only'])
  expect(lin.payloads()).toEqual(['hello', 'all'])
  expect(ada.heard).toEqual([])
  expect(lin.heard[0]).toMatchObject({from: 'ada', to: 'lin', type: 'notification', priority: 'normal'})
  expect(await ada.send('nobody', hello)).toBe(false)
})

test('a question gets its answer; none in time is null, a refusal is an error', async () => {
  const ada = await agent('ada')
  await agent('lin', {request: async ({payload}) => ({echo: payload})})
  await agent('mute', {request: () => new Promise(() => undefined)})
  await agent('angry', {request: () => Promise.reject(new Error('go away'))})
  expect(await ada.ask('lin', {from: 'ada', payload: 42})).toEqual({echo: 42})
  expect(await ada.ask('mute', {from: 'ada', payload: 42}, 50)).toBeNull()
  await expect(ada.ask('angry', {from: 'ada', payload: 42})).rejects.toThrow(/go away/)
})

test('of the messages that wait, urgent ones are handled first and equals in order', async () => {
  const ada = await agent('ada')
  let free!: () => void
  const busy = new Promise<void>(resolve => (free = resolve))
  const served: unknown[] = []
  const lin = await agent('lin', {
    notification: async ({payload}) => {
      served.push(payload)
      if (payload === 'first') await busy
    },
  })
  const send = (payload: string, priority: 'low' | 'normal' | 'high' | 'urgent') =>
    ada.send('lin', {...hello, payload, priority})
  const all = [send('first', 'low')]
  await expect.poll(() => served).toEqual(['first'])
  all.push(
    send('l', 'low'),
    send('n1', 'normal'),
    send('u', 'urgent'),
    send('h', 'high'),
    send('n2', 'normal'),
  )
  await expect.poll(() => lin.queueSizes()).toEqual({lin: 5})
  free()
  await Promise.all(all)
  expect(served).toEqual(['first', 'u', 'h', 'n1', 'n2', 'l'])
})

test('every update of the shared context raises the version by one, names its author, and is told', async () => {
  const [ada, lin] = [await agent('ada'), await agent('lin')]
  expect(await ada.contexts.read('w')).toBeUndefined()
  expect(await ada.updateContext('w', {by: 'ada', data: {a: 1, b: 2}})).toEqual({
    kind: 'updated',
    version: 2,
    changed: ['a', 'b'],
  })
  expect(await lin.updateContext('w', {by: 'lin', data: {b: 3}})).toMatchObject({version: 3, changed: ['b']})
  expect(await ada.contexts.read('w')).toMatchObject({data: {a: 1, b: 3}, version: 3, updated_by: 'lin'})
  expect(await ada.updateContext('w', {by: 'ada', data: {c: 4}, mode: 'replace'})).toMatchObject({
    changed: ['a', 'b', 'c'],
  })
  expect(await ada.contexts.read('w')).toMatchObject({data: {c: 4}, version: 4, updated_by: 'ada'})
  await expect
    .poll(() => lin.payloads())
    .toEqual([
      {changed: ['a', 'b'], version: 2, updated_by: 'ada'},
      {changed: ['a', 'b', 'c'], version: 4, updated_by: 'ada'},
    ])
  await ada.contexts.clear('w')
  expect(await ada.contexts.read('w')).toBeUndefined()
})

test('updates of many agents at once lose nothing', async () => {
  const ada = await agent('ada')
  await Promise.all(
    Array.from({length: 30}, (_, n) => ada.updateContext('w', {by: 'ada', data: {[`k${n}`]: n}})),
  )
  const context = await ada.contexts.read('w')
  expect(context?.version).toBe(31)
  expect(Object.keys(context?.data ?? {})).toHaveLength(30)
})

test('a locked key can be neither locked nor written by another until it is released or has lapsed', async () => {
  const {contexts, updateContext} = await agent('ada')
  expect(await contexts.lock('w', 'plan', 'ada')).toBe(true)
  expect(await contexts.lock('w', 'plan', 'lin')).toBe(false)
  expect(await updateContext('w', {by: 'lin', data: {plan: 1, other: 2}})).toEqual({
    kind: 'locked',
    key: 'plan',
    by: 'ada',
  })
  expect(await updateContext('w', {by: 'lin', data: {other: 2}, mode: 'replace'})).toMatchObject({
    kind: 'updated',
  })
  expect(await updateContext('w', {by: 'ada', data: {plan: 3}})).toMatchObject({kind: 'updated'})
  expect(await updateContext('w', {by: 'lin', data: {}, mode: 'replace'})).toMatchObject({kind: 'locked'})
  expect(await contexts.unlock('w', 'plan', 'lin')).toBe(false)
  expect(await contexts.read('w')).toMatchObject({locks: {plan: 'ada'}, data: {plan: 3, other: 2}})
  expect(await contexts.unlock('w', 'plan', 'ada')).toBe(true)
  expect(await updateContext('w', {by: 'lin', data: {plan: 4}})).toMatchObject({kind: 'updated'})

  expect(await contexts.lock('w', 'plan', 'ada', 1)).toBe(true)
  await expect.poll(() => contexts.lock('w', 'plan', 'lin')).toBe(true)
})

test('a handoff puts the result into the context and tells the receiver with high priority', async () => {
  const [ada, lin] = [await agent('ada'), await agent('lin')]
  expect(await ada.handoff('w', {from: 'ada', role: 'backend', to: 'lin', result: {sha: 'abc'}})).toEqual({
    context: {kind: 'updated', version: 2, changed: ['backend_result']},
    delivered: true,
  })
  expect((await lin.contexts.read('w'))?.data).toEqual({backend_result: {sha: 'abc'}})
  expect(lin.heard.find(message => message.type === 'result_handoff')).toMatchObject({
    priority: 'high',
    payload: {role: 'backend', result: {sha: 'abc'}},
  })
})

test('the history of messages is found by workflow, agent and type', async () => {
  const ada = await agent('ada')
  await agent('lin')
  await ada.send('lin', {...hello, workflowId: 'w1'})
  await ada.send('lin', {...hello, payload: 'other', workflowId: 'w2'})
  await ada.broadcast({from: 'kim', type: 'error', payload: 'boom', workflowId: 'w1'})
  await ada.node.journal.flush()
  const payloads = async (query: Parameters<typeof ada.history>[0]) =>
    (await ada.history(query)).map(message => message.payload)
  expect(await payloads({workflowId: 'w1'})).toEqual(['hello', 'boom'])
  expect(await payloads({agent: 'lin'})).toEqual(['hello', 'other'])
  expect(await payloads({messageType: 'error'})).toEqual(['boom'])
  expect(await payloads({limit: 1})).toEqual(['boom'])
})
