import {randomUUID} from 'node:crypto'
import {z} from 'zod'
import {AppError} from '../kernel/errors.ts'
import type {Clock} from '../kernel/clock.ts'
import {correlation} from '../kernel/correlation.ts'
import {stopwatch} from '../locks/lease.ts'
import {agentQueue} from '../invocations/invocation.ts'
import type {QueueWorker, Queues, ReceivedJob} from '../platform/queue.ts'
import {failed, succeeded, type Actions} from '../workflows/actions.ts'
import {ATTEMPT_JOB, jobId, WORKFLOWS_QUEUE} from '../workflows/asked.ts'
import {effectsOf} from '../workflows/effects.ts'
import {patiently} from '../workflows/patience.ts'
import type {Workflows} from '../workflows/service.ts'
import type {WorkflowStore} from '../workflows/store.ts'

const attemptJob = z.object({run: z.string(), path: z.string(), attempt: z.int()})
const childEndedJob = z.object({run: z.string()})
const runEndedJob = z.object({run: z.string(), seq: z.int()})
const stopChildJob = z.object({
  id: z.string(),
  how: z.enum(['pause', 'resume', 'cancel']),
  by: z.string(),
  cause: z.string(),
})
const approvalJob = z.object({run: z.string(), path: z.string(), signal: z.string(), request: z.unknown()})

/** How long an attempt is left to a process that gives no sign of life, and how often it gives one. */
const HOLD_MS = 10_000
const HOLD_AGAIN_MS = 2_000
const SILENT_MS = 30_000
const SEND_AT_ONCE = 100

/**
 * Carries out attempts of runs that another instance owns, or nobody: jobs of the agents' queues. The row in
 * `workflow_attempts`, not the job, decides whether there is still something to do and who is at it, and what it came to
 * is a message in the run's inbox: a repeated job changes nothing.
 */
export function createAttemptRunner({
  store,
  workflows,
  actions,
  clock,
}: {
  readonly store: Pick<WorkflowStore, 'hold' | 'letGo' | 'beginEffect' | 'finishEffect'>
  readonly workflows: Pick<Workflows, 'answer'>
  readonly actions: Actions
  readonly clock: Clock
}) {
  return async function runAttempt(job: Pick<ReceivedJob, 'data'>, signal: AbortSignal): Promise<void> {
    const key = attemptJob.parse(job.data)
    const {run, path, attempt} = key
    const holder = randomUUID()
    const asked = stopwatch()
    const hold = await store.hold(key, holder, HOLD_MS)
    if (hold.kind !== 'held') return
    const {call} = hold
    let since = asked
    const stopped = new AbortController()
    const limits = [signal, stopped.signal]
    if (call.timeoutMs !== undefined) limits.push(AbortSignal.timeout(call.timeoutMs))
    const ends = AbortSignal.any(limits)
    const holdOn = async (): Promise<void> => {
      const now = stopwatch()
      const {kind} = await store.hold(key, holder, HOLD_MS)
      if (kind === 'held') since = now
      else stopped.abort(new AppError('CONFLICT', `The step ${path} was stopped.`))
    }
    const holding = setInterval(() => void holdOn().catch(() => undefined), HOLD_AGAIN_MS)
    const valid = () => since() < HOLD_MS
    let interrupted = false
    const effect = effectsOf(store, {
      run,
      path,
      attempt,
      compensation: call.compensation,
      by: {kind: 'attempt', holder},
      right: {valid, regained: async () => (valid() ? undefined : patiently(() => ends.aborted, holdOn))},
      signal: ends,
      onInterrupted: () => (interrupted = true),
    })
    try {
      const message = await correlation
        .run(call.correlationId, () =>
          actions.run(call, {signal: ends, effect, step: {run, path, undoes: call.compensation}}),
        )
        .then(
          output => succeeded(path, attempt, output, clock()),
          (error: unknown) => failed(path, attempt, error, clock()),
        )
      // Shutting down: the job goes back to the queue, and the attempt goes on elsewhere.
      if (signal.aborted) throw signal.reason
      await patiently(
        () => signal.aborted,
        async () => {
          // Stopped because another is at it, which will answer.
          if (message.kind === 'attempt-failed' && (await store.hold(key, holder, HOLD_MS)).kind === 'taken')
            return
          await workflows.answer(
            run,
            interrupted ? {kind: 'attempt-interrupted', path, attempt, at: clock()} : message,
          )
        },
      )
    } catch (error) {
      await store.letGo(key, holder).catch(() => undefined)
      throw error
    } finally {
      clearInterval(holding)
    }
  }
}

/**
 * Sends attempts to their agents' queues again that nobody has been at for a while; answers how many. One whose job was
 * not lost but is late waits twice, which is harmless: whoever comes second finds it held, or gone.
 */
export function createAttemptSweep({
  store,
  queues,
  silentMs = SILENT_MS,
}: {
  readonly store: Pick<WorkflowStore, 'sendAgain'>
  readonly queues: Pick<Queues, 'addMany'>
  readonly silentMs?: number
}): () => Promise<number> {
  return async () => {
    const silent = await store.sendAgain(silentMs, SEND_AT_ONCE)
    await queues.addMany(
      silent.map(({run, path, attempt, agent}) => ({
        queue: agentQueue(agent),
        name: ATTEMPT_JOB,
        data: {run, path, attempt},
        deduplicate: {id: jobId('again', run, attempt, path)},
      })),
    )
    return silent.length
  }
}

/** What runs leave for others to do: the end of a sub-workflow, orders to one, requests for approval. */
export function startWorkflowWorker({
  queues,
  workflows,
  approvals,
  tellEnd,
  lockMs,
}: {
  readonly queues: Queues
  readonly workflows: Pick<Workflows, 'tellParent' | 'tellChild'>
  /** Without it gates wait for the signal all the same. */
  readonly approvals?: {
    request(run: string, path: string, signal: string, request: unknown): Promise<void>
    withdraw(run: string, signal: string): Promise<void>
  }
  /** Tells people how a run ended, with which of its commits. */
  readonly tellEnd: (run: string, seq: number) => Promise<void>
  readonly lockMs: number
}): QueueWorker {
  return queues.work(WORKFLOWS_QUEUE, {concurrency: 20, lockMs}, async (job, _signal) => {
    switch (job.name) {
      case 'child-ended':
        await workflows.tellParent(childEndedJob.parse(job.data).run)
        break
      case 'run-ended': {
        const {run, seq} = runEndedJob.parse(job.data)
        await tellEnd(run, seq)
        break
      }
      case 'stop-child': {
        const {id, how, by, cause} = stopChildJob.parse(job.data)
        await workflows.tellChild(id, how, {by, cause})
        break
      }
      case 'request-approval': {
        const {run, path, signal, request} = approvalJob.parse(job.data)
        await approvals?.request(run, path, signal, request)
        break
      }
      case 'withdraw-approval': {
        const {run, signal} = approvalJob.parse(job.data)
        await approvals?.withdraw(run, signal)
        break
      }
      default:
        throw new AppError('INVARIANT_BROKEN', `Nobody knows what to do with a job named ${job.name}.`)
    }
    return null
  })
}
