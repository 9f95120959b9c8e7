import {afterEach, beforeEach, expect, test} from 'vitest'
import type pg from 'pg'
import {createOutbox, OUTBOX_OVERDUE, type Outbox, type OutboxEntry} from '../../src/platform/outbox.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {createQueues, type QueueJob, type Queues} from '../../src/platform/queue.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'

let database: TestDatabase
let pool: pg.Pool
let now: number
let warnings: string[]
let closers: (() => Promise<unknown>)[]

beforeEach(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
  now = Date.now()
  warnings = []
  closers = [() => database.drop(), () => pool.end()]
})

afterEach(async () => {
  for (const close of closers.reverse()) await close()
})

/** A queue that notes what it is given; it can be told to refuse, or to hold on until released. */
function recordingQueue() {
  const added: string[][] = []
  let refusing = false
  let held: Promise<void> | undefined
  return {
    added,
    refuse: (yes: boolean) => void (refusing = yes),
    hold(): () => void {
      let release!: () => void
      held = new Promise<void>(resolve => (release = resolve))
      return release
    },
    async addMany(jobs: readonly QueueJob[]): Promise<void> {
      await held
      if (refusing) throw new Error('the queue is away')
      added.push(jobs.map(job => job.id ?? ''))
    },
  }
}

function open(queues: Pick<Queues, 'addMany'>): Outbox {
  const log = {warn: (_fields: object, message: string) => void warnings.push(message)}
  const outbox = createOutbox({db: pool, queues, log, clock: () => now})
  closers.push(() => outbox.close())
  return outbox
}

async function insert(...ids: readonly string[]): Promise<readonly OutboxEntry[]> {
  const {rows} = await pool.query<{id: string; job_id: string}>(
    `insert into outbox (queue, name, job_id, data) select 'agents', 'deploy', unnest($1::text[]), '{"n": 1}' returning id, job_id`,
    [ids],
  )
  return rows.map(row => ({outboxId: row.id, queue: 'agents', name: 'deploy', id: row.job_id, data: {n: 1}}))
}

async function left(): Promise<readonly string[]> {
  const {rows} = await pool.query<{job_id: string}>('select job_id from outbox order by id')
  return rows.map(row => row.job_id)
}

test('what is relayed reaches the queue and leaves the table', async () => {
  const queue = recordingQueue()
  const outbox = open(queue)
  outbox.relay(await insert('a', 'b'))
  await outbox.flush()
  expect(queue.added).toEqual([['a', 'b']])
  expect(await left()).toEqual([])
})

test('the rows of jobs that are in the queue are deleted together, soon after', async () => {
  const queue = recordingQueue()
  const outbox = open(queue)
  outbox.relay(await insert('a'))
  await expect.poll(() => queue.added).toEqual([['a']])
  outbox.relay(await insert('b'))
  await expect.poll(left).toEqual([])
  expect(queue.added).toEqual([['a'], ['b']])
})

test('what arrives while a batch is under way goes together in the next', async () => {
  const queue = recordingQueue()
  const outbox = open(queue)
  const entries = await insert('a', 'b', 'c', 'd')
  const release = queue.hold()
  outbox.relay(entries.slice(0, 1))
  await Promise.resolve()
  for (const entry of entries.slice(1)) outbox.relay([entry])
  release()
  await outbox.flush()
  expect(queue.added).toEqual([['a'], ['b', 'c', 'd']])
  expect(await left()).toEqual([])
})

test('while the queue is away relaying fails silently and the rows stay for the sweep', async () => {
  const queue = recordingQueue()
  const outbox = open(queue)
  queue.refuse(true)
  outbox.relay(await insert('a'))
  await outbox.flush()
  expect(await left()).toEqual(['a'])
  expect(warnings).toEqual(['jobs left to the outbox sweep'])

  now += 2_000
  await expect(outbox.sweep()).rejects.toThrow('away')
  expect(await left()).toEqual(['a'])
  queue.refuse(false)
  expect(await outbox.sweep()).toBe(1)
  expect(queue.added).toEqual([['a']])
  expect(await left()).toEqual([])
})

test('a job that the queue will never take does not hold up the others', async () => {
  const queues = createQueues({databaseUrl: database.url, log: {warn: () => undefined}})
  closers.push(() => queues.close())
  const outbox = open(queues)
  outbox.relay(await insert('good-1', '123', 'good-2'))
  await outbox.flush()
  expect(await left()).toEqual(['123'])
  expect(await queues.counts('agents')).toMatchObject({waiting: 2})
  expect(warnings).toEqual(['a job that the queue refuses stays in the outbox'])
})

test('the sweep leaves fresh rows to the process that wrote them, and hands over older ones in order', async () => {
  const queue = recordingQueue()
  const outbox = open(queue)
  await insert('a', 'b', 'c')
  expect(await outbox.sweep()).toBe(0)
  now += 2_000
  expect(await outbox.sweep()).toBe(3)
  expect(queue.added).toEqual([['a', 'b', 'c']])
})

test('a sweep carries on until nothing is left, in bounded batches', async () => {
  const queue = recordingQueue()
  await insert(...Array.from({length: 1_200}, (_, i) => `job-${i}`))
  now += 2_000
  expect(await open(queue).sweep()).toBe(1_200)
  expect(queue.added.map(batch => batch.length)).toEqual([500, 500, 200])
  expect(await left()).toEqual([])
})

test('two processes that sweep at once do not hand over the same rows', async () => {
  const [one, other] = [recordingQueue(), recordingQueue()]
  await insert('a', 'b')
  now += 2_000
  const release = one.hold()
  const first = open(one).sweep()
  await expect
    .poll(async () => (await pool.query(`select from pg_locks where relation = 'outbox'::regclass`)).rowCount)
    .toBeGreaterThan(0)
  expect(await open(other).sweep()).toBe(0)
  release()
  expect(await first).toBe(2)
  expect(other.added).toEqual([])
})

test('whether a crash left something is a condition that leaves fresh rows to their writers', async () => {
  const isOverdue = async () =>
    (await pool.query<{due: boolean}>(`select ${OUTBOX_OVERDUE} as due`)).rows[0]?.due
  await insert('left by a crash')
  expect(await isOverdue()).toBe(false)
  await pool.query(`update outbox set created_at = created_at - interval '2 seconds'`)
  expect(await isOverdue()).toBe(true)
})

test('a crash between the commit and the relay, and one before the row is deleted, run the job once', async () => {
  const queues = createQueues({databaseUrl: database.url, log: {warn: () => undefined}})
  closers.push(() => queues.close())
  const [entry] = await insert('invocation-1')
  // The queue has the job, but the row is still there: a crash right before its deletion.
  await queues.addMany([{queue: 'agents', name: 'deploy', id: entry?.id ?? '', data: entry?.data}])
  now += 2_000
  expect(await open(queues).sweep()).toBe(1)
  const ran: string[] = []
  const worker = queues.work('agents', {concurrency: 1}, async job => void ran.push(job.id))
  closers.push(() => worker.close())
  await expect.poll(() => queues.counts('agents')).toMatchObject({completed: 1, waiting: 0, active: 0})
  expect(ran).toEqual(['invocation-1'])
})
