import {createArmed} from '../shared/armed.ts'

export const REQUEST_FAULTS = [
  /** Answers `status` (502); nothing happened. */
  'serverError',
  /** Refused as Linear does: HTTP 400 and a code. `typed`: with the type that its SDK goes by. */
  'rateLimited',
  /** The connection breaks, as when Linear is down. */
  'reset',
  /** Answered `ms` late. */
  'latency',
  /** The token is no longer accepted. */
  'unauthenticated',
] as const

export const WEBHOOK_FAULTS = [
  'lost',
  'late',
  'duplicate',
  /** A copy signed with another secret comes first. */
  'forged',
  /** Signed rightly, but sent two minutes ago by its own time. */
  'stale',
] as const

/** Something that goes wrong with an answer of the API. */
export interface RequestFault {
  /** Root field of the operation (`commentCreate`, `comments`, `viewer`, …), `token`, or `*`. */
  readonly operation: string
  readonly kind: (typeof REQUEST_FAULTS)[number]
  readonly status?: 500 | 502 | 503
  readonly typed?: boolean
  /** The operation is carried out although its answer is lost: the unclear answer. */
  readonly takesEffect?: boolean
  /** How often; default once. */
  readonly times?: number
  /** Of latency. Default 1000. */
  readonly ms?: number
  /** Of a rate limit: until its reset. Default 60. */
  readonly resetAfterS?: number
}

/** Something that goes wrong with a webhook delivery. */
interface WebhookFault {
  readonly webhook: (typeof WEBHOOK_FAULTS)[number]
  /** `Comment`, `Reaction`, `Issue`, `AgentSessionEvent`. */
  readonly type?: string
  readonly times?: number
  /** Of a late one. Default 1000. */
  readonly ms?: number
}

export type Fault = RequestFault | WebhookFault

export interface Faults {
  /** Arms a fault; the answer disarms it. */
  readonly add: (fault: Fault) => () => void
  takeForRequest(operations: readonly string[]): RequestFault | undefined
  takeForWebhook(type: string): WebhookFault | undefined
}

export function createFaults(): Faults {
  const {add, take} = createArmed<Fault>()
  return {
    add,
    takeForRequest: operations =>
      take(
        (fault): fault is RequestFault =>
          'operation' in fault && (fault.operation === '*' || operations.includes(fault.operation)),
      ),
    takeForWebhook: type =>
      take((fault): fault is WebhookFault => 'webhook' in fault && (fault.type ?? type) === type),
  }
}
