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
}

/** The yardstick: BullMQ as its guide shows it, on the same backend, with jobs of the same size. Nothing is recorded. */
export async function rawBullmq(options: RawOptions): Promise<Commands> {
  const connection = options.redisUrl === undefined ? await onPostgres(options) : {url: options.redisUrl}
  const queue = new Queue(QUEUE, {connection})
  const ended = new Map<string, () => void>()
  const worker = new Worker(QUEUE, async () => null, {connection, concurrency: CONCURRENCY})
  worker.on('completed', job => ended.get((job.data as {id: string}).id)?.())
  const complain = (error: Error) => console.error(error.message)
  queue.on('error', complain)
  worker.on('error', complain)
  await worker.waitUntilReady()

  return {
    async roundtrip() {
      const id = randomUUID()
      const done = new Promise<void>(resolve => ended.set(id, resolve))
      await queue.add('nothing', {id}, {removeOnComplete: true})
      await done
      ended.delete(id)
    },
    async close() {
      await worker.close()
      await queue.close()
    },
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
