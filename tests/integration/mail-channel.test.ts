import {afterAll, beforeAll, beforeEach, describe, expect, test} from 'vitest'
import {createMailChannel} from '../../src/approvals/surfaces/mail.ts'
import {createMailer} from '../../src/integrations/email/mailer.ts'
import {createCodeMail} from '../../src/notifications/code-mail.ts'
import {createMailStore} from '../../src/notifications/mail-store.ts'
import type {NewNotice} from '../../src/notifications/notice.ts'
import {silentLogger} from '../../src/platform/logger.ts'
import {peopleOf} from '../support/approvals.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'
import {asTold, openMailWorld, type MailWorld} from '../support/mail.ts'

let database: TestDatabase
let world: MailWorld
beforeAll(async () => {
  database = await createTestDatabase()
  world = await openMailWorld(database.url)
})
afterAll(async () => {
  await world.close()
  await database.drop()
})
let seen = 0
beforeEach(() => {
  seen = world.mailbox.mails.length
})

const arrived = () => world.mailbox.mails.slice(seen)
const how = (key: string) => ({key, thread: undefined, signal: new AbortController().signal})
const failure: NewNotice = {
  key: 'run:1:failed',
  story: 'run:1',
  event: 'task_failed',
  level: 'high',
  correlationId: 'c-1',
  people: [],
  watchers: ['ada', 'ADA', 'grace'],
  title: 'pr-deployment of acme/web failed',
  data: {error: 'exit 1'},
}

describe('a request', () => {
  test('is mailed to each reader, with links for those alone who may decide by them', async () => {
    const request = await world.asks()
    const readers = Object.fromEntries(
      arrived().map(({recipient, links}) => [recipient.split('@')[0], links.map(({label}) => label)]),
    )
    const both = ['Look and approve', 'Look and reject']
    expect(readers).toEqual({grace: both, lin: both, cleo: both, tom: [], ada: [], watch: []})
    const tokens = arrived().flatMap(({links}) => links.map(({url}) => url))
    expect(new Set(tokens).size).toBe(6)
    expect(world.newest('tom').text).toContain('Decide in Discord or Linear')
    expect(world.newest('grace').subject).toBe('⏳ [high] client → production waits for your approval')
    expect(world.newest('ada').subject).toBe('⏳ [high] client → production waits for an approval')
    const {rows} = await world.pool.query<{all: string}>(
      'select jsonb_agg(l)::text as all from approval_links l where approval_id = $1',
      [request.id],
    )
    for (const url of tokens) expect(rows[0]?.all).not.toContain(url.split('/').at(-1))
  })

  test('is one conversation for each reader, whose first mail is the first that they got', async () => {
    const request = await world.asks()
    await world.age(request.id, 31 * 60_000)
    await world.approvals.sweep()
    await world.tells(request.id)
    await world.approvals.vote({
      id: request.id,
      account: {kind: 'email', id: 'lin@example.test'},
      decision: 'reject',
      reason: 'no',
      surface: 'http',
      key: 'v',
    })
    await world.tells(request.id)
    const [root, reminder, end] = arrived().filter(({recipient}) => recipient === 'lin@example.test')
    expect([root?.subject, reminder?.subject, end?.subject]).toEqual([
      '⏳ [high] client → production waits for your approval',
      '⏳ [high] client → production still waits for your approval',
      '❌ [high] client → production is rejected',
    ])
    for (const later of [reminder, end])
      expect(later).toMatchObject({inReplyTo: root?.messageId, references: [root?.messageId]})
    expect(new Set([root, reminder, end].map(mail => mail?.messageId)).size).toBe(3)
    const others = arrived().filter(({recipient}) => recipient === 'ada@example.test')
    expect(others[0]?.messageId).not.toBe(root?.messageId)
    expect(end?.links).toEqual([])
  })

  test('that was decided meanwhile asks nobody any more', async () => {
    const request = await world.ask()
    await world.approvals.vote({
      id: request.id,
      account: {kind: 'email', id: 'lin@example.test'},
      decision: 'reject',
      reason: 'no',
      surface: 'http',
      key: 'v2',
    })
    const asked = world.notices.find(each => each.story === `approval:${request.id}`)
    if (!asked) throw new Error('nothing was announced')
    expect(await world.channel.tell(asTold(asked), how('late'))).toEqual({
      kind: 'skipped',
      reason: 'it was decided meanwhile',
    })
    expect(arrived()).toEqual([])
  })

  test('is not decided by a reply to its mail', async () => {
    const request = await world.asks({level: 'medium'})
    const mail = world.newest('grace')
    await world.mailbox.reply(mail, '/approve')
    expect(world.mailbox.inbox('bot@signalbox.test').at(-1)).toMatchObject({inReplyTo: mail.messageId})
    expect(await world.approvals.find(request.id)).toMatchObject({status: 'pending', decisions: []})
    expect(mail.text).toContain('Replies to this mail are read by nobody')
  })
})

