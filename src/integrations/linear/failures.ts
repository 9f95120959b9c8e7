import {z} from 'zod'

/** What a failed request means, read from its status, its errors and its cause: nobody above parses messages. */
export type Failure =
  | {readonly kind: 'missing'}
  /** Our token is not (or no longer) good. */
  | {readonly kind: 'unauthenticated'}
  | {readonly kind: 'refused'; readonly reason: string}
  | {readonly kind: 'failed'; readonly reason: string; readonly retryAfterMs?: number}

const graphqlError = z.object({
  message: z.string().catch(''),
  extensions: z
    .object({
      code: z.string().optional().catch(undefined),
      type: z.string().optional().catch(undefined),
      userPresentableMessage: z.string().optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
})

const requestError = z.object({
  raw: z.object({
    response: z.object({
      status: z.number(),
      headers: z.instanceof(Headers),
      errors: z.array(graphqlError).optional().catch(undefined),
    }),
  }),
})

const DEFAULT_PAUSE_MS = 60_000
const LONGEST_PAUSE_MS = 3_600_000

/** Types of errors after which the same request may well succeed. */
const PASSING = new Set(['internal error', 'network error', 'lock timeout', 'bootstrap error'])

export function classify(thrown: unknown, now: number): Failure {
  const parsed = requestError.safeParse(thrown)
  if (!parsed.success) return {kind: 'failed', reason: causeOf(thrown) ?? 'no answer from Linear'}
  const {status, headers, errors = []} = parsed.data.raw.response
  const [first] = errors
  const type = first?.extensions?.type?.toLowerCase()
  // Linear refuses with HTTP 400 and a code; the type that the SDK goes by is not always there.
  const isLimited = (error: z.output<typeof graphqlError>) =>
    error.extensions?.code === 'RATELIMITED' || error.extensions?.type?.toLowerCase() === 'ratelimited'
  if (status === 429 || errors.some(isLimited)) {
    return {kind: 'failed', reason: 'Linear asks us to slow down', retryAfterMs: pause(headers, now)}
  }
  if (status === 401 || type === 'authentication error') return {kind: 'unauthenticated'}
  if (status >= 500 || (type !== undefined && PASSING.has(type)))
    return {kind: 'failed', reason: `Linear answered ${status}`}
  if (status === 403 || type === 'forbidden')
    return {kind: 'refused', reason: 'Our Linear token may not do this. An operator must grant it.'}
  if (first !== undefined && /^entity not found/i.test(first.message)) return {kind: 'missing'}
  return {kind: 'refused', reason: said(first) ?? `Linear answered ${status}`}
}

function said(error: z.output<typeof graphqlError> | undefined): string | undefined {
  const text = error?.extensions?.userPresentableMessage ?? error?.message ?? ''
  return text === '' ? undefined : `Linear says: ${text.slice(0, 300)}`
}

/** `retry-after` in seconds where it is sent, else the reset (epoch milliseconds) of whichever limit is used up. */
function pause(headers: Headers, now: number): number {
  const retryAfter = Number(headers.get('retry-after') ?? Number.NaN) * 1000
  if (Number.isFinite(retryAfter)) return within(retryAfter)
  const resets = ['requests', 'complexity', 'endpoint-requests'].flatMap(limit => {
    const reset = Number(headers.get(`x-ratelimit-${limit}-reset`) ?? Number.NaN)
    return headers.get(`x-ratelimit-${limit}-remaining`) === '0' && Number.isFinite(reset)
      ? [reset - now]
      : []
  })
  return within(resets.length > 0 ? Math.max(...resets) : DEFAULT_PAUSE_MS)
}

function within(ms: number): number {
  return Math.min(Math.max(ms, 1000), LONGEST_PAUSE_MS)
}

function causeOf(thrown: unknown): string | undefined {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 5; error = error.cause, depth++) {
    if ('code' in error && typeof error.code === 'string') return error.code
    if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'timeout'
  }
  return undefined
}
