import {chmodSync, mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterEach, describe, expect, test} from 'vitest'
import type {Conversation} from '../../src/emulators/discord/index.ts'
import {startEmbeddedPostgres} from '../../src/platform/embedded-postgres.ts'
import {startProcess, type ProductProcess} from '../support/processes.ts'
import {openWorld, type World, type WorldOptions} from '../support/world.ts'
import {openRecords} from './records.ts'

let world: World
const leftovers: (() => Promise<void>)[] = []
const open = async (options: WorldOptions = {}) => (world = await openWorld(options))
afterEach(async () => {
  await world.close()
  for (const clean of leftovers.splice(0).reverse()) await clean()
})

/** A deploy that takes some seconds, so that there is a middle for the outage to fall into. */
function slowDeploy(): void {
  world.github.repository('acme/web').workflow('client-deploy.yml', {
    name: 'Client Deploy',
    inputs: {correlation_id: {required: true}, requester: {required: true}, VITE_API_BASE: {}},
    jobs: [
      {name: 'build', steps: [{name: 'Build', ms: 40_000}]},
      {name: 'deploy', needs: ['build'], steps: [{name: 'Upload', ms: 20_000}]},
    ],
  })
}

async function deployIsWatched(): Promise<Conversation> {
  const talk = await world.ada.runs('/deploy-client wait:true')
  return talk.settled(({reply}) => reply()?.content.includes('deploying'), {timeoutMs: 15_000})
}

/** Waits for the end and checks that it was told once, by one run, in two messages. */
async function endsWell(talk: Conversation, databaseUrl = world.database.url): Promise<void> {
  const records = await openRecords(databaseUrl)
  leftovers.push(() => records.close())
  await talk.settled(({reply}) => reply()?.content.startsWith('🟢 client → development · success'), {
    timeoutMs: 45_000,
  })
  const closings = () =>
    world.discord
      .channel('general')
      .history()
      .filter(message => message.replyTo === talk.reply()?.id)
  await world.discord.eventually(() => closings().length > 0, {
    what: 'the closing message',
    timeoutMs: 45_000,
  })
  await expect
    .poll(() => records.all(), {timeout: 30_000})
    .toMatchObject([{over: true, status: 'succeeded', closing: 'posted', undeliverable: null}])
  expect(closings().map(message => message.content)).toEqual([expect.stringContaining('🟢')])
  expect(world.github.repository('acme/web').runs.map(run => run.conclusion)).toEqual(['success'])
  expect(world.github.count('dispatch')).toBe(1)
}

describe('Postgres away in mid-watch', () => {
  test.each([
    {how: 'restarted', signal: 'SIGINT'},
    {how: 'crashed, its last unflushed words lost', signal: 'SIGQUIT'},
  ] as const)('$how: the deploy goes on where its record stands', async ({signal}) => {
    const home = mkdtempSync(join(tmpdir(), 'signalbox-outage-'))
    // The server's own account has to get in.
    chmodSync(home, 0o755)
    const quiet = {log: {warn: () => undefined}}
    const first = await startEmbeddedPostgres({home, ...quiet})
    leftovers.push(async () => rmSync(home, {recursive: true, force: true}))
    await open({queue: 'postgres', env: {DATABASE_URL: first.url}})
    slowDeploy()
    const talk = await deployIsWatched()

    process.kill(pidOf(home), signal)
    await world.discord.eventually(() => !isRunning(home), {what: 'Postgres to end', timeoutMs: 20_000})
    const second = await startEmbeddedPostgres({home, ...quiet})
    leftovers.push(() => second.stop())
    expect(second.port).toBe(first.port)

    await endsWell(talk, second.url)
  })
})

function pidOf(home: string): number {
  return Number(readFileSync(join(home, 'postgres', 'data', 'postmaster.pid'), 'utf8').split('\n')[0])
}

function isRunning(home: string): boolean {
  try {
    process.kill(pidOf(home), 0)
    return true
  } catch {
    return false
  }
}

