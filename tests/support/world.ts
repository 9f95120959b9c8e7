import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {startDiscordEmulator, type DiscordEmulator, type Person} from '../../src/emulators/discord/index.ts'
import {startGithubEmulator, type GithubEmulator} from '../../src/emulators/github/index.ts'
import {loadConfig} from '../../src/platform/config/load-config.ts'
import {createLogger} from '../../src/platform/logger.ts'
import {createRedactor} from '../../src/platform/redact.ts'
import {start, type Running} from '../../src/runtime/start.ts'
import {createTestDatabase, type TestDatabase} from './database.ts'
import {forgetInstallation, installationOf, testRedisUrl} from './redis.ts'

export const WEBHOOK_SECRET = 'hook-secret-for-tests'
export const API_TOKEN = 'api-token-for-tests-0123456789'

export interface WorldOptions {
  /** By default Postgres, or the Redis that the environment of the test run names. */
  readonly queue?: 'postgres' | 'redis'
  readonly env?: Readonly<Record<string, string>>
  /** signalbox.yaml; a sensible one unless given. */
  readonly yaml?: string
  readonly roles?: string
  readonly discord?: Parameters<typeof startDiscordEmulator>[0]
  readonly github?: Parameters<typeof startGithubEmulator>[0]
  /** Whether GitHub's webhooks reach the product; off, only polling tells it anything. */
  readonly webhooks?: boolean
  /** What the product's GitHub token may do beyond following deployments. */
  readonly permissions?: Readonly<Record<string, 'read' | 'write'>>
}

export interface World {
  readonly discord: DiscordEmulator
  readonly github: GithubEmulator
  readonly database: TestDatabase
  readonly env: Readonly<Record<string, string>>
  /** Runs /deploy-client: has the role developer. */
  readonly ada: Person
  /** Has no role at all. */
  readonly bob: Person
  /** An admin by user id. */
  readonly root: Person
  readonly app: Running
  /** Every line the product logged, parsed. */
  readonly logs: readonly Record<string, unknown>[]
  /** Starts one more process's worth of roles in this process, on the same database. */
  startMore(env?: Readonly<Record<string, string>>): Promise<Running>
  close(): Promise<void>
}

const STOPS_WITHIN_MS = 30_000

export const DEFAULT_YAML = `
targets:
  client:
    repository: acme/web
    workflow: client-deploy.yml
    ref: main
    service: web
  api:
    repository: acme/api
    workflow: api-deploy.yml
    ref: main
    environment: staging
    service: api
principals:
  - { id: ada, discord: "111111111111111111", roles: [developer] }
access:
  deploy-client: { roles: [developer], discordRoles: ["222222222222222222"] }
  doctor: { roles: [developer] }
  qa: { roles: [developer] }
  ship: { roles: [developer] }
  take-over: { roles: [developer] }
  verify-run: { roles: [developer] }
  workflow: { roles: [developer] }
  relay-send: { roles: [developer] }
  relay-dm: { roles: [developer] }
relay: { channels: ["444444444444444444"], people: [ada] }
`

