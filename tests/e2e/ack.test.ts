import pg from 'pg'
import {afterEach, describe, expect, test} from 'vitest'
import {openGateway} from '../../src/bot/gateway.ts'
import {startDiscordEmulator, type Conversation, type MessageView} from '../../src/emulators/discord/index.ts'
import {createLogger} from '../../src/platform/logger.ts'
import {createRedactor} from '../../src/platform/redact.ts'
import {openWorld, type World} from '../support/world.ts'

const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`
const listsAgents = ({reply}: Conversation) => textOf(reply()).includes('total: ')

let world: World
afterEach(() => world.close())

async function countCommands(): Promise<number> {
  const client = new pg.Client({connectionString: world.database.url})
  await client.connect()
  const {rows} = await client.query<{n: number}>('select count(*)::int as n from invocations')
  await client.end()
  return rows[0]?.n ?? -1
}

describe('acknowledgement', () => {
  test('of two hundred commands at once none is missed, and each is carried out once', async () => {
    world = await openWorld()
    const talks = await Promise.all(Array.from({length: 200}, () => world.bob.runs('/agents')))
    await Promise.all(talks.map(talk => talk.acknowledged()))
    expect(talks.filter(talk => talk.failed !== undefined)).toEqual([])
    await expect.poll(countCommands, {timeout: 20_000}).toBe(200)
    await Promise.all(talks.map(talk => talk.settled(listsAgents, {timeoutMs: 60_000})))
  })

  test('that comes too late (10062) starts nothing, and the channel is told to try again', async () => {
    world = await openWorld({discord: {ackDeadlineMs: 150}})
    world.discord.misbehave({route: 'callback', kind: 'latency', ms: 400})
    const talk = await world.ada.runs('/deploy-client wait:true')
    await talk.acknowledged()
    expect(talk.failed).toBe('no response')
    const notice = await world.discord.eventually(
      () =>
        world.discord
          .channel('general')
          .messages()
          .find(message => message.content.includes('did not start')),
      {what: 'the notice'},
    )
    expect(textOf(notice)).toBe(
      '⚠️ /deploy-client did not start\nada, I heard you too late. Nothing was started: run it again',
    )
    expect(notice?.pings).toEqual([])
    expect(await countCommands()).toBe(0)
    expect(world.github.count('dispatch')).toBe(0)

    // The next try is an ordinary command, not a repetition.
    const again = await world.ada.runs('/deploy-client')
    await again.settled(({reply}) => reply()?.content.includes('started'))
    expect(world.github.count('dispatch')).toBe(1)
  })

  test('of a private command that comes too late tells nobody else', async () => {
    world = await openWorld({discord: {ackDeadlineMs: 150}})
    world.discord.misbehave({route: 'callback', kind: 'latency', ms: 400})
    await (await world.bob.runs('/help')).acknowledged()
    await expect
      .poll(() => world.logs.some(line => line['msg'] === 'acknowledged too late; nothing was started'))
      .toBe(true)
    expect(world.discord.channel('general').messages()).toEqual([])
    expect(await countCommands()).toBe(0)
  })

  test('whose answer is lost on the way is tried again, and 40060 then means that it had arrived', async () => {
    world = await openWorld()
    world.discord.misbehave({route: 'callback', kind: 'dropAfter'})
    const talk = await world.bob.runs('/agents')
    await talk.settled(listsAgents)
    expect(await countCommands()).toBe(1)
  })

  test.each(['dropBefore', 'serverError'] as const)(
    'is tried again after %s, within its three seconds',
    async kind => {
      world = await openWorld()
      world.discord.misbehave({route: 'callback', kind})
      const talk = await world.bob.runs('/agents')
      await talk.settled(listsAgents)
      expect(talk.failed).toBeUndefined()
    },
  )

  test('by two bot sessions at once (40060) is one command and one message', async () => {
    world = await openWorld()
    await world.startMore({ROLES: 'bot'})
    await world.discord.waitForGateway({bots: 2})
    const talk = await world.ada.runs('/deploy-client wait:true')
    await talk.settled(({reply}) => reply()?.content.startsWith('🟢'), {timeoutMs: 25_000})
    expect(await countCommands()).toBe(1)
    expect(world.github.count('dispatch')).toBe(1)
    const callbacks = world.discord.requests.filter(request => request.name === 'callback')
    expect(callbacks.map(request => request.status).sort()).toEqual([204, 400])

    // A refusal is said once too, and a suggestion given once.
    const refused = await world.bob.runs('/deploy-client')
    await refused.acknowledged()
    expect(refused.followUps()).toEqual([])
    expect((await world.ada.completes('/deploy-client target:c')).length).toBe(1)
  })
})

describe('the gateway', () => {
  test.each([
    ['told to reconnect (op 7)', 'reconnect'],
    ['whose connection drops without a word', 'drop'],
  ] as const)('%s resumes its session and loses no command given meanwhile', async (_what, fault) => {
    world = await openWorld()
    const closed = new Promise<void>(resolve => {
      world.discord.on(change => change.kind === 'gateway.closed' && resolve())
    })
    world.discord.misbehave({gateway: fault})
    const talks = [await world.bob.runs('/agents')]
    await closed
    for (let i = 0; i < 5; i++) talks.push(await world.bob.runs('/agents'))
    await Promise.all(talks.map(talk => talk.settled(listsAgents)))
    expect(talks.filter(talk => talk.failed !== undefined)).toEqual([])
    expect(world.logs.filter(line => line['msg'] === 'gateway resumed')).toHaveLength(1)
    expect(await countCommands()).toBe(6)
  })

  test('whose session is declared invalid (op 9) opens a new one', async () => {
    world = await openWorld()
    world.discord.misbehave({gateway: 'invalidSession'})
    await world.discord.waitForGateway()
    const talk = await world.bob.runs('/agents')
    await talk.settled(listsAgents)
  })

  test.each([
    [4004, 'the token was reset'],
    [4014, 'an intent was taken away'],
  ])('closed with %i (%s) is a fault that ends the process, not a bot that is deaf', async code => {
    const discord = await startDiscordEmulator()
    let fatal: ((error: Error) => void) | undefined
    const died = new Promise<Error>(resolve => (fatal = resolve))
    const gateway = await openGateway({
      token: discord.botToken,
      apiUrl: discord.url,
      pipeline: {receive: async () => undefined},
      mentions: {receive: async () => undefined},
      discord: {acknowledge: async () => ({kind: 'acknowledged'})},
      onFatal: error => fatal?.(error),
      log: createLogger({
        level: 'error',
        redactor: createRedactor([]),
        destination: {write: () => undefined},
      }),
    })
    expect(gateway.ready()).toBe(true)
    discord.misbehave({gateway: 'close', code})
    expect((await died).message).toContain(`code ${code}`)
    expect(gateway.ready()).toBe(false)
    await gateway.close()
    await discord.close()
  })
})
