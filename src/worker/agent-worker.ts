import {z} from 'zod'
import {AppError, toError} from '../kernel/errors.ts'
import type {Clock} from '../kernel/clock.ts'
import {correlation, shortId} from '../kernel/correlation.ts'
import {code, plain, timestamp} from '../kernel/markdown.ts'
import type {Json} from '../kernel/json.ts'
import {createCommandEffects} from '../invocations/effect-store.ts'
import {agentQueue, type Invocation} from '../invocations/invocation.ts'
import type {InvocationStore} from '../invocations/store.ts'
import type {ReplyStore} from '../notifications/store.ts'
import type {Logger} from '../platform/logger.ts'
import {transaction, type Db} from '../platform/postgres.ts'
import type {QueueWorker, Queues, ReceivedJob} from '../platform/queue.ts'
import type {Load} from '../registry/agent.ts'
import type {AgentDefinition, Reply, Services} from '../sdk/index.ts'
import {ATTEMPT_JOB} from '../workflows/asked.ts'
import type {Pool} from 'pg'

export interface AgentWorkerOptions {
  readonly agent: AgentDefinition
  readonly queues: Queues
  readonly pool: Pool
  readonly invocations: InvocationStore
  readonly replies: ReplyStore
  readonly notify: (invocationId: string) => Promise<void>
  readonly services: Services
  /** Carries out a step of a workflow run that another process leaves to this agent. */
  readonly runAttempt: (job: ReceivedJob, signal: AbortSignal) => Promise<void>
  /** Tells people that the agent itself failed, within that transaction. */
  readonly tellError: (db: Db, invocation: Invocation, errorCode: string) => Promise<void>
  readonly observe: (labels: {readonly command: string; readonly outcome: string}, seconds: number) => void
  readonly clock: Clock
  readonly log: Logger
  readonly lockMs: number
  /** Told when this process can take no more of the agent's jobs, and when it can again. */
  readonly onCapacity: () => void
}

export interface AgentWorker extends QueueWorker {
  /** The agent's jobs under way in this process, and how many there can be. */
  load(): Load
}

/** A first try and two more: who does not answer three times is told of. */
const MOST_TRIES = 3
/** A pause that the other side asks for is waited out up to this; a longer one is told with its end. */
const LONGEST_PAUSE_MS = 60_000

const jobData = z.object({id: z.uuid()})

/**
 * Carries out one agent's commands, and its steps of workflow runs. The claim in Postgres, not the queue, decides
 * whether a job is still to be done: a repeated or stalled job of an ended command does nothing.
 */
export function startAgentWorker(options: AgentWorkerOptions): AgentWorker {
  const {agent, queues, lockMs, onCapacity, runAttempt} = options
  const capacity = agent.queue.concurrency
  let active = 0
  const worker = queues.work(agentQueue(agent.id), {concurrency: capacity, lockMs}, async (job, signal) => {
    if (++active === capacity) onCapacity()
    try {
      if (job.name === ATTEMPT_JOB) await runAttempt(job, signal)
      else {
        const {id} = jobData.parse(job.data)
        await correlation.run(id, () => carryOut(options, id, job, signal))
      }
    } finally {
      if (active-- === capacity) onCapacity()
    }
    return null
  })
  return {...worker, load: () => ({active, capacity})}
}

async function carryOut(
  options: AgentWorkerOptions,
  id: string,
  job: ReceivedJob,
  signal: AbortSignal,
): Promise<void> {
  const {agent, invocations, services, clock, log} = options
  const invocation = await invocations.claim(id)
  if (!invocation) {
    log.info({}, 'command is over or carried on elsewhere; nothing to do')
    return
  }
  const action = agent.actions[invocation.action]
  if (!action) throw new AppError('INVARIANT_BROKEN', `Agent ${agent.id} has no action ${invocation.action}.`)
  const limit = withLimit(signal, agent.queue.timeoutMs)
  try {
    const {options: given} = await invocations.opened(invocation)
    const result = await action.run(action.input.parse(given), {
      actor: invocation.actor,
      correlationId: id,
      signal: limit.signal,
      services,
      now: clock,
      progress: reply => show(options, id, signed(invocation, reply)),
      effect: createCommandEffects(options)(id),
    })
    if (result.kind === 'following') return
    await finish(options, invocation, 'succeeded', result.reply, {result: result.output ?? null})
  } catch (error) {
    await fail(options, invocation, job, toError(error), limit.signal.aborted && !signal.aborted)
  } finally {
    limit.lift()
  }
}

/** The signal, with a time limit that is lifted: `AbortSignal.timeout` would keep its timer long after the action. */
function withLimit(signal: AbortSignal, ms: number): {readonly signal: AbortSignal; lift(): void} {
  const limited = new AbortController()
  const pass = () => limited.abort(signal.reason)
  const timer = setTimeout(() => limited.abort(new DOMException('took too long', 'TimeoutError')), ms)
  if (signal.aborted) pass()
  else signal.addEventListener('abort', pass, {once: true})
  return {
    signal: limited.signal,
    lift() {
      clearTimeout(timer)
      signal.removeEventListener('abort', pass)
    },
  }
}

