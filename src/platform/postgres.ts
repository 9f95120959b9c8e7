import type {Duplex} from 'node:stream'
import {setTimeout as sleep} from 'node:timers/promises'
import pg from 'pg'

/** Anything that can run a query: the pool, or the client of an open transaction. */
export type Db = Pick<pg.Pool, 'query'>

export interface PoolOptions {
  readonly connectionString: string
  /** Connections at most; they are opened on demand and closed after 30 s of idleness. */
  readonly max?: number
  /** Connections that are kept open through idleness, once opened. */
  readonly min?: number
  /** Shown in pg_stat_activity. */
  readonly applicationName?: string
  /** The server's settings for these connections, such as `search_path`. Values without blanks. */
  readonly settings?: Readonly<Record<string, string>>
  /** Told when an idle connection breaks; the pool replaces it by itself. */
  readonly onError: (error: Error) => void
}

/**
 * A pool that never waits for ever: 10 s for a connection, 30 s for a statement, 40 s for an answer from a server
 * that has gone silent, 60 s for a transaction that nobody carries on.
 */
export function createPool({
  connectionString,
  max = 10,
  min = 0,
  applicationName,
  settings = {},
  onError,
}: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString,
    max,
    min,
    ...(applicationName === undefined ? {} : {application_name: applicationName}),
    options: Object.entries(settings)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 30_000,
    statement_timeout: 30_000,
    query_timeout: 40_000,
    idle_in_transaction_session_timeout: 60_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    // Statements given to a client together are sent together, and still carried out one after the other.
    pipeline: true,
  })
  pool.on('error', onError)
  // A broken connection also emits on its client while that is checked out; the query in flight reports it.
  pool.on('connect', client => {
    client.on('error', () => undefined)
    writeTogether(client)
  })
  return pool
}

/** Clients whose transaction has been given its commit: what came behind that would be no part of it. */
const ended = new WeakSet<object>()

/** Lets what a client is given in one turn leave in one write: beside statements this short, the system call counts. */
function writeTogether(client: pg.PoolClient): void {
  // Its types leave the connection out.
  const {stream} = (client as pg.PoolClient & {readonly connection: {readonly stream: Duplex}}).connection
  const query = client.query.bind(client) as (...given: readonly unknown[]) => unknown
  client.query = ((...given: readonly unknown[]) => {
    if (ended.has(client))
      return Promise.reject(new Error('A statement came after the commit of its transaction.'))
    stream.cork()
    process.nextTick(() => stream.uncork())
    return query(...given)
  }) as typeof client.query
}

/** What waits for the end of an open transaction, by its client. */
const afterwards = new WeakMap<object, (() => void)[]>()

/**
 * Commits what `work` did with the client, or nothing of it when `work` throws. A client that can't even roll back
 * is destroyed instead of going back to the pool.
 *
 * `work` may end with `commit`, which is `together` for statements that were given to the client in this turn: the commit
 * leaves behind them, without waiting for their answers. One that fails takes all back all the same, and so does whatever
 * fails before its statement is sent; what one answers can prevent nothing any more, and none can follow.
 */
export async function transaction<T>(
  pool: Pick<pg.Pool, 'connect'>,
  work: (client: pg.PoolClient, commit: typeof together) => Promise<T>,
): Promise<T> {
  const client = await pool.connect()
  const waiting: (() => void)[] = []
  let broken: Error | undefined
  let ending: Promise<void> | undefined
  const end = (): Promise<void> => (ending ??= endWith(client))
  async function commit<R extends readonly unknown[]>(...given: Together<R>): Promise<R> {
    await Promise.race([Promise.all(given), underWay()])
    const [answers] = await together<[R, void]>(together<R>(...given), end())
    return answers
  }
  try {
    // It leaves with the work's first statement, which is carried out behind it.
    const begun = client.query('begin')
    begun.catch(() => undefined)
    afterwards.set(client, waiting)
    const result = await work(client, commit)
    await begun
    await end()
    for (const tell of waiting) tell()
    return result
  } catch (error) {
    ended.delete(client)
    await client.query('rollback').catch((rollbackError: Error) => (broken = rollbackError))
    throw error
  } finally {
    ended.delete(client)
    afterwards.delete(client)
    client.release(broken)
  }
}

/** Commits behind what the client was given, and lets nothing follow that would be no part of it. */
async function endWith(client: pg.PoolClient): Promise<void> {
  const committed = client.query('commit')
  ended.add(client)
  // Where a statement failed, Postgres answers that it rolled back, and calls that no error.
  const {command} = await committed
  if (command === 'ROLLBACK') throw new Error('The transaction had failed before its commit.')
}

/** Resolves when what the clients were given so far has been sent: the database works at it from here on. */
export function underWay(): Promise<void> {
  return new Promise(resolve => process.nextTick(resolve))
}

type Together<T extends readonly unknown[]> = {readonly [K in keyof T]: Promise<T[K]>}

/**
 * Answers all of what a client was given at once. Where several fail it throws what the first says: in a transaction
 * those behind it failed with it.
 */
export async function together<T extends readonly unknown[]>(...given: Together<T>): Promise<T> {
  const settled = await Promise.allSettled(given)
  const failed = settled.find(each => each.status === 'rejected')
  if (failed) throw failed.reason
  return settled.map(each => each.status === 'fulfilled' && each.value) as unknown as T
}

