import {generateKeyPairSync, randomUUID, sign} from 'node:crypto'
import {setTimeout as sleep} from 'node:timers/promises'
import pg from 'pg'
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest'
import {interactionRoutes} from '../../src/api/interactions.ts'
import {createApi} from '../../src/api/server.ts'
import {startDiscordEmulator} from '../../src/emulators/discord/index.ts'
import type {Acknowledged} from '../../src/integrations/discord/api.ts'
import {createLogger} from '../../src/platform/logger.ts'
import {createRedactor} from '../../src/platform/redact.ts'
import {openWorld, type World} from '../support/world.ts'

/** A world whose Discord delivers interactions by HTTP; `url` is the endpoint. */
async function openHttpWorld(options: Parameters<typeof openWorld>[0] = {}) {
  const world = await openWorld({roles: 'bot,worker', ...options})
  const api = await world.startMore({ROLES: 'api', DISCORD_PUBLIC_KEY: world.discord.publicKey})
  const url = `${api.url ?? ''}/discord/interactions`
  return {world, url}
}

async function commandsOf(world: World): Promise<readonly {source_id: string; command: string}[]> {
  const client = new pg.Client({connectionString: world.database.url})
  await client.connect()
  try {
    return (
      await client.query<{source_id: string; command: string}>('select source_id, command from invocations')
    ).rows
  } finally {
    await client.end()
  }
}

/** An interaction as Discord sends it, for `post` to sign. */
function interaction(world: World, data: object, more: object = {}) {
  return {
    id: String(
      ((BigInt(Date.now()) - 1_420_070_400_000n) << 22n) + BigInt(Math.floor(Math.random() * 4_000_000)),
    ),
    application_id: world.discord.applicationId,
    type: 2,
    token: `token-${randomUUID()}`,
    version: 1,
    channel_id: world.discord.channel().id,
    guild_id: world.discord.guildId,
    member: {user: {id: world.ada.id, username: 'ada', discriminator: '0'}, roles: []},
    data: {id: '1', type: 1, ...data},
    ...more,
  }
}

async function post(url: string, body: string, headers: Record<string, string>) {
  const response = await fetch(url, {method: 'POST', body, headers})
  return {status: response.status, body: (await response.json()) as {type?: number; code?: string}}
}

