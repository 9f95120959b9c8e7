import {
  PostgresConnection,
  PostgresQueueBackend,
  Queue,
  Worker,
  assertSchemaCompatibility,
  type BackendFactory,
  type PostgresConnectionOptions,
  type Processor,
  type QueueOptions,
  type WorkerOptions,
} from 'bullmq'
import {Redis} from 'ioredis'
import type pg from 'pg'
import {createPool, isTransient} from './postgres.ts'
import {KEEP_MS} from './queue-retention.ts'

const SCHEMA = 'bullmq'
/** How long an answer about which queues have jobs under way counts as fresh: all workers ask at about the same time. */
const BUSY_FRESH_MS = 1_000

/** What differs between BullMQ on Postgres and BullMQ on Redis: whose connections its objects use. */
export interface QueueBackend {
  readonly kind: 'postgres' | 'redis'
  /** What BullMQ does about ended jobs whenever one ends; nothing where that is expensive: see queue-retention.ts. */
  readonly retention: Pick<WorkerOptions, 'removeOnComplete' | 'removeOnFail'>
  /** How long a worker without work waits before it looks for some that it was not told of, in seconds. */
  readonly drainDelay: number
  /** From how many jobs on one bulk statement is faster than as many single ones. */
  readonly bulkFrom: number
  queue(name: string, options: Omit<QueueOptions, 'connection'>): Queue
  worker(name: string, processor: Processor, options: Omit<WorkerOptions, 'connection'>): Worker
  ping(): Promise<void>
  /** To be called when all queues and workers are closed. */
  close(): Promise<void>
}

export interface PostgresBackendOptions {
  readonly databaseUrl: string
  /** Connections at most, one more for LISTEN apart. */
  readonly poolMax: number
  readonly onError: (error: Error) => void
}

/**
 * All queues and workers of the process share one pool and one LISTEN connection, however many there are. BullMQ's types
 * know connections of Redis only, and no pool where Postgres takes one: hence the casts.
 */
export function postgresBackend({databaseUrl, poolMax, onError}: PostgresBackendOptions): QueueBackend {
  const pool = createPool({
    connectionString: databaseUrl,
    max: poolMax + 1,
    applicationName: 'signalbox-queue',
    // The queue delivers, it does not remember: whoever needs a job to survive a crash of the server has a row of
    // their own, in the outbox or under a sweep. Its deletion reaches the disk after the job that it vouched for.
    settings: {search_path: SCHEMA, synchronous_commit: 'off'},
    onError,
  })
  const connection = new SharedConnection(patient(pool))
  const backendFactory = ((name: string, options: QueueOptions<PostgresConnectionOptions>) => {
    const backend = new PostgresQueueBackend(connection, name, options)
    // Each worker looks for jobs of dead ones several times a minute, and each look writes a row, jobs or none.
    const reclaim = backend.moveStalledJobsToWait.bind(backend)
    backend.moveStalledJobsToWait = async () => ((await connection.busyQueues()).has(name) ? reclaim() : [])
    return backend
  }) as unknown as BackendFactory
  return {
    kind: 'postgres',
    retention: {},
    // All that makes a job ready is told by NOTIFY, and a worker that stops hearing looks at once. A look costs each
    // worker four statements.
    drainDelay: 300,
    // BullMQ's bulk statement makes two temporary tables: 8 ms whatever their size.
    bulkFrom: 12,
    queue: (name, options) =>
      new Queue(name, {...options, connection: {}}, backendFactory) as unknown as Queue,
    worker: (name, processor, options) =>
      new Worker(name, processor, {...options, connection: {}}, backendFactory) as unknown as Worker,
    async ping() {
      await pool.query('select 1')
    },
    async close() {
      await connection.end()
      await pool.end()
    },
  }
}

/** BullMQ's connection, made to be shared: what one queue or worker closes, the others still need. */
class SharedConnection extends PostgresConnection {
  #ready: Promise<void> | undefined
  #listenClient: pg.PoolClient | undefined
  #busy: {readonly askedAt: number; readonly queues: Promise<ReadonlySet<string>>} | undefined

  constructor(pool: pg.Pool) {
    super(pool as unknown as PostgresConnectionOptions)
    pool.setMaxListeners(0)
    this.setMaxListeners(0)
  }

