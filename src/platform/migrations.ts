import {readdirSync} from 'node:fs'
import {runMigrations as runQueueMigrations} from 'bullmq'
import {runner} from 'node-pg-migrate'
import pg from 'pg'
import {AppError, toError} from '../kernel/errors.ts'
import {inCheckout} from './checkout.ts'
import type {Logger} from './logger.ts'

const TABLE = 'schema_migrations'

export interface MigrateOptions {
  readonly databaseUrl: string
  /** Folder of `NNNN_what.sql` files, forward only; by default the `migrations/` of this checkout. */
  readonly directory?: string
  /** Whether the queue needs its `bullmq` schema here; it does unless it runs on Redis. */
  readonly queueOnPostgres?: boolean
  readonly log: Pick<Logger, 'info'>
}

/**
 * Brings the database to this version's schema and answers the names it applied, in order. All of them commit
 * together or none does; several processes may start at once: one works, the others wait and find nothing to do.
 */
export async function migrate({
  databaseUrl,
  directory = inCheckout('migrations'),
  queueOnPostgres = true,
  log,
}: MigrateOptions): Promise<readonly string[]> {
  const client = await connect(databaseUrl)
  try {
    await refuseNewerSchema(client, directory)
    const applied = await runner({
      dbClient: client,
      dir: directory,
      migrationsTable: TABLE,
      direction: 'up',
      checkOrder: true,
      singleTransaction: true,
      advisoryLockMode: 'wait',
      logger: {info: () => undefined, warn: () => undefined, error: () => undefined},
    })
    if (queueOnPostgres) await runQueueMigrations(client)
    const names = applied.map(migration => migration.name)
    if (names.length > 0) log.info({migrations: names}, 'database migrated')
    return names
  } finally {
    await client.end()
  }
}

/** Refuses, with a sentence saying what to do, to work on a schema newer or older than this version's. */
export async function assertSchema(databaseUrl: string, directory = inCheckout('migrations')): Promise<void> {
  const client = await connect(databaseUrl)
  try {
    await refuseNewerSchema(client, directory)
    const applied = new Set(await appliedMigrations(client))
    const missing = knownMigrations(directory).filter(name => !applied.has(name))
    if (missing.length > 0) {
      throw new AppError(
        'SCHEMA_MISMATCH',
        `The database lacks ${missing.join(', ')}: run \`npm run migrate\` first.`,
        {
          details: {missing},
        },
      )
    }
  } finally {
    await client.end()
  }
}

async function refuseNewerSchema(client: pg.Client, directory: string): Promise<void> {
  const known = new Set(knownMigrations(directory))
  const unknown = (await appliedMigrations(client)).filter(name => !known.has(name))
  if (unknown.length === 0) return
  throw new AppError(
    'SCHEMA_MISMATCH',
    `The database is newer than this version of Signalbox: it has ${unknown.join(', ')}. Start the newer version instead.`,
    {details: {unknown}},
  )
}

async function appliedMigrations(client: pg.Client): Promise<readonly string[]> {
  const {rows: tables} = await client.query<{there: boolean}>('select to_regclass($1) is not null as there', [
    TABLE,
  ])
  if (tables[0]?.there !== true) return []
  const {rows} = await client.query<{name: string}>(`select name from ${TABLE} order by id`)
  return rows.map(row => row.name)
}

function knownMigrations(directory: string): readonly string[] {
  return readdirSync(directory)
    .filter(file => file.endsWith('.sql'))
    .map(file => file.slice(0, -'.sql'.length))
    .sort()
}

/** Where a name has several addresses, the reasons are inside: one for each. */
function reasonOf(error: unknown): string {
  const reasons = error instanceof AggregateError ? error.errors : [error]
  return reasons.map(reason => toError(reason).message).join(', ')
}

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString,
    application_name: 'signalbox-migrate',
    connectionTimeoutMillis: 10_000,
  })
  client.on('error', () => undefined)
  await client.connect().catch((error: unknown) => {
    throw new AppError(
      'START_FAILED',
      `The database does not let us in: ${reasonOf(error)}. Check DATABASE_URL, and that the server runs.`,
      {cause: error},
    )
  })
  return client
}
