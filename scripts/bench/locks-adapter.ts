import {Registry} from 'prom-client'
import {createLockMetrics} from '../../src/locks/metrics.ts'
import {createLocks} from '../../src/locks/service.ts'
import {createLockStore} from '../../src/locks/store.ts'
import {createLogger} from '../../src/platform/logger.ts'
import {migrate} from '../../src/platform/migrations.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {createRedactor} from '../../src/platform/redact.ts'

export interface LocksUnderTest {
  /** Takes and gives back the lock, waiting for as long as it takes; any number may be under way at once. */
  withLock(resource: string, owner: string): Promise<void>
  close(): Promise<void>
}

/** The locks that production uses, with lease, fence, renewal, history and metrics. Migrates the database if need be. */
export async function locks({
  databaseUrl,
  pool: max,
}: {
  readonly databaseUrl: string
  /** Connections at most. */
  readonly pool: number
}): Promise<LocksUnderTest> {
  const log = createLogger({
    level: 'warn',
    redactor: createRedactor([]),
    destination: {write: line => void process.stderr.write(line)},
  })
  await migrate({databaseUrl, queueOnPostgres: false, log})
  const pool = createPool({
    connectionString: databaseUrl,
    max,
    applicationName: 'signalbox bench',
    onError: error => log.warn({err: error}, 'connection'),
  })
  const store = createLockStore({pool})
  const service = createLocks({
    store,
    databaseUrl,
    metrics: createLockMetrics({
      registry: new Registry(),
      agents: new Set(),
      countActive: () => store.countActive(),
    }),
    emit: () => undefined,
    log,
  })
  return {
    withLock: (resource, owner) =>
      service.withLock(resource, {owner, waitMs: 600_000}, () => Promise.resolve()),
    async close() {
      await service.close()
      await pool.end()
    },
  }
}
