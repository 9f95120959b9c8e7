import {randomUUID} from 'node:crypto'
import type pg from 'pg'
import {afterAll, beforeAll, expect, test} from 'vitest'
import {createReplyStore} from '../../src/notifications/store.ts'
import {createPlanning, type Made} from '../../src/planning/service.ts'
import {createDraftStore} from '../../src/planning/store.ts'
import {createPool} from '../../src/platform/postgres.ts'
import type {Actor} from '../../src/sdk/index.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'

const ada: Actor = {kind: 'discord', id: '1', name: 'ada'}
const bob: Actor = {kind: 'discord', id: '2', name: 'bob'}
const MADE: Made = {
  kind: 'built',
  definition: {name: 'planned-review', steps: [{id: 'review', value: 1}]},
  input: {},
  plan: {workflow: 'planned-review', steps: [], notes: [], risk: {level: 'low', reasons: []}},
  planner: 'rules',
  remarks: [],
}

let database: TestDatabase
let pool: pg.Pool
/** What was started, by what asked for it. */
let launched: string[] = []
/** What the last run keeps of whoever asked for it. */
let kept: unknown
let broken = false
beforeAll(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

const planning = (refusals: readonly string[] = []) =>
  createPlanning({
    pool,
    store: createDraftStore({pool}),
    make: async () => MADE,
    async launch({sourceId = '', metadata}) {
      if (broken) throw new Error('killed')
      launched.push(sourceId)
      kept = metadata
      const id = `wf-${sourceId}`
      return {id, workflow: 'planned-review', status: 'running', correlationId: id, created: true}
    },
    followers: {follow: async () => undefined},
    replies: createReplyStore({pool}),
    ownerOf: async ({id}) => `discord:${id}`,
    refusalsToStart: async () => refusals,
    redact: text => text.replaceAll('hunter2', '***'),
    notify: async () => undefined,
    log: {warn: () => undefined},
  })

async function drafted(correlationId = randomUUID()) {
  launched = []
  const proposed = await planning().propose({
    description: 'review it, hunter2',
    correlationId,
    actor: ada,
    signal: AbortSignal.timeout(1000),
  })
  if (proposed.kind !== 'drafted') throw new Error(proposed.kind)
  return proposed.draft
}
const order = (id: string, actor = ada, correlationId = randomUUID()) => ({id, actor, correlationId})

test('a request has one draft, which holds no secret', async () => {
  const correlationId = randomUUID()
  const [one, other] = await Promise.all([drafted(correlationId), drafted(correlationId)])
  expect(other.id).toBe(one.id)
  expect(one.description).toBe('review it, ***')
})

test('of many orders one decides, and the same one again is the same', async () => {
  const {id} = await drafted()
  const first = order(id)
  const outcomes = await Promise.allSettled([
    planning().start(first),
    planning().start(first),
    planning().cancel(order(id)),
    planning().start(order(id)),
  ])
  const done = outcomes.filter(({status}) => status === 'fulfilled').length
  const after = (await planning().find(id))?.status
  expect(after === 'started' ? done >= 1 && done <= 2 : done === 1).toBe(true)
  expect(new Set(launched).size).toBe(after === 'started' ? 1 : 0)
  await expect(planning().cancel(order(id))).rejects.toMatchObject({code: 'CONFLICT'})
})

test('it is its asker’s, and only for those who may start workflows', async () => {
  const {id} = await drafted()
  await expect(planning().start(order(id, bob))).rejects.toMatchObject({code: 'NOT_PERMITTED'})
  await expect(planning().cancel(order(id, bob))).rejects.toMatchObject({code: 'NOT_PERMITTED'})
  await expect(planning(['needs role developer']).start(order(id))).rejects.toMatchObject({
    code: 'NOT_PERMITTED',
  })
  expect((await planning().find(id))?.status).toBe('waiting')
  expect(launched).toEqual([])
})

test('an hour later nobody can start it', async () => {
  const {id} = await drafted()
  await pool.query(`update drafts set expires_at = now() where id = $1`, [id])
  await expect(planning().start(order(id))).rejects.toThrow('was not started in time')
  await planning().sweep()
  expect((await planning().find(id))?.status).toBe('expired')
})

test('a crash between the decision and its run is mended, and the run is one', async () => {
  const {id} = await drafted()
  broken = true
  await expect(planning().start(order(id))).rejects.toThrow('killed')
  broken = false
  await pool.query(`update drafts set created_at = now() - interval '1 minute' where id = $1`, [id])
  await planning().sweep()
  await planning().sweep()
  expect(launched).toEqual([`draft ${id}`])
  expect(kept).toMatchObject({draft: id, asker: {kind: 'discord', id: ada.id}})
  expect(await planning().find(id)).toMatchObject({status: 'started', run: `wf-draft ${id}`})
})