describe('a notice', () => {
  test('goes out once for each address, however often it is told', async () => {
    for (let times = 0; times < 3; times++)
      expect(await world.channel.tell(asTold(failure), how('once'))).toEqual({kind: 'told', id: 'once'})
    expect(arrived().map(({recipient, copies}) => [recipient, copies])).toEqual(
      expect.arrayContaining([
        ['ada@example.test', 1],
        ['grace@example.test', 1],
        ['watch@example.test', 1],
      ]),
    )
    expect(arrived()).toHaveLength(3)
  })

  test('is tried again for those alone who did not get it', async () => {
    world.mailbox.misbehave({kind: 'refuse', stage: 'rcpt', code: 451, to: 'grace@example.test'})
    expect(await world.channel.tell(asTold(failure), how('again'))).toEqual({
      kind: 'failed',
      reason: '1 of 3: the mail server answered 451 to RCPT TO',
    })
    expect(await world.channel.tell(asTold(failure), how('again'))).toEqual({kind: 'told', id: 'again'})
    expect(arrived().map(({copies}) => copies)).toEqual([1, 1, 1])
  })

  test('whose answer was lost is sent again under the same Message-ID', async () => {
    world.mailbox.misbehave({kind: 'dropAfterData', to: 'grace@example.test'})
    expect(await world.channel.tell(asTold(failure), how('lost'))).toMatchObject({kind: 'failed'})
    expect(await world.channel.tell(asTold(failure), how('lost'))).toMatchObject({kind: 'told'})
    expect(arrived().find(({recipient}) => recipient === 'grace@example.test')).toMatchObject({copies: 2})
    expect(arrived()).toHaveLength(3)
  })

  test('is told although one address is refused for good, and refused when all are', async () => {
    world.mailbox.misbehave({kind: 'refuse', stage: 'rcpt', code: 550, to: 'grace@example.test'})
    expect(await world.channel.tell(asTold(failure), how('some'))).toMatchObject({kind: 'told'})
    world.mailbox.misbehave({kind: 'refuse', stage: 'rcpt', code: 550, times: 3})
    const refused = await world.channel.tell(asTold(failure), how('all'))
    expect(refused).toMatchObject({kind: 'refused', reason: expect.stringContaining('3 of 3') as string})
    expect(await world.channel.tell(asTold(failure), how('all'))).toMatchObject({kind: 'refused'})
  })

  test('waits longer when the server lets none of our mails through', async () => {
    world.mailbox.misbehave({kind: 'refuse', stage: 'mail', code: 550, times: 3})
    expect(await world.channel.tell(asTold(failure), how('blocked'))).toMatchObject({
      kind: 'failed',
      retryAfterMs: 300_000,
    })
  })

  test('is skipped when nobody concerned has an address', async () => {
    const channel = createMailChannel({
      mailer: world.mailer,
      mails: createMailStore({pool: world.pool}),
      links: world.mail.links,
      approvals: world.approvals,
      people: peopleOf([{id: 'ada', roles: [], accounts: {discord: '1'}}]),
      alwaysTo: [],
      clock: Date.now,
      log: silentLogger,
    })
    expect(await channel.tell(asTold(failure), how('nobody'))).toMatchObject({kind: 'skipped'})
  })
})

test('a code for an address goes to that address, or says why not', async () => {
  const send = createCodeMail({mailer: world.mailer})
  await send('new@example.test', 'SB-7K2MQ-X4HTD')
  expect(world.mailbox.inbox('new@example.test').at(-1)?.text).toContain('SB-7K2MQ-X4HTD')
  await expect(send('a@b\r\nRCPT TO:<eve@evil.test>', 'x')).rejects.toMatchObject({code: 'INVALID_INPUT'})
  world.mailbox.misbehave({kind: 'refuse', stage: 'data', code: 451})
  await expect(send('new@example.test', 'x')).rejects.toMatchObject({code: 'UPSTREAM_UNAVAILABLE'})
  expect(() => createMailer({smtp: {host: 'x', port: 1, tls: true}, from: 'nobody'})).toThrow(
    'NOTIFICATION_EMAIL_FROM',
  )
})
