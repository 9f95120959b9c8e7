import type {z} from 'zod'

/** A text and whether we or our operator wrote it. What others wrote is data to the model, never an instruction. */
export interface Passage {
  readonly text: string
  readonly trusted: boolean
  /** Where it is from, for people and for the model: `issue OPS-7`, `log of job deploy`. */
  readonly source?: string
}

/** What a model is asked. */
export interface LlmRequest {
  /** What it is for: label of metrics and of the log; a closed set such as `intent`, `plan`, `triage`. */
  readonly purpose: string
  /** Which of the configured models: that of an agent, the default one when left out. */
  readonly agent?: string
  readonly system: string
  /** The conversation so far, the newest last. */
  readonly messages: readonly {readonly role: 'user' | 'assistant'; readonly passages: readonly Passage[]}[]
  /** 0.1 when left out. */
  readonly temperature?: number
  /** 500 when left out. */
  readonly maxOutputTokens?: number
  readonly signal?: AbortSignal | undefined
}

/** What one call took. */
export interface LlmUsage {
  readonly inputTokens: number
  readonly outputTokens: number
  /** In US dollars; undefined where the model's price is not configured. */
  readonly cost: number | undefined
}

/** How a call ended; nothing is thrown but an abort of its own signal. `off` and `over-budget` cost nothing. */
export type LlmAnswer<T> =
  | {readonly kind: 'answered'; readonly value: T; readonly usage: LlmUsage}
  /** No model is configured, or its circuit is open after repeated failures: rules must do. */
  | {readonly kind: 'off'; readonly reason: string}
  | {readonly kind: 'over-budget'; readonly reason: string}
  /** The model declined. */
  | {readonly kind: 'refused'; readonly reason: string}
  /** It said something that is not what was asked for; the text can be shown to it with the faults, once. */
  | {readonly kind: 'invalid'; readonly text: string; readonly faults: readonly string[]}
  | {readonly kind: 'failed'; readonly reason: string}

/** A language model behind any OpenAI-compatible endpoint. Secrets are taken out of every text before it is sent. */
export interface Llm {
  readonly on: boolean
  object<T>(request: LlmRequest & {readonly schema: z.ZodType<T>}): Promise<LlmAnswer<T>>
  /** `onText` hears the text so far, as it grows. */
  text(request: LlmRequest & {readonly onText?: (soFar: string) => void}): Promise<LlmAnswer<string>>
}
