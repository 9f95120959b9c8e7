import {lookup} from 'node:dns/promises'
import {isIP, type LookupFunction} from 'node:net'
import {setTimeout as sleep} from 'node:timers/promises'
import {Agent, type Dispatcher} from 'undici'
import {checkPublicUrl, isPublicAddress} from '../kernel/public-url.ts'

export interface SafeHttpOptions {
  readonly allowedDomains?: readonly string[]
  /** Addresses of this machine and its network, and plain http, are fine: for development only. */
  readonly allowLocal?: boolean
  readonly allowHttp?: boolean
  /** Every address a name stands for; the system's resolver when not given. */
  readonly resolve?: (hostname: string) => Promise<readonly string[]>
  /** Which addresses may be dialled: the public ones when not given. */
  readonly mayDial?: (ip: string) => boolean
  /** For one attempt, redirects and body included. */
  readonly timeoutMs?: number
  readonly retryDelayMs?: number
  /** Of a network error. Two when not given. */
  readonly tries?: 1 | 2
  readonly maxRedirects?: number
  /** How much of a body is read; the rest is not waited for. */
  readonly maxBytes?: number
}

export interface SafeResponse {
  /** The address asked for. */
  readonly url: string
  /** Where the answer came from, after redirects. */
  readonly finalUrl: string
  /** 2xx. */
  readonly ok: boolean
  /** Absent when no answer was had; then `error` says why. */
  readonly status?: number
  /** Of the attempt that counts, to the head of the answer. */
  readonly ms: number
  readonly headers: Readonly<Record<string, string>>
  /** At most `maxBytes` of it; empty for HEAD. */
  readonly body: string
  /** A sentence for people. Nothing of an earlier attempt. */
  readonly error?: string
  /** Beside `error`; `refused`: by our own rules, so nobody was asked. */
  readonly failure?: 'refused' | 'timeout' | 'connection'
}

export interface SafeHttp {
  /** Never throws for what the other side does. An answer, even 500, is final; a network error is tried once more. */
  request(
    url: string,
    options?: {readonly method?: 'GET' | 'HEAD'; readonly signal?: AbortSignal | undefined},
  ): Promise<SafeResponse>
  close(): Promise<void>
}

/**
 * Calls addresses that somebody typed without becoming a way into the network this runs in. The address is judged
 * when given and again at each redirect; each name is judged when it is dialled: one forbidden address among its
 * answers refuses it, and the connection goes to exactly the addresses that were judged, so a name that answers
 * differently the next time (rebinding) gains nothing. Carries no cookies and no credentials.
 */