describe('POST /discord/interactions', () => {
  let world: World
  let url: string
  beforeAll(async () => {
    ;({world, url} = await openHttpWorld())
  })
  afterAll(() => world.close())

  test('passes Discord’s handshake: a signed ping is ponged, a badly signed one refused with 401', async () => {
    expect(await world.discord.useInteractionsEndpoint(url)).toEqual({accepted: true})
    expect(await world.discord.useInteractionsEndpoint()).toEqual({accepted: true})
  })

  const seconds = () => Math.floor(Date.now() / 1000)
  test.each<[string, (body: string) => Record<string, string>]>([
    ['no headers', () => ({})],
    ['no timestamp', body => ({...world.discord.signed(body), 'x-signature-timestamp': ''})],
    ['no signature', body => ({...world.discord.signed(body), 'x-signature-ed25519': ''})],
    ['a signature of another body', () => world.discord.signed('{}')],
    [
      'a signature of another timestamp',
      body => ({...world.discord.signed(body), 'x-signature-timestamp': String(seconds() + 1)}),
    ],
    ['a timestamp of two minutes ago', body => world.discord.signed(body, String(seconds() - 120))],
    ['a timestamp of the future', body => world.discord.signed(body, String(seconds() + 120))],
    ['a timestamp that is no number', body => world.discord.signed(body, 'now')],
    ['half a signature', body => ({...world.discord.signed(body), 'x-signature-ed25519': 'ab'.repeat(32)})],
    ['somebody else’s key', body => forged(body)],
  ])('%s: refused with 401, nothing recorded', async (_what, headers) => {
    const body = JSON.stringify(interaction(world, {name: 'deploy-client'}))
    expect(await post(url, body, headers(body))).toMatchObject({status: 401, body: {code: 'BAD_SIGNATURE'}})
    expect(await commandsOf(world)).toEqual([])
  })

  const sent = (value: unknown) => {
    const body = typeof value === 'string' ? value : JSON.stringify(value)
    return post(url, body, world.discord.signed(body))
  }

  test.each<[string, () => unknown]>([
    ['another application’s interaction', () => interaction(world, {name: 'agents'}, {application_id: '1'})],
    ['none at all', () => interaction(world, {name: 'agents'}, {application_id: undefined})],
    ['malformed JSON', () => '{"type": 2,'],
    ['null', () => 'null'],
    ['a list', () => '[]'],
    ['an interaction of a type that does not exist', () => interaction(world, {name: 'agents'}, {type: 99})],
    ['a command without data', () => interaction(world, {}, {data: undefined})],
    ['nobody who sent it', () => interaction(world, {name: 'agents'}, {member: undefined})],
    ['an id that is no snowflake', () => interaction(world, {name: 'agents'}, {id: 'x'})],
  ])('%s: refused with 400, nothing recorded', async (_what, value) => {
    expect(await sent(value())).toMatchObject({status: 400, body: {code: 'INVALID_INPUT'}})
    expect(await commandsOf(world)).toEqual([])
  })

  test('a replayed interaction is one command', async () => {
    const body = JSON.stringify(interaction(world, {name: 'agents'}))
    const headers = world.discord.signed(body)
    const answers = await Promise.all([1, 2, 3].map(() => post(url, body, headers)))
    expect(answers.map(answer => answer.body)).toEqual([{type: 5}, {type: 5}, {type: 5}])
    await expect.poll(async () => (await commandsOf(world)).length).toBe(1)
    await post(url, body, headers)
    expect(await commandsOf(world)).toHaveLength(1)
  })

  test('a refusal is the answer itself, for the asker alone', async () => {
    const before = await commandsOf(world)
    const {body} = await sent(
      interaction(
        world,
        {name: 'deploy-client'},
        {member: {user: {id: world.bob.id, username: 'bob'}, roles: []}},
      ),
    )
    expect(body).toMatchObject({type: 4, data: {flags: 64, allowed_mentions: {parse: []}}})
    expect(await commandsOf(world)).toEqual(before)
  })

  test('without the public key nothing can be trusted: 503', async () => {
    const api = await world.startMore({ROLES: 'api'})
    const body = JSON.stringify(interaction(world, {name: 'agents'}))
    const answer = await post(`${api.url ?? ''}/discord/interactions`, body, world.discord.signed(body))
    expect(answer).toMatchObject({status: 503, body: {code: 'NOT_CONFIGURED'}})
  })
})

