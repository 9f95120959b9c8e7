import {inspect} from 'node:util'
import pg from 'pg'
import {afterEach, describe, expect, test} from 'vitest'
import {syncCommands} from '../../src/bot/registration.ts'
import {createDiscordApi} from '../../src/integrations/discord/api.ts'
import {createLogger} from '../../src/platform/logger.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {createRedactor} from '../../src/platform/redact.ts'
import {loadFolder} from '../../src/runtime/load-plugins.ts'
import type {CommandDefinition} from '../../src/sdk/index.ts'
import {openWorld, type World} from '../support/world.ts'

let world: World
let pool: pg.Pool | undefined
afterEach(async () => {
  await pool?.end()
  pool = undefined
  await world.close()
})

const names = () => world.discord.registrations.map(command => command.name).sort()
const puts = () => world.discord.requests.filter(request => request.name === 'registerCommands').length
const lists = () => world.discord.requests.filter(request => request.name === 'listCommands').length
const declared = await loadFolder<CommandDefinition>('commands', command => command.name)
const ALL = [...declared.keys()].sort()

/** `npm run commands:sync`, and what a start does, with the commands given. */
async function sync(commands: Iterable<CommandDefinition>, force = false, token = world.discord.botToken) {
  pool ??= createPool({connectionString: world.database.url, onError: () => undefined})
  return syncCommands({
    commands,
    discord: createDiscordApi({
      apiUrl: world.discord.url,
      applicationId: world.discord.applicationId,
      token,
    }),
    guildId: world.discord.guildId,
    db: pool,
    log: createLogger({level: 'error', redactor: createRedactor([]), destination: {write: () => undefined}}),
    force,
  })
}

describe('slash commands', () => {
  test('are sent once, and never again by restarts or further sessions while they stay the same', async () => {
    world = await openWorld()
    expect(names()).toEqual(ALL)
    expect(puts()).toBe(1)
    await world.startMore({ROLES: 'bot'})
    await world.startMore({ROLES: 'bot'})
    expect(puts()).toBe(1)
    expect(lists()).toBe(1)
  })

  test('go to the guild when one is configured, and to everybody when none is: never to both, where each would show twice', async () => {
    world = await openWorld()
    const sent = () =>
      world.discord.requests
        .filter(request => request.name === 'registerCommands')
        .map(request => `${request.route} ${(request.body as readonly unknown[]).length}`)
    const guild = '/applications/:application/guilds/:guild/commands'
    expect(sent()).toEqual([`${guild} ${ALL.length}`])
    await world.startMore({ROLES: 'bot', DISCORD_GUILD_ID: ''})
    const moved = [
      `${guild} ${ALL.length}`,
      `/applications/:application/commands ${ALL.length}`,
      `${guild} 0`,
    ]
    expect(sent()).toEqual(moved)
    expect(names()).toEqual(ALL)
    await world.startMore({ROLES: 'bot', DISCORD_GUILD_ID: ''})
    expect(sent()).toEqual(moved)
  })

  test('that changed are named, sent once, and the rest stays as it is', async () => {
    world = await openWorld()
    const changed = [...declared.values()]
      .filter(command => command.name !== 'agents')
      .map(command => (command.name === 'status' ? {...command, description: 'Something else'} : command))
    expect(await sync(changed)).toEqual({added: [], changed: ['status'], removed: ['agents']})
    expect(names()).toEqual(ALL.filter(name => name !== 'agents'))
    expect(puts()).toBe(2)
    expect(await sync(changed)).toBe('unchanged')
    expect(puts()).toBe(2)
    expect(await sync(declared.values())).toEqual({added: ['agents'], changed: ['status'], removed: []})
    expect(names()).toEqual(ALL)
  })

  test('that Discord already has are only looked at, though we know nothing of having sent them', async () => {
    world = await openWorld()
    const client = new pg.Client({connectionString: world.database.url})
    await client.connect()
    await client.query('truncate command_registrations')
    await client.end()
    expect(await sync(declared.values())).toBe('unchanged')
    expect(puts()).toBe(1)
    expect(lists()).toBe(2)
  })

  test('wait as long as Discord asks, and are then sent once', async () => {
    world = await openWorld({roles: 'api'})
    world.discord.misbehave({route: 'registerCommands', kind: 'rateLimited', retryAfterMs: 200})
    expect(await sync(declared.values())).toMatchObject({added: ALL})
    expect(names()).toEqual(ALL)
    expect(await sync(declared.values())).toBe('unchanged')
  })

  test('with a token that Discord does not take are asked for once, and what is thrown has no token in it', async () => {
    world = await openWorld({roles: 'api'})
    const asked = () => world.discord.requests.length
    const before = asked()
    const error: unknown = await sync(declared.values(), false, 'a-token-nobody-knows').catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toMatchObject({status: 401})
    expect(inspect(error, {depth: 5})).not.toContain('a-token-nobody-knows')
    expect(asked() - before).toBe(1)
    expect(names()).toEqual([])
  })

  test('that somebody else overwrote come back when asked for by force', async () => {
    world = await openWorld()
    const discord = createDiscordApi({
      apiUrl: world.discord.url,
      applicationId: world.discord.applicationId,
      token: world.discord.botToken,
    })
    await discord.registerCommands([{name: 'intruder', description: 'Not ours'}], world.discord.guildId)
    expect(await sync(declared.values())).toBe('unchanged')
    expect(await sync(declared.values(), true)).toEqual({added: ALL, changed: [], removed: ['intruder']})
    expect(names()).toEqual(ALL)
  })
})
