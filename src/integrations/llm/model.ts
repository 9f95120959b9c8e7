import {createOpenAICompatible} from '@ai-sdk/openai-compatible'
import {APICallError, generateText, streamText} from 'ai'
import {randomBytes} from 'node:crypto'
import {setTimeout as sleep} from 'node:timers/promises'
import type {z} from 'zod'
import type {Clock} from '../../kernel/clock.ts'
import type {LlmConfig} from '../../platform/config/config.ts'
import type {Logger} from '../../platform/logger.ts'
import {createCircuit} from './circuit.ts'
import type {Llm, LlmAnswer, LlmRequest, LlmUsage} from './llm.ts'
import type {LlmMetrics} from './metrics.ts'
import {composePrompt, readJson, type Prompt} from './prompt.ts'
import type {Amount, SpendingStore} from './spending-store.ts'

const TRIES = 3
const NOTHING: Amount = {tokens: 0, dollars: 0}

interface Said {
  readonly text: string
  readonly finish: string
  readonly usage: LlmUsage
}

type Attempt =
  | {readonly kind: 'said'; readonly said: Said}
  | {readonly kind: 'refused'; readonly reason: string}
  | {readonly kind: 'failed'; readonly reason: string; readonly again: boolean; readonly waitMs?: number}
  | {readonly kind: 'over-budget'; readonly reason: string}

/**
 * A model behind an OpenAI-compatible endpoint; without a configuration, one that is off. A call takes no longer than
 * the configured time, tries included. What a try may cost at most is taken from the day's budget before it is made,
 * and stays taken where nobody knows what it cost: after a timeout, a broken answer, a death of ours.
 */
