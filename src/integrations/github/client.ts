import {App, Octokit} from 'octokit'
import {z} from 'zod'
import type {Clock} from '../../kernel/clock.ts'
import type {GithubAuth} from '../../platform/config/config.ts'
import type {Look} from './code-host.ts'
import {classify} from './failures.ts'

export interface GithubClientOptions {
  readonly auth: GithubAuth
  readonly apiUrl: string
  readonly clock: Clock
  /** Per request. GitHub's own guidance for integrations; the spec of this product asks for at most 10 s. */
  readonly timeoutMs?: number
  /** Whether requests keep GitHub's advised distance: writes a second apart, those that notify people three. True unless given. */
  readonly throttle?: boolean
}

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined
  /** False: too large to be kept for a conditional request. */
  readonly remember?: boolean
}

/** Pages of a list, up to a limit. */
export interface Pages<T> {
  readonly items: readonly T[]
  /** There is nothing beyond them. */
  readonly complete: boolean
}

export type GithubClient = Awaited<ReturnType<typeof openGithubClient>>

const ETAG_CACHE_SIZE = 500
const API_VERSION = '2022-11-28'
const PER_PAGE = 100

/** GitHub's REST API, by token or as an installed GitHub App. Each request is sent once and has its own time limit. */
export async function openGithubClient(options: GithubClientOptions) {
  const {clock, timeoutMs = 10_000} = options
  const octokit = await connect(options)
  const cache = new Map<string, {readonly etag: string; readonly data: unknown}>()

  /** @throws whatever octokit throws; `failureOf` says what it means. */
  async function send(
    route: string,
    parameters: Record<string, unknown>,
    how: {
      readonly signal?: AbortSignal | undefined
      readonly headers?: Readonly<Record<string, string>>
      /** The body is a stream, to be read by the caller. */
      readonly raw?: boolean
    } = {},
  ): Promise<{readonly data: unknown; readonly etag: string | undefined}> {
    const limit = AbortSignal.timeout(timeoutMs)
    const answer = await octokit.request(route, {
      ...parameters,
      headers: {'x-github-api-version': API_VERSION, ...how.headers},
      request: {
        retries: 0,
        signal: how.signal ? AbortSignal.any([how.signal, limit]) : limit,
        ...(how.raw === true ? {parseSuccessResponseBody: false} : {}),
      },
    })
    return {data: answer.data as unknown, etag: answer.headers.etag}
  }

  /** A conditional GET: an unchanged answer (304) is taken from memory and costs none of the rate limit. */
  async function read<T>(
    route: string,
    parameters: Record<string, unknown>,
    schema: z.ZodType<T>,
    {signal, remember = true}: ReadOptions = {},
  ): Promise<Look<T>> {
    const key = `${route} ${JSON.stringify(parameters)}`
    const known = cache.get(key)
    try {
      const headers: Record<string, string> = known ? {'if-none-match': known.etag} : {}
      const {data, etag} = await send(route, parameters, {signal, headers})
      if (etag !== undefined && remember) keep(key, {etag, data})
      return parse(schema, data)
    } catch (error) {
      const failure = classify(error, clock())
      if (failure.kind !== 'not-modified') return unread(failure)
      return known
        ? parse(schema, known.data)
        : {kind: 'failed', reason: 'an unchanged answer to an unasked question'}
    }
  }

  function keep(key: string, entry: {readonly etag: string; readonly data: unknown}): void {
    cache.delete(key)
    cache.set(key, entry)
    if (cache.size > ETAG_CACHE_SIZE) cache.delete(cache.keys().next().value ?? key)
  }

  return {
    send,
    read,
    failureOf: (error: unknown) => classify(error, clock()),

    /** A list page by page, in order; `most` items and no more. */
    async readAll<T>(
      route: string,
      parameters: Record<string, unknown>,
      schema: z.ZodType<readonly T[]>,
      {most, ...options}: ReadOptions & {readonly most: number},
    ): Promise<Look<Pages<T>>> {
      const items: T[] = []
      for (let page = 1; items.length < most; page++) {
        const look = await read(route, {...parameters, per_page: PER_PAGE, page}, schema, options)
        if (look.kind !== 'seen') return look
        items.push(...look.value)
        if (look.value.length < PER_PAGE) return {kind: 'seen', value: {items, complete: true}}
      }
      return {kind: 'seen', value: {items: items.slice(0, most), complete: false}}
    },

    /** A change. `failed` may have taken effect: its answer was lost, late, or a server error. */
    async write<T>(
      route: string,
      parameters: Record<string, unknown>,
      schema: z.ZodType<T>,
      signal?: AbortSignal,
    ): Promise<Look<T>> {
      try {
        return parse(schema, (await send(route, parameters, {signal})).data)
      } catch (error) {
        return unread(classify(error, clock()))
      }
    },

    /** github.com for the public API; the same host without `/api/v3` for GitHub Enterprise and local servers. */
    htmlUrl: htmlBase(options.apiUrl),
  }
}

/** A failure as the outcome of a look. */
export function unread(failure: ReturnType<typeof classify>): Exclude<Look<never>, {kind: 'seen'}> {
  switch (failure.kind) {
    case 'missing':
    case 'refused':
    case 'slow-down':
    case 'failed':
      return failure
    case 'conflict':
      return {kind: 'failed', reason: 'conflict'}
    case 'not-sent':
      return {kind: 'failed', reason: failure.reason}
    case 'not-modified':
      return {kind: 'failed', reason: 'no answer from GitHub'}
  }
}

export function mapLook<T, U>(look: Look<T>, map: (value: T) => U): Look<U> {
  return look.kind === 'seen' ? {kind: 'seen', value: map(look.value)} : look
}

/** `owner/name` as the parameters of a route. */
export function split(repository: string): {readonly owner: string; readonly repo: string} {
  const [owner = '', repo = ''] = repository.split('/')
  return {owner, repo}
}

function parse<T>(schema: z.ZodType<T>, data: unknown): Look<T> {
  const parsed = schema.safeParse(data)
  return parsed.success
    ? {kind: 'seen', value: parsed.data}
    : {kind: 'failed', reason: `an unexpected answer: ${z.prettifyError(parsed.error)}`}
}

async function connect({auth, apiUrl, throttle = true}: GithubClientOptions): Promise<Octokit> {
  const Configured = Octokit.defaults({
    baseUrl: apiUrl,
    retry: {enabled: false},
    // Waiting out a limit is the deployment's own, visible business: the plugin never sleeps behind our back.
    throttle: {enabled: throttle, onRateLimit: () => false, onSecondaryRateLimit: () => false},
  })
  if (auth.kind === 'token') return new Configured({auth: auth.token})
  const app = new App({appId: auth.appId, privateKey: auth.privateKey, Octokit: Configured})
  return app.getInstallationOctokit(Number(auth.installationId))
}

function htmlBase(apiUrl: string): string {
  const url = new URL(apiUrl)
  if (url.hostname === 'api.github.com') return 'https://github.com'
  return url.origin
}