async function fail(
  options: AgentWorkerOptions,
  invocation: Invocation,
  job: ReceivedJob,
  error: Error,
  timedOut: boolean,
): Promise<void> {
  const {log, clock} = options
  const known = error instanceof AppError ? error : undefined
  if (known && isTriedAgain(known, job)) {
    log.warn({err: error, attempt: job.attempt}, 'action will be tried again')
    if (known.retryAfterMs !== undefined)
      await show(options, invocation.id, signed(invocation, waitingReply(invocation, known, clock())))
    throw error
  }
  if (known?.disposition === 'user') log.info({code: known.code}, 'action ended with a refusal')
  else log.error({err: error}, 'action failed')
  const errorCode = timedOut ? 'TIMED_OUT' : (known?.code ?? 'INTERNAL')
  const how = {error: {code: errorCode}, ours: timedOut || known?.disposition !== 'user'}
  const reply = failureReply(invocation, {error, errorCode, timedOut, now: clock()})
  await finish(options, invocation, 'failed', reply, how)
}

function isTriedAgain(
  {disposition, retryAfterMs = 0}: AppError,
  {attempt, lastAttempt}: ReceivedJob,
): boolean {
  return disposition === 'retry' && !lastAttempt && attempt < MOST_TRIES && retryAfterMs <= LONGEST_PAUSE_MS
}

async function finish(
  options: AgentWorkerOptions,
  invocation: Invocation,
  status: 'succeeded' | 'failed',
  reply: Reply,
  {
    ours = false,
    ...how
  }: {
    readonly result?: Json
    readonly error?: {readonly code: string}
    /** It failed for a reason that the person can't mend. */
    readonly ours?: boolean
  },
): Promise<void> {
  const {invocations, pool, replies, tellError, notify, observe, clock} = options
  const {id, source, command, createdAt} = invocation
  // A command given over the API has no message: its last word is kept with its end.
  const view = source === 'api' ? undefined : signed(invocation, reply)
  const end = source === 'api' ? {...how, result: {reply: {...reply}, output: how.result ?? null}} : how
  const ended = ours
    ? await transaction(pool, async db => {
        if (!(await invocations.endWithin(db, id, {status, ...end}))) return false
        if (view) await replies.write(db, id, view)
        await tellError(db, invocation, how.error?.code ?? 'INTERNAL')
        return true
      })
    : await invocations.end(id, {status, ...end}, view)
  if (ended && view) await notify(id)
  observe({command, outcome: status}, (clock() - createdAt) / 1000)
}

async function show({invocations, notify}: AgentWorkerOptions, id: string, reply: Reply): Promise<void> {
  if (await invocations.show(id, reply)) await notify(id)
}

/** Every message says who asked and which command it was. */
function signed(invocation: Invocation, reply: Reply): Reply {
  const by =
    invocation.actor.kind === 'schedule' ? 'on schedule' : `asked by ${plain(invocation.actor.name, 60)}`
  const line = `${by} · ${code(shortId(invocation.id))}`
  return {...reply, lines: [...(reply.lines ?? []), line]}
}

function waitingReply({command}: Invocation, {message, retryAfterMs = 0}: AppError, now: number): Reply {
  return {
    state: 'waiting',
    title: `/${command} · waiting to try again`,
    lines: [plain(message, 400), `next try ${timestamp(now + retryAfterMs)}`],
  }
}

/** What went wrong, what to do about it, and the code by which an admin finds it. */
function failureReply(
  {id, command}: Invocation,
  {
    error,
    errorCode,
    timedOut,
    now,
  }: {
    readonly error: Error
    readonly errorCode: string
    readonly timedOut: boolean
    readonly now: number
  },
): Reply {
  const coded = `code ${code(errorCode)}`
  if (timedOut)
    return {
      state: 'error',
      title: `/${command} took too long and was stopped`,
      lines: ['try again in a minute', coded],
    }
  if (error instanceof AppError && error.disposition === 'user')
    return {state: 'error', title: `/${command} could not be done`, lines: [plain(error.message, 400), coded]}
  if (error instanceof AppError && error.disposition === 'retry') {
    const {message, retryAfterMs} = error
    const when = retryAfterMs === undefined ? 'in a minute' : timestamp(now + retryAfterMs)
    return {
      state: 'error',
      title: `/${command} could not be done now`,
      lines: [plain(message, 400), `try again ${when}`, coded],
    }
  }
  return {
    state: 'error',
    title: `/${command} failed on our side`,
    lines: [`${coded} · ${code(id)}`, 'try again; if it stays, give an admin this id'],
  }
}
