import {randomUUID} from 'node:crypto'
import {afterAll, beforeAll, beforeEach, describe, expect, test} from 'vitest'
import type {Audit} from '../../src/audit/audit.ts'
import type {Sent} from '../../src/integrations/discord/api.ts'
import {createInvocationStore, type InvocationStore} from '../../src/invocations/store.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {createRelay} from '../../src/relay/service.ts'
import {createRelayStore} from '../../src/relay/store.ts'
import type {Actor, RelayMessage} from '../../src/sdk/index.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'

const ROOT: Actor = {kind: 'discord', id: '999', name: 'root', guildId: '7'}

let database: TestDatabase
let pool: ReturnType<typeof createPool>
let invocations: InvocationStore
beforeAll(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
  invocations = createInvocationStore({pool})
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

/** A channel that knows nonces for a while, as Discord's do. What it answers can be lost on the way. */
let posts: {
  readonly id: string
  readonly content: string
  readonly text: string
  readonly nonce: string
}[]
let lost: (tries: number) => boolean
let nonces: Map<string, string>
let sends: number
let died: string | undefined
let log: string[]
beforeEach(() => {
  posts = []
  lost = () => false
  nonces = new Map()
  sends = 0
  died = undefined
  log = []
})

const discord = {
  async createMessage(
    _channel: string,
    body: {readonly content: string},
    {nonce}: {readonly nonce: string},
  ): Promise<Sent> {
    log.push('send')
    const known = nonces.get(nonce)
    const id = known ?? String(BigInt(Date.now() - 1_420_070_400_000) << 22n)
    // Discord adds what it finds behind an address that stands in the text.
    const text = `${body.content}\nWelcome to our page`
    if (known === undefined) posts.push({id, content: body.content, text, nonce})
    nonces.set(nonce, id)
    return lost(++sends) ? {kind: 'failed', reason: 'TimeoutError'} : {kind: 'sent', messageId: id}
  },
  directMessage: () => Promise.resolve<Sent>({kind: 'failed', reason: 'TimeoutError'}),
  ownMessages: () => Promise.resolve(posts),
}

/** Writes nothing down but the order of things; `died` is where the process ends. */
const audit: Audit = {
  refused: ({details}) => {
    log.push(`refused: ${String(details?.['rule'])}`)
    return Promise.resolve({id: randomUUID(), seq: 1})
  },
  async around(_event, effect, outcome) {
    if (died === 'before the intent') throw new Error(died)
    log.push('intent')
    const result = await effect({id: randomUUID(), seq: 1})
    if (died === 'after the post') throw new Error(died)
    log.push(outcome?.(result).phase ?? 'done')
    return result
  },
}

const relay = () =>
  createRelay({
    pool,
    store: createRelayStore({pool}),
    places: [
      {kind: 'channel', id: '42', name: 'news'},
      {kind: 'person', id: '43', name: 'ada'},
    ],
    policy: {admin: {userIds: ['999'], roleIds: ['77']}, principals: [], rules: new Map()},
    discord,
    audit,
    offers: {make: () => Promise.resolve(Date.now() + 600_000)},
    replies: {open: () => Promise.resolve(), messageOf: () => Promise.resolve(undefined)},
    notify: () => Promise.resolve(),
    clock: Date.now,
  })

async function aMessage(more: Partial<RelayMessage> = {}): Promise<RelayMessage> {
  const id = randomUUID()
  await invocations.record({
    id,
    source: 'discord',
    sourceId: id,
    command: 'relay-send',
    options: {},
    actor: ROOT,
    agent: 'relay_send',
    action: 'send',
  })
  return {
    correlationId: id,
    actor: {...ROOT, id: '999'},
    target: '42',
    text: `hello ${id}`,
    confirmed: true,
    quiet: true,
    ...more,
  }
}

const rowOf = async ({correlationId}: RelayMessage) =>
  (await pool.query<{status: string}>('select status from relays where id = $1', [correlationId])).rows[0]
    ?.status

describe('a relayed message', () => {
  test('is posted once, however often its command is carried out, and each time answers the same', async () => {
    const message = await aMessage()
    const first = await relay().send(message)
    expect(first.title).toBe('your message · posted')
    expect(await relay().send(message)).toEqual(first)
    expect(posts).toHaveLength(1)
    expect(log).toEqual(['intent', 'send', 'done'])
  })

  test('whose process died after the post is not posted again, and is known to be there', async () => {
    const message = await aMessage()
    died = 'after the post'
    await expect(relay().send(message)).rejects.toThrow(died)
    expect(await rowOf(message)).toBe('posting')
    died = undefined
    expect((await relay().send(message)).title).toBe('your message · posted')
    expect(posts).toHaveLength(1)
  })

  test('interrupted longer ago than Discord knows the nonce is looked for, never posted again', async () => {
    const there = await aMessage()
    const gone = await aMessage()
    died = 'after the post'
    for (const message of [there, gone]) await expect(relay().send(message)).rejects.toThrow(died)
    died = undefined
    nonces.clear()
    posts = posts.filter(({content}) => content === there.text)
    await pool.query(`update relays set began_at = began_at - interval '3 minutes' where status = 'posting'`)
    sends = 0
    expect((await relay().send(there)).title).toBe('your message · posted')
    const unsure = await relay().send(gone)
    expect(unsure.title).toBe('your message · may have been posted')
    expect(unsure.state).toBe('partial')
    expect(sends).toBe(0)
    expect(await rowOf(gone)).toBe('unknown')
  })

  test('that cannot be written into the audit is not sent, and can be sent later', async () => {
    const message = await aMessage()
    died = 'before the intent'
    await expect(relay().send(message)).rejects.toThrow(died)
    expect(posts).toEqual([])
    expect(await rowOf(message)).toBeUndefined()
    died = undefined
    expect((await relay().send(message)).title).toBe('your message · posted')
  })

  test('whose answers time out is tried under one nonce and then looked for', async () => {
    lost = () => true
    const message = await aMessage()
    expect((await relay().send(message)).title).toBe('your message · posted')
    expect(new Set(posts.map(({nonce}) => nonce)).size).toBe(1)
    expect(posts).toHaveLength(1)
    expect(sends).toBe(3)
    // To one person alone nobody can look.
    const alone = await relay().send(await aMessage({target: '43'}))
    expect(alone).toMatchObject({state: 'partial', title: 'your message · may have been posted'})
  })

  test('of a command that was stopped is not sent', async () => {
    const message = await aMessage()
    await invocations.end(message.correlationId, {status: 'cancelled'})
    expect((await relay().send(message)).state).toBe('refused')
    expect(log).toEqual([])
  })

  test('is for admins by account and by role', async () => {
    const message = await aMessage({actor: {...ROOT, id: '5', discordRoles: ['77']}})
    expect((await relay().send(message)).title).toBe('your message · posted')
  })

  test('without a confirmation only shows what would be posted', async () => {
    const message = await aMessage({confirmed: false})
    expect(await relay().send(message)).toMatchObject({
      state: 'waiting',
      controls: [{action: 'confirm', subject: message.correlationId}],
    })
    expect(log).toEqual([])
  })

  test.each([
    ['somebody who is no admin', {actor: {...ROOT, id: '1'}}, 'not an admin'],
    ['an admin’s id from elsewhere than Discord', {actor: {...ROOT, kind: 'api' as const}}, 'not an admin'],
    ['a place that is not listed', {target: '44'}, 'not a listed place'],
    ['too many characters', {text: 'x'.repeat(2001)}, 'too long'],
    ['too many once its mentions are taken out', {text: '@everyone '.repeat(200).trim()}, 'too long'],
  ])('of %s is refused, in the audit first', async (_what, more, rule) => {
    const reply = await relay().send(await aMessage(more))
    expect(reply).toMatchObject({state: 'refused', title: 'your message · not posted'})
    expect(log).toEqual([`refused: ${rule}`])
  })

  test('is the tenth of an hour at most, also when eleven come at the same time', async () => {
    await pool.query('delete from relays')
    const messages = await Promise.all(Array.from({length: 11}, () => aMessage()))
    const replies = await Promise.all(messages.map(message => relay().send(message)))
    expect(replies.filter(({state}) => state === 'ok')).toHaveLength(10)
    expect(posts).toHaveLength(10)
    expect(log.filter(line => line.startsWith('refused'))).toEqual(['refused: too many'])
  })
})
