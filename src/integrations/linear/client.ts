import type {Clock} from '../../kernel/clock.ts'
import {z} from 'zod'
import {classify, type Failure} from './failures.ts'
import type {LinearAnswer} from './linear.ts'
import {createCredentials, MintError, type WorkspaceAuth} from './token.ts'

export interface LinearClientOptions {
  readonly auth: WorkspaceAuth
  /** Address of the GraphQL endpoint. */
  readonly apiUrl: string
  readonly clock: Clock
  /** Per request. */
  readonly timeoutMs?: number
}

/** Sends one document, once, within its own time limit; after a refused rate limit nothing is sent until it is over. */
export type SendToLinear = <T>(
  document: string,
  variables: Readonly<Record<string, unknown>>,
  schema: z.ZodType<T>,
  signal?: AbortSignal,
) => Promise<LinearAnswer<T>>

const NOT_ACCEPTED = 'Linear does not accept our credentials. An operator must renew them.'

export async function openLinearClient({
  auth,
  apiUrl,
  clock,
  timeoutMs = 10_000,
}: LinearClientOptions): Promise<SendToLinear> {
  // 25 MB of memory: only where Linear is on.
  const {LinearGraphQLClient} = await import('@linear/sdk')
  const credentials = createCredentials(auth, apiUrl)
  let quietUntil = 0

  async function attempt(
    document: string,
    variables: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<{readonly kind: 'ok'; readonly data: unknown} | Failure> {
    try {
      const authorization = await credentials.header(signal)
      // The signal belongs to a client, not to a call; a client is two fields.
      const client = new LinearGraphQLClient(apiUrl, {headers: {authorization}, signal, redirect: 'error'})
      return {
        kind: 'ok',
        data: (await client.rawRequest<unknown, typeof variables>(document, variables)).data,
      }
    } catch (error) {
      if (!(error instanceof MintError)) return classify(error, clock())
      return error.status >= 500 || error.status === 429
        ? {kind: 'failed', reason: `Linear answered ${error.status}`}
        : {kind: 'refused', reason: NOT_ACCEPTED}
    }
  }

  return async (document, variables, schema, signal) => {
    const wait = quietUntil - clock()
    if (wait > 0) return {kind: 'failed', reason: 'Linear asks us to slow down', retryAfterMs: wait}
    const limit = AbortSignal.timeout(timeoutMs)
    const until = signal ? AbortSignal.any([signal, limit]) : limit
    let outcome = await attempt(document, variables, until)
    if (outcome.kind === 'unauthenticated' && credentials.renew())
      outcome = await attempt(document, variables, until)
    switch (outcome.kind) {
      case 'unauthenticated':
        return {kind: 'refused', reason: NOT_ACCEPTED}
      case 'ok': {
        const parsed = schema.safeParse(outcome.data)
        return parsed.success
          ? {kind: 'ok', value: parsed.data}
          : {kind: 'failed', reason: `an unexpected answer: ${z.prettifyError(parsed.error)}`}
      }
      case 'failed':
        if (outcome.retryAfterMs !== undefined) quietUntil = clock() + outcome.retryAfterMs
        return outcome
      case 'missing':
      case 'refused':
        return outcome
    }
  }
}
