import {randomBytes} from 'node:crypto'
import {chmodSync, mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import pg from 'pg'
import {startEmbeddedPostgres} from '../../src/platform/embedded-postgres.ts'
import {findRedis, startRedis} from '../../src/platform/redis.ts'

export interface Servers {
  /** A fresh, empty database. */
  database(): Promise<string>
  /** Undefined where no Redis is installed. */
  readonly redisUrl: string | undefined
  close(): Promise<void>
}

/** The benches' own Postgres, with fsync on as it ships, and a Redis where there is one; gone afterwards. */
export async function startServers({
  settings = {},
}: {
  /** Of the Postgres server, beyond those it ships with. */
  readonly settings?: Readonly<Record<string, string>>
} = {}): Promise<Servers> {
  const home = mkdtempSync(join(tmpdir(), 'signalbox-bench-'))
  // mkdtemp closes the folder to others, which would send the data elsewhere when root runs this.
  chmodSync(home, 0o755)
  const start = () => startEmbeddedPostgres({home, log: {warn: (_fields, message) => console.error(message)}})
  let postgres = await start()
  if (Object.keys(settings).length > 0) {
    const admin = new pg.Client({connectionString: postgres.url})
    await admin.connect()
    for (const [name, value] of Object.entries(settings))
      await admin.query(`alter system set ${name} = ${admin.escapeLiteral(value)}`)
    await admin.end()
    // Some of them count from the next start on only.
    await postgres.stop()
    postgres = await start()
  }
  const redis = findRedis() === undefined ? undefined : await startRedis()
  return {
    redisUrl: redis?.url,
    async database() {
      const name = `bench_${randomBytes(4).toString('hex')}`
      const admin = new pg.Client({connectionString: postgres.url})
      await admin.connect()
      await admin.query(`create database ${name}`)
      await admin.end()
      return Object.assign(new URL(postgres.url), {pathname: `/${name}`}).href
    },
    async close() {
      await redis?.stop()
      await postgres.stop()
      rmSync(home, {recursive: true, force: true})
    },
  }
}
