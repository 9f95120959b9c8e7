import {randomUUID} from 'node:crypto'
import {setTimeout as sleep} from 'node:timers/promises'
import type {AgentRequestInput, AgentResponse} from './request.ts'
import type {Requests} from './requests.ts'

export interface RetryOptions {
  /** Tries in all. */
  readonly attempts?: number
  /** Pause before the second try; doubles, with up to half of it taken off at random. */
  readonly backoffMs?: number
  readonly timeoutMs?: number
}

/**
 * Asks again after a `timeout`, or an `error` that says asking again may help. Every try is a request of its own id,
 * all carry the same correlation id and the same `metadata.idempotency_key`, by which the agent knows that it is the
 * same wish. Resolves with the last response.
 */
export async function requestWithRetries(
  requests: Pick<Requests, 'request'>,
  input: Omit<AgentRequestInput, 'request_id' | 'created_at'>,
  {attempts = 3, backoffMs = 500, timeoutMs}: RetryOptions = {},
): Promise<AgentResponse> {
  const key = randomUUID()
  const wish = {
    ...input,
    correlation_id: input.correlation_id ?? key,
    metadata: {idempotency_key: key, ...input.metadata},
  }
  for (let attempt = 1; ; attempt++) {
    const response = await requests.request(wish, timeoutMs === undefined ? {} : {timeoutMs})
    const again =
      response.status === 'timeout' || (response.status === 'error' && response.retryable === true)
    if (!again || attempt >= attempts) return response
    await sleep(backoffMs * 2 ** (attempt - 1) * (0.5 + Math.random() / 2))
  }
}
