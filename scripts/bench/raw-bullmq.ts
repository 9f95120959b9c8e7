import {randomUUID} from 'node:crypto'
import {
  createPostgresBackend,
  Queue,
  runMigrations,
  setDefaultBackendFactory,
  Worker,
  type ConnectionOptions,
} from 'bullmq'
import pg from 'pg'
import {CONCURRENCY, type Commands} from './adapter.ts'

const QUEUE = 'bench'

export interface RawOptions {
  readonly databaseUrl: string
  readonly redisUrl?: string
  /** On Postgres: commit each step of a job without waiting for the disk, as the product's queue connection does. */
  readonly unwaited?: boolean
  /** Commit a row before the job is added and its result before it counts as done, each by one prepared statement. */
  readonly recorded?: boolean
}

/** The yardstick: BullMQ as its guide shows it, on the same backend, with jobs of the same size. Nothing is recorded. */
export async function rawBullmq(options: RawOptions): Promise<Commands> {
  const connection = options.redisUrl === undefined ? await onPostgres(options) : {url: options.redisUrl}
  const queue = new Queue(QUEUE, {connection})
  const ended = new Map<string, () => void>()
  const record = options.recorded ? await openRecord(options.databaseUrl) : undefined
  const worker = new Worker(
    QUEUE,
    async job => {
      await record?.end((job.data as {id: string}).id)
      return null
    },
    {connection, concurrency: CONCURRENCY},
  )
  worker.on('completed', job => ended.get((job.data as {id: string}).id)?.())
  const complain = (error: Error) => console.error(error.message)
  queue.on('error', complain)
  worker.on('error', complain)
  await worker.waitUntilReady()

  return {
    async roundtrip() {
      const id = randomUUID()
      const done = new Promise<void>(resolve => ended.set(id, resolve))
      await record?.begin(id)
      await queue.add('nothing', {id}, {removeOnComplete: true})
      await done
      ended.delete(id)
    },
    async close() {
      await worker.close()
      await queue.close()
      await record?.close()
    },
  }
}

/** The least that remembering a command and its result can cost: a row each commits, one at a time. */
async function openRecord(connectionString: string) {
  const pool = new pg.Pool({connectionString, max: 10})
  await pool.query('create table bench_record (id uuid primary key, job jsonb not null, result jsonb)')
  return {
    begin: (id: string) =>
      pool.query({
        name: 'begin',
        text: 'insert into bench_record (id, job) values ($1, $2)',
        values: [id, JSON.stringify({id, command: 'bench', options: {}, actor: {kind: 'api', id: 'bench'}})],
      }),
    end: (id: string) =>
      pool.query({
        name: 'end',
        text: 'update bench_record set result = $2 where id = $1',
        values: [id, JSON.stringify({n: 1})],
      }),
    close: () => pool.end(),
  }
}

async function onPostgres({databaseUrl, unwaited = false}: RawOptions): Promise<ConnectionOptions> {
  const client = new pg.Client({connectionString: databaseUrl})
  await client.connect()
  await runMigrations(client)
  await client.end()
  setDefaultBackendFactory(createPostgresBackend)
  return {
    connectionString: databaseUrl,
    max: 10,
    ...(unwaited ? {options: '-c synchronous_commit=off'} : {}),
  }
}
