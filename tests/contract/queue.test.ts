import {randomBytes} from 'node:crypto'
import {chmodSync, mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {describe} from 'vitest'
import {startEmbeddedPostgres} from '../../src/platform/embedded-postgres.ts'
import {migrate} from '../../src/platform/migrations.ts'
import {startRedis} from '../../src/platform/redis.ts'
import {createTestDatabase} from '../support/database.ts'
import {redisMissing, testRedisUrl} from '../support/redis.ts'
import {queueContract} from './queue.contract.ts'

const log = {info: () => undefined, warn: () => undefined}

describe('queue on Postgres', () => {
  queueContract({
    async open() {
      const database = await createTestDatabase()
      return {where: {databaseUrl: database.url}, close: () => database.drop()}
    },
    async openRestartable() {
      const home = mkdtempSync(join(tmpdir(), 'signalbox-restart-'))
      chmodSync(home, 0o755)
      let server = await startEmbeddedPostgres({home, log})
      await migrate({databaseUrl: server.url, log})
      return {
        where: {databaseUrl: server.url},
        stop: () => server.stop(),
        async start() {
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
  `queue on Redis${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    queueContract({
      async open() {
        const prefix = `test-${randomBytes(4).toString('hex')}`
        return {where: {redisUrl: testRedisUrl() ?? '', prefix}, close: async () => undefined}
      },
      async openRestartable() {
        let server = await startRedis()
        return {
          where: {redisUrl: server.url, prefix: 'restart'},
          stop: () => server.stop(),
          async start() {
            server = await startRedis({port: server.port})
          },
          close: () => server.stop(),
        }
      },
    })
  },
)
