import {chmodSync, mkdtempSync, readdirSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
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
  const home = mkdtempSync(join(tmpdir(), `signalbox-test-${process.pid}-`))
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

async function prepare(url: string): Promise<void> {
  const admin = new pg.Client({connectionString: url})
  await admin.connect()
  try {
    // Nobody needs this run's data after a power cut.
    await admin.query('alter system set fsync = off')
    await admin.query('alter system set synchronous_commit = off')
    await admin.query('select pg_reload_conf()')
    await admin.query(`create database ${TEMPLATE}`)
  } finally {
    await admin.end()
  }
  await migrate({databaseUrl: withDatabase(url, TEMPLATE), log: quiet})
}

/** A run that was killed could not stop its server; the next run does. */
async function sweepLeftovers(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(/^signalbox-test-(\d+)-/.exec(name)?.[1])
    if (!pid || isAlive(pid)) continue
    const home = join(tmpdir(), name)
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
