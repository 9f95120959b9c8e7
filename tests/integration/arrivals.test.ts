import {randomUUID} from 'node:crypto'
import type pg from 'pg'
import {afterAll, beforeAll, beforeEach, describe, expect, test} from 'vitest'
import {createInterruptions} from '../../src/bot/interruptions.ts'
import type {Sent} from '../../src/integrations/discord/api.ts'
import type {MessageBody} from '../../src/integrations/discord/render.ts'
import {createArrivalStore, type Arrival, type ArrivalStore} from '../../src/invocations/arrival-store.ts'
import type {NewInvocation} from '../../src/invocations/invocation.ts'
import {createInvocationStore, type InvocationStore} from '../../src/invocations/store.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'

let database: TestDatabase
let pool: pg.Pool
let arrivals: ArrivalStore
let commands: InvocationStore

beforeAll(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
})
beforeEach(async () => {
  await pool.query('truncate arrivals, invocations, replies, outbox cascade')
  arrivals = createArrivalStore({pool})
  commands = createInvocationStore({pool})
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

const AFTER_MS = 30_000
const LEASE_MS = 15_000
const giveUp = () => arrivals.giveUp(AFTER_MS, LEASE_MS, 50)

let nextId = 0
function anArrival(given: Partial<Arrival> = {}): Arrival {
  const interactionId = String(1_000_000_000_000_000_000n + BigInt(++nextId))
  return {
    interactionId,
    id: randomUUID(),
    command: 'deploy-client',
    token: `token-${interactionId}`,
    ...given,
  }
}

async function noted(given: Partial<Arrival> = {}): Promise<Arrival> {
  const arrival = anArrival(given)
  await arrivals.note(arrival)
  return arrival
}

const age = (ms: number) =>
  pool.query(`update arrivals set arrived_at = arrived_at - make_interval(secs => $1::float8 / 1000)`, [ms])

/** One noted so long ago that its bot must be dead. */
async function forgotten(given: Partial<Arrival> = {}): Promise<Arrival> {
  const arrival = await noted(given)
  await age(AFTER_MS + 1000)
  return arrival
}

function commandOf({interactionId, id, command}: Arrival, given: Partial<NewInvocation> = {}): NewInvocation {
  return {
    id,
    source: 'discord',
    sourceId: interactionId,
    arrived: true,
    command,
    options: {target: 'client'},
    actor: {kind: 'discord', id: '1', name: 'ada'},
    agent: 'deploy_client',
    action: 'deploy',
    reply: {
      target: {kind: 'channel', channelId: '5'},
      view: {state: 'running', title: 'deploy of client · queued'},
    },
    ...given,
  }
}

const count = async (table: 'arrivals' | 'invocations' | 'outbox' | 'replies') =>
  (await pool.query<{n: number}>(`select count(*)::int as n from ${table}`)).rows[0]?.n

const join = {key: 'ada deploy-client {}', withinMs: 10_000}
const ways = [
  ['alone', {}],
  ['with a key to join by', {join}],
] as const

describe('the record of a command that was noted on arrival', () => {
  test.each(ways)('%s takes the note away', async (_how, given) => {
    const arrival = await noted()
    await noted()
    expect((await commands.record(commandOf(arrival, given))).kind).toBe('recorded')
    expect(await count('arrivals')).toBe(1)
    expect(await count('outbox')).toBe(1)
  })

  test.each(ways)(
    '%s is refused once the arrival was given up, and nothing of it stays',
    async (_how, given) => {
      const arrival = await forgotten()
      expect((await giveUp()).map(each => each.interactionId)).toEqual([arrival.interactionId])
      expect(await commands.record(commandOf(arrival, given))).toEqual({kind: 'given-up'})
      await arrivals.told(arrival.interactionId)
      expect(await commands.record(commandOf(arrival, given))).toEqual({kind: 'given-up'})
      expect([await count('invocations'), await count('replies'), await count('outbox')]).toEqual([0, 0, 0])
    },
  )

  test.each(ways)('%s is refused when its note was lost', async (_how, given) => {
    expect(await commands.record(commandOf(anArrival(), given))).toEqual({kind: 'given-up'})
    expect(await count('outbox')).toBe(0)
  })

  test('of many at once starts those that stand and refuses those that were given up', async () => {
    const late = await Promise.all(Array.from({length: 5}, () => noted()))
    await age(AFTER_MS + 1000)
    await giveUp()
    const fresh = await Promise.all(Array.from({length: 20}, () => noted()))
    const outcomes = await Promise.all(
      [...late, ...fresh].map(arrival => commands.record(commandOf(arrival))),
    )
    expect(outcomes.map(outcome => outcome.kind)).toEqual([
      ...late.map(() => 'given-up'),
      ...fresh.map(() => 'recorded'),
    ])
  })

  test('and giving it up exclude each other, however close they come', async () => {
    const seen = new Set<string>()
    const others = createInvocationStore({pool})
    for (let round = 0; round < 100; round++) {
      const all = await Promise.all(Array.from({length: 4}, () => noted()))
      await age(AFTER_MS + 1000)
      const sweep = giveUp()
      const outcomes = await Promise.all(
        all.map((arrival, i) => (i % 2 ? commands : others).record(commandOf(arrival))),
      )
      const givenUp = new Set((await sweep).map(each => each.interactionId))
      for (const [i, arrival] of all.entries()) {
        expect(outcomes[i]?.kind).toBe(givenUp.has(arrival.interactionId) ? 'given-up' : 'recorded')
        seen.add(outcomes[i]?.kind ?? '')
      }
    }
    // Both really happened, or the test has shown nothing.
    expect([...seen].sort()).toEqual(['given-up', 'recorded'])
  })

  test('a second delivery of the interaction, at whatever moment, is a duplicate and tells nobody anything', async () => {
    const arrival = await noted()
    const echo = {...arrival, id: randomUUID()}
    await arrivals.note(echo)
    expect((await commands.record(commandOf(arrival))).kind).toBe('recorded')
    // Noted after the record, by a session that then dies: the person's command is going on.
    await arrivals.note(echo)
    await age(AFTER_MS + 1000)
    expect(await giveUp()).toEqual([])
    // By one that lives: it hears which command it is, and its note goes.
    expect(await commands.record(commandOf(echo))).toEqual({kind: 'duplicate', id: arrival.id})
    expect(await count('arrivals')).toBe(0)
  })

  test('a command from elsewhere needs no note', async () => {
    const {arrived: _arrived, ...command} = commandOf(anArrival(), {source: 'schedule'})
    expect((await commands.record(command)).kind).toBe('recorded')
  })
})

describe('a note', () => {
  test('of two hundred at once costs a handful of commits', async () => {
    let statements = 0
    const counted = createArrivalStore({
      pool: {
        query(...args: Parameters<pg.Pool['query']>) {
          statements++
          return pool.query(...args)
        },
      } as unknown as pg.Pool,
    })
    await Promise.all(Array.from({length: 200}, () => counted.note(anArrival())))
    expect(await count('arrivals')).toBe(200)
    expect(statements).toBeLessThanOrEqual(4)
  })

  test('does not wait for the disk', async () => {
    const client = await pool.connect()
    await client.query('begin')
    await client.query('set local synchronous_commit = on')
    await createArrivalStore({pool: client as unknown as pg.Pool}).note(anArrival())
    const {rows} = await client.query('show synchronous_commit')
    await client.query('commit')
    client.release()
    expect(rows).toEqual([{synchronous_commit: 'off'}])
  })

  test('that arrives again after it was given up does not revive it', async () => {
    const arrival = await forgotten()
    await giveUp()
    await arrivals.told(arrival.interactionId)
    await arrivals.note(arrival)
    expect(await commands.record(commandOf(arrival))).toEqual({kind: 'given-up'})
    expect(await giveUp()).toEqual([])
  })

  test('is forgotten when the person has an answer, but not once it was given up', async () => {
    const answered = await noted()
    await arrivals.forget(answered.interactionId)
    expect(await count('arrivals')).toBe(0)
    const late = await forgotten()
    await giveUp()
    await arrivals.forget(late.interactionId)
    // A second delivery may still come.
    await arrivals.note(late)
    expect(await commands.record(commandOf(late))).toEqual({kind: 'given-up'})
  })

  test('old enough that nobody comes back to it goes', async () => {
    const old = await forgotten()
    await giveUp()
    await arrivals.told(old.interactionId)
    await arrivals.forgetOld(60_000)
    expect(await count('arrivals')).toBe(1)
    await age(60_000)
    await arrivals.forgetOld(60_000)
    expect(await count('arrivals')).toBe(0)
  })
})

describe('giving up', () => {
  test('leaves alone what a bot may still be at', async () => {
    await noted()
    expect(await giveUp()).toEqual([])
    await age(AFTER_MS - 2000)
    expect(await giveUp()).toEqual([])
  })

  test('hands each out to one at a time, and again when nobody reports that the person was told', async () => {
    const arrival = await forgotten()
    const other = createArrivalStore({pool})
    const handed = await Promise.all(
      [arrivals, other, arrivals, other].map(each => each.giveUp(AFTER_MS, LEASE_MS, 50)),
    )
    expect(handed.flat()).toEqual([{...arrival, arrivedAt: expect.any(Number) as number}])
    await pool.query(`update arrivals set lease_until = now() - interval '1 ms'`)
    expect(await giveUp()).toHaveLength(1)
    await arrivals.told(arrival.interactionId)
    await pool.query(`update arrivals set lease_until = now() - interval '1 ms'`)
    expect(await giveUp()).toEqual([])
  })

  test('keeps no token of those who were told', async () => {
    const arrival = await forgotten()
    await giveUp()
    await arrivals.told(arrival.interactionId)
    const {rows} = await pool.query('select token from arrivals')
    expect(rows).toEqual([{token: null}])
  })
})

describe('the sweep', () => {
  /** A Discord that answers so, one after the other, and remembers what it was told. */
  function discordThat(...answers: readonly Sent[]) {
    const said: {readonly token: string; readonly text: string}[] = []
    return {
      said,
      editOriginal(token: string, body: MessageBody): Promise<Sent> {
        const text = [body.content, ...body.embeds.map(embed => embed.description ?? '')].join('\n')
        said.push({token, text})
        return Promise.resolve(answers[said.length - 1] ?? {kind: 'sent', messageId: '1'})
      },
    }
  }

  function open(discord: ReturnType<typeof discordThat>, now = () => Date.now()) {
    const log = {info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined}
    return createInterruptions({arrivals, discord, afterMs: AFTER_MS, clock: now, log: log as never})
  }
  const leasesRunOut = () => pool.query(`update arrivals set lease_until = now() - interval '1 ms'`)

  test('tells each person once that nothing was started, with a code and the id', async () => {
    const arrival = await forgotten()
    const discord = discordThat()
    const [first, second] = [open(discord), open(discord)]
    await Promise.all([first.sweep(), second.sweep()])
    await leasesRunOut()
    await first.sweep()
    expect(discord.said).toEqual([
      {
        token: arrival.token,
        text: [
          '❌ /deploy-client was interrupted',
          `nothing was started · code INTERRUPTED · \`${arrival.id}\``,
          'run the command again; if it stays, give an admin this id',
        ].join('\n'),
      },
    ])
  })

  test('tries again what may not have arrived', async () => {
    await forgotten()
    const discord = discordThat({kind: 'failed', reason: 'timeout'}, {kind: 'failed', reason: 'HTTP 502'})
    const interruptions = open(discord)
    for (let i = 0; i < 5; i++) {
      await interruptions.sweep()
      await leasesRunOut()
    }
    expect(discord.said).toHaveLength(3)
  })

  test('lets go of an interaction that Discord does not know, or whose token has died meanwhile', async () => {
    const gone = discordThat({kind: 'gone', reason: 'Discord error 10015 (HTTP 404)'})
    await forgotten()
    await open(gone).sweep()
    await leasesRunOut()
    await open(gone).sweep()
    expect(gone.said).toHaveLength(1)

    const away = discordThat({kind: 'failed', reason: 'timeout'})
    await forgotten()
    await open(away, () => Date.now() + 15 * 60_000).sweep()
    await leasesRunOut()
    await open(away).sweep()
    expect(away.said).toHaveLength(1)
  })
})