export function createLlm({
  config,
  spending,
  redact,
  metrics,
  clock,
  log,
  backoffMs = 500,
}: {
  readonly config: LlmConfig | undefined
  readonly spending: SpendingStore
  readonly redact: (text: string) => string
  readonly metrics: LlmMetrics
  readonly clock: Clock
  readonly log: Logger
  /** The least wait before the second try; it doubles. */
  readonly backoffMs?: number
}): Llm {
  if (!config) return switchedOff(metrics)
  const {baseUrl, apiKey, budget, timeoutMs} = config
  // Its advice is for the console of a developer; ours holds one JSON object a line.
  ;(globalThis as {AI_SDK_LOG_WARNINGS?: boolean}).AI_SDK_LOG_WARNINGS = false
  const provider = createOpenAICompatible({
    name: 'endpoint',
    baseURL: baseUrl,
    includeUsage: true,
    ...(apiKey === undefined ? {} : {apiKey}),
  })
  const circuit = createCircuit({clock})

  async function call(request: LlmRequest, prompt: Prompt, onText?: (soFar: string) => void) {
    const model = config?.agents.get(request.agent ?? '') ?? config?.model ?? ''
    const most = mostUsed(prompt, request.maxOutputTokens ?? 500)
    const reserved = amountOf(most, model)
    if (reserved.tokens > budget.tokensPerCall)
      return over(`a call of up to ${reserved.tokens} tokens; ${budget.tokensPerCall} are allowed`)
    if (!circuit.admit())
      return {kind: 'off', reason: 'the model failed repeatedly and is left alone'} as const
    const deadline = AbortSignal.timeout(timeoutMs)
    const signal = request.signal ? AbortSignal.any([deadline, request.signal]) : deadline
    let attempt: Attempt | undefined
    try {
      attempt = await persist(() => tryOnce({request, prompt, model, most, reserved, signal, onText}), signal)
    } finally {
      if (!attempt || attempt.kind === 'over-budget') circuit.abandoned()
      else if (attempt.kind === 'failed') circuit.failed()
      else circuit.succeeded()
    }
    return attempt
  }

  async function tryOnce(call: {
    readonly request: LlmRequest
    readonly prompt: Prompt
    readonly model: string
    readonly most: LlmUsage
    readonly reserved: Amount
    readonly signal: AbortSignal
    readonly onText: ((soFar: string) => void) | undefined
  }): Promise<Attempt> {
    const {request, model, most, reserved} = call
    const day = await spending.reserve(reserved, {tokens: budget.tokensPerDay, dollars: budget.dollarsPerDay})
    if (day === undefined) return over('the budget of the day is used up')
    // Unknown is counted as the most it can be.
    let used = reserved
    try {
      const said = await (call.onText ? streamed : whole)(call)
      used = amountOf(said.usage, model)
      const usage = {...said.usage, cost: config?.prices.has(model) ? used.dollars : undefined}
      metrics.used(usage)
      if (said.finish === 'content-filter') return {kind: 'refused', reason: 'the model declined'}
      return {kind: 'said', said: {...said, usage}}
    } catch (error) {
      request.signal?.throwIfAborted()
      if (isDenied(error)) used = NOTHING
      return failureOf(error, call.signal)
    } finally {
      if (used !== reserved) await spending.settle(day, reserved, used)
      else metrics.used({...most, cost: config?.prices.has(model) ? reserved.dollars : undefined})
    }
  }

  function settings({request, prompt, model, signal}: Parameters<typeof tryOnce>[0]) {
    return {
      model: provider.chatModel(model),
      system: prompt.system,
      messages: prompt.messages.map(({role, content}) => ({role, content})),
      temperature: request.temperature ?? 0.1,
      maxOutputTokens: request.maxOutputTokens ?? 500,
      maxRetries: 0,
      abortSignal: signal,
    }
  }

  async function whole(call: Parameters<typeof tryOnce>[0]): Promise<Said> {
    const {text, finishReason, usage} = await generateText(settings(call))
    return {text, finish: finishReason, usage: usageOf(usage, call.most)}
  }

  async function streamed(call: Parameters<typeof tryOnce>[0]): Promise<Said> {
    let text = ''
    const stream = streamText({...settings(call), onError: () => undefined})
    for await (const part of stream.fullStream) {
      if (part.type === 'text-delta') call.onText?.((text += part.text))
      if (part.type === 'error') throw part.error
      if (part.type === 'abort') throw new Error('aborted')
      if (part.type === 'finish') {
        if (part.finishReason === 'error' || part.finishReason === 'other')
          throw new Error('the answer broke off')
        return {text, finish: part.finishReason, usage: usageOf(part.totalUsage, call.most)}
      }
    }
    throw new Error('the answer broke off')
  }

  async function persist(attempt: () => Promise<Attempt>, signal: AbortSignal): Promise<Attempt> {
    for (let tries = 1; ; tries++) {
      const outcome = await attempt()
      if (outcome.kind !== 'failed' || !outcome.again || tries === TRIES) return outcome
      const waitMs = outcome.waitMs ?? backoffMs * 2 ** (tries - 1) * (1 + Math.random())
      if (waitMs > timeoutMs) return outcome
      try {
        await sleep(waitMs, undefined, {signal})
      } catch {
        return outcome
      }
    }
  }

  /** Dollars only where the price is known. */
  function amountOf({inputTokens, outputTokens}: LlmUsage, model: string): Amount {
    const price = config?.prices.get(model)
    return {
      tokens: inputTokens + outputTokens,
      dollars: price ? (inputTokens * price.input + outputTokens * price.output) / 1_000_000 : 0,
    }
  }

  async function measured<T>(
    {purpose, signal}: LlmRequest,
    run: () => Promise<LlmAnswer<T>>,
  ): Promise<LlmAnswer<T>> {
    signal?.throwIfAborted()
    const began = clock()
    let outcome: LlmAnswer<T>['kind'] | 'aborted' = 'aborted'
    try {
      const answer = await run()
      outcome = answer.kind
      if (answer.kind === 'failed') log.warn({purpose, reason: answer.reason}, 'the language model failed')
      // Also where the call did not notice in time.
      signal?.throwIfAborted()
      return answer
    } finally {
      metrics.ended(purpose, outcome, (clock() - began) / 1000)
    }
  }

  return {
    on: true,

    object: <T>(request: LlmRequest & {readonly schema: z.ZodType<T>}) =>
      measured<T>(request, async () => {
        const mark = randomBytes(6).toString('hex')
        const outcome = await call(request, composePrompt(request, {redact, mark, schema: request.schema}))
        if (outcome.kind !== 'said') return ended(outcome)
        const {text, finish, usage} = outcome.said
        const reading = readJson(text, request.schema)
        switch (reading.kind) {
          case 'read':
            return {kind: 'answered', value: reading.value, usage}
          case 'declined':
            return {kind: 'refused', reason: 'the model declined'}
          case 'faulty':
            return {
              kind: 'invalid',
              text,
              faults: finish === 'length' ? ['the answer was too long and was cut off'] : reading.faults,
            }
        }
      }),

    text: request =>
      measured<string>(request, async () => {
        const mark = randomBytes(6).toString('hex')
        const outcome = await call(request, composePrompt(request, {redact, mark}), request.onText)
        if (outcome.kind !== 'said') return ended(outcome)
        const {text, usage} = outcome.said
        return text.trim() === ''
          ? {kind: 'invalid', text, faults: ['the answer is empty']}
          : {kind: 'answered', value: text, usage}
      }),
  }
}

