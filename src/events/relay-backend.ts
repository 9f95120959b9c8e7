import {
  createPostgresRelayBackend,
  createRedisRelayBackend,
  type ConnectionOptions,
  type IRelayBackend,
  type RelayBackendFactory,
  type RelayBackendOptions,
  type RelayOptions,
} from 'bullmq'
import {Redis} from 'ioredis'
import type {Clock} from '../kernel/clock.ts'
import {createPool} from '../platform/postgres.ts'

export type RelayWhere =
  | {readonly redisUrl: string}
  /** The Relay's tables are in schema `bullmq`: see `migrate`. */
  | {readonly databaseUrl: string}

/** What the Relay's server says of our registration, each time it is asked. */
export interface RelayPulse {
  /** The server answers. Not alive: it has forgotten us. */
  beat(alive: boolean, askedAt: number): void
  fail(error: unknown): void
}

/** Where the two backends differ. Connections are ours and outlive each Relay that is opened on them. */
export interface RelayBackend {
  readonly kind: 'postgres' | 'redis'
  readonly options: Pick<RelayOptions, 'connection' | 'backend' | 'prefix' | 'blockTimeout'>
  close(): Promise<void>
}

export function redisRelay(redisUrl: string, pulse: RelayPulse, clock: Clock): RelayBackend {
  const told = remembered(pulse, FRESH_MS)
  const redis = new Redis(redisUrl, {
    retryStrategy: times => Math.min(times * 50, 500),
    connectTimeout: 5_000,
    // A command that can't be sent fails soon; what to do about it is decided above.
    maxRetriesPerRequest: 1,
    commandTimeout: 4_000,
  })
  redis.setMaxListeners(0)
  redis.on('error', error => told.fail(error))
  redis.on('close', () => told.fail(new Error('the connection to Redis broke')))
  return {
    kind: 'redis',
    options: {
      connection: redis,
      prefix: 'signalbox',
      blockTimeout: 2_000,
      backend: watched(createRedisRelayBackend, told, clock),
    },
    async close() {
      redis.disconnect()
    },
  }
}

export function postgresRelay(databaseUrl: string, pulse: RelayPulse, clock: Clock): RelayBackend {
  const told = remembered(pulse, NOTIFIED_FRESH_MS)
  const pool = createPool({
    connectionString: databaseUrl,
    max: 6,
    applicationName: 'signalbox-events',
    // An inbox need not outlive a crash of the server: what must not be lost lies in `events`.
    settings: {search_path: 'bullmq', synchronous_commit: 'off'},
    onError: error => told.fail(error),
  })
  pool.setMaxListeners(0)
  return {
    kind: 'postgres',
    options: {
      connection: pool,
      // What comes is told by NOTIFY, and that the connection broke is told, too.
      blockTimeout: 10_000,
      backend: watched(
        createPostgresRelayBackend as unknown as RelayBackendFactory<ConnectionOptions>,
        told,
        clock,
      ),
    },
    close: () => pool.end(),
  }
}

/** How long an answer of the server about our registration, or a tidied inbox, counts as fresh. */
const FRESH_MS = 500
/** The same on Postgres, which tells by itself when a connection breaks, and for an inbox in which nothing was found since. */
const NOTIFIED_FRESH_MS = 5_000
const EMPTY_FRESH_MS = 5_000

/** What the server last said of our registration; until it fails, that holds for a while. */
interface Remembered extends RelayPulse {
  isFresh(at: number): boolean
}

function remembered(pulse: RelayPulse, freshMs: number): Remembered {
  let aliveAt = -Infinity
  return {
    isFresh: at => at - aliveAt < freshMs,
    beat(alive, askedAt) {
      aliveAt = alive ? askedAt : -Infinity
      pulse.beat(alive, askedAt)
    },
    fail(error) {
      aliveAt = -Infinity
      pulse.fail(error)
    },
  }
}

/**
 * A backend whose heartbeats are overheard: nothing else tells from outside that a Relay lost its server. The Relay
 * also asks for a heartbeat before, and a tidying of the inbox after, every batch that it reads. A lease of many
 * seconds that was there a moment ago is there still, so most of those are answered from memory: two of five round
 * trips on the way of each message.
 */
function watched(
  create: (options: RelayBackendOptions<ConnectionOptions>) => IRelayBackend,
  told: Remembered,
  clock: Clock,
): RelayBackendFactory<ConnectionOptions> {
  return options => {
    const backend = create(options)
    const heartbeat = backend.heartbeat.bind(backend)
    const readInbox = backend.readInbox.bind(backend)
    const trimInbox = backend.trimInbox.bind(backend)
    let trimmed = {at: -Infinity, backlog: 0}
    let foundAt = -Infinity
    backend.heartbeat = async (nodeId, leaseMs) => {
      const askedAt = clock()
      if (told.isFresh(askedAt)) return true
      try {
        const alive = await heartbeat(nodeId, leaseMs)
        told.beat(alive, askedAt)
        return alive
      } catch (error) {
        told.fail(error)
        throw error
      }
    }
    backend.readInbox = async (...inbox) => {
      try {
        const batch = await readInbox(...inbox)
        if (batch.entries.length > 0) foundAt = clock()
        return batch
      } catch (error) {
        told.fail(error)
        throw error
      }
    }
    backend.trimInbox = async (...inbox) => {
      const askedAt = clock()
      const freshMs = foundAt >= trimmed.at ? FRESH_MS : EMPTY_FRESH_MS
      if (askedAt - trimmed.at >= freshMs) trimmed = {at: askedAt, backlog: await trimInbox(...inbox)}
      return trimmed.backlog
    }
    return backend
  }
}
