import {randomBytes} from 'node:crypto'
import {once} from 'node:events'
import {existsSync, mkdirSync, writeFileSync} from 'node:fs'
import {createServer, type AddressInfo} from 'node:net'
import {join} from 'node:path'
import pg from 'pg'
import {startDiscordEmulator, type DiscordEmulator} from '../../emulators/discord/index.ts'
import {startGithubEmulator, type GithubEmulator} from '../../emulators/github/index.ts'
import {startLinearEmulator, type LinearEmulator} from '../../emulators/linear/index.ts'
import {startMailbox, type Mailbox} from '../../emulators/mailbox/index.ts'
import {AppError} from '../../kernel/errors.ts'
import {startEmbeddedPostgres} from '../../platform/embedded-postgres.ts'
import {silentLogger} from '../../platform/logger.ts'
import {migrate} from '../../platform/migrations.ts'
import {castInto, configurationFor, REPOSITORY, type Cast} from './cast.ts'
import {createProduct, type ProcessName, type Product} from './product.ts'

/** Everything the demo plays on: the emulated services with their cast, and the real product working for them. */
export interface Stage {
  readonly discord: DiscordEmulator
  readonly github: GithubEmulator
  readonly linear: LinearEmulator
  readonly mailbox: Mailbox
  readonly cast: Cast
  readonly product: Product
  /** Where data and logs are. */
  readonly home: string
  close(): Promise<void>
}

export interface StageOptions {
  readonly home: string
  /** Queues and bus go there instead of Postgres. */
  readonly redisUrl: string | undefined
  /** Scripted milliseconds of GitHub runs per real one. */
  readonly speed: number
  /** Runs a step of the set-up, telling the person what it is and, at its end, how long it took. */
  readonly step: <T>(what: string, work: () => Promise<T>) => Promise<T>
  readonly onDeath: (name: ProcessName, lastWords: readonly string[]) => void
}

/** Builds it up, telling each step; `close` takes it down backwards. What was begun is taken down when a step fails. */
export async function openStage({home, redisUrl, speed, step, onDeath}: StageOptions): Promise<Stage> {
  const closers: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer().catch(() => undefined)
  }
  try {
    mkdirSync(home, {recursive: true})
    const postgres = await step(
      `Postgres (${existsSync(join(home, 'postgres-port')) ? 'embedded' : 'embedded, first start'})`,
      async () => {
        const server = await startEmbeddedPostgres({home, log: silentLogger})
        closers.push(() => server.stop())
        if (!server.ownsServer) {
          throw new AppError(
            'CONFLICT',
            `Another demo is using ${home}. End it, or set SIGNALBOX_HOME to another folder for this one.`,
          )
        }
        return server
      },
    )
    const databaseUrl = await step('Database', async () => {
      const url = await freshDatabase(postgres.url)
      await migrate({databaseUrl: url, queueOnPostgres: redisUrl === undefined, log: silentLogger})
      return url
    })
    const {discord, github, linear, mailbox, cast} = await step(
      'Emulators: Discord, GitHub, Linear, mailbox',
      async () => {
        const services = {
          discord: await startDiscordEmulator(),
          github: await startGithubEmulator({speed}),
          linear: await startLinearEmulator(),
          mailbox: await startMailbox(),
        }
        closers.push(
          () => services.mailbox.close(),
          () => services.linear.close(),
          () => services.github.close(),
          () => services.discord.close(),
        )
        return {...services, cast: castInto(services)}
      },
    )

    const config = join(home, 'signalbox.yaml')
    writeFileSync(config, configurationFor(cast))
    const webhookSecret = randomBytes(24).toString('hex')
    const httpPort = await freePort()
    linear.webhooks({url: `http://127.0.0.1:${httpPort}/webhooks/linear`, secret: webhookSecret})
    github.webhooks({
      url: `http://127.0.0.1:${httpPort}/webhooks/github`,
      secret: webhookSecret,
      events: ['workflow_run', 'workflow_job'],
    })
    const product = createProduct({
      folder: home,
      onDeath,
      environment: {
        ...passedOn(),
        ...(redisUrl === undefined ? {} : {REDIS_URL: redisUrl}),
        DATABASE_URL: databaseUrl,
        SIGNALBOX_HOME: home,
        SIGNALBOX_CONFIG: config,
        HTTP_PORT: String(httpPort),
        DISCORD_API_URL: discord.url,
        DISCORD_TOKEN: discord.botToken,
        DISCORD_APPLICATION_ID: discord.applicationId,
        DISCORD_GUILD_ID: discord.guildId,
        GITHUB_API_URL: github.url,
        GITHUB_TOKEN: github.token({login: 'signalbox'}),
        GITHUB_REPOSITORY: REPOSITORY,
        GITHUB_WEBHOOK_SECRET: webhookSecret,
        PUBLIC_URL: `http://127.0.0.1:${httpPort}`,
        LINEAR_API_URL: linear.url,
        LINEAR_API_KEY: linear.key(),
        LINEAR_WEBHOOK_SECRET: webhookSecret,
        LINEAR_APPROVAL_HUB_ISSUE_ID: cast.hub,
        SMTP_HOST: mailbox.host,
        SMTP_PORT: String(mailbox.port),
        SMTP_TLS: 'false',
        NOTIFICATION_EMAIL_FROM: 'Signalbox <signalbox@acme.test>',
        NOTIFICATION_EMAIL_TO: 'team@acme.test',
        ADMIN_USER_IDS: cast.ada.id,
        ALLOW_SECRET_WRITES: 'true',
        ENABLE_DEBUG_CMD: 'true',
        RUN_POLL_INTERVAL_MS: '1000',
        // So that a dead worker's work is taken over while one watches.
        WORKER_LEASE_MS: '2000',
      },
    })
    closers.push(() => product.stop())
    await step('Bot and worker', async () => {
      await Promise.all([product.start('bot'), product.start('worker')])
      await discord.waitForGateway()
    })
    return {discord, github, linear, mailbox, cast, product, home, close}
  } catch (error) {
    await close()
    throw error
  }
}

/**
 * A database of its own for each showing: the emulated people and runs of the last one are gone with its process,
 * and what it left half done would be carried on in a world that knows nothing of it. The latest stays to be read.
 */
async function freshDatabase(serverUrl: string): Promise<string> {
  const name = `demo_${Date.now().toString(36)}`
  const client = new pg.Client({connectionString: serverUrl})
  await client.connect()
  try {
    const {rows} = await client.query<{datname: string}>(
      `select datname from pg_database where datname like 'demo\\_%'`,
    )
    for (const {datname} of rows)
      await client.query(`drop database ${pg.escapeIdentifier(datname)} with (force)`)
    await client.query(`create database ${pg.escapeIdentifier(name)}`)
  } finally {
    await client.end()
  }
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}

/** Chosen beforehand and kept, so that GitHub finds the product again after it was killed. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const {port} = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** What any program needs. Nothing else of the environment: no real token must ever meet an emulator, or the reverse. */
function passedOn(): Record<string, string> {
  const names = [
    'PATH',
    'HOME',
    'USER',
    'TMPDIR',
    'TEMP',
    'TMP',
    'LANG',
    'LC_ALL',
    'TZ',
    'SystemRoot',
    'LD_LIBRARY_PATH',
  ]
  return Object.fromEntries(
    names.flatMap(name => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  )
}