  // The original remembers a failure for ever: a database away at start-up would stay away.
  override waitUntilReady(): Promise<void> {
    this.#ready ??= assertSchemaCompatibility(this.pool, SCHEMA).then(
      () => undefined,
      (error: unknown) => {
        this.#ready = undefined
        throw error
      },
    )
    return this.#ready
  }

  /** The queues in which jobs are under way, as of a moment ago. */
  busyQueues(): Promise<ReadonlySet<string>> {
    const now = Date.now()
    if (!this.#busy || now - this.#busy.askedAt >= BUSY_FRESH_MS) {
      // Not prepared: a plan made for an empty table would scan it as it grows.
      const asked = this.pool.query<{queue: string}>(`select distinct queue from job where state = 'active'`)
      this.#busy = {askedAt: now, queues: asked.then(({rows}) => new Set(rows.map(({queue}) => queue)))}
    }
    return this.#busy.queues
  }

  override async getListenClient(): ReturnType<PostgresConnection['getListenClient']> {
    const client = (await super.getListenClient()) as unknown as pg.PoolClient
    if (client !== this.#listenClient) {
      this.#listenClient = client
      // Each idle worker waits on it, and each says LISTEN on it first; pg wants one query at a time.
      client.setMaxListeners(0)
      oneAtATime(client)
    }
    return client as unknown as Awaited<ReturnType<PostgresConnection['getListenClient']>>
  }

  override async close(): Promise<void> {
    // See `end`.
  }

  async end(): Promise<void> {
    await super.close()
  }
}

function oneAtATime(client: pg.PoolClient): void {
  const query = client.query.bind(client) as (text: string, values?: unknown[]) => Promise<pg.QueryResult>
  let last: Promise<unknown> = Promise.resolve()
  client.query = ((text: string, values?: unknown[]) => {
    const next = last.then(() => query(text, values))
    last = next.catch(() => undefined)
    return next
  }) as typeof client.query
}

/**
 * BullMQ waits and tries again, also to record a job's end, only after errors that it knows as connection errors,
 * and of Postgres' it knows none but ECONNREFUSED. A restarting server has more to say than that.
 *
 * Its statements, a fixed few, are prepared once per connection instead of parsed and planned each time.
 */
function patient(pool: pg.Pool): pg.Pool {
  const query = pool.query.bind(pool) as (config: pg.QueryConfig) => Promise<pg.QueryResult>
  const names = new Map<string, string>()
  function nameOf(text: string): string {
    let name = names.get(text)
    if (name === undefined) names.set(text, (name = `bullmq-${names.size}`))
    return name
  }
  pool.query = ((text: string, values?: unknown[]) =>
    query({text, ...(values === undefined ? {} : {values, name: nameOf(text)})}).catch((error: unknown) => {
      if (!isTransient(error)) throw error
      throw Object.assign(new Error((error as Error).message, {cause: error}), {code: 'ECONNREFUSED'})
    })) as typeof pool.query
  return pool
}

export interface RedisBackendOptions {
  readonly redisUrl: string
  readonly prefix: string
  readonly onError: (error: Error) => void
}

/** Producers share one connection, workers another; each worker adds one for its blocking read. */
export function redisBackend({redisUrl, prefix, onError}: RedisBackendOptions): QueueBackend {
  const connect = (limits: {maxRetriesPerRequest: number | null; commandTimeout?: number}): Redis => {
    const redis = new Redis(redisUrl, {
      retryStrategy: times => Math.min(times * 100, 2_000),
      connectTimeout: 10_000,
      ...limits,
    })
    redis.setMaxListeners(0)
    redis.on('error', onError)
    return redis
  }
  // A producer that can't reach Redis must fail and leave the work in the outbox; a worker waits for Redis to come back.
  const producers = connect({maxRetriesPerRequest: 20, commandTimeout: 10_000})
  let workers: Redis | undefined
  return {
    kind: 'redis',
    // Redis has only memory to keep them in.
    retention: {
      removeOnComplete: {age: KEEP_MS.completed / 1_000, count: 1_000},
      removeOnFail: {age: KEEP_MS.failed / 1_000, count: 1_000},
    },
    drainDelay: 5,
    bulkFrom: 2,
    queue: (name, options) => new Queue(name, {...options, prefix, connection: producers}),
    worker: (name, processor, options) => {
      workers ??= connect({maxRetriesPerRequest: null})
      return new Worker(name, processor, {...options, prefix, connection: workers})
    },
    async ping() {
      await producers.ping()
    },
    async close() {
      for (const redis of [producers, workers]) {
        if (redis?.status === 'ready') await redis.quit().catch(() => undefined)
        redis?.disconnect()
      }
    },
  }
}
