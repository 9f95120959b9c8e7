import {z} from 'zod'

/** What a failed request means, read from its status, headers and cause: nobody above parses messages. */
export type Failure =
  | {readonly kind: 'not-modified'}
  | {readonly kind: 'missing'}
  | {readonly kind: 'conflict'}
  | {readonly kind: 'slow-down'; readonly until: number}
  | {readonly kind: 'refused'; readonly reason: string}
  | {readonly kind: 'not-sent'; readonly reason: string}
  | {readonly kind: 'failed'; readonly reason: string}

const requestError = z.object({
  status: z.number(),
  message: z.string().default(''),
  response: z
    .object({
      headers: z
        .record(z.string(), z.union([z.string(), z.number()]).optional().catch(undefined))
        .default({}),
      data: z.object({message: z.string().optional()}).optional().catch(undefined),
    })
    .optional(),
})

/** Causes that say the connection was never made, so the request can't have had an effect. */
const NEVER_CONNECTED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

export function classify(thrown: unknown, now: number): Failure {
  const parsed = requestError.safeParse(thrown)
  const response = parsed.success ? parsed.data.response : undefined
  if (!parsed.success || !response) {
    const cause = causeOf(thrown)
    return cause?.sent === false
      ? {kind: 'not-sent', reason: cause.code}
      : {kind: 'failed', reason: cause?.code ?? 'no answer from GitHub'}
  }
  const {status} = parsed.data
  const said = response.data?.message ?? ''
  if (status === 304) return {kind: 'not-modified'}
  if (status === 429 || (status === 403 && isRateLimit(response.headers, said))) {
    return {kind: 'slow-down', until: resumeAt(response.headers, now)}
  }
  if (status === 404 || status === 410) return {kind: 'missing'}
  if (status === 409) return {kind: 'conflict'}
  if (status === 401)
    return {kind: 'refused', reason: 'GitHub does not accept our token. An operator must renew it.'}
  if (status === 403) {
    const wanted = response.headers['x-accepted-github-permissions']
    return {
      kind: 'refused',
      reason: `Our GitHub token may not do this${wanted === undefined ? '' : ` (needs ${wanted})`}. An operator must grant it.`,
    }
  }
  if (status >= 400 && status < 500)
    return {kind: 'refused', reason: said === '' ? `GitHub answered ${status}.` : `GitHub says: ${said}`}
  return {kind: 'failed', reason: `GitHub answered ${status}`}
}

function isRateLimit(headers: Readonly<Record<string, string | number | undefined>>, said: string): boolean {
  return (
    headers['retry-after'] !== undefined ||
    String(headers['x-ratelimit-remaining']) === '0' ||
    /rate limit/i.test(said)
  )
}

/**
 * The order GitHub documents: `retry-after` seconds, else the reset of an exhausted limit (epoch seconds), else
 * at least a minute. docs: rate-limits-for-the-rest-api, "Exceeding the rate limit".
 */
function resumeAt(headers: Readonly<Record<string, string | number | undefined>>, now: number): number {
  const retryAfter = Number(headers['retry-after'])
  if (Number.isFinite(retryAfter)) return now + Math.min(Math.max(retryAfter, 1), 3600) * 1000
  const reset = Number(headers['x-ratelimit-reset']) * 1000
  if (String(headers['x-ratelimit-remaining']) === '0' && Number.isFinite(reset)) {
    return Math.min(Math.max(reset + 1000, now + 1000), now + 3_600_000)
  }
  return now + 60_000
}

function causeOf(thrown: unknown): {readonly code: string; readonly sent: boolean} | undefined {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 5; error = error.cause, depth++) {
    if ('code' in error && typeof error.code === 'string')
      return {code: error.code, sent: !neverConnected(error)}
    if (error.name === 'TimeoutError' || error.name === 'AbortError') return {code: 'timeout', sent: true}
  }
  return undefined
}

/** "No route" may also end a connection that carried the request already: only the call that failed tells. */
function neverConnected(error: Error): boolean {
  const {code, syscall} = error as NodeJS.ErrnoException
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return true
  if (error instanceof AggregateError)
    return error.errors.every(each => each instanceof Error && neverConnected(each))
  return NEVER_CONNECTED.has(code ?? '') && (syscall === 'connect' || syscall === 'getaddrinfo')
}