function switchedOff(metrics: LlmMetrics): Llm {
  const off = ({purpose}: LlmRequest) => {
    metrics.ended(purpose, 'off', 0)
    return Promise.resolve({kind: 'off', reason: 'no model is configured'} as const)
  }
  return {on: false, object: off, text: off}
}

function ended(
  outcome: Exclude<Attempt, {kind: 'said'}> | {readonly kind: 'off'; readonly reason: string},
): LlmAnswer<never> {
  const {kind, reason} = outcome
  return {kind, reason}
}

function over(reason: string) {
  return {kind: 'over-budget', reason} as const
}

/** What a call can use at most. Tokens are three bytes or more in nearly all texts; each message has a frame. */
function mostUsed({system, messages}: Prompt, outputTokens: number): LlmUsage {
  const bytes = [system, ...messages.map(({content}) => content)].map(text => Buffer.byteLength(text))
  const inputTokens = bytes.reduce((sum, size) => sum + Math.ceil(size / 3) + 8, 0)
  return {inputTokens, outputTokens, cost: undefined}
}

/** What the endpoint does not say counts as the most it can be. */
function usageOf(
  {
    inputTokens,
    outputTokens,
  }: {readonly inputTokens: number | undefined; readonly outputTokens: number | undefined},
  most: LlmUsage,
): LlmUsage {
  return {
    inputTokens: inputTokens ?? most.inputTokens,
    outputTokens: outputTokens ?? most.outputTokens,
    cost: undefined,
  }
}

/** The endpoint answered that it did not do it. */
function isDenied(error: unknown): boolean {
  return APICallError.isInstance(error) && (error.statusCode ?? 200) >= 400
}

function failureOf(error: unknown, signal: AbortSignal): Attempt {
  if (signal.aborted) return {kind: 'failed', reason: 'no answer in time', again: false}
  if (!APICallError.isInstance(error))
    return {kind: 'failed', reason: error instanceof Error ? error.message : 'it failed', again: true}
  const {statusCode, responseBody = ''} = error
  if (statusCode === undefined) return {kind: 'failed', reason: 'the endpoint can’t be reached', again: true}
  if (statusCode === 400 && /content_filter|content_policy/.test(responseBody))
    return {kind: 'refused', reason: 'the endpoint’s filter declined'}
  return {
    kind: 'failed',
    reason: `the endpoint answered ${statusCode}`,
    again: statusCode === 408 || statusCode === 429 || statusCode >= 500 || statusCode < 400,
    ...waitOf(error.responseHeaders?.['retry-after']),
  }
}

/** `retry-after` in seconds. */
function waitOf(header: string | undefined): {readonly waitMs?: number} {
  const seconds = Number(header)
  return header === undefined || !Number.isFinite(seconds) || seconds < 0 ? {} : {waitMs: seconds * 1000}
}
