import {randomBytes, randomUUID} from 'node:crypto'
import {chmodSync, mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {describe} from 'vitest'
import {createRelayTransport} from '../../src/events/relay-transport.ts'
import {startEmbeddedPostgres} from '../../src/platform/embedded-postgres.ts'
import {migrate} from '../../src/platform/migrations.ts'
import {startRedis} from '../../src/platform/redis.ts'
import {createTestDatabase} from '../support/database.ts'
import {createMemoryServer} from '../support/memory-transport.ts'
import {redisMissing, testRedisUrl} from '../support/redis.ts'
import {transportContract, type TransportServer} from './transport.contract.ts'

const log = {info: () => undefined, warn: () => undefined}

function relays(
  where: {databaseUrl: string} | {redisUrl: string},
  namespace: string,
): TransportServer['open'] {
  return () => createRelayTransport({where, nodeId: randomUUID(), namespace, log})
}

describe('event transport in memory (what unit tests use)', () => {
  transportContract({
    async start() {
      const server = createMemoryServer()
      return {open: () => server.transport(randomUUID()), close: async () => undefined}
    },
    async startRestartable() {
      const server = createMemoryServer()
      return {
        open: () => server.transport(randomUUID()),
        stop: async () => server.stop(),
        restart: async () => server.start(),
        close: async () => undefined,
      }
    },
  })
})

describe('event transport on Postgres', () => {
  transportContract({
    async start() {
      const database = await createTestDatabase()
      return {open: relays({databaseUrl: database.url}, 'contract'), close: () => database.drop()}
    },
    async startRestartable() {
      const home = mkdtempSync(join(tmpdir(), 'signalbox-relay-'))
      chmodSync(home, 0o755)
      let server = await startEmbeddedPostgres({home, log})
      await migrate({databaseUrl: server.url, log})
      return {
        open: relays({databaseUrl: server.url}, 'restart'),
        stop: () => server.stop(),
        async restart() {
          server = await startEmbeddedPostgres({home, log})
        },
        async close() {
          await server.stop()
          rmSync(home, {recursive: true, force: true})
        },
      }
    },
  })
})

const missing = redisMissing()

describe.skipIf(missing !== undefined)(
  `event transport on Redis${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    transportContract({
      async start() {
        const namespace = `test-${randomBytes(4).toString('hex')}`
        return {open: relays({redisUrl: testRedisUrl() ?? ''}, namespace), close: async () => undefined}
      },
      async startRestartable() {
        let server = await startRedis()
        return {
          open: relays({redisUrl: server.url}, 'restart'),
          stop: () => server.stop(),
          async restart() {
            server = await startRedis({port: server.port})
          },
          close: () => server.stop(),
        }
      },
    })
  },
)
