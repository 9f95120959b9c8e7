import {AppError} from '../kernel/errors.ts'
import {ensureApiToken} from '../platform/config/api-token.ts'
import {describeIntegrations} from '../platform/config/integrations.ts'
import type {Config} from '../platform/config/config.ts'
import {startEmbeddedPostgres} from '../platform/embedded-postgres.ts'
import type {Logger} from '../platform/logger.ts'
import {migrate} from '../platform/migrations.ts'
import type {HealthPart} from '../api/health.ts'
import {buildHouse} from './house.ts'
import {BOT_NEEDS_DISCORD, startApi, startBot, startWorker, type RunningRole} from './roles.ts'
import {discordFault, queueFault} from './start-faults.ts'

export interface Running {
  readonly url: string | undefined
  /** Stops taking work, finishes or hands back what runs, closes; within `graceMs`. Safe to call again. */
  stop(graceMs?: number): Promise<void>
}

/** SIGTERM to exit, in all: what the contract promises. */
export const GRACE_MS = 30_000

/**
 * Starts this process's roles on one Postgres: intake last, so that nothing arrives before it can be handled.
 * `onFatal` hears of faults that only a restart can mend.
 */
export async function start(options: {
  readonly config: Config
  readonly log: Logger
  readonly redact: (text: string) => string
  readonly onFatal: (error: Error) => void
}): Promise<Running> {
  const {config, log, redact, onFatal} = options
  const closers: (() => Promise<unknown>)[] = []
  let draining = false
  try {
    for (const line of describeIntegrations(config)) log.info({}, line)
    if (config.roles.has('bot') && !config.discord) throw new AppError('START_FAILED', BOT_NEEDS_DISCORD)
    const databaseUrl = await openDatabase(config, log, closers)
    const applied = await migrate({databaseUrl, log})
    if (applied.length > 0) log.info({applied}, 'database migrated')

    const house = await buildHouse({config, databaseUrl, log, redact})
    closers.push(() => house.close())

    const roles: RunningRole[] = []
    const health: HealthPart[] = [
      {name: 'postgres', check: async () => void (await house.pool.query('select 1'))},
      {name: 'queue', check: () => house.queues.ping()},
    ]
    closers.push(() => Promise.all(roles.map(role => role.drain(GRACE_MS - 8000))))
    if (config.roles.has('worker')) roles.push(await startWorker(house).catch(queueFault(config)))
    if (config.roles.has('bot')) roles.push(await startBot(house, onFatal).catch(discordFault(config)))
    health.push(...roles.flatMap(role => role.health))
    let url: string | undefined
    if (config.roles.has('api')) {
      const apiToken = config.http.apiToken ?? (await ensureApiToken(config.home))
      const api = await startApi(house, {apiToken, health, draining: () => draining})
      roles.unshift(api)
      url = api.url
    }
    log.info(
      {roles: roles.map(role => role.name), commands: house.commands.size, agents: house.agents.size},
      'started',
    )

    let stopping: Promise<void> | undefined
    return {
      url,
      stop() {
        draining = true
        stopping ??= closeAll(closers, log)
        return stopping
      },
    }
  } catch (error) {
    await closeAll(closers, log)
    throw error
  }
}

async function openDatabase(
  config: Config,
  log: Logger,
  closers: (() => Promise<unknown>)[],
): Promise<string> {
  if (config.database.url !== undefined) return config.database.url
  const server = await startEmbeddedPostgres({home: config.home, log})
  closers.push(() => server.stop())
  log.info({port: server.port, started: server.ownsServer}, 'embedded Postgres')
  return server.url
}

/** Backwards, each in its own time; a part that does not close is left behind rather than waited for. */
async function closeAll(closers: (() => Promise<unknown>)[], log: Logger): Promise<void> {
  for (const close of closers.splice(0).reverse()) {
    await close().catch((error: unknown) => log.warn({err: error}, 'a part did not close cleanly'))
  }
}
