import {chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statfsSync} from 'node:fs'
import {freemem, tmpdir} from 'node:os'
import {basename, join} from 'node:path'
import pg from 'pg'
import type {TestProject} from 'vitest/node'
import {startEmbeddedPostgres} from '../../src/platform/embedded-postgres.ts'
import {migrate} from '../../src/platform/migrations.ts'
import {provideRedis, type ProvidedRedis} from './redis-server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The `postgres` database of the run's server; `createTestDatabase` clones from it. */
    readonly postgresUrl: string
    readonly redis: ProvidedRedis
  }
}

export const TEMPLATE = 'signalbox_template'

const MEMORY = '/dev/shm'
const MEMORY_NEEDED = 6 * 1024 ** 3

interface Servers {
  readonly postgresUrl: string
  readonly redis: ProvidedRedis
  close(): Promise<void>
}

// Every vitest project loads its own copy of this module, in one process: the servers are shared through the global.
const shared = globalThis as typeof globalThis & {
  signalboxTestServers?: {users: number; servers: Promise<Servers>} | undefined
}

/** One Postgres with a migrated template database, and one Redis where it can be had, for the whole run. */
export default async function setup({provide}: TestProject): Promise<() => Promise<void>> {
  shared.signalboxTestServers ??= {users: 0, servers: startServers()}
  const mine = shared.signalboxTestServers
  mine.users++
  const {postgresUrl, redis, close} = await mine.servers
  provide('postgresUrl', postgresUrl)
  provide('redis', redis)
  return async () => {
    if (--mine.users > 0) return
    shared.signalboxTestServers = undefined
    await close()
  }
}

async function startServers(): Promise<Servers> {
  await sweepLeftovers()
  const redis = await provideRedis()
  const home = mkdtempSync(join(roomForData(), `signalbox-test-${process.pid}-`))
  // mkdtemp closes the folder to others, which would send the data elsewhere when root runs the tests.
  chmodSync(home, 0o755)
  const started: (() => Promise<void>)[] = [() => redis.stop()]
  const close = async () => {
    await Promise.all(started.map(stop => stop()))
    rmSync(home, {recursive: true, force: true})
  }
  try {
    const postgres = await startEmbeddedPostgres({home, log: quiet})
    started.push(() => postgres.stop())
    await prepare(postgres.url)
    return {postgresUrl: withDatabase(postgres.url, 'postgres'), redis: redis.provided, close}
  } catch (error) {
    // Whoever waits for these servers never gets a `close` to call.
    await close()
    throw error
  }
}

/**
 * Memory where there is plenty of it: each test clones a database of a thousand files and drops it, which some file
 * systems take most of a second for.
 */
function roomForData(): string {
  if (!existsSync(MEMORY)) return tmpdir()
  const {bavail, bsize} = statfsSync(MEMORY)
  return Math.min(bavail * bsize, freemem()) >= MEMORY_NEEDED ? MEMORY : tmpdir()
}

async function prepare(url: string): Promise<void> {
  const admin = new pg.Client({connectionString: url})
  await admin.connect()
  try {
    // Nobody needs this run's data after a power cut.
    await admin.query('alter system set fsync = off')
    await admin.query('alter system set synchronous_commit = off')
    await admin.query('alter system set full_page_writes = off')
    await admin.query(`alter system set max_wal_size = '256MB'`)
    await admin.query('select pg_reload_conf()')
    // A world opens dozens of connections, and each costs its client as many rounds of a hash: 4,096 by default.
    await admin.query('set scram_iterations = 1')
    const {username, password} = new URL(url)
    await admin.query(
      `alter role ${admin.escapeIdentifier(username)} password ${admin.escapeLiteral(decodeURIComponent(password))}`,
    )
    await admin.query(`create database ${TEMPLATE}`)
  } finally {
    await admin.end()
  }
  await migrate({databaseUrl: withDatabase(url, TEMPLATE), log: quiet})
}

/** A run that was killed could not stop its server; the next run does. */
async function sweepLeftovers(): Promise<void> {
  const folders = [MEMORY, tmpdir()].filter(folder => existsSync(folder))
  for (const home of folders.flatMap(folder => readdirSync(folder).map(name => join(folder, name)))) {
    const pid = Number(/^signalbox-test-(\d+)-/.exec(basename(home))?.[1])
    if (!pid || isAlive(pid)) continue
    try {
      const postgres = await startEmbeddedPostgres({home, log: quiet})
      await postgres.stop()
    } catch {
      // Too broken to start is stopped as well.
    }
    rmSync(home, {recursive: true, force: true})
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

export function withDatabase(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${database}`
  return changed.href
}

const quiet = {info: () => undefined, warn: () => undefined}
