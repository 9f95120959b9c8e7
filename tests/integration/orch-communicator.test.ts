import type pg from 'pg'
import {Registry} from 'prom-client'
import {afterEach, beforeEach, expect, test} from 'vitest'
import {createEvents, type AgentMessage, type MessageHandler} from '../../src/events/index.ts'
import {silentLogger} from '../../src/platform/logger.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'

// ORCH-012 to ORCH-015, of the communicator: every agent with a bus of its own, all of them over Postgres.

let database: TestDatabase
let pool: pg.Pool
let closers: (() => Promise<unknown>)[]

beforeEach(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
  closers = [() => database.drop(), () => pool.end()]
})
afterEach(async () => {
  for (const close of closers.reverse()) await close()
})

async function agent(id: string, handlers: Partial<Record<string, MessageHandler>> = {}) {
  const events = createEvents({
    where: {databaseUrl: database.url},
    pool,
    registry: new Registry(),
    log: silentLogger,
    instanceId: `node-${id}`,
  })
  closers.push(() => events.close())
  const heard: AgentMessage[] = []
  const note: MessageHandler = async message => void heard.push(message)
  await events.communicator.join(id, {
    notification: note,
    result_handoff: note,
    state_update: note,
    ...handlers,
  }).ready
  const {communicator} = events
  return {...communicator, heard, payloads: () => heard.map(({payload}) => payload)}
}

test('ORCH-012 a direct message reaches only its target, a broadcast everyone, a request gets its response, and none in time is none', async () => {
  const ada = await agent('ada')
  const lin = await agent('lin', {request: async ({payload}) => ({echo: payload})})
  const kim = await agent('kim', {request: () => new Promise(() => undefined)})
  expect(await ada.send('lin', {from: 'ada', type: 'notification', payload: 'only lin'})).toBe(true)
  await ada.broadcast({from: 'ada', type: 'notification', payload: 'everyone'})
  await expect.poll(kim.payloads, {timeout: 10_000}).toEqual(['everyone'])
  await expect.poll(lin.payloads, {timeout: 10_000}).toEqual(['only lin', 'everyone'])
  expect(ada.heard).toEqual([])
  expect(await ada.ask('lin', {from: 'ada', payload: 42})).toEqual({echo: 42})
  expect(await ada.ask('kim', {from: 'ada', payload: 42}, 200)).toBeNull()
})

test('ORCH-013 each update of the context raises its version by one, names the author, keeps other keys, and is told to who listens', async () => {
  const [ada, lin] = [await agent('ada'), await agent('lin')]
  const before = await ada.updateContext('w', {by: 'ada', data: {plan: 'a', owner: 'ada'}})
  const version = before.kind === 'updated' ? before.version : Number.NaN
  expect(await lin.updateContext('w', {by: 'lin', data: {plan: 'b'}})).toEqual({
    kind: 'updated',
    version: version + 1,
    changed: ['plan'],
  })
  expect(await ada.contexts.read('w')).toMatchObject({
    data: {plan: 'b', owner: 'ada'},
    version: version + 1,
    updated_by: 'lin',
  })
  await expect
    .poll(ada.payloads, {timeout: 10_000})
    .toEqual([{changed: ['plan'], version: version + 1, updated_by: 'lin'}])
})

test('ORCH-014 a locked key can be neither locked nor written by another agent until it is released', async () => {
  const [ada, lin] = [await agent('ada'), await agent('lin')]
  expect(await ada.contexts.lock('w', 'plan', 'ada')).toBe(true)
  expect(await lin.contexts.lock('w', 'plan', 'lin')).toBe(false)
  const refused = {kind: 'locked', key: 'plan', by: 'ada'}
  expect(await lin.updateContext('w', {by: 'lin', data: {plan: 1}})).toEqual(refused)
  expect(await lin.contexts.unlock('w', 'plan', 'lin')).toBe(false)
  expect(await ada.updateContext('w', {by: 'ada', data: {plan: 2}})).toMatchObject({kind: 'updated'})
  expect(await ada.contexts.unlock('w', 'plan', 'ada')).toBe(true)
  expect(await lin.contexts.lock('w', 'plan', 'lin')).toBe(true)
  expect(await lin.updateContext('w', {by: 'lin', data: {plan: 3}})).toMatchObject({kind: 'updated'})
  expect((await ada.contexts.read('w'))?.data).toEqual({plan: 3})
})

test('ORCH-015 a handoff puts the result into the context and sends the receiver a message of high priority', async () => {
  const [ada, lin] = [await agent('ada'), await agent('lin')]
  const result = {sha: 'abc'}
  expect(await ada.handoff('w', {from: 'ada', role: 'backend', to: 'lin', result})).toMatchObject({
    context: {kind: 'updated', changed: ['backend_result']},
    delivered: true,
  })
  expect((await lin.contexts.read('w'))?.data).toEqual({backend_result: result})
  expect(lin.heard.filter(({type}) => type === 'result_handoff')).toMatchObject([
    {from: 'ada', to: 'lin', priority: 'high', payload: {role: 'backend', result}},
  ])
})
