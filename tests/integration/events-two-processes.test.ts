import {fork, type ChildProcess} from 'node:child_process'
import {once} from 'node:events'
import {chmodSync, mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'
import {Registry} from 'prom-client'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {createEvents, type AgentResponse, type RelayWhere} from '../../src/events/index.ts'
import {startEmbeddedPostgres} from '../../src/platform/embedded-postgres.ts'
import {silentLogger} from '../../src/platform/logger.ts'
import {migrate} from '../../src/platform/migrations.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {startRedis} from '../../src/platform/redis.ts'
import {createTestDatabase} from '../support/database.ts'
import type {Report} from '../support/events-process.ts'
import {redisMissing} from '../support/redis.ts'

/** 10 s in the long form (`SIGNALBOX_LONG=1`). */
const OUTAGE_MS = process.env['SIGNALBOX_LONG'] === '1' ? 10_000 : 3_000
const EVERY_MS = 40
const log = {info: () => undefined, warn: () => undefined}

interface Place {
  readonly where: RelayWhere
  readonly databaseUrl: string
  stop(): Promise<void>
  restart(): Promise<void>
}

let closers: (() => Promise<unknown>)[]
beforeEach(() => void (closers = []))
afterEach(async () => {
  for (const close of closers.reverse()) await close()
})

async function startReviewer(place: Place): Promise<{report(): Promise<Report>}> {
  const file = fileURLToPath(new URL('../support/events-process.ts', import.meta.url))
  const {where, databaseUrl} = place
  const child: ChildProcess = fork(file, [JSON.stringify({where, databaseUrl})], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  closers.push(async () => {
    if (child.exitCode !== null) return
    const ended = once(child, 'exit')
    child.send('close')
    const insist = setTimeout(() => child.kill('SIGKILL'), 5_000)
    await ended
    clearTimeout(insist)
  })
  expect((await once(child, 'message'))[0]).toBe('ready')
  return {
    async report() {
      const answer = once(child, 'message')
      child.send('report')
      return (await answer)[0] as Report
    },
  }
}

/** Traffic of all three kinds before, during and after an outage, and what became of it. */
async function traffic(place: Place) {
  const reviewer = await startReviewer(place)
  const pool = createPool({connectionString: place.databaseUrl, onError: () => undefined})
  const registry = new Registry()
  const events = createEvents({where: place.where, pool, registry, log: silentLogger})
  const sweeping = setInterval(() => void events.journal.sweep().catch(() => undefined), 1_000)
  closers.push(
    async () => clearInterval(sweeping),
    () => pool.end(),
    () => events.close(),
  )
  const responses: Promise<AgentResponse>[] = []
  const emittedAt: number[] = []
  const promised: number[] = []
  const sending: Promise<unknown>[] = []
  let going = true

  async function send(): Promise<void> {
    for (let n = 0; going; n++) {
      emittedAt[n] = Date.now()
      sending.push(events.bus.emit('task_completed', n, {source: 'planner'}))
      const request = {
        source_agent: 'planner',
        target_agent: 'reviewer',
        request_type: 'review_code' as const,
      }
      responses.push(events.requests.request({...request, payload: {n}, timeout_seconds: 40}))
      sending.push(
        events.journal.emitWithin(pool, 'approval_required', n, {source: 'planner'}).then(
          event => {
            promised.push(n)
            events.journal.announce([event])
          },
          // The database is the one that is away: nothing was promised.
          () => undefined,
        ),
      )
      await sleep(EVERY_MS)
    }
  }

  await expect.poll(() => events.bus.transportUp(), {timeout: 10_000}).toBe(true)
  const sent = send()
  await sleep(1_000)
  const stoppedAt = Date.now()
  await place.stop()
  await sleep(OUTAGE_MS)
  expect(events.bus.transportUp()).toBe(false)
  await place.restart()
  await sleep(2_000)
  going = false
  await sent
  const outcomes = await Promise.all(responses)
  await Promise.all(sending)
  const durable = (report: Report) => [...report.durable].sort((a, b) => a - b)
  promised.sort((a, b) => a - b)
  await expect.poll(async () => durable(await reviewer.report()), {timeout: 20_000}).toEqual(promised)
  const last = emittedAt.length - 1
  await expect.poll(async () => (await reviewer.report()).fleeting.at(-1), {timeout: 20_000}).toBe(last)
  return {
    report: await reviewer.report(),
    outcomes,
    emittedAt,
    stoppedAt,
    promised,
    metrics: await registry.metrics(),
  }
}

const range = (length: number) => Array.from({length}, (_, n) => n)

describe('two processes on Postgres', () => {
  test('an outage loses nothing, doubles nothing, and every request is answered', async () => {
    const home = mkdtempSync(join(tmpdir(), 'signalbox-events-'))
    chmodSync(home, 0o755)
    let server = await startEmbeddedPostgres({home, log})
    closers.push(async () => {
      await server.stop()
      rmSync(home, {recursive: true, force: true})
    })
    await migrate({databaseUrl: server.url, log})
    const {report, outcomes, emittedAt, promised} = await traffic({
      where: {databaseUrl: server.url},
      databaseUrl: server.url,
      stop: () => server.stop(),
      async restart() {
        server = await startEmbeddedPostgres({home, log})
      },
    })
    expect(outcomes.length).toBeGreaterThan(50)
    expect(outcomes.map(({status, result}) => [status, result])).toEqual(
      range(outcomes.length).map(n => ['success', {n}]),
    )
    expect([...report.carriedOut].sort((a, b) => a - b)).toEqual(range(outcomes.length))
    expect(report.fleeting).toEqual(range(emittedAt.length))
    expect(promised.length).toBeGreaterThan(20)
  }, 120_000)
})

const missing = redisMissing()

describe.skipIf(missing !== undefined)(
  `two processes on Redis${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    test('an outage that also wipes Redis loses nothing that was promised, doubles nothing, and every request is answered', async () => {
      const database = await createTestDatabase()
      closers.push(() => database.drop())
      let server = await startRedis()
      closers.push(() => server.stop())
      const {report, outcomes, emittedAt, stoppedAt, promised} = await traffic({
        where: {redisUrl: server.url},
        databaseUrl: database.url,
        stop: () => server.stop(),
        async restart() {
          server = await startRedis({port: server.port})
        },
      })
      expect(outcomes.length).toBeGreaterThan(50)
      expect(outcomes.map(({status, result}) => [status, result])).toEqual(
        range(outcomes.length).map(n => ['success', {n}]),
      )
      expect([...report.carriedOut].sort((a, b) => a - b)).toEqual(range(outcomes.length))
      expect(promised).toEqual(range(emittedAt.length))
      // In order and none twice; only what lay unread in the memory of the Redis that died may be missing.
      expect(report.fleeting).toEqual([...new Set(report.fleeting)].sort((a, b) => a - b))
      const heard = new Set(report.fleeting)
      const lost = range(emittedAt.length).filter(n => !heard.has(n))
      for (const n of lost) {
        expect(emittedAt[n]).toBeLessThan(stoppedAt + 200)
        expect(emittedAt[n]).toBeGreaterThan(stoppedAt - 1_000)
      }
    }, 120_000)
  },
)
