import {randomUUID} from 'node:crypto'
import {afterEach, beforeEach, expect, test} from 'vitest'
import {checkFence} from '../../src/locks/store.ts'
import {transaction} from '../../src/platform/postgres.ts'
import type {LogFields} from '../../src/platform/logger.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'
import {runSample, samplesOf} from '../support/guide.ts'
import {had, openLocks, type LockClient} from '../support/locks.ts'

const GUIDE = 'RESOURCE_LOCKING.md'
const samples = await samplesOf(GUIDE)

let database: TestDatabase
let here: LockClient
let said: (LogFields & {readonly message: string})[]
/** What the samples call besides locks: noted with the locks that were held meanwhile. */
let done: string[]
let deploymentId: string

beforeEach(async () => {
  database = await createTestDatabase()
  here = openLocks(database.url)
  said = []
  done = []
  deploymentId = randomUUID()
})

afterEach(async () => {
  await here.close()
  await database.drop()
})

async function note(what: string): Promise<string> {
  const held = await here.locks.list()
  done.push(`${what} under ${held.map(({resource}) => resource).join(', ') || 'nothing'}`)
  return what
}

async function run(title: string, meanwhile: () => Promise<unknown> = async () => undefined): Promise<void> {
  const sample = samples.find(each => each.title.startsWith(title))
  if (!sample) throw new Error(`${GUIDE} has no sample under ${title}`)
  const say = (fields: LogFields, text: string) => void said.push({message: text, ...fields})
  await runSample(sample, {
    locks: here.locks,
    pool: here.pool,
    log: {info: say, warn: say},
    transaction,
    checkFence,
    deploymentId,
    writeIndex: () => note('index written'),
    moveText: () => note('text moved'),
    applyLimits: () => note('limits applied'),
    doSomethingElse: meanwhile,
    prepare: meanwhile,
    publish: () => note('published'),
  })
}

test('every sample of the guide is run here', () => {
  expect(samples.map(({title}) => title)).toEqual([
    'Example 1: one file',
    'Example 2: several, in one order',
    'Example 3: retry with backoff',
    'Example 4: not waiting at all',
    'Protected writes',
    'Extension',
    'Locks that outlive a process',
    'Read and write',
    'Contention',
    'Loss in the middle',
    'Stale locks',
  ])
})

test('examples 1 and 2 work under their locks and give them back', async () => {
  await run('Example 1')
  await run('Example 2')
  expect(done).toEqual(['index written under file:docs/index.md', 'text moved under file:a.md, file:b.md'])
  expect(await here.locks.list()).toEqual([])
})

test('example 3 comes back until the lock is free', async () => {
  const other = had(await here.locks.acquire('config:limits', {owner: 'ada'}))
  await run('Example 3', () => other.release())
  expect(said).toEqual([{message: 'limits are being changed, trying again', by: 'ada'}])
  expect(done).toEqual(['limits applied under config:limits'])
})

test('example 4 names the holder at once', async () => {
  had(await here.locks.acquire('deployment:production:web', {owner: 'ada', reason: 'release 7'}))
  await run('Example 4')
  expect(said).toEqual([{message: 'somebody is at it', by: 'ada', reason: 'release 7', position: 1}])
})

test('a protected write lands', async () => {
  await here.pool.query('create table orders as select 1 as total')
  await run('Protected writes')
  expect((await here.pool.query('select total from orders')).rows).toEqual([{total: 2}])
})

test('a lease is made longer', async () => {
  await run('Extension')
  expect(said).toEqual([{message: 'a minute more', longer: true}])
})

test('a durable claim stands in line, or is granted and given back', async () => {
  const other = had(await here.locks.acquire('deployment:production:web', {owner: 'ada'}))
  await run('Locks that outlive')
  expect(said).toEqual([{message: 'in line', position: 1, ahead: []}])
  await other.release()
  await run('Locks that outlive')
  expect(await here.locks.list()).toEqual([])
})

test('readers look for a writer', async () => {
  await run('Read and write')
  had(await here.locks.acquire('file:a.md:write', {owner: 'writer'}))
  await run('Read and write')
  expect(said.map(({mayRead}) => mayRead as boolean)).toEqual([true, false])
})

test('contention is told in a sentence', async () => {
  had(await here.locks.acquire('deployment:production:web', {owner: 'ada', reason: 'release 7'}))
  await run('Contention')
  expect(said).toEqual([
    {
      message: 'deployment:production:web is locked by ada: release 7. Nobody else is in line.',
    },
  ])
})

test('who lost the lock does not publish', async () => {
  await run('Loss in the middle')
  expect(said).toEqual([])
  expect(done).toEqual(['published under file:a.md'])
  await run('Loss in the middle', async () => {
    await here.locks.forceUnlock('file:a.md', {by: 'root', reason: 'test'})
    await expect.poll(() => here.warnings, {timeout: 10_000}).toContain('lock lost')
  })
  expect(done).toHaveLength(1)
  expect(said).toEqual([{message: 'The lock on file:a.md was lost: somebody took it away, or it lapsed.'}])
})

test('a stuck holder’s lock is taken away', async () => {
  had(await here.locks.acquire('file:a.md', {owner: 'docs_writer'}))
  await run('Stale locks')
  expect(said).toEqual([{message: 'taken away', previous: ['docs_writer']}])
})
