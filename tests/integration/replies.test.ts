import {randomUUID} from 'node:crypto'
import type pg from 'pg'
import {afterAll, beforeAll, beforeEach, describe, expect, test} from 'vitest'
import type {Sent} from '../../src/integrations/discord/api.ts'
import type {MessageBody} from '../../src/integrations/discord/render.ts'
import type {ReplyTarget} from '../../src/invocations/invocation.ts'
import {createInvocationStore} from '../../src/invocations/store.ts'
import {createNotifications} from '../../src/notifications/service.ts'
import {createReplyStore, type ReplyStore} from '../../src/notifications/store.ts'
import {createLogger} from '../../src/platform/logger.ts'
import {createPool} from '../../src/platform/postgres.ts'
import type {QueueJob} from '../../src/platform/queue.ts'
import {createRedactor} from '../../src/platform/redact.ts'
import type {Reply} from '../../src/sdk/index.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'

let database: TestDatabase
let pool: pg.Pool
let store: ReplyStore

beforeAll(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
  store = createReplyStore({pool})
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})
beforeEach(() => pool.query('truncate invocations, replies, outbox cascade'))

const LEASE_MS = 60_000
const view = (title: string): Reply => ({state: 'running', title})
const interaction = (more: object = {}): ReplyTarget => ({
  kind: 'interaction',
  applicationId: '1',
  token: 'secret-token',
  channelId: '5',
  guildId: '7',
  receivedAt: Date.now(),
  private: false,
  ...more,
})

async function aReply(target: ReplyTarget = interaction()): Promise<string> {
  const id = randomUUID()
  await createInvocationStore({pool}).record({
    id,
    source: 'discord',
    sourceId: id,
    command: 'agents',
    options: {},
    actor: {kind: 'discord', id: '1', name: 'ada'},
    agent: 'status_reporter',
    action: 'agents',
    reply: {target, view: view('queued')},
  })
  return id
}

describe('the record of a message', () => {
  test('is delivered by one at a time, and by nobody once it shows what it should', async () => {
    const id = await aReply()
    const claims = await Promise.all(Array.from({length: 6}, () => store.claim(id, LEASE_MS)))
    const [mine, ...others] = claims.filter(claim => claim !== undefined)
    expect(others).toEqual([])
    expect(mine).toMatchObject({version: 1, deliveredVersion: 0, view: view('queued')})
    expect(await store.release(id, {version: 1, messageId: '9'})).toBe(false)
    expect(await store.claim(id, LEASE_MS)).toBeUndefined()
  })

  test('that changed while it was on its way has more to be delivered', async () => {
    const id = await aReply()
    await store.claim(id, LEASE_MS)
    await store.write(pool, id, view('running'))
    expect(await store.release(id, {version: 1, messageId: '9'})).toBe(true)
    expect(await store.claim(id, LEASE_MS)).toMatchObject({version: 2, deliveredVersion: 1, messageId: '9'})
  })

  test('never goes back: what was delivered late does not hide what was delivered since', async () => {
    const id = await aReply()
    await store.write(pool, id, view('running'))
    await store.claim(id, LEASE_MS)
    await store.release(id, {version: 2})
    await store.release(id, {version: 1})
    expect(await store.claim(id, LEASE_MS)).toBeUndefined()
  })

  test('wants its closing word once, however often the end is told', async () => {
    const id = await aReply()
    await store.write(pool, id, view('done'), view('closing'))
    await store.claim(id, LEASE_MS)
    expect(await store.release(id, {version: 2, closingMessageId: '10'})).toBe(false)
    await store.write(pool, id, view('done'), view('closing again'))
    expect(await store.claim(id, LEASE_MS)).toMatchObject({closingState: 'posted'})
  })

  test('that can’t reach anybody is left alone, and counts as nobody’s work', async () => {
    const id = await aReply()
    await store.claim(id, LEASE_MS)
    expect(await store.release(id, {undeliverable: 'the channel is gone'})).toBe(false)
    await store.write(pool, id, view('more'))
    await pool.query(`update replies set changed_at = now() - interval '1 hour'`)
    expect(await store.overdue(0, 10)).toEqual([])
  })

  test('is overdue when its change has waited and nobody is at it', async () => {
    const [waiting, held, fresh] = [await aReply(), await aReply(), await aReply()]
    await pool.query(`update replies set changed_at = now() - interval '5 seconds' where id = any($1)`, [
      [waiting, held],
    ])
    await store.claim(held, LEASE_MS)
    expect(await store.overdue(1500, 10)).toEqual([waiting])
    expect(await store.overdue(0, 10)).toContain(fresh)
  })

  test('keeps no token longer than it can be of use', async () => {
    const [old, young] = [await aReply(), await aReply()]
    await pool.query(`update replies set created_at = now() - interval '3 hours' where id = $1`, [old])
    await store.forgetTokens(2 * 3_600_000)
    const {rows} = await pool.query<{id: string; token: string | null}>(
      `select id, target ->> 'token' as token from replies`,
    )
    expect(Object.fromEntries(rows.map(row => [row.id, row.token]))).toEqual({
      [old]: null,
      [young]: 'secret-token',
    })
  })
})

