import fc from 'fast-check'
import pg from 'pg'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {createHmac, randomUUID} from 'node:crypto'
import {openWorld, WEBHOOK_SECRET, type World} from '../support/world.ts'

let world: World
let endpoint: string
let url: string
beforeAll(async () => {
  world = await openWorld({webhooks: false})
  const api = await world.startMore({ROLES: 'api', DISCORD_PUBLIC_KEY: world.discord.publicKey})
  url = api.url ?? ''
  endpoint = `${url}/discord/interactions`
})
afterAll(() => world.close())

async function executed(): Promise<number> {
  const client = new pg.Client({connectionString: world.database.url})
  await client.connect()
  const {rows} = await client.query<{n: number}>('select count(*)::int as n from invocations')
  await client.end()
  return (rows[0]?.n ?? -1) + world.github.count('dispatch')
}

/** The faults of ours that people were told of: there must be none, whatever came in. */
const ourFaults = () => world.logs.filter(line => line['level'] === 'error' || line['level'] === 50)

async function stillUp(): Promise<void> {
  expect((await fetch(`${url}/health`)).status).toBe(200)
  expect(ourFaults()).toEqual([])
  expect(await executed()).toBe(0)
}

/** Text that people and programs send to see what happens. */
const text = fc.oneof(
  fc.string({unit: 'binary', maxLength: 60}),
  fc.string({unit: 'grapheme', maxLength: 60}),
  fc.constantFrom(
    '@everyone <@1> <@&2> <#3> </deploy-client:1>',
    '**bold** ~~x~~ `code` ```fence``` ||spoiler|| [a](https://evil.example)',
    'cl\u0456ent',
    '\u202etneilc',
    '\u0000\u0007\u001b[31m',
    '\ud800',
    "'; drop table invocations; --",
    '../../etc/passwd',
    '${jndi:ldap://x}',
    '{{constructor.constructor("return process")()}}',
    '__proto__',
    'constructor',
    '',
    ' ',
    'a'.repeat(10_000),
    '🚀'.repeat(3000),
  ),
)
const junk = fc.oneof(
  text,
  fc.jsonValue({maxDepth: 2}),
  fc.double(),
  fc.bigInt({min: -(2n ** 70n), max: 2n ** 70n}).map(Number),
)

/** Options of a command as Discord's own form would never let them through. */
const wrongOption = fc.oneof(
  fc.record({
    name: fc.constantFrom('force', '__proto__', 'constructor', 'Wait', 'target '),
    type: fc.constant(3),
    value: text,
  }),
  fc.record({
    name: fc.constant('count'),
    type: fc.constant(4),
    value: fc.oneof(fc.constantFrom(0, 4, -1, 1.5, 1e300), text, fc.boolean()),
  }),
  fc.record({name: fc.constant('wait'), type: fc.constant(5), value: fc.oneof(text, fc.integer())}),
  fc.record({name: fc.constant('period'), type: fc.constant(3), value: text}),
  fc.record({
    name: fc.constant('api_base'),
    type: fc.constant(3),
    value: text.filter(value => !URL.canParse(value)),
  }),
  fc.record({
    name: fc.constant('ref'),
    type: fc.constant(3),
    value: fc.constantFrom('..', '-x', 'a b', '@{', '/x', 'x\u0000'),
  }),
  fc.record({
    name: fc.constant('id'),
    type: fc.constant(3),
    value: text.filter(value => !/^[0-9a-f-]{8,36}…?$/.test(value)),
  }),
  fc.record({
    name: fc.constant('target'),
    type: fc.constant(3),
    value: text.filter(value => !['client', 'api'].includes(value)),
  }),
)
const NAMES = ['deploy-client', 'status', 'status-digest', 'cancel']
const wrongCommand = fc.record({
  id: fc.constant('1'),
  type: fc.constant(1),
  name: fc.oneof(
    fc.constantFrom(...NAMES),
    text.filter(name => !['agents', 'help', ...NAMES].includes(name)),
  ),
  options: fc.array(wrongOption, {minLength: 1, maxLength: 30}),
})
const wrongButton = fc.record({
  custom_id: fc.oneof(
    text,
    fc
      .tuple(fc.constantFrom('cancel', 'retry', 'explode', 'constructor'), fc.oneof(fc.uuid(), text))
      .map(([action, subject]) => `v1:${action}:${subject}`),
  ),
  component_type: fc.constantFrom(2, 3, 5, 99),
  values: fc.array(text, {maxLength: 3}),
})
const wrongCompletion = fc.record({
  name: fc.oneof(fc.constantFrom(...NAMES, 'help', 'agents'), text),
  type: fc.constant(1),
  options: fc.array(
    fc.record({
      name: fc.oneof(
        fc.constantFrom('target', 'ref', 'id', 'command', 'constructor', '__proto__', 'toString'),
        text,
      ),
      type: fc.constant(3),
      value: text,
      focused: fc.boolean(),
    }),
    {maxLength: 4},
  ),
})

