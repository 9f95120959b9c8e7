import type {JobsOptions, Queue} from 'bullmq'
import {AppError, toError} from '../kernel/errors.ts'
import type {Logger} from './logger.ts'
import {postgresBackend, redisBackend} from './queue-backend.ts'
import {startForgetting} from './queue-retention.ts'
import {startWorker, type JobProcessor, type QueueWorker, type WorkOptions} from './queue-worker.ts'

export type {JobProcessor, QueueWorker, ReceivedJob, WorkOptions} from './queue-worker.ts'

export interface QueueJob<T = unknown> {
  readonly queue: string
  readonly name: string
  /** Ids rather than state; it lies in the queue in clear text, so no secrets. */
  readonly data: T
  /** While a job of this id is in the queue, or ended within the last hour, another is ignored. No `:`, not only digits. */
  readonly id?: string
  readonly delayMs?: number
  /** 1 goes before 2; none goes before both. */
  readonly priority?: number
  /** Tries in all, 5 unless said otherwise. Errors of disposition `user` and `fatal` are never tried again. */
  readonly attempts?: number
  /** Pause after the first failure (1 s unless said otherwise); doubles up to a minute. Jitter 0 to 1: up to that part less. */
  readonly backoff?: {readonly delayMs: number; readonly jitter?: number}
  /** One waiting or running job per id. With `keepLast`, what came last while one ran is run once after it. */
  readonly deduplicate?: {readonly id: string; readonly keepLast?: boolean}
}

/** When something is due: by the clocks of a zone, or again after so long. */
export type Timing = {readonly cron: string; readonly timezone: string} | {readonly everyMs: number}

export interface Schedule {
  readonly id: string
  readonly when: Timing
  /** Milliseconds since the epoch. */
  readonly nextAt: number | undefined
}

export type QueuesOptions = {
  readonly log: Pick<Logger, 'warn'>
  /** Keeps two installations on one Redis apart. */
  readonly prefix?: string
  /** Postgres connections of the queue at most; one more listens. */
  readonly poolMax?: number
} & (
  | {readonly redisUrl: string}
  /** Queues live in schema `bullmq` of this database: see `migrate`. */
  | {readonly databaseUrl: string}
)

/** The queue port: BullMQ, on Postgres or Redis, with the same promises on both. Delivers at least once. */
export interface Queues {
  readonly backend: 'postgres' | 'redis'
  /** Resolves when the job is in the queue; rejects with UPSTREAM_UNAVAILABLE when that is not certain after 10 s. */
  add(job: QueueJob): Promise<void>
  /** As `add`, in this order per queue, in one round trip or a few short ones. */
  addMany(jobs: readonly QueueJob[]): Promise<void>
  /** Close workers before the queues. */
  work(queue: string, options: WorkOptions, processor: JobProcessor): QueueWorker
  /** Adds the job at each tick, once over all processes. The same id again replaces the schedule. */
  schedule(queue: string, id: string, when: Timing, job: Pick<QueueJob, 'name' | 'data'>): Promise<void>
  unschedule(queue: string, id: string): Promise<void>
  schedules(queue: string): Promise<readonly Schedule[]>
  /** Takes a job out before it runs. `active`: too late, cancel it; `absent`: no such job, or it has ended. */
  remove(queue: string, jobId: string): Promise<'removed' | 'active' | 'absent'>
  /** Jobs per state, for metrics. */
  counts(queue: string): Promise<Readonly<Record<string, number>>>
  /** Rejects when the backend does not answer. */
  ping(): Promise<void>
  close(): Promise<void>
}

const ANSWER_WITHIN_MS = 10_000
const SAME_ERROR_AGAIN_MS = 10_000
const STATES = ['waiting', 'active', 'delayed', 'prioritized', 'completed', 'failed'] as const

