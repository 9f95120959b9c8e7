import type {Pool} from 'pg'
import type {DeploymentStore} from '../deployments/store.ts'
import type {Invocations} from '../invocations/service.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import type {ReplyStore} from '../notifications/store.ts'
import type {Config, Target} from '../platform/config/config.ts'
import type {Logger} from '../platform/logger.ts'
import type {Queues} from '../platform/queue.ts'
import type {SafeHttp} from '../platform/safe-http.ts'
import {createConductor, type Conductor, type ConductorOptions} from '../releases/conductor.ts'
import type {ReleaseRules} from '../releases/decide.ts'
import {createReleaseStore} from '../releases/store.ts'
import type {DeploymentsPort, PipelinesPort} from '../sdk/index.ts'

/** What a site and an API have to keep to, in milliseconds. */
const FRONTEND_WITHIN_MS = 500
const API_WITHIN_MS = 200

/** Releases: shipping with verification, promotion and rollback. */
export function openReleases({
  config,
  pool,
  ...rest
}: {
  readonly config: Pick<Config, 'targets' | 'urls' | 'discord'>
  readonly pool: Pool
  readonly deployments: DeploymentsPort
  readonly deploymentStore: DeploymentStore
  readonly pipelines: PipelinesPort
  readonly http: SafeHttp
  readonly invocations: Invocations
  readonly replies: ReplyStore
  readonly audit: ConductorOptions['audit']
  readonly notify: (id: string) => Promise<void>
  readonly queues: Queues
  readonly clock: Clock
  readonly log: Logger
}): Conductor {
  const targetOf = (name: string): Target => {
    const target = config.targets.get(name)
    if (!target) throw new AppError('INVALID_INPUT', `There is no target ${name}.`)
    return target
  }
  return createConductor({
    ...rest,
    store: createReleaseStore({pool}),
    rulesOf: name => rulesOf(targetOf(name), config.urls),
    takesStrategy: name =>
      Object.values(targetOf(name).inputs).some(value => /\$\{\{\s*options\.strategy\s*\}\}/.test(value)),
    statusChannelId: config.discord?.statusChannelId,
  })
}

/** The target's own addresses, or the installation's where it has none, and what is configured besides. */
export function rulesOf({verify, ship}: Pick<Target, 'verify' | 'ship'>, urls: Config['urls']): ReleaseRules {
  const own = Object.keys(verify).length > 0
  const frontend = own ? verify.frontend : urls.frontendBase
  const api = own ? verify.api : urls.apiBase
  const {expires, ...rules} = ship
  return {
    ...rules,
    decideWithinMs: expires,
    checks: [
      ...(frontend === undefined
        ? []
        : [{name: 'frontend', url: `${trimmed(frontend)}/`, maxMs: FRONTEND_WITHIN_MS, critical: true}]),
      ...(api === undefined
        ? []
        : [{name: 'API', url: `${trimmed(api)}/health`, maxMs: API_WITHIN_MS, critical: true}]),
      ...ship.checks,
    ],
  }
}

function trimmed(base: string): string {
  return base.replace(/\/+$/, '')
}