export function createSafeHttp(options: SafeHttpOptions = {}): SafeHttp {
  const {allowedDomains = [], allowLocal = false, timeoutMs = 10_000, retryDelayMs = 2_000} = options
  const {maxRedirects = 5, maxBytes = 262_144, resolve = systemResolve, tries = 2} = options
  const rules = {allowedDomains, allowLocal, allowHttp: options.allowHttp ?? allowLocal}
  const mayDial = options.mayDial ?? (allowLocal ? () => true : isPublicAddress)
  const agent = new Agent({
    connect: {lookup: judgedLookup(resolve, mayDial), timeout: timeoutMs},
    // A kept connection would outlive the judgement it was opened under.
    pipelining: 0,
    maxHeaderSize: 16_384,
  })

  async function attempt(url: string, method: 'GET' | 'HEAD', signal: AbortSignal): Promise<SafeResponse> {
    const began = performance.now()
    let address = url
    for (let redirects = 0; ; redirects++) {
      const verdict = checkPublicUrl(address, rules)
      if (!verdict.ok)
        throw new Refusal(
          redirects === 0 ? verdict.reason : `It redirects to a refused address: ${verdict.reason}`,
        )
      const answer = await agent.request({
        origin: verdict.url.origin,
        path: verdict.url.pathname + verdict.url.search,
        method,
        headers: {'user-agent': 'signalbox', accept: '*/*', 'accept-encoding': 'identity'},
        signal,
      })
      const location = answer.headers['location']
      if (!REDIRECTS.has(answer.statusCode) || typeof location !== 'string') {
        const ms = Math.round(performance.now() - began)
        const ok = answer.statusCode >= 200 && answer.statusCode < 300
        return {
          url,
          finalUrl: address,
          ok,
          status: answer.statusCode,
          ms,
          headers: flat(answer.headers),
          body: await readBody(answer.body, maxBytes),
        }
      }
      discard(answer.body)
      if (redirects >= maxRedirects) throw new Refusal(`It redirects more than ${maxRedirects} times.`)
      if (!URL.canParse(location, address))
        throw new Refusal('It redirects to something that is not an address.')
      // Only what was written counts as written: a relative redirect is completed, an absolute one is judged as it stands.
      address = URL.canParse(location) ? location : new URL(location, address).href
    }
  }

  async function request(
    url: string,
    {
      method = 'GET',
      signal,
    }: {readonly method?: 'GET' | 'HEAD'; readonly signal?: AbortSignal | undefined} = {},
  ): Promise<SafeResponse> {
    for (let last = tries === 1; ; last = true) {
      const began = performance.now()
      const deadline = AbortSignal.timeout(timeoutMs)
      try {
        return await attempt(url, method, signal ? AbortSignal.any([signal, deadline]) : deadline)
      } catch (error) {
        const failed = {
          url,
          finalUrl: url,
          ok: false,
          ms: Math.round(performance.now() - began),
          headers: {},
          body: '',
        }
        if (signal?.aborted) return {...failed, error: 'The check was stopped.'}
        const refusal = refusalIn(error)
        if (refusal) return {...failed, error: refusal.message, failure: 'refused'}
        if (last) return {...failed, ...networkFailure(error, deadline.aborted, timeoutMs)}
        await sleep(retryDelayMs, undefined, {...(signal ? {signal} : {})}).catch(() => undefined)
      }
    }
  }

  return {request, close: () => agent.destroy()}
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** Our own no: final, whatever the network would say. */
class Refusal extends Error {}

/** The lookup of a socket about to be opened: it dials what this returns, so judging here leaves no gap. */
function judgedLookup(
  resolve: (hostname: string) => Promise<readonly string[]>,
  mayDial: (ip: string) => boolean,
): LookupFunction {
  return (hostname, options, done) => {
    resolve(hostname).then(
      ips => {
        if (ips.length === 0) return done(new Error('the name has no address'), [])
        if (!ips.every(ip => isIP(ip) !== 0 && mayDial(ip))) {
          return done(
            new Refusal('The name leads to a private or local network. Only public addresses are allowed.'),
            [],
          )
        }
        const addresses = ips.map(address => ({address, family: isIP(address)}))
        const [first] = addresses
        if (options.all || !first) return done(null, addresses)
        done(null, first.address, first.family)
      },
      (error: Error) => done(error, []),
    )
  }
}

async function systemResolve(hostname: string): Promise<readonly string[]> {
  return (await lookup(hostname, {all: true})).map(({address}) => address)
}

async function readBody(body: Dispatcher.ResponseData['body'], maxBytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    size += chunk.length
    // Leaving the loop destroys the stream, and with it the connection.
    if (size >= maxBytes) break
  }
  return Buffer.concat(chunks).subarray(0, maxBytes).toString('utf8')
}

/** A body nobody reads; its connection is closed rather than waited for. */
function discard(body: Dispatcher.ResponseData['body']): void {
  body.on('error', () => undefined)
  body.destroy()
}

function flat(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, [value].flat().join(', ')]],
    ),
  )
}

/** Node tries several addresses of a name and wraps what came of each. */
function refusalIn(error: unknown): Refusal | undefined {
  if (error instanceof Refusal) return error
  if (error instanceof AggregateError) return error.errors.map(refusalIn).find(found => found !== undefined)
  return error instanceof Error && error.cause !== undefined ? refusalIn(error.cause) : undefined
}

const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'The name does not exist.',
  EAI_AGAIN: 'The name could not be looked up.',
  ECONNREFUSED: 'The connection was refused.',
  ECONNRESET: 'The connection broke.',
  UND_ERR_SOCKET: 'The connection broke.',
  EHOSTUNREACH: 'The host can not be reached.',
  ENETUNREACH: 'The network can not be reached.',
  CERT_HAS_EXPIRED: 'Its certificate has expired.',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'Its certificate is self-signed.',
  ERR_TLS_CERT_ALTNAME_INVALID: 'Its certificate belongs to another name.',
}

function networkFailure(
  error: unknown,
  timedOut: boolean,
  timeoutMs: number,
): Pick<SafeResponse, 'error' | 'failure'> {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (timedOut || code.endsWith('TIMEOUT') || code === 'ETIMEDOUT')
    return {error: `No answer within ${timeoutMs / 1000} s (timeout).`, failure: 'timeout'}
  const reason = REASONS[code] ?? `The connection failed${code === '' ? '' : ` (${code})`}.`
  return {error: reason, failure: 'connection'}
}