describe('a whole conversation over HTTP', () => {
  let world: World
  afterEach(() => world.close())

  test('/deploy-client wait:true is deferred, followed in place, and ends with a new message', async () => {
    let url: string
    ;({world, url} = await openHttpWorld())
    expect(await world.discord.useInteractionsEndpoint(url)).toEqual({accepted: true})
    const talk = await world.ada.runs('/deploy-client wait:true')
    await talk.acknowledged()
    expect(talk.ackType).toBe(5)
    await talk.settled(({reply}) => reply()?.content.startsWith('🟢 client → development · success'), {
      timeoutMs: 25_000,
    })
    await world.discord.eventually(
      () =>
        world.discord
          .channel('general')
          .messages()
          .find(message => message.id !== talk.reply()?.id && message.content.startsWith('🟢')),
      {what: 'the closing message'},
    )
    expect(world.github.count('dispatch')).toBe(1)
    expect(world.discord.requests.filter(request => request.name === 'callback')).toEqual([])
  })

  test('refusals, completions and buttons go the same way', async () => {
    let url: string
    ;({world, url} = await openHttpWorld())
    await world.discord.useInteractionsEndpoint(url)
    const refused = await world.bob.runs('/deploy-client')
    await refused.acknowledged()
    expect(refused.ephemeral).toBe(true)
    expect(refused.reply()?.content).toBe('⛔ you can’t run /deploy-client yet')

    expect((await world.ada.completes('/deploy-client target:c')).map(choice => choice.value)).toEqual([
      'client',
    ])
    expect(await world.bob.completes('/deploy-client target:c')).toEqual([])

    world.github.repository('acme/web').workflow('client-deploy.yml', {
      name: 'Client Deploy',
      inputs: {correlation_id: {}, requester: {}, VITE_API_BASE: {}},
      jobs: [{name: 'deploy', steps: [{name: 'Slow', ms: 2_000_000}]}],
    })
    const talk = await world.ada.runs('/deploy-client wait:true')
    await talk.settled(({reply}) => reply()?.content.includes('deploying'), {timeoutMs: 25_000})
    const pressed = await world.bob.presses(talk.reply()!, 'Cancel')
    await pressed.acknowledged()
    expect(pressed.reply()?.content).toBe('⛔ you can’t press this')
    await world.ada.presses(talk.reply()!, 'Cancel')
    await talk.settled(({reply}) => reply()?.content.startsWith('⚪'), {timeoutMs: 25_000})
  })

  test('a double click over HTTP joins, and says so in its own message', async () => {
    let url: string
    ;({world, url} = await openHttpWorld())
    await world.discord.useInteractionsEndpoint(url)
    const talks = await Promise.all([world.ada.runs('/deploy-client'), world.ada.runs('/deploy-client')])
    const joined = await world.discord.eventually(
      () => talks.find(talk => talk.reply()?.content.includes('you just asked for this')),
      {what: 'one of the two to join'},
    )
    const leading = talks.find(talk => talk !== joined)
    await leading?.settled(({reply}) => reply()?.content.includes('started'))
    expect(world.github.count('dispatch')).toBe(1)
  })

  test('gateway and HTTP feed the same pipeline: a command that comes both ways is one command', async () => {
    let url: string
    ;({world, url} = await openHttpWorld())
    const talk = await world.ada.runs('/deploy-client wait:true')
    const body = JSON.stringify(
      interaction(
        world,
        {name: 'deploy-client', options: [{name: 'wait', type: 5, value: true}]},
        {id: talk.interactionId, token: talk.token},
      ),
    )
    expect((await post(url, body, world.discord.signed(body))).body).toEqual({type: 5})
    await talk.settled(({reply}) => reply()?.content.startsWith('🟢'), {timeoutMs: 25_000})
    expect(await commandsOf(world)).toHaveLength(1)
    expect(world.github.count('dispatch')).toBe(1)

    // And one after the other, each its own way.
    await world.discord.useInteractionsEndpoint(url)
    const overHttp = await world.bob.runs('/agents')
    await overHttp.settled(
      ({reply}) =>
        reply()?.content.includes('agents') && reply()?.embeds[0]?.description?.includes('total: '),
    )
    await world.discord.useInteractionsEndpoint()
    const overGateway = await world.bob.runs('/agents')
    await overGateway.settled(({reply}) =>
      reply()?.embeds[0]?.description === undefined
        ? false
        : reply()?.embeds[0]?.description?.includes('total: '),
    )
    expect((await commandsOf(world)).map(each => each.command).sort()).toEqual([
      'agents',
      'agents',
      'deploy-client',
    ])
  })
})

test('an answer that comes later than Discord waits is too late: the pipeline hears so and starts nothing', async () => {
  const discord = await startDiscordEmulator()
  const heard = new Promise<Acknowledged>(resolve => {
    void createApi({
      apiToken: 'x',
      metricsToken: undefined,
      log: createLogger({
        level: 'error',
        redactor: createRedactor([]),
        destination: {write: () => undefined},
      }),
      routes: [
        interactionRoutes({
          publicKey: discord.publicKey,
          applicationId: discord.applicationId,
          clock: () => Date.now(),
          pipeline: {
            async receive(_raw, acknowledge) {
              await sleep(2900)
              resolve(await acknowledge({type: 5}))
            },
          },
        }),
      ],
    }).then(async app => {
      const body = JSON.stringify({type: 2, application_id: discord.applicationId})
      const response = await app.inject({
        method: 'POST',
        url: '/discord/interactions',
        headers: discord.signed(body),
        body,
      })
      expect(response.statusCode).toBe(503)
    })
  })
  expect(await heard).toEqual({kind: 'too-late'})
  await discord.close()
})

/** Signed in the right form by a key that is not Discord's. */
function forged(body: string): Record<string, string> {
  const {privateKey} = generateKeyPairSync('ed25519')
  const timestamp = String(Math.floor(Date.now() / 1000))
  return {
    'x-signature-timestamp': timestamp,
    'x-signature-ed25519': sign(null, Buffer.from(timestamp + body), privateKey).toString('hex'),
  }
}
