import pg from 'pg'
import {afterEach, expect, test} from 'vitest'
import type {MessageView, Person} from '../../src/emulators/discord/index.ts'
import {startMailbox, type Mail, type Mailbox} from '../../src/emulators/mailbox/index.ts'
import {createVisit} from '../support/visitor.ts'
import {mailEnvironment} from '../support/mail.ts'
import {DEFAULT_YAML, openWorld, type World} from '../support/world.ts'

const YAML = DEFAULT_YAML.replace('service: web', 'service: web\n    environment: production').replace(
  'principals:',
  [
    'principals:',
    '  - { id: grace, discord: "111111111111111001", email: grace@example.test, roles: [tech_lead] }',
    '  - { id: tom, discord: "111111111111111002", email: tom@example.test, roles: [team_lead] }',
  ].join('\n'),
)

let mailbox: Mailbox
let world: World
let db: pg.Pool
afterEach(async () => {
  // By name: should it take too long, the next test has opened others by then.
  const [client, product, service] = [db, world, mailbox]
  await client.end()
  await product.close()
  await service.close()
})

async function open(): Promise<Record<'grace' | 'tom', Person>> {
  mailbox = await startMailbox()
  world = await openWorld({
    yaml: YAML,
    queue: 'postgres',
    permissions: {contents: 'write', checks: 'read'},
    env: {...mailEnvironment(mailbox), APPROVAL_SWEEP_MS: '300'},
  })
  db = new pg.Pool({connectionString: world.database.url, max: 2})
  return {
    grace: world.discord.person('grace', {id: '111111111111111001'}),
    tom: world.discord.person('tom', {id: '111111111111111002'}),
  }
}

const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`
const mailTo = (person: string, subject: string): Promise<Mail> =>
  mailbox.eventually(() => mailbox.inbox(`${person}@example.test`).find(mail => mail.subject === subject), {
    timeoutMs: 20_000,
    what: `"${subject}" to ${person}`,
  })
const ASKED = '⏳ [high] client → production waits for your approval'

test('a deploy to production is approved by two people from their mails, and shipped once', async () => {
  const people = await open()
  const talk = await world.ada.runs('/deploy-client wait:true')
  for (const name of ['grace', 'tom'] as const) {
    const mail = await mailTo(name, ASKED)
    const visit = createVisit(mail.links.find(({label}) => label === 'Look and approve')?.url ?? '')
    expect((await visit.page()).html).toContain('Approve client → production?')
    await visit.presses('Send a code to my Discord')
    const [, code = ''] = /`(\d{6})`/.exec(people[name].receives().at(-1)?.content ?? '') ?? []
    const after = await visit.presses('Approve', {code})
    expect(after.status).toBe(200)
  }
  await talk.settled(({reply}) => textOf(reply()).includes('🟢 client → production · success'), {
    timeoutMs: 30_000,
  })
  expect(world.github.count('dispatch')).toBe(1)
  const {rows} = await db.query(`select decisions from approval_requests`)
  expect(rows).toMatchObject([
    {
      decisions: [
        {principal: 'grace', surface: 'mail'},
        {principal: 'tom', surface: 'mail'},
      ],
    },
  ])
  const told = await mailTo('grace', '✅ [high] client → production is approved')
  expect(told.references).toEqual([mailbox.inbox('grace@example.test')[0]?.messageId])
  expect(JSON.stringify(world.logs)).not.toMatch(/decide\/approve\/[\w-]{43}/)
})

test('an address is proven by the code that was mailed to it', async () => {
  await open()
  const asked = await world.ada.runs('/link account:mail value:ada@example.test')
  await asked.settled(({reply}) => !(reply()?.loading ?? true), {timeoutMs: 20_000})
  const mail = await mailTo('ada', 'Your code for Signalbox')
  const [code = ''] = /SB-\w{5}-\w{5}/.exec(mail.text) ?? []
  const typed = await world.ada.runs(`/link account:mail code:${code}`)
  await typed.settled(({reply}) => textOf(reply()).includes('ada@example.test'), {timeoutMs: 20_000})
  const {rows} = await db.query('select principal, account_id from linked_accounts where kind = $1', [
    'email',
  ])
  expect(rows).toEqual([{principal: 'ada', account_id: 'ada@example.test'}])
})
