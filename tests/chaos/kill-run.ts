import {setTimeout as sleep} from 'node:timers/promises'
import {expect} from 'vitest'
import type {Conversation} from '../../src/emulators/discord/index.ts'
import {startProcess, type ProductProcess} from '../support/processes.ts'
import {openWorld, WEBHOOK_SECRET, type World} from '../support/world.ts'
import {openRecords, type Records} from './records.ts'
import {testRedisUrl} from '../support/redis.ts'
import {titleOf, type Scenario} from './scenario.ts'
import {describeSight, isVerdict, SIGNS, type Sight} from './sights.ts'

/**
 * How a deploy came out for the person who asked. `followed`: to its verdict. `unheard`: the bot died before it
 * acknowledged, and Discord said so. `interrupted`: it died between acknowledging and recording, and the sweep said
 * so. In the last two nothing was started.
 */
export type Ending = 'followed' | 'unheard' | 'interrupted'

export interface Played {
  readonly ending: Ending
  /** False when the phase never came: a run is listed, say, only when the bot lived to ask for it. */
  readonly killed: boolean
  readonly tookMs: number
}

const INTERRUPTED = '❌ /deploy-client was interrupted'
const ENDS_WITHIN_MS = 90_000
/** Longer than a stalled job, a sweep and a repeated edit take: what comes twice has come by then. */
const QUIET_MS = 2_500

type Role = 'worker' | 'bot' | 'api'

/**
 * Plays one scenario in a world of its own, with a process for each role and a supervisor who starts again what was
 * killed, and checks what must hold whatever died when. Throws with the timeline and how to replay it.
 */
export async function play(scenario: Scenario): Promise<Played> {
  const began = Date.now()
  const timeline: string[] = []
  const note = (what: string) => void timeline.push(`${String(Date.now() - began).padStart(6)} ms  ${what}`)
  const world = await openWorld({
    roles: 'api',
    queue: scenario.queue === 'redis' && testRedisUrl() !== undefined ? 'redis' : 'postgres',
    // Registered when the api that takes them in is up.
    webhooks: false,
    github: {speed: 10, apiFlavour: scenario.flavour, listingDelayMs: scenario.listingDelayMs},
    env: {
      WORKER_LEASE_MS: '1000',
      RUN_WATCH_TIMEOUT_MS: '60000',
    },
  })
  const records = await openRecords(world.database.url)
  const supervisor = createSupervisor(world, scenario, note)
  try {
    furnish(world, scenario)
    // Only its stage is wanted: from here on the product runs in processes of its own.
    await world.app.stop()
    await Promise.all([supervisor.start('worker'), supervisor.start('bot'), supervisor.start('api')])
    await world.discord.waitForGateway()
    supervisor.lieInWait()
    const talk = await world.ada.runs('/deploy-client wait:true')
    const ending = await conclude({world, records, talk, supervisor})
    await sleep(QUIET_MS)
    await supervisor.settled()
    await check({world, records, talk, scenario, ending, completedAt: supervisor.completedAt()})
    return {ending, killed: supervisor.hasKilled(), tookMs: Date.now() - began}
  } catch (error) {
    throw new Error(
      [
        titleOf(scenario),
        error instanceof Error ? error.message : String(error),
        ...timeline,
        `Replay: npm run chaos -- --runs 1 --seed ${scenario.seed}`,
      ].join('\n'),
      {cause: error},
    )
  } finally {
    await supervisor.close()
    await records.close()
    await world.close()
  }
}

/** Starts the processes, kills the victims when their phase comes, and starts them again at once. */
function createSupervisor(
  world: World,
  {phase, victim, apiToo, jitterMs, webhooks}: Scenario,
  note: (what: string) => void,
) {
  const victims: readonly Role[] = [
    ...(victim === 'both' ? (['worker', 'bot'] as const) : [victim]),
    ...(apiToo ? (['api'] as const) : []),
  ]
  const running = new Map<Role, ProductProcess>()
  const lives = {worker: 0, bot: 0, api: 0}
  let waiting = false
  let fuse: NodeJS.Timeout | undefined
  let recovery: Promise<void> | undefined
  let completedAt: number | undefined

  async function start(role: Role): Promise<void> {
    const name = `${role}-${++lives[role]}`
    const onLog = (line: Readonly<Record<string, unknown>>) => see({of: 'log', process: name, line})
    const started = await startProcess({name, env: {...world.env, ROLES: role}, onLog})
    running.set(role, started)
    if (role !== 'api' || !webhooks) return
    const {url} = (await started.logged('listening')) as {readonly url: string}
    world.github.webhooks({url: `${url}/webhooks/github`, secret: WEBHOOK_SECRET})
  }

  async function killAndRestart(): Promise<void> {
    note(`SIGKILL to ${victims.join(' and ')}`)
    await Promise.all(victims.map(async role => running.get(role)?.kill('SIGKILL')))
    await Promise.all(victims.map(start))
    note(`${victims.join(' and ')} started again`)
  }

  function kill(): void {
    recovery = killAndRestart()
    // Awaited in `settled`; until then its failure must not count as unhandled.
    recovery.catch(() => undefined)
  }

  function see(sight: Sight): void {
    const words = describeSight(sight)
    if (words !== undefined) note(words)
    if (SIGNS['run completed'](sight)) completedAt ??= Date.now()
    if (!waiting || !SIGNS[phase](sight)) return
    waiting = false
    note(`*** ${phase}`)
    if (jitterMs === 0) kill()
    else fuse = setTimeout(kill, jitterMs)
  }
  world.discord.on(change => see({of: 'discord', change}))
  world.github.on(change => see({of: 'github', change}))

  return {
    start,
    lieInWait: () => void (waiting = true),
    hasKilled: () => recovery !== undefined,
    /** Whether the bot was killed: only then may a command go unheard. */
    hasKilledBot: () => recovery !== undefined && victims.includes('bot'),
    completedAt: () => completedAt,
    /** Resolves when what was killed runs again; rejects when it does not start. */
    async settled(): Promise<void> {
      await recovery
    },
    async close(): Promise<void> {
      clearTimeout(fuse)
      await recovery?.catch(() => undefined)
      await Promise.all([...running.values()].map(each => each.kill('SIGKILL')))
    },
  }
}

