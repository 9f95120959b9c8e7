import {z} from 'zod'
import {AppError} from '../kernel/errors.ts'
import type {Clock} from '../kernel/clock.ts'
import {correlation} from '../kernel/correlation.ts'
import type {QueueWorker, Queues, ReceivedJob} from '../platform/queue.ts'
import {failed, succeeded, type Actions} from '../workflows/actions.ts'
import {WORKFLOWS_QUEUE} from '../workflows/asked.ts'
import {effectsOf} from '../workflows/effects.ts'
import type {Workflows} from '../workflows/service.ts'
import type {WorkflowStore} from '../workflows/store.ts'

const attemptJob = z.object({run: z.string(), path: z.string(), attempt: z.int()})
const childEndedJob = z.object({run: z.string()})
const stopChildJob = z.object({
  id: z.string(),
  how: z.enum(['pause', 'resume', 'cancel']),
  by: z.string(),
  cause: z.string(),
})
const approvalJob = z.object({run: z.string(), path: z.string(), signal: z.string(), request: z.unknown()})

/** How often an attempt asks whether its run still waits for it. */
const ASK_EVERY_MS = 2_000

/**
 * Carries out attempts of runs that another instance owns, or nobody: jobs of the agents' queues. The row in
 * `workflow_attempts`, not the job, decides whether there is still something to do, and what it came to is a message in
 * the run's inbox: a repeated job changes nothing.
 */
export function createAttemptRunner({
  store,
  workflows,
  actions,
  clock,
}: {
  readonly store: Pick<WorkflowStore, 'attempt' | 'beginEffect' | 'finishEffect'>
  readonly workflows: Pick<Workflows, 'answer'>
  readonly actions: Actions
  readonly clock: Clock
}) {
  return async function runAttempt(job: Pick<ReceivedJob, 'data'>, signal: AbortSignal): Promise<void> {
    const {run, path, attempt} = attemptJob.parse(job.data)
    const call = await store.attempt(run, path, attempt)
    if (!call) return
    const stopped = new AbortController()
    const limits = [signal, stopped.signal]
    if (call.timeoutMs !== undefined) limits.push(AbortSignal.timeout(call.timeoutMs))
    const ends = AbortSignal.any(limits)
    const asking = setInterval(() => {
      store.attempt(run, path, attempt).then(
        still => still ?? stopped.abort(new AppError('CONFLICT', `The step ${path} was stopped.`)),
        () => undefined,
      )
    }, ASK_EVERY_MS)
    let interrupted = false
    const effect = effectsOf(store, {
      run,
      path,
      attempt,
      compensation: call.compensation,
      by: {kind: 'attempt'},
      signal: ends,
      onInterrupted: () => (interrupted = true),
    })
    const message = await correlation
      .run(call.correlationId, () => actions.run(call, {signal: ends, effect}))
      .then(
        output => succeeded(path, attempt, output, clock()),
        (error: unknown) => failed(path, attempt, error, clock()),
      )
      .finally(() => clearInterval(asking))
    // Shutting down: the job goes back to the queue, and the attempt goes on elsewhere.
    if (signal.aborted) throw signal.reason
    await workflows.answer(
      run,
      interrupted ? {kind: 'attempt-interrupted', path, attempt, at: clock()} : message,
    )
  }
}

/** What runs leave for others to do: the end of a sub-workflow, orders to one, requests for approval. */
export function startWorkflowWorker({
  queues,
  workflows,
  approvals,
  lockMs,
}: {
  readonly queues: Queues
  readonly workflows: Pick<Workflows, 'tellParent' | 'tellChild'>
  /** Without it gates wait for the signal all the same. */
  readonly approvals?: {
    request(run: string, path: string, signal: string, request: unknown): Promise<void>
    withdraw(run: string, signal: string): Promise<void>
  }
  readonly lockMs: number
}): QueueWorker {
  return queues.work(WORKFLOWS_QUEUE, {concurrency: 20, lockMs}, async (job, _signal) => {
    switch (job.name) {
      case 'child-ended':
        await workflows.tellParent(childEndedJob.parse(job.data).run)
        break
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
