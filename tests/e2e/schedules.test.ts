import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import pg from 'pg'
import {afterEach, describe, expect, test} from 'vitest'
import type {MessageView} from '../../src/emulators/discord/index.ts'
import {createQueues, type Queues} from '../../src/platform/queue.ts'
import {installationOf} from '../support/redis.ts'
import {DEFAULT_YAML, openWorld, type World} from '../support/world.ts'

let world: World
const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  await world.close()
})

const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`

/** The product's own queues, seen from beside; on Redis they lie under the installation's name. */
async function queuesOf({env, database}: World): Promise<Queues> {
  const log = {warn: () => undefined}
  const {REDIS_URL: redisUrl} = env
  const queues = createQueues(
    redisUrl === undefined
      ? {databaseUrl: database.url, log}
      : {redisUrl, log, prefix: await installationOf(database.url)},
  )
  closers.push(() => queues.close())
  return queues
}

async function firingsOf({database}: World): Promise<readonly {status: string; options: {period: string}}[]> {
  const client = new pg.Client({connectionString: database.url})
  await client.connect()
  try {
    const {rows} = await client.query<{status: string; options: {period: string}}>(
      `select status, options from invocations where source = 'schedule' order by created_at`,
    )
    return rows
  } finally {
    await client.end()
  }
}

async function configured(digests: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'signalbox-digests-'))
  closers.push(() => rm(folder, {recursive: true, force: true}))
  const file = join(folder, 'signalbox.yaml')
  await writeFile(file, `${DEFAULT_YAML}\n${digests}\n`)
  return file
}

/** Fires once, `inMs` from now: second, minute and hour of that moment, in UTC. */
function onceIn(inMs: number): string {
  const at = new Date(Date.now() + inMs)
  return `${at.getUTCSeconds()} ${at.getUTCMinutes()} ${at.getUTCHours()} * * *`
}

describe('a scheduled digest', () => {
  test('is posted once in its channel when its time comes, though two workers wait for it', async () => {
    world = await openWorld()
    const {id: channel} = world.discord.channel('deploys')
    const env = {
      ROLES: 'worker',
      SIGNALBOX_CONFIG: await configured(
        `digests: [{cron: "${onceIn(6000)}", channel: "${channel}", period: weekly}]`,
      ),
    }
    await Promise.all([world.startMore(env), world.startMore(env)])
    const post = await world.discord.eventually(
      () =>
        world.discord
          .channel('deploys')
          .messages()
          .find(message => message.content.startsWith('📊 Last 7 Days')),
      {what: 'the digest', timeoutMs: 20_000},
    )
    expect(textOf(post)).toMatch(/on schedule · `[0-9a-f]{8}…`/)
    expect(post?.pings).toEqual([])
    expect(await firingsOf(world)).toEqual([{status: 'succeeded', options: {period: 'weekly'}}])
    expect(world.discord.channel('deploys').history()).toHaveLength(1)
    expect(world.discord.channel('general').messages()).toEqual([])
  })

  test('whose job is delivered twice is posted once', async () => {
    world = await openWorld()
    const {id: channel} = world.discord.channel('deploys')
    const queues = await queuesOf(world)
    const data = {period: 'daily', channel, schedule: 'digest-daily'}
    const id = `repeat-digest-${Date.now()}`
    await queues.add({queue: 'schedules', name: 'digest', data, id})
    await expect
      .poll(async () => (await firingsOf(world)).map(each => each.status), {timeout: 15_000})
      .toEqual(['succeeded'])
    // As a stalled job would be: the same one, once more.
    await queues.add({queue: 'schedules', name: 'digest', data, id})
    await queues.add({
      queue: 'schedules',
      name: 'digest',
      data: {...data, period: 'weekly'},
      id: `${id}-next`,
    })
    await expect.poll(async () => (await firingsOf(world)).length, {timeout: 15_000}).toBe(2)
    await expect
      .poll(
        () =>
          world.discord
            .channel('deploys')
            .messages()
            .map(message => message.content),
        {timeout: 15_000},
      )
      .toEqual(['📊 Last 24 Hours', '📊 Last 7 Days'])
  })

  test('without a channel of its own goes to DISCORD_STATUS_CHANNEL_ID', async () => {
    world = await openWorld()
    await world.startMore({
      ROLES: 'worker',
      DISCORD_STATUS_CHANNEL_ID: world.discord.channel('status').id,
      SIGNALBOX_CONFIG: await configured(`digests: [{cron: "${onceIn(6000)}"}]`),
    })
    await world.discord.eventually(
      () =>
        world.discord
          .channel('status')
          .messages()
          .find(message => message.content.startsWith('📊')),
      {what: 'the digest', timeoutMs: 20_000},
    )
  })
})

describe('schedules follow the configuration', () => {
  const idsOf = async (queues: Queues) =>
    (await queues.schedules('schedules')).map(({when}) => Object.values(when).join(' ')).sort()
  const daily = async (queues: Queues) =>
    (await queues.schedules('schedules')).find(({when}) => 'cron' in when && when.cron === '0 16 * * *')

  test('a removed one is gone after the next start, an added one is there, a kept one stays as it was', async () => {
    world = await openWorld()
    const queues = await queuesOf(world)
    expect(await idsOf(queues)).toEqual([])
    const first = await world.startMore({
      ROLES: 'worker',
      SIGNALBOX_CONFIG: await configured(`digests:
  - {cron: "0 16 * * *", channel: "333333333333333333"}
  - {cron: "30 8 * * mon", timezone: Europe/Zurich, channel: "333333333333333333", period: weekly}`),
    })
    expect(await idsOf(queues)).toEqual(['0 16 * * * UTC', '30 8 * * mon Europe/Zurich'])
    const kept = await daily(queues)
    await first.stop()

    await world.startMore({
      ROLES: 'worker',
      SIGNALBOX_CONFIG: await configured(`digests:
  - {cron: "0 16 * * *", channel: "333333333333333333"}
  - {cron: "0 9 * * *", channel: "333333333333333333"}`),
    })
    expect(await idsOf(queues)).toEqual(['0 16 * * * UTC', '0 9 * * * UTC'])
    expect(await daily(queues)).toEqual(kept)
  })

  // Two that differ in nothing but a step, or in nothing but the time zone, share an id today.
  test('two that differ only in a step or in the time zone are two', async () => {
    world = await openWorld()
    await world.startMore({
      ROLES: 'worker',
      SIGNALBOX_CONFIG: await configured(`digests:
  - {cron: "0 5 * * *", channel: "333333333333333333"}
  - {cron: "0 */5 * * *", channel: "333333333333333333"}
  - {cron: "0 5 * * *", timezone: Asia/Tokyo, channel: "333333333333333333"}`),
    })
    expect(await idsOf(await queuesOf(world))).toEqual([
      '0 */5 * * * UTC',
      '0 5 * * * Asia/Tokyo',
      '0 5 * * * UTC',
    ])
  })
})