/**
 * Calls `tell`, which must not throw, once the transaction that the client is in has committed, and never if it rolls
 * back; at once for a pool, or a client whose transaction `transaction` did not begin. For hints that something new is
 * there: a crash right after the commit loses them.
 */
export function afterCommit(db: Db, tell: () => void): void {
  const waiting = afterwards.get(db)
  if (waiting) waiting.push(tell)
  else tell()
}

/** The SQLSTATE codes that our code acts on. */
export const SQLSTATE = {
  UNIQUE_VIOLATION: '23505',
  SERIALIZATION_FAILURE: '40001',
  DEADLOCK_DETECTED: '40P01',
  LOCK_NOT_AVAILABLE: '55P03',
  QUERY_CANCELED: '57014',
  TOO_MANY_CONNECTIONS: '53300',
  ADMIN_SHUTDOWN: '57P01',
  CRASH_SHUTDOWN: '57P02',
  CANNOT_CONNECT_NOW: '57P03',
  UNDEFINED_TABLE: '42P01',
  DUPLICATE_DATABASE: '42P04',
} as const

const TRANSIENT_STATES = new Set<string>([
  SQLSTATE.SERIALIZATION_FAILURE,
  SQLSTATE.DEADLOCK_DETECTED,
  SQLSTATE.LOCK_NOT_AVAILABLE,
  SQLSTATE.QUERY_CANCELED,
  SQLSTATE.TOO_MANY_CONNECTIONS,
  SQLSTATE.ADMIN_SHUTDOWN,
  SQLSTATE.CRASH_SHUTDOWN,
  SQLSTATE.CANNOT_CONNECT_NOW,
])
const TRANSIENT_ERRNOS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
])
// Class 08 is "connection exception"; these texts are pg's own, which carry no code.
const TRANSIENT_TEXT =
  /^(Connection terminated|timeout expired|Query read timeout|timeout exceeded when trying to connect|Client has encountered a connection error)/

/** The SQLSTATE (or errno name) of a database error, if it has one. */
export function sqlState(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** Whether the same statement may well succeed later: the connection broke, or others were in the way. */
export function isTransient(error: unknown): boolean {
  const code = sqlState(error)
  if (code !== undefined)
    return TRANSIENT_STATES.has(code) || TRANSIENT_ERRNOS.has(code) || code.startsWith('08')
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(isTransient)
  return error instanceof Error && TRANSIENT_TEXT.test(error.message)
}

export interface ListenOptions {
  readonly connectionString: string
  readonly channels: readonly string[]
  readonly onNotify: (channel: string, payload: string) => void
  /** Each time listening begins. Notifications sent before that are lost, so this is the moment to read again. */
  readonly onListening?: () => void
  /** The connection broke or could not be made; it is tried again with growing, jittered pauses of at most 5 s. */
  readonly onError: (error: Error) => void
}

export interface Listener {
  /** Resolves when listening has begun for the first time, or when closed before that. */
  readonly ready: Promise<void>
  close(): Promise<void>
}

const PROBE_EVERY_MS = 30_000

/** One LISTEN connection that comes back by itself until it is closed. */
export function listen({
  connectionString,
  channels,
  onNotify,
  onListening,
  onError,
}: ListenOptions): Listener {
  const closing = new AbortController()
  const {signal} = closing
  let markReady: () => void
  const ready = new Promise<void>(resolve => (markReady = resolve))

  async function session(): Promise<void> {
    const client = new pg.Client({
      connectionString,
      application_name: 'signalbox-listen',
      connectionTimeoutMillis: 10_000,
      query_timeout: 10_000,
      keepAlive: true,
    })
    let abort = (): void => undefined
    const broken = new Promise<never>((_resolve, reject) => {
      client.on('error', reject)
      client.on('end', () => reject(new Error('Connection terminated')))
      abort = () => reject(new Error('closed'))
      signal.addEventListener('abort', abort)
    })
    broken.catch(() => undefined)
    client.on('notification', ({channel, payload}) => onNotify(channel, payload ?? ''))
    try {
      await client.connect()
      for (const channel of channels) await client.query(`listen ${client.escapeIdentifier(channel)}`)
      markReady()
      onListening?.()
      // A peer that vanished without a word is noticed by asking; TCP alone may take hours.
      while (!signal.aborted) {
        await Promise.race([broken, sleep(PROBE_EVERY_MS, undefined, {signal, ref: false})])
        await client.query('select 1')
      }
    } finally {
      signal.removeEventListener('abort', abort)
      await client.end().catch(() => undefined)
    }
  }

  async function run(): Promise<void> {
    for (let failures = 0; !signal.aborted; failures++) {
      const started = Date.now()
      await session().catch((error: Error) => {
        if (!signal.aborted) onError(error)
      })
      if (Date.now() - started > PROBE_EVERY_MS) failures = 0
      const pause = Math.min(5_000, 100 * 2 ** failures) * (0.5 + Math.random() / 2)
      await sleep(pause, undefined, {signal}).catch(() => undefined)
    }
    markReady()
  }

  const running = run()
  return {
    ready,
    async close() {
      closing.abort()
      await running
    },
  }
}
