import {randomBytes} from 'node:crypto'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {PRIORITIES, type Priority} from '../../src/events/priority.ts'
import {createQueues, type JobProcessor, type Queues} from '../../src/platform/queue.ts'
import {createTestDatabase} from '../support/database.ts'
import {redisMissing, testRedisUrl} from '../support/redis.ts'

// ORCH-016 to ORCH-018, of the task queue, on both backends.

/** The four priorities as the queue knows them: 1 to 4, the lower number first. */
const numberOf = (priority: Priority) => PRIORITIES.indexOf(priority) + 1

const missing = redisMissing()

describe.each([
  {backend: 'Postgres', reason: undefined},
  {backend: 'Redis', reason: missing},
])('on $backend', ({backend, reason}) => {
  let queues: Queues
  let closers: (() => Promise<unknown>)[]

  beforeEach(async () => {
    closers = []
    const log = {warn: () => undefined}
    if (backend === 'Postgres') {
      const database = await createTestDatabase()
      closers.push(() => database.drop())
      queues = createQueues({databaseUrl: database.url, log})
    } else {
      const prefix = `orch-${randomBytes(4).toString('hex')}`
      queues = createQueues({redisUrl: testRedisUrl() ?? '', prefix, log})
    }
    closers.push(() => queues.close())
  })
  afterEach(async () => {
    for (const close of closers.reverse()) await close()
  })

  function work(processor: JobProcessor): void {
    const worker = queues.work('orch', {concurrency: 1}, processor)
    closers.push(() => worker.close())
  }

  const orch = reason === undefined ? test : test.skip
  const name = (text: string) => (reason === undefined ? text : `${text} (${reason})`)

  orch(
    name('ORCH-016 with one worker urgent runs before high, normal and low, and equals first in, first out'),
    async () => {
      const order = ['low', 'normal', 'urgent', 'high'] as const
      for (const n of [1, 2, 3]) {
        for (const priority of order) {
          const job = {queue: 'orch', name: `${priority} ${n}`, data: {}}
          await queues.add({...job, priority: numberOf(priority)})
        }
      }
      const ran: string[] = []
      work(async job => void ran.push(job.name))
      await expect.poll(() => ran.length, {timeout: 20_000}).toBe(12)
      expect(ran).toEqual(PRIORITIES.flatMap(priority => [1, 2, 3].map(n => `${priority} ${n}`)))
    },
  )

  orch(
    name(
      'ORCH-017 a flaky job ends completed, a hopeless one failed after its retries, with exponential gaps',
    ),
    async () => {
      const at: Record<string, number[]> = {flaky: [], hopeless: []}
      const attempts: Record<string, number[]> = {flaky: [], hopeless: []}
      work(async ({name: job, attempt, lastAttempt}) => {
        at[job]?.push(Date.now())
        attempts[job]?.push(attempt)
        if (job === 'hopeless' || attempt < 3) throw new Error(`attempt ${attempt}`)
        expect(lastAttempt).toBe(false)
      })
      const backoff = {delayMs: 200, jitter: 0}
      for (const job of ['flaky', 'hopeless'])
        await queues.add({queue: 'orch', name: job, data: {}, attempts: 4, backoff})
      await expect
        .poll(() => queues.counts('orch'), {timeout: 20_000})
        .toMatchObject({completed: 1, failed: 1, delayed: 0, waiting: 0, active: 0})
      // Retries and one.
      expect(attempts).toEqual({flaky: [1, 2, 3], hopeless: [1, 2, 3, 4]})
      const times = at['hopeless'] ?? []
      for (const [n, time] of times.slice(1).entries()) {
        const gap = time - (times[n] ?? 0)
        expect(gap).toBeGreaterThanOrEqual(200 * 2 ** n - 10)
        expect(gap).toBeLessThan(200 * 2 ** n + 1_500)
      }
    },
  )

  orch(
    name('ORCH-018 a scheduled job waits for its time, runs after it, and may be cancelled before'),
    async () => {
      const ran: string[] = []
      const began = Date.now()
      await queues.add({queue: 'orch', name: 'later', data: {}, id: 'later-1', delayMs: 800})
      await queues.add({queue: 'orch', name: 'never', data: {}, id: 'never-1', delayMs: 1_000})
      let at = 0
      work(async job => {
        at = Date.now()
        ran.push(job.name)
      })
      await sleep(300)
      expect(ran).toEqual([])
      expect(await queues.counts('orch')).toMatchObject({delayed: 2, active: 0, completed: 0})
      expect(await queues.remove('orch', 'never-1')).toBe('removed')
      await expect.poll(() => ran, {timeout: 10_000}).toEqual(['later'])
      expect(at - began).toBeGreaterThanOrEqual(790)
      await sleep(Math.max(0, began + 1_500 - Date.now()))
      expect(ran).toEqual(['later'])
      expect(await queues.remove('orch', 'later-1')).toBe('absent')
    },
  )
})