describe('Discord having a bad time', () => {
  test('edits answered with 5xx, 429 or not at all: the message catches up with the truth', async () => {
    await open()
    slowDeploy()
    const {discord} = world
    discord.misbehave({route: 'editOriginal', kind: 'serverError', status: 503, times: 3})
    discord.misbehave({route: 'editOriginal', kind: 'rateLimited', retryAfterMs: 400, times: 2})
    discord.misbehave({route: 'editOriginal', kind: 'dropAfter', times: 2})
    const talk = await world.ada.runs('/deploy-client wait:true')
    await endsWell(talk)
    const faults = discord.requests.filter(({name}) => name === 'editOriginal').map(({fault}) => fault)
    expect(faults).toEqual(expect.arrayContaining(['serverError', 'rateLimited', 'dropAfter']))
  })

  test('the closing post took effect but its answers were lost: posted again under its nonce, it appears once', async () => {
    await open()
    const {discord} = world
    discord.misbehave({route: 'createMessage', kind: 'serverError', status: 502})
    discord.misbehave({route: 'createMessage', kind: 'rateLimited', retryAfterMs: 300})
    discord.misbehave({route: 'createMessage', kind: 'dropAfter', times: 4})
    const talk = await world.ada.runs('/deploy-client wait:true')
    await endsWell(talk)
    const posts = discord.requests.filter(({name}) => name === 'createMessage')
    expect(posts.filter(({fault}) => fault === 'dropAfter')).toHaveLength(4)
    expect(new Set(posts.map(({body}) => (body as {nonce: string}).nonce)).size).toBe(1)
  })
})

describe('GitHub having a bad time', () => {
  test('502s for a while: followed to the end all the same, and nothing false said meanwhile', async () => {
    await open({webhooks: false})
    slowDeploy()
    const talk = await deployIsWatched()
    world.github.misbehave({route: 'run', kind: 'serverError', times: 4})
    world.github.misbehave({route: 'jobs', kind: 'serverError', times: 4})
    await endsWell(talk)
    expect(talk.reply()?.versions.filter(({content}) => /⚠️|⏱️|🔴/u.test(content))).toEqual([])
  })
})

describe('the gateway', () => {
  test('a connection that breaks is resumed, and what people said meanwhile is heard', async () => {
    await open()
    slowDeploy()
    const {discord, ada} = world
    const deploy = await deployIsWatched()
    let resumed = 0
    discord.on(change => void (resumed += change.kind === 'gateway.resumed' ? 1 : 0))
    discord.misbehave({gateway: 'drop'})
    const question = await ada.runs('/agents')
    await question.settled(({reply}) => reply()?.loading === false, {timeoutMs: 10_000})
    expect(question.failed).toBeUndefined()
    expect(resumed).toBe(1)
    await deploy.settled(({reply}) => reply()?.content.startsWith('🟢'), {timeoutMs: 30_000})
  })

  test('two bots at once, as during a release: each command is taken once and answered once', async () => {
    await open()
    const {discord, ada} = world
    await world.startMore({ROLES: 'bot', INSTANCE_ID: 'second-bot'})
    await discord.waitForGateway({bots: 2})
    const talk = await ada.runs('/deploy-client wait:true')
    await endsWell(talk)
    const answers = discord.requests.filter(({name}) => name === 'callback').map(({status}) => status)
    expect(answers.toSorted()).toEqual([204, 400])
    const firsts = discord
      .channel('general')
      .history()
      .filter(message => message.interactionId === talk.interactionId)
    expect(firsts).toHaveLength(1)
  })
})

describe('a worker frozen between its word and its deed', () => {
  test('does not dispatch when it wakes up and another has taken over', async () => {
    await open({roles: 'bot,api', env: {WORKER_LEASE_MS: '500', RUN_DISCOVERY_TIMEOUT_MS: '1000'}})
    const env = {...world.env, ROLES: 'worker'}
    const frozen: ProductProcess = await startProcess({
      name: 'frozen',
      env,
      onLog: line => {
        if (line['event'] === 'dispatch-began') frozen.pause()
      },
    })
    leftovers.push(async () => void (await frozen.kill('SIGKILL')))
    const talk = await world.ada.runs('/deploy-client wait:true')
    await frozen.logged('deployment advanced')
    const second = await startProcess({name: 'second', env})
    leftovers.push(async () => void (await second.kill('SIGKILL')))
    await endsWell(talk)
    frozen.resume()
    await frozen.logged('another worker took this deployment over')
    // Whatever it had left to do it does at once.
    await sleep(1_000)
    expect(world.github.repository('acme/web').runs).toHaveLength(1)
  })
})
