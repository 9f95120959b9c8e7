import {afterEach, beforeEach, expect, test} from 'vitest'
import type pg from 'pg'
import {createPool} from '../../../src/platform/postgres.ts'
import {createWorkflowStates, type WorkflowStates} from '../../../src/workflows/state.ts'
import {createTestDatabase, type TestDatabase} from '../../support/database.ts'

let database: TestDatabase
let pool: pg.Pool
let states: WorkflowStates

beforeEach(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
  states = createWorkflowStates({pool})
})

afterEach(async () => {
  await pool.end()
  await database.drop()
})

const create = () => states.create({type: 'pr_deployment', agents: ['code-review', 'cicd'], data: {pr: 7}})

test('a new workflow runs, at its first step, with version 1 and an id of its own', async () => {
  const {id, currentStep, status, version, data, agents} = await create()
  expect(id).toMatch(/^wf-[0-9a-f]{12}$/)
  expect({currentStep, status, version, data, agents}).toEqual({
    currentStep: 'initialized',
    status: 'running',
    version: 1,
    data: {pr: 7},
    agents: ['code-review', 'cicd'],
  })
})

test('an update merges into the data and raises the version by one; a checkpoint raises nothing', async () => {
  const {id} = await create()
  const updated = await states.update(id, {progress: 50}, {agent: 'cicd'})
  expect(updated).toMatchObject({data: {pr: 7, progress: 50}, version: 2})
  await states.checkpoint(id, {step: 'review', agent: 'code-review', data: {review: 'approved'}})
  expect(await states.get(id)).toMatchObject({version: 2, data: {pr: 7, progress: 50}})
})

test('a writer with an old version is told, and nothing is written', async () => {
  const {id} = await create()
  await states.update(id, {a: 1}, {agent: 'cicd', expectedVersion: 1})
  await expect(states.update(id, {a: 2}, {agent: 'cicd', expectedVersion: 1})).rejects.toMatchObject({
    code: 'CONFLICT',
  })
  expect((await states.get(id)).data).toEqual({pr: 7, a: 1})
})

test('writers at the same time all get through, each on what the other wrote', async () => {
  const {id} = await create()
  const count = (data: Readonly<Record<string, unknown>>) => ({n: Number(data['n'] ?? 0) + 1})
  await Promise.all([1, 2].map(() => states.update(id, count, {agent: 'cicd'})))
  expect(await states.get(id)).toMatchObject({data: {n: 2}, version: 3})
})

test('a writer that is overtaken three times gives up by name', async () => {
  const {id} = await create()
  await pool.query(`create function overtake() returns trigger language plpgsql as $$ begin return null; end $$;
    create trigger overtake before update on workflow_state for each row execute function overtake()`)
  const began = Date.now()
  await expect(states.update(id, {mine: true}, {agent: 'cicd'})).rejects.toMatchObject({code: 'CONTENDED'})
  expect(Date.now() - began).toBeGreaterThanOrEqual(300)
})

test('only those who take part may write, and can be added and removed', async () => {
  const {id} = await create()
  const write = () => states.update(id, {docs: true}, {agent: 'documentation'})
  await expect(write()).rejects.toMatchObject({code: 'NOT_PERMITTED'})
  await states.addParticipant(id, 'documentation')
  await states.addParticipant(id, 'documentation')
  expect((await write()).agents).toEqual(['code-review', 'cicd', 'documentation'])
  expect((await states.get(id)).activity['documentation']).toBeGreaterThan(0)
  await states.removeParticipant(id, 'documentation')
  await expect(write()).rejects.toMatchObject({code: 'NOT_PERMITTED'})
})

test('restoring goes back to the whole state of a checkpoint and answers it', async () => {
  const {id} = await create()
  await states.update(id, {progress: 50}, {agent: 'cicd'})
  const kept = await states.checkpoint(id, {step: 'review', agent: 'code-review', durationMs: 12})
  await states.update(id, {progress: 80, broken: true}, {agent: 'cicd'})
  await states.updateStep(id, 'testing', {agent: 'cicd'})

  expect(await states.restore(id, kept, {agent: 'cicd'})).toEqual({pr: 7, progress: 50})
  expect(await states.get(id)).toMatchObject({data: {pr: 7, progress: 50}, currentStep: 'review', version: 5})

  await states.update(id, {note: 'stays'}, {agent: 'cicd'})
  await states.restore(id, kept, {agent: 'cicd'}, 'merge')
  expect((await states.get(id)).data).toEqual({pr: 7, progress: 50, note: 'stays'})
})

test('a checkpoint of another workflow is none of this one’s', async () => {
  const [one, other] = [await create(), await create()]
  const kept = await states.checkpoint(other.id, {step: 'review', agent: 'cicd'})
  await expect(states.restore(one.id, kept, {agent: 'cicd'})).rejects.toMatchObject({code: 'NOT_FOUND'})
})

test('checkpoints are listed newest first', async () => {
  const {id} = await create()
  for (const step of ['review', 'test', 'deploy'])
    await states.checkpoint(id, {step, agent: 'cicd', status: 'success'})
  expect((await states.checkpoints(id)).map(({step}) => step)).toEqual(['deploy', 'test', 'review'])
  expect(await states.latestCheckpoint(id)).toMatchObject({step: 'deploy', status: 'success', data: {pr: 7}})
})

test('what has ended stays so', async () => {
  const {id} = await create()
  await states.complete(id, {data: {url: 'https://x'}}, {agent: 'cicd'})
  expect(await states.get(id)).toMatchObject({
    status: 'completed',
    data: {pr: 7, url: 'https://x'},
    error: null,
  })
  await expect(states.complete(id, {error: 'no'}, {agent: 'cicd'})).rejects.toMatchObject({code: 'CONFLICT'})
  await expect(states.updateStep(id, 'again', {agent: 'cicd'})).rejects.toMatchObject({code: 'CONFLICT'})
})

test('a workflow that failed says why', async () => {
  const {id} = await create()
  await states.complete(id, {error: 'the tests failed'}, {agent: 'cicd'})
  expect(await states.get(id)).toMatchObject({status: 'failed', error: 'the tests failed'})
})

test('a process that dies at a checkpoint leaves all that the next one needs', async () => {
  const {id} = await create()
  await states.update(id, {review: {status: 'approved'}}, {agent: 'code-review'})
  await states.checkpoint(id, {step: 'review', agent: 'code-review'})

  const next = createWorkflowStates({
    pool: createPool({connectionString: database.url, onError: () => undefined}),
  })
  const kept = await next.latestCheckpoint(id)
  expect(await next.restore(id, kept?.id ?? 0, {agent: 'cicd'})).toMatchObject({review: {status: 'approved'}})
  await next.updateStep(id, 'testing', {agent: 'cicd'})
  expect((await states.get(id)).currentStep).toBe('testing')
})

test('five at once do not interfere, and are counted by type', async () => {
  const all = await Promise.all(Array.from({length: 5}, create))
  await Promise.all(all.map(({id}, n) => states.update(id, {n}, {agent: 'cicd'})))
  await states.complete(all[0]?.id ?? '', {}, {agent: 'cicd'})
  await states.complete(all[1]?.id ?? '', {error: 'x'}, {agent: 'cicd'})
  for (const [n, {id}] of all.entries()) expect((await states.get(id)).data).toEqual({pr: 7, n})
  expect((await states.active()).length).toBe(3)
  expect(await states.statistics()).toMatchObject([
    {type: 'pr_deployment', total: 5, completed: 1, failed: 1, running: 3},
  ])
})
