import pg from 'pg'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import type {Conversation, MessageView} from '../../src/emulators/discord/index.ts'
import {startProcess, type ProductProcess} from '../support/processes.ts'
import {openWorld, type World} from '../support/world.ts'

/** Longer than a bot may be at it before the sweep gives its command up. */
const SWEPT_WITHIN_MS = 30_000

let world: World
const processes: ProductProcess[] = []
beforeEach(async () => {
  world = await openWorld({roles: 'worker'})
})
afterEach(async () => {
  await Promise.all(processes.splice(0).map(each => each.kill('SIGKILL')))
  await world.close()
})

const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`
const isInterrupted = ({reply}: Conversation) => textOf(reply()).includes('was interrupted')

async function launch(name: string, env: Readonly<Record<string, string>>): Promise<ProductProcess> {
  const started = await startProcess({name, env: {...world.env, ...env}})
  processes.push(started)
  return started
}

async function launchBot(): Promise<ProductProcess> {
  const bot = await launch('bot', {ROLES: 'bot'})
  await world.discord.waitForGateway()
  return bot
}

/** Does it at the very moment at which Discord shows "thinking…", when nothing can have been recorded yet. */
function whenAcknowledged(act: () => void): void {
  const stop = world.discord.on(change => {
    if (change.kind !== 'interaction.acknowledged') return
    stop()
    act()
  })
}

async function countCommands(): Promise<number> {
  const client = new pg.Client({connectionString: world.database.url})
  await client.connect()
  const {rows} = await client.query<{n: number}>('select count(*)::int as n from invocations')
  await client.end()
  return rows[0]?.n ?? -1
}

/**
 * Lets no command be recorded. What was waiting to be, when it is lifted, is lost with its connection: Postgres would
 * carry out what a process asked for in its last moment.
 */
async function holdRecords(): Promise<() => Promise<void>> {
  const client = new pg.Client({connectionString: world.database.url})
  await client.connect()
  await client.query('begin')
  await client.query('lock table invocations in share row exclusive mode')
  return async () => {
    await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock' and query like '%insert into invocations%'`,
    )
    await client.query('commit')
    await client.end()
  }
}

async function nothingWasStarted(): Promise<void> {
  expect(await countCommands()).toBe(0)
  expect(world.github.count('dispatch')).toBe(0)
}

describe('a command whose bot goes away between acknowledging and recording it', () => {
  test('killed: the person is told that nothing was started, and running it again works', async () => {
    const bot = await launchBot()
    whenAcknowledged(() => void bot.kill('SIGKILL'))
    const talk = await world.ada.runs('/deploy-client wait:true')
    await talk.acknowledged()
    expect(talk.failed).toBeUndefined()

    await talk.settled(isInterrupted, {timeoutMs: SWEPT_WITHIN_MS})
    expect(textOf(talk.reply())).toMatch(
      /^❌ \/deploy-client was interrupted\nnothing was started · code INTERRUPTED · `[0-9a-f-]{36}`\nrun the command again; if it stays, give an admin this id$/,
    )
    expect(talk.reply()?.pings).toEqual([])
    await nothingWasStarted()

    await launchBot()
    const again = await world.ada.runs('/deploy-client wait:true')
    await again.settled(({reply}) => reply()?.content.startsWith('🟢'), {timeoutMs: 25_000})
    expect(world.github.count('dispatch')).toBe(1)
    expect(talk.reply()?.content).toBe('❌ /deploy-client was interrupted')
  })

  test('frozen, and awake again after the person was told: it starts nothing any more', async () => {
    const bot = await launchBot()
    whenAcknowledged(() => bot.pause())
    const talk = await world.ada.runs('/deploy-client wait:true')
    await talk.settled(isInterrupted, {timeoutMs: SWEPT_WITHIN_MS})
    await nothingWasStarted()

    const told = textOf(talk.reply())
    bot.resume()
    await bot.logged('command came too late to be recorded; nothing was started')
    await nothingWasStarted()
    expect(textOf(talk.reply())).toBe(told)

    // The bot is as good as new.
    const again = await world.ada.runs('/deploy-client wait:true')
    await again.settled(({reply}) => reply()?.content.startsWith('🟢'), {timeoutMs: 25_000})
    expect(world.github.count('dispatch')).toBe(1)
  })

  test('killed behind the interactions endpoint, with a private answer: told the same, alone', async () => {
    const api = await launch('api', {ROLES: 'api', DISCORD_PUBLIC_KEY: world.discord.publicKey})
    const {url} = (await api.logged('listening')) as {url: string}
    await launchBot()
    await world.discord.useInteractionsEndpoint(`${url}/discord/interactions`)
    const letRecord = await holdRecords()
    const talk = await world.bob.runs('/help')
    await talk.acknowledged()
    await api.kill('SIGKILL')
    await letRecord()
    await talk.settled(isInterrupted, {timeoutMs: SWEPT_WITHIN_MS})
    expect(talk.ephemeral).toBe(true)
    expect(await countCommands()).toBe(0)
  })
})
