import pg from 'pg'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import type {Conversation, MessageView, Person} from '../../src/emulators/discord/index.ts'
import {startMailbox, type Mailbox} from '../../src/emulators/mailbox/index.ts'
import {attemptAgain} from '../support/attempt-again.ts'
import {openWorld, type World} from '../support/world.ts'

const HOUR = 3_600_000
const yaml = `
targets:
  client: { repository: acme/web, workflow: client-deploy.yml, environment: production }
principals:
  - { id: ada, discord: "111111111111111111", roles: [tech_lead, developer] }
  - { id: grace, discord: "444444444444444444", email: grace@example.com, roles: [team_lead, developer] }
access:
  deploy-client: { roles: [developer] }
approvals:
  freezes:
    - { from: "${new Date(Date.now() - HOUR).toISOString()}", to: "${new Date(Date.now() + HOUR).toISOString()}", reason: the sale }
  breakGlass: { roles: [tech_lead] }
`

const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`
const says = async (talk: Conversation, text: string) => {
  await talk.settled(({reply}) => textOf(reply()).includes(text), {timeoutMs: 20_000})
  return textOf(talk.reply())
}

let world: World
let mailbox: Mailbox
let db: pg.Client
let grace: Person
beforeAll(async () => {
  mailbox = await startMailbox()
  world = await openWorld({
    yaml,
    permissions: {pull_requests: 'read', contents: 'write'},
    env: {
      SMTP_HOST: mailbox.host,
      SMTP_PORT: String(mailbox.port),
      SMTP_TLS: 'false',
      NOTIFICATION_EMAIL_FROM: 'Signalbox <bot@example.com>',
      NOTIFICATION_EMAIL_TO: 'ops@example.com',
    },
  })
  grace = world.discord.person('grace', {id: '444444444444444444'})
  db = new pg.Client({connectionString: world.database.url})
  await db.connect()
})
afterAll(async () => {
  await db.end()
  await world.close()
  await mailbox.close()
})

describe('a production deploy in a freeze', () => {
  test('does not begin; who asks is told why, until when, and who could do something', async () => {
    const talk = await grace.runs('/deploy-client wait:true')
    const text = await says(talk, 'the sale')
    expect(text).toContain('ada')
    expect(text).toContain('/break-glass')
    expect(text).toMatch(/<t:\d+/)
    expect(world.github.count('dispatch')).toBe(0)
  })

  test('goes through for whoever broke the glass, and for nobody else; each use is kept and told', async () => {
    await says(await world.ada.runs('/break-glass reason:"the shop is down" for:10m'), 'glass broken')
    const talk = await world.ada.runs('/deploy-client wait:true')
    await says(talk, '🟢 client → production · success')
    expect(world.github.count('dispatch')).toBe(1)
    const {rows: uses} = await db.query<{subject: string; title: string}>(
      'select subject, title from break_glass_uses',
    )
    expect(uses).toEqual([{subject: expect.stringMatching(/^deployment:/), title: 'client → production'}])
    const {rows: told} = await db.query<{kind: string}>(
      `select content -> 'data' ->> 'kind' as kind from notices where event = 'break_glass' order by seq`,
    )
    expect(told.map(({kind}) => kind)).toEqual(['broken', 'used'])

    await says(await grace.runs('/deploy-client wait:true'), 'the sale')
    expect(world.github.count('dispatch')).toBe(1)
  })

  test('is stopped again once the glass is whole', async () => {
    await says(await world.ada.runs('/break-glass end:true'), 'whole again')
    // Not the very same command: within seconds it would join the first.
    await says(await world.ada.runs('/deploy-client wait:true ref:main'), 'the sale')
    expect(world.github.count('dispatch')).toBe(1)
  })

  test('whoever approves had mail about it', async () => {
    const mail = await mailbox.eventually(() => mailbox.inbox('grace@example.com')[0], {
      timeoutMs: 20_000,
      what: 'the alarm',
    })
    expect(mail.subject).toContain('ada')
  })
})

describe('/link account:mail', () => {
  test('a code goes to the address, and typed back makes it theirs', async () => {
    await says(await world.ada.runs('/link account:mail value:ada@elsewhere.org'), 'No mail of ours goes')
    await says(await world.ada.runs('/link account:mail value:Ada@Example.com'), 'a code is on its way')
    const mail = await mailbox.eventually(() => mailbox.inbox('ada@example.com').at(-1), {what: 'the code'})
    await attemptAgain(world, 'link')
    expect(mailbox.inbox('ada@example.com')).toHaveLength(1)
    const code = /SB-[A-Z2-9]{5}-[A-Z2-9]{5}/.exec(mail.text ?? '')?.[0] ?? ''
    await says(await world.ada.runs('/link account:mail code:SB-AAAAA-AAAAA'), '4 more tries')
    await says(await world.ada.runs(`/link account:mail code:${code}`), 'mail:ada@example.com` is yours')
    await says(await world.ada.runs(`/link account:mail code:${code}`), 'there is no code to be typed')
  })

  test('a code that the mail server does not take is said to be unsent, after a few tries', async () => {
    const before = mailbox.inbox('grace@example.com').length
    const mend = mailbox.misbehave({kind: 'refuse', code: 451, to: 'grace@example.com', times: 9})
    const talk = await grace.runs('/link account:mail value:grace@example.com')
    const text = await says(talk, '❌ /link could not be done now')
    mend()
    expect(text).toContain('The mail could not be sent')
    expect(text).toMatch(
      /try again in a minute\ncode `UPSTREAM_UNAVAILABLE`\nasked by grace · `[0-9a-f]{8}…`/,
    )
    expect(talk.reply()?.pings).toEqual([])
    expect(mailbox.inbox('grace@example.com')).toHaveLength(before)
    await says(await grace.runs('/link account:mail value:grace@example.com'), 'a code is on its way')
  })
})