/** The two vendors' emulators, a database and the product, all real and all on loopback. */
export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const github = await startGithubEmulator({speed: 20, ...options.github})
  const discord = await startDiscordEmulator(options.discord)
  const database = await createTestDatabase()
  const folder = await mkdtemp(join(tmpdir(), 'signalbox-world-'))
  await writeFile(join(folder, 'signalbox.yaml'), options.yaml ?? DEFAULT_YAML)

  const redisUrl = redisOf(options.queue)
  furnish(github)
  const env: Record<string, string> = {
    DATABASE_URL: database.url,
    SIGNALBOX_HOME: join(folder, 'home'),
    SIGNALBOX_CONFIG: join(folder, 'signalbox.yaml'),
    HTTP_PORT: '0',
    API_TOKEN,
    LOG_LEVEL: 'debug',
    DISCORD_API_URL: discord.url,
    DISCORD_TOKEN: discord.botToken,
    DISCORD_APPLICATION_ID: discord.applicationId,
    DISCORD_GUILD_ID: discord.guildId,
    GITHUB_API_URL: github.url,
    GITHUB_TOKEN: github.token({
      permissions: {actions: 'write', contents: 'read', metadata: 'read', ...options.permissions},
    }),
    GITHUB_REPOSITORY: 'acme/web',
    GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET,
    // The emulator asks for no distance between writes.
    GITHUB_THROTTLE: 'false',
    ADMIN_USER_IDS: '999999999999999999',
    RUN_POLL_INTERVAL_MS: '150',
    RUN_DISCOVERY_TIMEOUT_MS: '3000',
    RUN_WATCH_TIMEOUT_MS: '20000',
    WORKER_LEASE_MS: '1500',
    ...(redisUrl === undefined ? {} : {REDIS_URL: redisUrl}),
    ...(options.roles === undefined ? {} : {ROLES: options.roles}),
    ...options.env,
  }
  const logs: Record<string, unknown>[] = []
  const running: Running[] = []
  let closing: Promise<void> | undefined

  async function startMore(extra: Readonly<Record<string, string>> = {}): Promise<Running> {
    const config = loadConfig({env: {...env, ...extra}, cwd: folder})
    const redactor = createRedactor(config.secrets)
    const log = createLogger({
      level: config.log.level,
      redactor,
      destination: {
        write(line: string) {
          if (process.env['SHOW_LOGS'] !== undefined) process.stderr.write(line)
          logs.push(JSON.parse(line) as Record<string, unknown>)
        },
      },
    })
    const app = await start({
      config,
      log,
      redact: redactor.text,
      onFatal: error => {
        throw error
      },
    })
    running.push(app)
    return app
  }

  const app = await startMore()
  if (options.webhooks !== false && app.url !== undefined) {
    github.webhooks({url: `${app.url}/webhooks/github`, secret: WEBHOOK_SECRET})
  }
  const roles = options.roles ?? 'bot,worker,api'
  if (roles.includes('bot')) await discord.waitForGateway()

  return {
    discord,
    github,
    database,
    env,
    ada: discord.person('ada', {id: '111111111111111111'}),
    bob: discord.person('bob', {id: '333333333333333333'}),
    root: discord.person('root', {id: '999999999999999999'}),
    app,
    logs,
    startMore,
    close() {
      return (closing ??= close())
    },
  }

  async function close(): Promise<void> {
    const stopped = Promise.all(running.map(one => one.stop()))
    // One that hangs must not take the next test with it; that processes stop in time has tests of its own.
    const inTime = await Promise.race([stopped.then(() => true), sleep(STOPS_WITHIN_MS, false, {ref: false})])
    await discord.close()
    await github.close()
    const usedRedis = env['REDIS_URL']
    if (usedRedis !== undefined) await forgetInstallation(usedRedis, await installationOf(database.url))
    await database.drop()
    await rm(folder, {recursive: true, force: true})
    if (inTime) return
    const last = logs.slice(-20).map(line => JSON.stringify(line))
    console.warn(
      [`The product did not stop within ${STOPS_WITHIN_MS} ms. Its last words:`, ...last].join('\n'),
    )
  }
}

/** The Redis of this world: asked for, or because the whole run is made on Redis (`REDIS_URL=… npm test`). */
function redisOf(queue: WorldOptions['queue']): string | undefined {
  if (queue === 'postgres' || (queue === undefined && process.env['REDIS_URL'] === undefined))
    return undefined
  return process.env['REDIS_URL'] ?? testRedisUrl()
}

/** What the tests ship: a client that deploys in some seconds of GitHub time, and an API. */
function furnish(github: GithubEmulator): void {
  const inputs = {correlation_id: {required: true}, requester: {required: true}, VITE_API_BASE: {}}
  const web = github.repository('acme/web')
  web.branch('main')
  web.branch('release-1')
  web.workflow('client-deploy.yml', {
    name: 'Client Deploy',
    inputs,
    jobs: [
      {
        name: 'build',
        steps: [
          {name: 'Install', ms: 2000},
          {name: 'Build', ms: 4000},
        ],
      },
      {
        name: 'deploy',
        needs: ['build'],
        steps: [
          {name: 'Upload to bucket', ms: 3000},
          {name: 'Invalidate', ms: 1000},
        ],
      },
    ],
  })
  const api = github.repository('acme/api')
  api.branch('main')
  api.workflow('api-deploy.yml', {
    name: 'API Deploy',
    inputs,
    jobs: [{name: 'deploy', steps: [{name: 'Roll out', ms: 2000}]}],
  })
}
