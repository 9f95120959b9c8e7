import {setMaxListeners} from 'node:events'
import {setTimeout as sleep} from 'node:timers/promises'
import type {Clock} from '../kernel/clock.ts'
import {AppError, toError} from '../kernel/errors.ts'
import type {Logger} from '../platform/logger.ts'
import type {Directory, Resolution} from './directory.ts'
import {presenceTopic} from './directory.ts'
import type {Frames} from './frames.ts'
import type {EventMetrics} from './metrics.ts'
import {createPost, type Letter} from './post.ts'
import {
  ANY_AGENT,
  expiresAt,
  parseRequest,
  respondTo,
  timeLeft,
  type AgentRequest,
  type AgentRequestInput,
  type AgentResponse,
  type ResponseBody,
} from './request.ts'
import {createResponder, type RequestHandler, type ServeOptions} from './responder.ts'
import type {Transport} from './transport.ts'

/** How long an agent that the directory names may be missing on the transport before it counts as offline. */
const REACH_WITHIN_MS = 5_000
const REACH_FIRST_WITHIN_MS = 500

export interface RequestStats {
  readonly requestsSent: number
  readonly responsesReceived: number
  readonly timeouts: number
  readonly lateResponses: number
}

export interface Requests {
  /**
   * Asks an agent, or `any` by capability, wherever it runs, and resolves with its response: always, at the deadline
   * with a synthetic `timeout`, at once with `error` and code AGENT_OFFLINE or AGENT_UNKNOWN when nobody could answer.
   * Rejects with INVALID_INPUT, and with CONFLICT while a request of this process has the same id. `timeoutMs`
   * overrides the request's own.
   */
  request(input: AgentRequestInput, options?: {readonly timeoutMs?: number}): Promise<AgentResponse>
  /** Answers for an agent in this process, until closed. Several processes may serve the same agent. */
  serve(
    agentId: string,
    handler: RequestHandler,
    options?: ServeOptions,
  ): {readonly ready: Promise<void>; close(): Promise<void>}
  /** Resolves when other processes can ask this one and answer it. Nothing needs to wait for it. */
  readonly ready: Promise<void>
  stats(): RequestStats
  waiting(): Readonly<Record<string, number>>
  /** Resolves when what this process was asked is answered. */
  settled(): Promise<void>
  close(): Promise<void>
}

export interface RequestsOptions {
  readonly transport: Transport
  readonly frames: Frames
  readonly directory: Directory
  readonly metrics: EventMetrics
  readonly log: Pick<Logger, 'warn' | 'info'>
  readonly clock: Clock
  /** Told of each request made here and its outcome, for the history. */
  readonly onRequest?: (request: AgentRequest) => void
  readonly onResponse?: (request: AgentRequest, response: AgentResponse) => void
}

interface Pending {
  readonly resolve: (response: AgentResponse) => void
  readonly giveUp: () => void
  /** Where it was put, to be put there again after a gap. */
  letter?: {readonly instanceId: string; readonly letter: Letter; readonly until: number}
}

