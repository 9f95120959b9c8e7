import type {Pool} from 'pg'
import {createUptimeChecks, watchedServices, type GatewayState} from '../health/uptime-checks.ts'
import {createUptimeStore} from '../health/uptime-store.ts'
import {createUptime, type Uptime} from '../health/uptime.ts'
import type {Clock} from '../kernel/clock.ts'
import type {UrlRules} from '../kernel/public-url.ts'
import type {Notices} from '../notifications/notice.ts'
import type {Config} from '../platform/config/config.ts'
import {createSafeHttp} from '../platform/safe-http.ts'

export interface HouseUptime {
  readonly port: Uptime
  /** The bot of this process, once it has one. */
  bot(gateway: {ready(): boolean}): void
  close(): Promise<void>
}

/** Whether what we ship and what we are is up. */
export function openUptime({
  config,
  pool,
  notices,
  urlRules,
  redact,
  clock,
}: {
  readonly config: Config
  readonly pool: Pool
  readonly notices: Notices
  readonly urlRules: UrlRules
  readonly redact: (text: string) => string
  readonly clock: Clock
}): HouseUptime {
  const {targets, http: own, urls, uptime} = config
  // The next look is the second try.
  const http = createSafeHttp({...urlRules, tries: 1})
  let state: () => GatewayState = () => 'elsewhere'
  const watched = watchedServices({
    publicUrl: own.publicUrl,
    apiBase: urls.apiBase,
    frontendBase: urls.frontendBase,
    targets: [...targets.values()],
  })
  return {
    port: createUptime({
      pool,
      store: createUptimeStore({pool}),
      look: createUptimeChecks({watched, gateway: () => state(), http}),
      notices,
      everyMs: uptime?.everyMs,
      alert: uptime?.alert ?? false,
      channelId: uptime?.channel,
      levelOf: service =>
        targets.get(service.split(' ')[0] ?? '')?.environment === 'production' ? 'high' : 'medium',
      redact,
      clock,
    }),
    bot: gateway => (state = () => (gateway.ready() ? 'ready' : 'away')),
    close: () => http.close(),
  }
}
