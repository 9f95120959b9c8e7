import type {Clock} from '../kernel/clock.ts'
import {correlation} from '../kernel/correlation.ts'
import {AppError, toError} from '../kernel/errors.ts'
import type {Json} from '../kernel/json.ts'
import type {Logger} from '../platform/logger.ts'
import {createMailbox, type Mailbox} from './mailbox.ts'
import {assertFits} from './event.ts'
import {
  expiresAt,
  respondTo,
  timeLeft,
  type AgentRequest,
  type AgentResponse,
  type RequestType,
  type ResponseBody,
} from './request.ts'

/** An answer other than plain success. */
export class Answer {
  readonly body: ResponseBody
  private constructor(body: ResponseBody) {
    this.body = body
  }
  /** Some of what was asked for. */
  static partial(result: Json, missing: string): Answer {
    return new Answer({status: 'partial', result, error: missing})
  }
  /** Understood, and not to be done. */
  static rejected(reason: string): Answer {
    return new Answer({status: 'rejected', error: `REJECTED: ${reason}`, code: 'REJECTED', retryable: false})
  }
}

/**
 * Answers with JSON or an `Answer`; what it throws becomes an `error` response, retryable if the AppError is. `signal`
 * aborts at the request's deadline. Must be idempotent by `metadata.idempotency_key` where that is given, by
 * `request_id` otherwise: an asker that heard nothing asks again.
 */
export type RequestHandler = (
  request: AgentRequest,
  context: {readonly signal: AbortSignal},
) => Promise<Json | Answer | undefined | void>

export interface ServeOptions {
  /** Requests at a time; more wait their turn by priority. 10 unless said otherwise. */
  readonly concurrency?: number
  /** Only these types; all unless said otherwise. */
  readonly types?: readonly RequestType[]
}

interface Service {
  readonly handler: RequestHandler
  readonly mailbox: Mailbox
  readonly types: readonly RequestType[] | undefined
}

/**
 * The answering side in one process. A request that comes again is answered with what it was answered before, while
 * anybody may still wait for it, and never carried out twice by this process.
 */
export function createResponder({
  respond,
  log,
  clock,
}: {
  readonly respond: (response: AgentResponse, to: string, until: number) => void
  readonly log: Pick<Logger, 'warn'>
  readonly clock: Clock
}) {
  const services = new Map<string, Service[]>()
  const known = new Map<string, {readonly until: number; response?: AgentResponse}>()
  const running = new Set<Promise<void>>()

  async function carryOut(agentId: string, request: AgentRequest): Promise<AgentResponse> {
    const body = await bodyOf(agentId, request)
    return respondTo(request, body, clock(), agentId)
  }

  async function bodyOf(agentId: string, request: AgentRequest): Promise<ResponseBody> {
    const left = timeLeft(request, clock())
    if (left === 0) return EXPIRED
    const service = serviceFor(agentId, request.request_type)
    if (!service) {
      const what = `${agentId} does not answer ${request.request_type}`
      return failure('rejected', 'UNSUPPORTED_REQUEST', what, false)
    }
    const deadline = new AbortController()
    const timer = setTimeout(() => deadline.abort(new Error('the request has expired')), left)
    const context = {signal: deadline.signal}
    let began = performance.now()
    const work = async (): Promise<Json | Answer | undefined | void> => {
      began = performance.now()
      return correlation.run(request.correlation_id ?? request.request_id, () =>
        service.handler(request, context),
      )
    }
    let body: ResponseBody
    try {
      const result = await service.mailbox.run(request.priority, work, deadline.signal)
      if (result !== undefined && !(result instanceof Answer)) assertFits(result, 'The result')
      body =
        result instanceof Answer
          ? result.body
          : {status: 'success', ...(result === undefined ? {} : {result: result})}
    } catch (thrown) {
      if (deadline.signal.aborted) return EXPIRED
      const error = toError(thrown)
      log.warn({err: error, agent: agentId, requestType: request.request_type}, 'agent request failed')
      body =
        error instanceof AppError
          ? failure('error', error.code, error.message, error.disposition === 'retry')
          : failure('error', 'AGENT_ERROR', error.message, false)
    } finally {
      clearTimeout(timer)
    }
    return {...body, processing_time_ms: Math.round((performance.now() - began) * 1000) / 1000}
  }

  function serviceFor(agentId: string, type: RequestType): Service | undefined {
    const mine = services.get(agentId) ?? []
    return mine.find(each => each.types?.includes(type)) ?? mine.find(each => !each.types)
  }

  function forget(): void {
    const now = clock()
    // Oldest first, though deadlines differ: what is kept a little longer does no harm.
    for (const [id, {until}] of known) {
      if (until > now && known.size < 20_000) return
      known.delete(id)
    }
  }

  return {
    serves: (agentId: string): boolean => services.has(agentId),
    served: (): readonly string[] => [...services.keys()],

    serve(
      agentId: string,
      handler: RequestHandler,
      {concurrency = 10, types}: ServeOptions = {},
    ): () => void {
      const service: Service = {handler, mailbox: createMailbox({concurrency}), types}
      const others = services.get(agentId) ?? []
      // A handler for everything may stand beside those for some types, which come first.
      const clash = others.some(other =>
        types && other.types ? other.types.some(type => types.includes(type)) : !types && !other.types,
      )
      if (clash) throw new AppError('INVARIANT_BROKEN', `Agent ${agentId} is served twice in this process.`)
      services.set(agentId, [...others, service])
      return () => {
        const left = (services.get(agentId) ?? []).filter(each => each !== service)
        if (left.length > 0) services.set(agentId, left)
        else services.delete(agentId)
      }
    },

    /** `to` is the process that asks. */
    receive(agentId: string, request: AgentRequest, to: string): void {
      forget()
      const until = expiresAt(request)
      const before = known.get(request.request_id)
      if (before) {
        if (before.response) respond(before.response, to, until)
        return
      }
      const entry: {until: number; response?: AgentResponse} = {until}
      known.set(request.request_id, entry)
      const run = carryOut(agentId, request)
        .then(response => {
          entry.response = response
          respond(response, to, until)
        })
        .finally(() => running.delete(run))
      running.add(run)
    },

    /** How many requests wait for their turn, by agent. */
    waiting: (): Readonly<Record<string, number>> =>
      Object.fromEntries(
        [...services].map(([id, mine]) => [id, mine.reduce((sum, {mailbox}) => sum + mailbox.waiting(), 0)]),
      ),

    /** Resolves when all requests that came have been answered. */
    async settled(): Promise<void> {
      while (running.size > 0) await Promise.all(running)
    },
  }
}
export type Responder = ReturnType<typeof createResponder>

function failure(
  status: 'error' | 'rejected',
  code: string,
  message: string,
  retryable: boolean,
): ResponseBody {
  return {status, error: `${code}: ${message}`, code, retryable}
}

const EXPIRED = failure('rejected', 'REQUEST_EXPIRED', 'its deadline has passed', true)