async function conclude({
  world,
  records,
  talk,
  supervisor,
}: {
  readonly world: World
  readonly records: Records
  readonly talk: Conversation
  readonly supervisor: ReturnType<typeof createSupervisor>
}): Promise<Ending> {
  const deadline = Date.now() + ENDS_WITHIN_MS
  for (;;) {
    const all = await records.all()
    if (all.length > 0 && all.every(record => record.over)) return 'followed'
    if (all.length === 0 && supervisor.hasKilledBot()) {
      // Looked up again once the old bot is gone for certain: it may have recorded in its last moment.
      await supervisor.settled()
      const nothing = (await records.all()).length === 0
      if (nothing && talk.failed !== undefined) return 'unheard'
      if (nothing && talk.reply()?.content === INTERRUPTED) return 'interrupted'
    }
    if (Date.now() > deadline)
      throw new Error(
        `Nothing was final after ${ENDS_WITHIN_MS} ms: ${JSON.stringify(all)}, interaction ${talk.interaction.state}, ${world.github.repository('acme/web').runs.length} run(s)`,
      )
    await sleep(100)
  }
}

/** What must hold in the end, whatever died when. */
async function check({
  world,
  records,
  talk,
  scenario,
  ending,
  completedAt,
}: {
  readonly world: World
  readonly records: Records
  readonly talk: Conversation
  readonly scenario: Scenario
  readonly ending: Ending
  readonly completedAt: number | undefined
}): Promise<void> {
  const {discord, github} = world
  const {runs} = github.repository('acme/web')
  const messages = discord.channel('general').history()
  const firsts = messages.filter(message => message.interactionId === talk.interactionId)
  const others = messages.filter(message => message.interactionId !== talk.interactionId)
  const tookEffect = github.count('dispatch', ({status = 500}) => status < 300)

  if (ending !== 'followed') {
    expect(await records.all(), 'commands recorded').toEqual([])
    expect(runs, 'runs at GitHub').toEqual([])
    expect(github.count('dispatch'), 'dispatches').toBe(0)
    expect(
      firsts.map(message => message.content),
      'first messages',
    ).toEqual(ending === 'interrupted' ? [INTERRUPTED] : [])
    expect(others, 'further messages').toEqual([])
    return
  }

  const [record, ...more] = await records.all()
  expect(more, 'further commands').toEqual([])
  expect(record).toMatchObject({
    over: true,
    status: scenario.outcome === 'success' ? 'succeeded' : 'failed',
    phase: 'finished',
    verdict: {kind: 'concluded', conclusion: scenario.outcome},
    closing: 'posted',
    undeliverable: null,
  })
  expect(await records.outbox(), 'outbox rows').toBe(0)

  expect(
    runs.map(run => run.conclusion),
    'runs at GitHub',
  ).toEqual([scenario.outcome])
  expect(runs[0]?.displayTitle).toContain(record?.id)
  expect(tookEffect, 'dispatches that took effect').toBe(1)

  expect(talk.failed, 'told that the application did not respond').toBeUndefined()
  const verdict =
    scenario.outcome === 'success' ? '🟢 client → development · success' : '🔴 client → development · failed'
  expect(
    firsts.map(message => message.content),
    'first messages',
  ).toEqual([expect.stringContaining(verdict)])
  expect(
    others.map(message => message.content),
    'closing messages',
  ).toEqual([expect.stringContaining(verdict)])
  expect(others[0]?.replyTo).toBe(firsts[0]?.id)
  // Not even for a moment does a message tell an end that is not the run's.
  const told = [...firsts, ...others]
    .flatMap(message => message.versions)
    .filter(({content}) => isVerdict(content))
  expect(
    told.filter(({content, at}) => !content.startsWith(verdict) || at < (completedAt ?? Infinity)),
  ).toEqual([])
}

/** Some seconds of work, long enough to die in any moment of it. */
function furnish({github}: World, {outcome}: Scenario): void {
  const upload =
    outcome === 'success'
      ? {name: 'Upload to bucket', ms: 5_000}
      : {
          name: 'Upload to bucket',
          ms: 5_000,
          conclusion: 'failure' as const,
          log: ['AccessDenied: not authorized to perform s3:PutObject'],
        }
  github.repository('acme/web').workflow('client-deploy.yml', {
    name: 'Client Deploy',
    inputs: {correlation_id: {required: true}, requester: {required: true}, VITE_API_BASE: {}},
    jobs: [
      {name: 'build', steps: [{name: 'Build', ms: 6_000}]},
      {name: 'deploy', needs: ['build'], steps: [upload]},
    ],
  })
}