export function createQueues(options: QueuesOptions): Queues {
  const {log, prefix = 'signalbox', poolMax = 10} = options
  const onError = quietly(log)
  const backend =
    'redisUrl' in options
      ? redisBackend({redisUrl: options.redisUrl, prefix, onError})
      : postgresBackend({databaseUrl: options.databaseUrl, poolMax, onError})
  const open = new Map<string, Queue>()
  const forgetting = new Map<string, {stop(): void}>()

  function queueOf(name: string): Queue {
    let queue = open.get(name)
    if (!queue) {
      queue = backend.queue(name, {})
      queue.on('error', onError)
      open.set(name, queue)
    }
    return queue
  }

  return {
    backend: backend.kind,

    async add({queue, name, data, ...rest}) {
      await answered(queueOf(queue).add(name, data, toOptions(rest)))
    },

    async addMany(jobs) {
      const perQueue = groupByQueue(jobs)
      await Promise.all(
        [...perQueue].map(([queue, group]) => {
          // Before the asking starts: a job that can't be asked for is our mistake, not a queue that is away.
          const entries = group.map(({name, data, ...rest}) => ({name, data, opts: toOptions(rest)}))
          return answered(addInOrder(queueOf(queue), entries, backend.bulkFrom))
        }),
      )
    },

    work(queue, options, processor) {
      if (backend.kind === 'postgres' && !forgetting.has(queue))
        forgetting.set(queue, startForgetting({queue: queueOf(queue), onError}))
      return startWorker({backend, queue, options, processor, log, onError})
    },

    async schedule(queue, id, when, {name, data}) {
      const repeat = 'everyMs' in when ? {every: when.everyMs} : {pattern: when.cron, tz: when.timezone}
      await answered(queueOf(queue).upsertJobScheduler(id, repeat, {name, data, opts: toOptions({})}))
    },

    async unschedule(queue, id) {
      await answered(queueOf(queue).removeJobScheduler(id))
    },

    async schedules(queue) {
      const schedulers = await answered(queueOf(queue).getJobSchedulers())
      return schedulers.map(({key, pattern, tz, every, next}) => ({
        id: key,
        when: every === undefined ? {cron: pattern ?? '', timezone: tz ?? 'UTC'} : {everyMs: Number(every)},
        nextAt: next,
      }))
    },

    async remove(queue, jobId) {
      const job = await answered(queueOf(queue).getJob(jobId))
      const state = job && (await answered(job.getState()))
      if (!job || state === 'completed' || state === 'failed' || state === 'unknown') return 'absent'
      if (state === 'active') return 'active'
      try {
        await answered(job.remove())
        return 'removed'
      } catch (error) {
        // Between the two looks a worker took it: locked, it can't be removed.
        if ((await answered(job.getState())) === 'active') return 'active'
        throw error
      }
    },

    counts: queue => answered(queueOf(queue).getJobCounts(...STATES)),

    ping: () => answered(backend.ping()),

    async close() {
      for (const each of forgetting.values()) each.stop()
      await Promise.all([...open.values()].map(queue => answered(queue.close()).catch(onError)))
      await backend.close()
    },
  }
}

function toOptions({
  id,
  delayMs,
  priority,
  attempts = 5,
  backoff,
  deduplicate,
}: Omit<QueueJob, 'queue' | 'name' | 'data'>): JobsOptions {
  if (id !== undefined && !/^(?!\d+$)[^:]+$/.test(id)) {
    throw new AppError(
      'INVARIANT_BROKEN',
      `"${id}" can't be a job id: it is empty, has a colon, or only digits.`,
    )
  }
  return {
    attempts,
    // Not a type that BullMQ knows: it leaves the pause to the worker's own strategy.
    backoff: {type: 'patient', delay: backoff?.delayMs ?? 1_000, jitter: backoff?.jitter ?? 0.5},
    ...(id === undefined ? {} : {jobId: id}),
    ...(delayMs === undefined ? {} : {delay: delayMs}),
    ...(priority === undefined ? {} : {priority}),
    ...(deduplicate === undefined
      ? {}
      : {deduplication: {id: deduplicate.id, keepLastIfActive: deduplicate.keepLast ?? false}}),
  }
}

async function addInOrder(
  queue: Queue,
  entries: {name: string; data: unknown; opts: JobsOptions}[],
  bulkFrom: number,
): Promise<void> {
  if (entries.length >= bulkFrom) await queue.addBulk(entries)
  else for (const {name, data, opts} of entries) await queue.add(name, data, opts)
}

function groupByQueue(jobs: readonly QueueJob[]): Map<string, QueueJob[]> {
  const groups = new Map<string, QueueJob[]>()
  for (const job of jobs) {
    const group = groups.get(job.queue)
    if (group) group.push(job)
    else groups.set(job.queue, [job])
  }
  return groups
}

/** BullMQ waits for its backend without limit; nobody here may. */
async function answered<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing heard for ${ANSWER_WITHIN_MS} ms`)), ANSWER_WITHIN_MS)
  })
  try {
    return await Promise.race([promise, late])
  } catch (error) {
    throw new AppError('UPSTREAM_UNAVAILABLE', `The queue does not answer: ${toError(error).message}.`, {
      cause: error,
    })
  } finally {
    clearTimeout(timer)
  }
}

/** Logs an error's message once in 10 s: a backend that is away fails every worker several times a second. */
function quietly(log: Pick<Logger, 'warn'>): (error: Error) => void {
  const last = new Map<string, number>()
  return error => {
    const now = Date.now()
    if (now - (last.get(error.message) ?? 0) < SAME_ERROR_AGAIN_MS) return
    if (last.size > 100) last.clear()
    last.set(error.message, now)
    // The message alone: some of these errors carry whole clients, passwords included.
    log.warn({reason: error.message}, 'queue backend error')
  }
}