/** Request and response across processes. */
export function createRequests(options: RequestsOptions): Requests {
  const {transport, frames, directory, metrics, log, clock, onRequest, onResponse} = options
  const pending = new Map<string, Pending>()
  const stats = {requestsSent: 0, responsesReceived: 0, timeouts: 0, lateResponses: 0}
  const closing = new AbortController()
  // Every response that waits for its asker to come back listens to it.
  setMaxListeners(0, closing.signal)

  const responder = createResponder({respond, log, clock})
  const post = createPost({
    transport,
    frames,
    clock,
    receive(letter) {
      if (letter.kind === 'request') responder.receive(letter.to, letter.request, letter.from)
      else answered(letter.response)
    },
    onMalformed: () => metrics.dropped.inc({reason: 'malformed'}),
  })

  // The other side answers a request that it has seen before with what it answered then.
  transport.watch({
    up: () => undefined,
    down: () => undefined,
    gap() {
      for (const {letter} of pending.values())
        if (letter)
          void post.deliver(letter.instanceId, letter.letter, {
            until: letter.until,
            reachWithinMs: REACH_WITHIN_MS,
            signal: closing.signal,
          })
    },
  })

  function respond(response: AgentResponse, to: string, until: number): void {
    void post
      .deliver(
        to,
        {kind: 'response', from: transport.nodeId, response},
        {until, reachWithinMs: REACH_WITHIN_MS, signal: closing.signal},
      )
      .then(delivery => {
        if (delivery === 'delivered') return
        metrics.dropped.inc({reason: 'unreachable_response'})
        log.info({requestId: response.request_id}, 'nobody is left to hear this response')
      })
  }

  function answered(response: AgentResponse): void {
    const waiting = pending.get(response.request_id)
    // The other side's word for our own deadline, which is due this very moment: one outcome, one name.
    if (waiting && response.code === 'REQUEST_EXPIRED') return
    if (waiting) {
      stats.responsesReceived++
      waiting.resolve(response)
      return
    }
    stats.lateResponses++
    metrics.dropped.inc({reason: 'late_response'})
    log.info({requestId: response.request_id, agent: response.source_agent}, 'late response dropped')
  }

  async function resolve(request: AgentRequest): Promise<Resolution> {
    const {target_agent: agent, metadata, request_type} = request
    if (agent !== ANY_AGENT) {
      const here = responder.serves(agent)
      const found = await directory.resolve({agent}).catch((error: unknown) => {
        if (!here) throw error
      })
      // Where the directory can't tell, or has not heard of us yet, this process speaks for itself.
      if (here && found?.kind !== 'found')
        return {kind: 'found', candidates: [{agentId: agent, instanceId: transport.nodeId}]}
      return found ?? {kind: 'unknown'}
    }
    const {capability} = metadata as {capability?: unknown}
    return directory.resolve({capability: typeof capability === 'string' ? capability : request_type})
  }

  /** Puts the request where it can be answered; an answer only if there is nobody who could. */
  async function place(
    request: AgentRequest,
    entry: Pending,
    signal: AbortSignal,
  ): Promise<Refusal | undefined> {
    const until = expiresAt(request)
    let resolution: Resolution | undefined
    for (let pause = 50; !resolution; pause = Math.min(pause * 2, 1_000)) {
      try {
        resolution = await resolve(request)
      } catch (error) {
        log.warn(
          {reason: toError(error).message, agent: request.target_agent},
          'agent can’t be looked up now',
        )
        await sleep(pause, undefined, {signal, ref: false}).catch(() => undefined)
        if (signal.aborted) return undefined
      }
    }
    const named = request.target_agent === ANY_AGENT ? 'for this' : request.target_agent
    if (resolution.kind === 'unknown')
      return {code: 'AGENT_UNKNOWN', message: `there is no agent ${named}`, retryable: false}
    const candidates = resolution.kind === 'found' ? resolution.candidates : []
    for (const [index, {agentId, instanceId}] of candidates.entries()) {
      if (signal.aborted) return undefined
      const letter: Letter = {kind: 'request', from: transport.nodeId, to: agentId, request}
      entry.letter = {instanceId, letter, until}
      const delivery = await post.deliver(instanceId, letter, {
        until,
        reachWithinMs: index === candidates.length - 1 ? REACH_WITHIN_MS : REACH_FIRST_WITHIN_MS,
        signal,
      })
      // In doubt it may be under way there: to ask another as well could do it twice.
      if (delivery !== 'unreachable') return undefined
      delete entry.letter
    }
    return {code: 'AGENT_OFFLINE', message: `no agent ${named} is alive`, retryable: true}
  }

  async function ask(request: AgentRequest): Promise<AgentResponse> {
    const over = new AbortController()
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise<AgentResponse>((resolve, reject) => {
        const entry: Pending = {
          resolve,
          giveUp() {
            over.abort()
            say({
              status: 'error',
              error: 'SHUTTING_DOWN: this process ends',
              code: 'SHUTTING_DOWN',
              retryable: true,
            })
          },
        }
        const say = (body: ResponseBody): void => resolve(respondTo(request, body, clock()))
        pending.set(request.request_id, entry)
        timer = setTimeout(
          () =>
            say({status: 'timeout', error: 'TIMEOUT: no response in time', code: 'TIMEOUT', retryable: true}),
          timeLeft(request, clock()),
        )
        place(request, entry, over.signal).then(refusal => {
          if (refusal)
            say({
              status: 'error',
              error: `${refusal.code}: ${refusal.message}`,
              code: refusal.code,
              retryable: refusal.retryable,
            })
        }, reject)
      })
    } finally {
      clearTimeout(timer)
      over.abort()
      pending.delete(request.request_id)
    }
  }

  return {
    async request(input, {timeoutMs} = {}) {
      const request = parseRequest({
        created_at: new Date(clock()).toISOString(),
        ...input,
        ...(timeoutMs === undefined ? {} : {timeout_seconds: timeoutMs / 1000}),
      })
      if (pending.has(request.request_id))
        throw new AppError('CONFLICT', `Request ${request.request_id} is under way already.`)
      const labels = {
        source_agent: metrics.agentName(request.source_agent),
        target_agent: metrics.agentName(request.target_agent),
      }
      const {request_type} = request
      stats.requestsSent++
      metrics.requests.inc({...labels, request_type})
      metrics.requestsActive.inc(labels)
      onRequest?.(request)
      const began = performance.now()
      try {
        const response = await ask(request)
        metrics.responses.inc({
          source_agent: metrics.agentName(response.source_agent),
          target_agent: labels.source_agent,
          status: response.status,
        })
        if (response.status === 'timeout') {
          stats.timeouts++
          metrics.timeouts.inc(labels)
        }
        onResponse?.(request, response)
        return response
      } finally {
        metrics.requestLatency.observe({...labels, request_type}, (performance.now() - began) / 1000)
        metrics.requestsActive.dec(labels)
      }
    },

    serve(agentId, handler, serveOptions) {
      const stop = responder.serve(agentId, handler, serveOptions)
      const presence = transport.subscribe(presenceTopic(agentId), () => undefined)
      return {
        ready: Promise.all([presence.ready, post.ready]).then(() => undefined),
        async close() {
          stop()
          await presence.close()
        },
      }
    },

    ready: post.ready,
    stats: () => ({...stats}),
    waiting: () => responder.waiting(),
    settled: () => responder.settled(),

    async close() {
      closing.abort()
      for (const {giveUp} of [...pending.values()]) giveUp()
      await post.close()
    },
  }
}

interface Refusal {
  readonly code: 'AGENT_OFFLINE' | 'AGENT_UNKNOWN'
  readonly message: string
  readonly retryable: boolean
}
