import {UnrecoverableError, WaitingError, type Job, type Worker} from 'bullmq'
import {AppError, toError} from '../kernel/errors.ts'
import type {Logger} from './logger.ts'
import type {QueueBackend} from './queue-backend.ts'

export interface ReceivedJob {
  readonly id: string
  readonly name: string
  readonly data: unknown
  /** 1 for the first. A run that a crash cut short is not counted: it is repeated under the same number. */
  readonly attempt: number
  /** Whether a failure now is the end of the job. */
  readonly lastAttempt: boolean
  progress(value: string | number | object): Promise<void>
}

/**
 * Does the job. It may be called again for a job it has already done (a crash before the answer was recorded), and
 * in rare cases while an earlier call still runs, so what it does outside must bear repeating. The signal aborts
 * when the job is cancelled, its lock was lost, or the process is shutting down.
 */
export type JobProcessor = (job: ReceivedJob, signal: AbortSignal) => Promise<unknown>

export interface WorkOptions {
  /** Jobs at a time. */
  readonly concurrency: number
  /** How long a job stays with a worker that gives no sign of life. A killed worker's job goes on 1.5 times that later. */
  readonly lockMs?: number
  /** Over all workers of the queue: at most `max` jobs in `duration` ms. */
  readonly limiter?: {readonly max: number; readonly duration: number}
}

export interface QueueWorker {
  /** Aborts the job's signal if it runs here; answers whether it does. */
  cancel(jobId: string, reason: string): boolean
  /** Takes no more jobs, and waits up to `graceMs` for those that run. Answers whether all have ended. */
  drain(graceMs: number): Promise<boolean>
  /**
   * Ends the worker. Jobs that still run are aborted and go back to the queue without costing an attempt; those that
   * don't listen within 2 s are left to another worker, which takes them up once their lock has run out.
   */
  close(): Promise<void>
}

const HAND_BACK_MS = 2_000
const CLOSE_MS = 5_000
const MAX_BACKOFF_MS = 60_000
// A job whose worker dies under it this often is more likely the cause than the victim.
const MAX_CRASHES = 5

export function startWorker({
  backend,
  queue,
  options: {concurrency, lockMs = 10_000, limiter},
  processor,
  log,
  onError,
}: {
  readonly backend: QueueBackend
  readonly queue: string
  readonly options: WorkOptions
  readonly processor: JobProcessor
  readonly log: Pick<Logger, 'warn'>
  readonly onError: (error: Error) => void
}): QueueWorker {
  const running = new Set<Promise<unknown>>()
  let state = 'working' as 'working' | 'draining' | 'handing-back'
  let closed: Promise<void> | undefined

  // A function, since a state that changes during an await is more than the compiler can follow.
  const handingBack = (): boolean => state === 'handing-back'

  async function carryOut(
    job: Job,
    token: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    // BullMQ may have been in the middle of taking one when it was told to stop.
    if (state !== 'working') return handBack(job, token)
    try {
      return await processor(received(job), signal ?? new AbortController().signal)
    } catch (error) {
      if (handingBack() && signal?.aborted) return handBack(job, token)
      throw forQueue(error)
    }
  }

  // BullMQ hands out a signal only to functions that declare all three parameters.
  const worker: Worker = backend.worker(
    queue,
    (job, token, signal) => {
      const run = carryOut(job, token, signal)
      running.add(run)
      const over = (): void => void running.delete(run)
      run.then(over, over)
      return run
    },
    {
      concurrency,
      lockDuration: lockMs,
      stalledInterval: Math.ceil(lockMs / 2),
      maxStalledCount: MAX_CRASHES,
      runRetryDelay: 1_000,
      drainDelay: backend.drainDelay,
      settings: {backoffStrategy: backoff},
      ...backend.retention,
      ...(limiter === undefined ? {} : {limiter}),
    },
  )
  worker.on('error', onError)
  // Another worker may have the job by now: this one must not go on in its name.
  worker.on('lockRenewalFailed', ids => ids.forEach(id => worker.cancelJob(id, 'lock lost')))
  worker.on('stalled', id => log.warn({queue, jobId: id}, 'job taken over from a worker that went silent'))
  worker.on('failed', (job, error) =>
    log.warn(
      {queue, jobId: job?.id, job: job?.name, attempt: job?.attemptsMade, reason: error.message},
      'job failed',
    ),
  )

  async function settledWithin(ms: number): Promise<boolean> {
    await atMost(ms, Promise.allSettled(running))
    return running.size === 0
  }

  async function close(): Promise<void> {
    state = 'handing-back'
    await worker.pause(true)
    worker.cancelAllJobs('shutting down')
    const settled = await settledWithin(HAND_BACK_MS)
    await atMost(CLOSE_MS, worker.close(!settled))
  }

  return {
    cancel: (jobId, reason) => worker.cancelJob(jobId, reason),
    async drain(graceMs) {
      if (state === 'working') state = 'draining'
      await worker.pause(true)
      return settledWithin(graceMs)
    },
    close: () => (closed ??= close()),
  }
}

function received(job: Job): ReceivedJob {
  const attempt = job.attemptsMade + 1
  return {
    id: job.id ?? '',
    name: job.name,
    data: job.data as unknown,
    attempt,
    lastAttempt: attempt >= (job.opts.attempts ?? 1),
    progress: value => job.updateProgress(value),
  }
}

async function handBack(job: Job, token: string | undefined): Promise<never> {
  await job.moveToWait(token)
  throw new WaitingError()
}

/** What trying again can't mend ends the job now; all else is tried again as its options say. */
function forQueue(thrown: unknown): Error {
  if (thrown instanceof AppError && thrown.disposition !== 'retry') {
    return Object.assign(new UnrecoverableError(thrown.message), {cause: thrown})
  }
  return toError(thrown)
}

/** Doubles from the job's own `delay` up to a minute, jittered, but never earlier than the other side asked for. */
export function backoff(
  attemptsMade: number,
  _type?: string,
  error?: Error,
  job?: {readonly opts: Job['opts']},
): number {
  const options = typeof job?.opts.backoff === 'object' ? job.opts.backoff : undefined
  const delay = Math.min((options?.delay ?? 1_000) * 2 ** (attemptsMade - 1), MAX_BACKOFF_MS)
  const jittered = Math.round(delay * (1 - (options?.jitter ?? 0) * Math.random()))
  return Math.max(jittered, error instanceof AppError ? (error.retryAfterMs ?? 0) : 0)
}

async function atMost(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  await Promise.race([promise, new Promise<void>(resolve => (timer = setTimeout(resolve, ms)))])
  clearTimeout(timer)
}
