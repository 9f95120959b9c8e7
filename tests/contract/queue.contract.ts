import {spawn} from 'node:child_process'
import {randomBytes} from 'node:crypto'
import {once} from 'node:events'
import {afterEach, beforeEach, expect, test} from 'vitest'
import {AppError} from '../../src/kernel/errors.ts'
import {
  createQueues,
  type JobProcessor,
  type Queues,
  type QueueWorker,
  type ReceivedJob,
  type WorkOptions,
} from '../../src/platform/queue.ts'

type Where = {readonly databaseUrl: string} | {readonly redisUrl: string; readonly prefix: string}

export interface QueueBackendUnderTest {
  /** A place of the test's own on the shared backend. */
  open(): Promise<{readonly where: Where; close(): Promise<void>}>
  /** A backend that may be stopped and started again at the same address. */
  openRestartable(): Promise<{
    readonly where: Where
    stop(): Promise<void>
    start(): Promise<void>
    close(): Promise<void>
  }>
}

/** What every queue promises, whatever lies beneath. */
export function queueContract({open, openRestartable}: QueueBackendUnderTest): void {
  let where: Where
  let queues: Queues
  let queue: string
  let closers: (() => Promise<unknown>)[]

  beforeEach(async () => {
    closers = []
    const place = await open()
    closers.push(() => place.close())
    where = place.where
    queues = openQueues(where)
    queue = `q-${randomBytes(4).toString('hex')}`
  })

  afterEach(async () => {
    for (const close of closers.reverse()) await close()
  })

  function openQueues(at: Where): Queues {
    const opened = createQueues({...at, log: {warn: () => undefined}})
    closers.push(() => opened.close())
    return opened
  }

  function work(processor: JobProcessor, options: Partial<WorkOptions> = {}, on = queues): QueueWorker {
    const worker = on.work(queue, {concurrency: 1, ...options}, processor)
    closers.push(() => worker.close())
    return worker
  }

  /** A worker that notes the jobs it is given, and a promise of the first `count` of them. */
  function workAndCollect(
    count: number,
    options: Partial<WorkOptions> = {},
    on = queues,
  ): Promise<readonly ReceivedJob[]> {
    return new Promise(resolve => {
      const seen: ReceivedJob[] = []
      work(
        async job => {
          seen.push(job)
          if (seen.length === count) resolve(seen)
        },
        options,
        on,
      )
    })
  }

  const add = (name: string, more: object = {}): Promise<void> =>
    queues.add({queue, name, data: {name}, ...more})
  const names = (jobs: readonly ReceivedJob[]): readonly string[] => jobs.map(job => job.name)

  test('a job reaches a worker with its name, data and id, and is then completed', async () => {
    const done = workAndCollect(1)
    await queues.add({queue, name: 'greet', data: {to: 'ada', nested: [1, null]}, id: 'greet-1'})
    expect((await done)[0]).toMatchObject({
      id: 'greet-1',
      name: 'greet',
      data: {to: 'ada', nested: [1, null]},
      attempt: 1,
      lastAttempt: false,
    })
    await expect.poll(() => queues.counts(queue)).toMatchObject({completed: 1, waiting: 0, active: 0})
  })

  test('jobs run in the order in which they were added', async () => {
    await queues.addMany(['a', 'b', 'c', 'd'].map(name => ({queue, name, data: {}})))
    await add('e')
    expect(names(await workAndCollect(5))).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  test('a second job of the same id is ignored, also in bulk and after the first has run', async () => {
    await add('first', {id: 'same-1'})
    await queues.addMany([
      {queue, name: 'second', data: {}, id: 'same-1'},
      {queue, name: 'other', data: {}, id: 'other-1'},
    ])
    expect(names(await workAndCollect(2))).toEqual(['first', 'other'])
    await expect.poll(() => queues.counts(queue)).toMatchObject({completed: 2})
    await add('third', {id: 'same-1'})
    expect(await queues.counts(queue)).toMatchObject({completed: 2, waiting: 0})
  })

  test('bulk adding spreads jobs over their queues', async () => {
    const others = Array.from({length: 200}, (_, i) => ({
      queue: `${queue}-other`,
      name: 'x',
      data: {},
      id: `x-${i}`,
    }))
    await queues.addMany([...others, {queue, name: 'mine', data: {}}])
    expect(await queues.counts(`${queue}-other`)).toMatchObject({waiting: 200})
    expect(await queues.counts(queue)).toMatchObject({waiting: 1})
  })

  test('a delayed job waits its time and then runs by itself', async () => {
    const addedAt = Date.now()
    await add('later', {delayMs: 600})
    const done = workAndCollect(1)
    expect(await queues.counts(queue)).toMatchObject({delayed: 1})
    await done
    expect(Date.now() - addedAt).toBeGreaterThanOrEqual(590)
  })

  test('a lower priority number goes first, and none goes before all', async () => {
    await add('low', {priority: 10})
    await add('high', {priority: 1})
    await add('none')
    expect(names(await workAndCollect(3))).toEqual(['none', 'high', 'low'])
  })

  test('a failed job is tried again, with its attempts counted, until it succeeds', async () => {
    const attempts: unknown[] = []
    work(async ({attempt, lastAttempt}) => {
      attempts.push({attempt, lastAttempt})
      if (attempt < 3) throw new Error('not yet')
    })
    await add('stubborn', {attempts: 3, backoff: {delayMs: 50}})
    await expect.poll(() => queues.counts(queue), {timeout: 10_000}).toMatchObject({completed: 1})
    expect(attempts).toEqual([
      {attempt: 1, lastAttempt: false},
      {attempt: 2, lastAttempt: false},
      {attempt: 3, lastAttempt: true},
    ])
  })

  test('a pause asked for by the other side is kept, however short the backoff', async () => {
    const times: number[] = []
    const twice = new Promise<void>(resolve =>
      work(async () => {
        times.push(Date.now())
        if (times.length === 2) return resolve()
        throw new AppError('UPSTREAM_RATE_LIMITED', 'slow down', {retryAfterMs: 700})
      }),
    )
    await add('limited', {backoff: {delayMs: 10}})
    await twice
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(690)
  })

  test.each(['INVALID_INPUT', 'INVARIANT_BROKEN'] as const)(
    'an error that trying again can not mend (%s) ends the job',
    async code => {
      let calls = 0
      work(async () => {
        calls++
        throw new AppError(code, 'no use')
      })
      await add('hopeless', {attempts: 5, backoff: {delayMs: 10}})
      await expect.poll(() => queues.counts(queue)).toMatchObject({failed: 1, delayed: 0, waiting: 0})
      expect(calls).toBe(1)
    },
  )

  test('a running job is cancelled through its signal, with the reason', async () => {
    let started!: () => void
    const running = new Promise<void>(resolve => (started = resolve))
    const aborted = new Promise<unknown>(resolve => {
      const worker = work(async (_job, signal) => {
        started()
        await new Promise(over => signal.addEventListener('abort', over))
        resolve(signal.reason)
        throw new AppError('CONFLICT', 'cancelled')
      })
      void running.then(() => {
        expect(worker.cancel('nobody', 'x')).toBe(false)
        expect(worker.cancel('victim-1', 'changed my mind')).toBe(true)
      })
    })
    await add('long', {id: 'victim-1'})
    expect(await aborted).toBe('changed my mind')
  })

  test('a waiting job can be removed, a running one can not, an unknown or ended one is absent', async () => {
    await add('waiting', {id: 'waiting-1'})
    await add('delayed', {id: 'delayed-1', delayMs: 60_000})
    expect(await queues.remove(queue, 'waiting-1')).toBe('removed')
    expect(await queues.remove(queue, 'delayed-1')).toBe('removed')
    expect(await queues.remove(queue, 'waiting-1')).toBe('absent')

    let finish!: () => void
    const finished = new Promise<void>(resolve => (finish = resolve))
    const started = new Promise<void>(resolve =>
      work(async () => {
        resolve()
        await finished
      }),
    )
    await add('running', {id: 'running-1'})
    await started
    expect(await queues.remove(queue, 'running-1')).toBe('active')
    finish()
    await expect.poll(() => queues.remove(queue, 'running-1')).toBe('absent')
  })

  test('of many requests while one runs, only the last is run after it', async () => {
    const seen: unknown[] = []
    let finish!: () => void
    const finished = new Promise<void>(resolve => (finish = resolve))
    let started!: () => void
    const running = new Promise<void>(resolve => (started = resolve))
    const nudge = (n: number): Promise<void> =>
      queues.add({queue, name: 'draw', data: {n}, deduplicate: {id: 'reply-1', keepLast: true}})
    work(
      async job => {
        seen.push(job.data)
        started()
        await finished
      },
      {concurrency: 5},
    )
    await nudge(1)
    await running
    for (const n of [2, 3, 4]) await nudge(n)
    expect(seen).toEqual([{n: 1}])
    finish()
    await expect
      .poll(() => queues.counts(queue))
      .toMatchObject({completed: 2, waiting: 0, active: 0, delayed: 0})
    expect(seen).toEqual([{n: 1}, {n: 4}])
  })

  test('a schedule adds its job at each tick, is listed, replaced under the same id, and ends when taken away', async () => {
    await queues.schedule(
      queue,
      'digest',
      {cron: '0 16 * * *', timezone: 'Europe/Berlin'},
      {name: 'old', data: {}},
    )
    await queues.schedule(
      queue,
      'digest',
      {cron: '* * * * * *', timezone: 'UTC'},
      {name: 'tick', data: {period: 'daily'}},
    )
    expect(await queues.schedules(queue)).toMatchObject([
      {id: 'digest', when: {cron: '* * * * * *', timezone: 'UTC'}},
    ])
    const ticks = await workAndCollect(2)
    expect(ticks.map(({name, data}) => ({name, data}))).toEqual(
      Array(2).fill({name: 'tick', data: {period: 'daily'}}),
    )
    await queues.unschedule(queue, 'digest')
    expect(await queues.schedules(queue)).toEqual([])
    await expect.poll(() => queues.counts(queue)).toMatchObject({delayed: 0, waiting: 0, active: 0})
  })

  test('a schedule without a clock comes again after so long', async () => {
    await queues.schedule(queue, 'look', {everyMs: 300}, {name: 'tick', data: {}})
    expect(await queues.schedules(queue)).toMatchObject([{id: 'look', when: {everyMs: 300}}])
    expect((await workAndCollect(3)).map(({name}) => name)).toEqual(['tick', 'tick', 'tick'])
    await queues.unschedule(queue, 'look')
    expect(await queues.schedules(queue)).toEqual([])
  })

  test('a limiter holds for all workers of the queue together', async () => {
    const times: number[] = []
    const all = new Promise<void>(resolve => {
      for (const on of [queues, openQueues(where)]) {
        work(
          async () => {
            if (times.push(Date.now()) === 5) resolve()
          },
          {concurrency: 5, limiter: {max: 2, duration: 500}},
          on,
        )
      }
    })
    await queues.addMany(Array.from({length: 5}, (_, i) => ({queue, name: `n${i}`, data: {}})))
    await all
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(800)
  })

  test('progress can be reported from inside a job', async () => {
    const reported = new Promise<void>((resolve, reject) => {
      work(job => job.progress({phase: 'watching'}).then(resolve, reject))
    })
    await add('reporting')
    await reported
  })

  test('draining lets running jobs end and takes no more', async () => {
    const seen: string[] = []
    let finish!: () => void
    const finished = new Promise<void>(resolve => (finish = resolve))
    let started!: () => void
    const running = new Promise<void>(resolve => (started = resolve))
    const worker = work(async job => {
      seen.push(job.name)
      started()
      await finished
    })
    await add('running')
    await running
    expect(await worker.drain(50)).toBe(false)
    await add('left for others')
    finish()
    expect(await worker.drain(5_000)).toBe(true)
    await worker.close()
    expect(seen).toEqual(['running'])
    await expect.poll(() => queues.counts(queue)).toMatchObject({completed: 1, waiting: 1, active: 0})
  })

  test('a job that is still running at close is handed back and costs no attempt', async () => {
    let started!: () => void
    const running = new Promise<void>(resolve => (started = resolve))
    const worker = work(async (_job, signal) => {
      started()
      await new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(new Error('aborted'))),
      )
    })
    await add('long', {id: 'long-1', attempts: 1})
    await running
    await worker.close()
    expect(await queues.counts(queue)).toMatchObject({waiting: 1, active: 0, failed: 0})
    expect((await workAndCollect(1))[0]).toMatchObject({id: 'long-1', attempt: 1, lastAttempt: true})
  })

  test('a job whose worker was killed is taken up by another', async () => {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', 'tests/support/crashing-worker.ts', queue, JSON.stringify(where)],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    closers.push(async () => child.kill('SIGKILL'))
    await add('orphan', {id: 'orphan-1', attempts: 1})
    await once(child.stdout, 'data')
    child.kill('SIGKILL')
    await once(child, 'exit')
    const killedAt = Date.now()
    expect((await workAndCollect(1, {lockMs: 1_000}))[0]).toMatchObject({id: 'orphan-1', attempt: 1})
    expect(Date.now() - killedAt).toBeLessThan(10_000)
  })

  test('the queue goes on by itself after its backend was away', async () => {
    const place = await openRestartable()
    closers.unshift(() => place.close())
    const theirs = openQueues(place.where)
    const seen: string[] = []
    work(async job => void seen.push(job.name), {}, theirs)
    await theirs.add({queue, name: 'before', data: {}})
    await expect.poll(() => seen).toEqual(['before'])
    await place.stop()
    await expect(theirs.ping()).rejects.toMatchObject({code: 'UPSTREAM_UNAVAILABLE'})
    await expect(theirs.add({queue, name: 'lost', data: {}})).rejects.toMatchObject({
      code: 'UPSTREAM_UNAVAILABLE',
    })
    await place.start()
    await expect
      .poll(
        () =>
          theirs.ping().then(
            () => 'up',
            () => 'down',
          ),
        {timeout: 15_000},
      )
      .toBe('up')
    await theirs.add({queue, name: 'after', data: {}})
    await expect.poll(() => seen, {timeout: 30_000}).toContain('after')
  }, 90_000)

  test('an id that the backend could not keep apart is refused', async () => {
    await expect(add('bad', {id: '123'})).rejects.toMatchObject({code: 'INVARIANT_BROKEN'})
    await expect(add('bad', {id: 'a:b'})).rejects.toMatchObject({code: 'INVARIANT_BROKEN'})
  })

  test('a backend that is away at the start is waited for, but not for ever', async () => {
    const place = await openRestartable()
    closers.unshift(() => place.close())
    await place.stop()
    const theirs = openQueues(place.where)
    const done = workAndCollect(1, {}, theirs)
    await expect(theirs.add({queue, name: 'lost', data: {}})).rejects.toMatchObject({
      code: 'UPSTREAM_UNAVAILABLE',
    })
    await place.start()
    await expect
      .poll(
        () =>
          theirs.add({queue, name: 'found', data: {}, id: 'found-1'}).then(
            () => 'ok',
            () => 'no',
          ),
        {timeout: 30_000},
      )
      .toBe('ok')
    await done
  }, 90_000)
}
