import {once} from 'node:events'
import {createServer, type AddressInfo} from 'node:net'
import pg from 'pg'
import {startLinearEmulator, type LinearEmulator} from '../../src/emulators/linear/index.ts'
import {startMailbox, type Mailbox} from '../../src/emulators/mailbox/index.ts'
import type {Person} from '../../src/emulators/discord/index.ts'
import {chanceFrom} from '../support/chance.ts'
import {startProcess, type ProductProcess} from '../support/processes.ts'
import {openWorld, type World} from '../support/world.ts'

/** Those who may be involved: roles decide who counts for what. Mallory is nobody's principal. */
export const MEMBERS = {
  grace: ['developer'],
  ada: ['developer', 'tech_lead'],
  hugo: ['team_lead'],
  lin: ['tech_lead'],
  cleo: ['cto'],
} as const
export type Member = keyof typeof MEMBERS
const names = Object.keys(MEMBERS) as Member[]

/** A company whose approvals come in on every surface, with two workers that somebody keeps killing. */
export interface Council {
  readonly world: World
  readonly linear: LinearEmulator
  readonly mailbox: Mailbox
  readonly db: pg.Pool
  readonly apiUrl: string
  readonly kills: () => number
  member(name: Member | 'mallory'): Person
  /** Stops killing, and starts again what is down. */
  peace(): Promise<void>
  close(): Promise<void>
}

const LINEAR_SECRET = 'linear-secret-for-tests'
const KILL_EVERY_MS = 1500

/** One production target per lane, so that deploys of different lanes do not wait for one another. */
export async function openCouncil({
  lanes,
  seed,
}: {
  readonly lanes: number
  readonly seed: number
}): Promise<Council> {
  const linear = await startLinearEmulator({requestsPerHour: 1_000_000})
  const mailbox = await startMailbox()
  const hub = linear.issue('Approvals')
  const port = await freePort()
  const apiUrl = `http://127.0.0.1:${port}`
  const env = {
    HTTP_PORT: String(port),
    PUBLIC_URL: apiUrl,
    LINEAR_API_URL: linear.url,
    LINEAR_API_KEY: linear.key(),
    LINEAR_WEBHOOK_SECRET: LINEAR_SECRET,
    LINEAR_APPROVAL_HUB_ISSUE_ID: hub.identifier,
    SMTP_HOST: mailbox.host,
    SMTP_PORT: String(mailbox.port),
    SMTP_TLS: 'false',
    NOTIFICATION_EMAIL_FROM: 'signalbox@example.com',
    NOTIFICATION_EMAIL_TO: 'ops@example.com',
    APPROVAL_SWEEP_MS: '300',
    ...Object.fromEntries(names.map(name => [variableOf(name), tokenOf(name)])),
  }
  const world = await openWorld({
    yaml: configuration({lanes, linear}),
    env,
    // Started apart, and so that they can be killed.
    roles: 'bot,api',
  })
  linear.webhooks({url: `${apiUrl}/webhooks/linear`, secret: LINEAR_SECRET})
  const db = new pg.Pool({connectionString: world.database.url, max: 4})
  const members = new Map<string, Person>(
    [...names, 'mallory'].map(name => [name, world.discord.person(name, {id: discordId(name)})]),
  )

  const chance = chanceFrom(seed)
  const workers: ProductProcess[] = []
  let kills = 0
  let killing: NodeJS.Timeout | undefined
  let recovering: Promise<void> = Promise.resolve()
  const start = async (slot: number) =>
    void (workers[slot] = await startProcess({
      name: `worker-${slot}-${kills}`,
      env: {...world.env, ROLES: 'worker', HTTP_PORT: '0'},
    }))
  await Promise.all([start(0), start(1)])
  const strike = () => {
    recovering = recovering.then(async () => {
      const slot = chance.upTo(2)
      kills++
      await workers[slot]?.kill('SIGKILL')
      await start(slot)
      if (killing !== undefined) killing = setTimeout(strike, chance.upTo(KILL_EVERY_MS))
    })
  }
  killing = setTimeout(strike, KILL_EVERY_MS)

  const peace = async () => {
    clearTimeout(killing)
    killing = undefined
    await recovering
  }
  return {
    world,
    linear,
    mailbox,
    db,
    apiUrl,
    kills: () => kills,
    member: name => members.get(name) as Person,
    peace,
    async close() {
      await peace()
      await Promise.all(workers.map(worker => worker.kill('SIGKILL')))
      await db.end()
      await world.close()
      await Promise.all([linear.close(), mailbox.close()])
    },
  }
}

export function tokenOf(name: Member): string {
  return `token-of-${name}-0123456789abcdef0123456789`
}

export function addressOf(name: Member): string {
  return `${name}@example.com`
}

function variableOf(name: Member): string {
  return `TOKEN_OF_${name.toUpperCase()}`
}

function discordId(name: string): string {
  // Ada is in every world.
  if (name === 'ada') return '111111111111111111'
  const known = [...names, 'mallory'] as readonly string[]
  return `7000000000000000${String(known.indexOf(name)).padStart(2, '0')}`
}

function configuration({lanes, linear}: {readonly lanes: number; readonly linear: LinearEmulator}): string {
  const target = (service: string, environment: string) => ({
    repository: 'acme/web',
    workflow: 'client-deploy.yml',
    ref: 'main',
    environment,
    service,
  })
  return JSON.stringify({
    targets: Object.fromEntries(
      Array.from({length: lanes}, (_, lane) => [`lane-${lane}`, target(`lane-${lane}`, 'production')]),
    ),
    principals: names.map(name => ({
      id: name,
      discord: discordId(name),
      linear: linear.person(name).id,
      email: addressOf(name),
      tokenFrom: variableOf(name),
      roles: MEMBERS[name],
    })),
    access: {'deploy-client': {roles: ['developer']}},
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const {port} = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