describe('delivery', () => {
  interface Said {
    readonly how: 'original' | 'post' | 'edit'
    readonly text: string
    readonly where?: string
    readonly nonce?: string
    readonly replyTo?: string | undefined
  }

  /** A Discord that answers as told, and posts the same nonce once. */
  function scriptedDiscord(answers: Partial<Record<Said['how'], Sent[]>> = {}) {
    const said: Said[] = []
    const posted = new Map<string, string>()
    const answer = (entry: Said, usual: Sent): Sent => {
      said.push(entry)
      return answers[entry.how]?.shift() ?? usual
    }
    return {
      said,
      posted,
      async editOriginal(_token: string, body: MessageBody): Promise<Sent> {
        return answer({how: 'original', text: body.content}, {kind: 'sent', messageId: 'original'})
      },
      async createMessage(
        where: string,
        body: MessageBody,
        {nonce, replyTo}: {nonce: string; replyTo?: string | undefined},
      ): Promise<Sent> {
        if (!posted.has(nonce)) posted.set(nonce, `posted-${posted.size + 1}`)
        return answer(
          {how: 'post', text: body.content, where, nonce, replyTo},
          {kind: 'sent', messageId: posted.get(nonce) ?? ''},
        )
      },
      async editMessage(where: string, _messageId: string, body: MessageBody): Promise<Sent> {
        return answer({how: 'edit', text: body.content, where}, {kind: 'sent', messageId: 'x'})
      },
      async ownMessages() {
        return []
      },
    }
  }

  function open(discord: ReturnType<typeof scriptedDiscord>, guildId?: string) {
    const nudges: QueueJob[] = []
    const notifications = createNotifications({
      store,
      discord,
      queues: {
        add: async (job: QueueJob) => void nudges.push(job),
      } as unknown as Parameters<typeof createNotifications>[0]['queues'],
      clock: Date.now,
      log: createLogger({
        level: 'error',
        redactor: createRedactor([]),
        destination: {write: () => undefined},
      }),
      handoverMs: 840_000,
      leaseMs: LEASE_MS,
      guildId,
    })
    return {notifications, nudges}
  }
  const failed: Sent = {kind: 'failed', reason: 'HTTP 502'}
  const gone: Sent = {kind: 'gone', reason: '50027'}
  const free = () => pool.query('update replies set lease_until = null')

  test('twice at once shows it once', async () => {
    const id = await aReply()
    const discord = scriptedDiscord()
    const {notifications} = open(discord)
    await Promise.all([notifications.deliver(id), notifications.deliver(id), notifications.deliver(id)])
    expect(discord.said).toEqual([{how: 'original', text: '🟡 queued'}])
  })

  test('that fails is asked for again, and shows the newest word by then', async () => {
    const id = await aReply()
    const discord = scriptedDiscord({original: [failed]})
    const {notifications, nudges} = open(discord)
    await notifications.deliver(id)
    expect(nudges.filter(nudge => (nudge.delayMs ?? 0) > 0)).toHaveLength(1)
    await store.write(pool, id, view('running'))
    await free()
    await notifications.deliver(id)
    expect(discord.said.map(each => each.text)).toEqual(['🟡 queued', '🟡 running'])
  })

  test('what a crash left is found by the sweep', async () => {
    const id = await aReply()
    await pool.query(`update replies set changed_at = now() - interval '5 seconds'`)
    const {notifications, nudges} = open(scriptedDiscord())
    expect(await notifications.sweep()).toBe(1)
    expect(nudges.map(nudge => nudge.data)).toEqual([{id}])
  })

  test('a closing word whose answer was lost is posted again under its own nonce: one message', async () => {
    const id = await aReply()
    await store.write(pool, id, {state: 'ok', title: 'done'}, {state: 'ok', title: 'closing'})
    const discord = scriptedDiscord({post: [failed]})
    const {notifications} = open(discord)
    for (let i = 0; i < 4; i++) {
      await notifications.deliver(id)
      await free()
    }
    const posts = discord.said.filter(each => each.how === 'post')
    expect(posts).toHaveLength(2)
    expect(posts[0]?.nonce).toBe(posts[1]?.nonce)
    expect(discord.posted.size).toBe(1)
    expect(posts[0]).toMatchObject({where: '5', replyTo: 'original', text: '✅ closing'})
  })

  test('of a public answer whose interaction is gone goes on in the channel, and there it stays', async () => {
    const id = await aReply(interaction({receivedAt: Date.now() - 60_000}))
    const discord = scriptedDiscord({original: [gone]})
    const {notifications} = open(discord)
    await notifications.deliver(id)
    await store.write(pool, id, view('running'))
    await pool.query(`update replies set lease_until = null, delivered_at = now() - interval '1 minute'`)
    await notifications.deliver(id)
    const inChannel = discord.said.filter(each => each.how !== 'original')
    expect(inChannel.map(({how, text}) => `${how} ${text}`)).toEqual(['post 🟡 queued', 'edit 🟡 running'])
  })

  test('of a private answer whose interaction is gone tells nobody else', async () => {
    const id = await aReply(interaction({private: true, receivedAt: Date.now() - 60_000}))
    const discord = scriptedDiscord({original: [gone]})
    const {notifications} = open(discord)
    await notifications.deliver(id)
    await free()
    await notifications.deliver(id)
    expect(discord.said.map(each => each.how)).toEqual(['original'])
  })

  test('near the end of the interaction moves to the channel first, then points there', async () => {
    const id = await aReply(interaction({receivedAt: Date.now() - 841_000}))
    const discord = scriptedDiscord()
    const {notifications} = open(discord)
    await notifications.deliver(id)
    expect(discord.said.map(each => each.how)).toEqual(['post', 'original'])
    expect(discord.said[1]?.text).toContain('continues below')
  })

  test('of a scheduled post is one message in its channel, edited in place', async () => {
    const id = await aReply({kind: 'channel', channelId: '33'})
    const discord = scriptedDiscord()
    const {notifications} = open(discord)
    await notifications.deliver(id)
    await store.write(pool, id, {state: 'digest', title: 'Last 24 Hours'})
    await pool.query(`update replies set lease_until = null, delivered_at = now() - interval '1 minute'`)
    await notifications.deliver(id)
    expect(discord.said.map(({how, where}) => `${how} ${where ?? ''}`)).toEqual(['post 33', 'edit 33'])
  })

  test.each([
    ['the server that is configured', {kind: 'channel', channelId: '33'} as const, '70', '70/33/posted-1'],
    ['the server where it was asked', interaction({channelId: '5', guildId: '7'}), '70', '7/5/original'],
    ['a conversation of two', interaction({guildId: undefined}), '70', '@me/5/original'],
    ['nowhere, the server being unknown', {kind: 'channel', channelId: '33'} as const, undefined, undefined],
  ])('of a closing word links back to %s', async (_where, target, guildId, place) => {
    const id = await aReply(target)
    const discord = scriptedDiscord()
    const below: string[] = []
    const {notifications} = open(
      {
        ...discord,
        createMessage: (where, body, options) => {
          below.push(body.embeds[0]?.description ?? '')
          return discord.createMessage(where, body, options)
        },
      },
      guildId,
    )
    await notifications.deliver(id)
    await store.write(pool, id, {state: 'ok', title: 'done'}, {state: 'ok', title: 'closing'})
    for (let i = 0; i < 2; i++) {
      await free()
      await notifications.deliver(id)
    }
    expect(below.at(-1)).toBe(
      place === undefined ? '' : `[the whole story](<https://discord.com/channels/${place}>)`,
    )
  })

  test('changes that follow each other at once share an edit, but the end does not wait', async () => {
    const id = await aReply()
    const discord = scriptedDiscord()
    const {notifications, nudges} = open(discord)
    await notifications.deliver(id)
    await store.write(pool, id, view('building'))
    await notifications.deliver(id)
    await store.write(pool, id, view('deploying'))
    await notifications.deliver(id)
    expect(discord.said).toHaveLength(1)
    expect(nudges.some(nudge => (nudge.delayMs ?? 0) > 0)).toBe(true)
    await store.write(pool, id, {state: 'ok', title: 'success'}, {state: 'ok', title: 'closing'})
    await notifications.deliver(id)
    expect(discord.said.at(-1)?.text).toBe('✅ success')
  })
})
