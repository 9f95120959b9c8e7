import type {SafeHttp, SafeResponse} from '../platform/safe-http.ts'
import type {UptimeCheck, UptimeState} from '../sdk/index.ts'

/** What there is to look at, or what would have to be set. */
export type Watched = {readonly service: string} & (
  | {readonly kind: 'address'; readonly url: string}
  /** The connection to Discord of the bot in this process. */
  | {readonly kind: 'gateway'}
  | {readonly kind: 'unset'; readonly variable: string}
)

/** `elsewhere`: the bot runs in another process, if at all. */
export type GatewayState = 'ready' | 'away' | 'elsewhere'

/** Our own bot, the default addresses, then those of the targets; an address is looked at once, by its first name. */
export function watchedServices({
  publicUrl,
  apiBase,
  frontendBase,
  targets,
}: {
  readonly publicUrl: string | undefined
  readonly apiBase: string | undefined
  readonly frontendBase: string | undefined
  readonly targets: readonly {
    readonly name: string
    readonly verify: {readonly frontend?: string; readonly api?: string}
  }[]
}): readonly Watched[] {
  const at = (service: string, base: string, path = ''): Watched => ({
    service,
    kind: 'address',
    url: `${base.replace(/\/+$/, '')}${path}`,
  })
  const all: readonly Watched[] = [
    publicUrl === undefined ? {service: 'bot', kind: 'gateway'} : at('bot', publicUrl, '/health/live'),
    apiBase === undefined
      ? {service: 'api', kind: 'unset', variable: 'API_BASE_URL'}
      : at('api', apiBase, '/health'),
    frontendBase === undefined
      ? {service: 'frontend', kind: 'unset', variable: 'FRONTEND_BASE_URL'}
      : at('frontend', frontendBase),
    ...targets.flatMap(({name, verify}) => [
      ...(verify.api === undefined ? [] : [at(`${name} api`, verify.api, '/health')]),
      ...(verify.frontend === undefined ? [] : [at(`${name} frontend`, verify.frontend)]),
    ]),
  ]
  const urls = new Set<string>()
  return all.filter(each => {
    if (each.kind !== 'address') return true
    const known = urls.has(each.url)
    urls.add(each.url)
    return !known
  })
}

/** Asks each address for its head, all together. */
export function createUptimeChecks({
  watched,
  gateway,
  http,
}: {
  readonly watched: readonly Watched[]
  readonly gateway: () => GatewayState
  /** Ten seconds a request, and no second try: the next look is that. */
  readonly http: Pick<SafeHttp, 'request'>
}) {
  async function look(each: Watched, signal: AbortSignal): Promise<UptimeCheck> {
    const {service} = each
    switch (each.kind) {
      case 'unset':
        return {service, state: 'skipped', reason: `${each.variable} is not set`}
      case 'gateway':
        return {service, ...GATEWAY[gateway()]}
      case 'address':
        return {service, place: new URL(each.url).host, ...toCheck(await head(each.url, signal))}
    }
  }

  /** Servers that know no HEAD are asked the long way. */
  async function head(url: string, signal: AbortSignal): Promise<SafeResponse> {
    const answer = await http.request(url, {method: 'HEAD', signal})
    return answer.status === 405 || answer.status === 501
      ? http.request(url, {method: 'GET', signal})
      : answer
  }

  return async (signal: AbortSignal): Promise<readonly UptimeCheck[]> => {
    const checks = await Promise.all(watched.map(each => look(each, signal)))
    signal.throwIfAborted()
    return checks
  }
}

const GATEWAY = {
  ready: {state: 'online', place: 'Discord’s gateway'},
  away: {
    state: 'connection_error',
    place: 'Discord’s gateway',
    reason: 'The bot is not connected to Discord’s gateway.',
  },
  elsewhere: {state: 'skipped', reason: 'the bot runs in another process: set PUBLIC_URL'},
} as const satisfies Record<GatewayState, Omit<UptimeCheck, 'service'>>

function toCheck({ok, status, ms, failure, error}: SafeResponse): Omit<UptimeCheck, 'service'> {
  if (ok) return {state: 'online', ms}
  if (status !== undefined) return {state: `error_${status}`, ms, reason: `It answered ${status}.`}
  const state = failure === undefined ? 'connection_error' : STATES[failure]
  return {state, ...(error === undefined ? {} : {reason: error})}
}

const STATES = {
  timeout: 'timeout',
  connection: 'connection_error',
  refused: 'request_error',
} as const satisfies Record<string, UptimeState>

/** Undefined: nobody looked, so nobody knows. */
export function standingOf(state: UptimeState): 'up' | 'down' | undefined {
  if (state === 'online') return 'up'
  return state === 'skipped' || state === 'request_error' ? undefined : 'down'
}