const wrongInteraction = fc
  .oneof(
    fc.record({type: fc.constant(2), data: wrongCommand}),
    fc.record({type: fc.constant(3), data: wrongButton}),
    fc.record({type: fc.constant(4), data: wrongCompletion}),
    fc.record({
      type: fc.constant(5),
      data: fc.record({custom_id: text, components: fc.jsonValue({maxDepth: 3})}),
    }),
    fc.record({
      type: fc.oneof(fc.integer(), fc.constantFrom('2', null, [2])),
      data: fc.jsonValue({maxDepth: 3}),
    }),
  )
  .chain(({type, data}) =>
    fc.record({
      type: fc.constant(type),
      data: fc.constant(data as unknown),
      person: fc.constantFrom('ada', 'bob', 'root'),
      /** Fields of the envelope that are not what they should be. */
      broken: fc.option(
        fc.record({
          field: fc.constantFrom('id', 'token', 'channel_id', 'guild_id', 'member', 'data', 'application_id'),
          value: fc.oneof(junk, fc.constant(undefined)),
        }),
        {nil: undefined, freq: 4},
      ),
    }),
  )

let serial = BigInt(Date.now() - 1_420_070_400_000) << 22n

describe('interactions over HTTP', () => {
  test('whatever is signed and wrong gets one clear answer, executes nothing, and the process stays up', async () => {
    const statuses = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(wrongInteraction, async ({type, data, person, broken}) => {
        const whole: Record<string, unknown> = {
          id: String(++serial),
          application_id: world.discord.applicationId,
          type,
          token: `token-${serial}`,
          channel_id: world.discord.channel().id,
          guild_id: world.discord.guildId,
          member: {user: {id: world[person].id, username: person}, roles: []},
          data,
        }
        if (broken) whole[broken.field] = broken.value
        const body = JSON.stringify(whole)
        const response = await fetch(endpoint, {method: 'POST', body, headers: world.discord.signed(body)})
        const answer = (await response.json()) as {type?: number; data?: Record<string, unknown>}
        const kind = response.status === 200 ? `answer ${answer.type ?? ''}` : 'refused'
        statuses.set(kind, (statuses.get(kind) ?? 0) + 1)
        if (response.status !== 200) {
          expect(response.status).toBe(400)
          return
        }
        if (answer.type === 8) {
          expect(Array.isArray(answer.data?.['choices'])).toBe(true)
          return
        }
        // A pong, because somebody said ping; otherwise a private word that pings nobody.
        if (answer.type === 1) {
          expect(type).toBe(1)
          return
        }
        expect(answer).toMatchObject({type: 4, data: {flags: 64, allowed_mentions: {parse: []}}})
        expect(String(answer.data?.['content'])).toMatch(/^[❌⛔]/u)
        expect(JSON.stringify(answer)).not.toMatch(/@everyone|<@1>|<@&2>|<#3>|\\u0000/)
      }),
      {numRuns: 400},
    )
    // The generator reaches each kind of answer, or the property says nothing.
    expect([...statuses.keys()].sort()).toEqual(expect.arrayContaining(['answer 4', 'answer 8', 'refused']))
    await stillUp()
  })

  test('bytes that are no interaction at all are refused, signed or not', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({maxLength: 200}), fc.boolean(), async (bytes, signed) => {
        const body = Buffer.from(bytes).toString('latin1')
        const headers = signed ? world.discord.signed(body) : {}
        const response = await fetch(endpoint, {method: 'POST', body, headers})
        expect(response.status).toBe(signed ? 400 : 401)
        await response.body?.cancel()
      }),
      {numRuns: 100},
    )
    await stillUp()
  })
})

describe('interactions over the gateway', () => {
  test('whatever is wrong is answered at most once, privately, and executes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('ada', 'bob'), wrongCommand, async (person, data) => {
        const before = world.discord.requests.length
        const talk = await world[person].sendsRaw({data})
        const understood =
          data.name.length <= 32 && data.options.length <= 25 && data.options.every(isUnderstood)
        if (!understood) return
        await talk.acknowledged()
        expect(talk.failed).toBeUndefined()
        expect(talk.ephemeral).toBe(true)
        expect(talk.reply()?.content).toMatch(/^[❌⛔]/u)
        expect(talk.reply()?.pings).toEqual([])
        expect(talk.followUps()).toEqual([])
        const answers = world.discord.requests
          .slice(before)
          .filter(({name, path}) => name === 'callback' && path.includes(talk.interactionId))
        expect(answers).toHaveLength(1)
      }),
      {numRuns: 60},
    )
    await stillUp()
  })
})

describe('webhooks', () => {
  test('whatever is signed is heard or refused, and changes nothing it should not', async () => {
    const run = fc.record(
      {
        id: fc.oneof(fc.integer(), text, fc.jsonValue({maxDepth: 1})),
        display_title: fc.oneof(text, junk),
        name: fc.oneof(text, junk),
      },
      {requiredKeys: []},
    )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('workflow_run', 'workflow_job', 'push', 'ping'),
        fc.oneof(
          fc.record({workflow_run: run}),
          fc.record({workflow_job: fc.record({run_id: fc.oneof(fc.integer(), text), workflow_name: junk})}),
          fc.jsonValue({maxDepth: 3}),
        ),
        async (event, payload) => {
          const body = JSON.stringify(payload)
          const response = await fetch(`${url}/webhooks/github`, {
            method: 'POST',
            body,
            headers: {
              'x-github-event': event,
              'x-github-delivery': randomUUID(),
              'x-hub-signature-256': `sha256=${createHmac('sha256', WEBHOOK_SECRET).update(body).digest('hex')}`,
            },
          })
          expect(response.status).toBe(202)
          await response.body?.cancel()
        },
      ),
      {numRuns: 200},
    )
    await stillUp()
  })
})

function isUnderstood({name, value}: {name: string; value: unknown}): boolean {
  return name.length <= 32 && (typeof value !== 'string' || value.length <= 6000)
}
