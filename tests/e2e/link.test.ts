import pg from 'pg'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import type {Conversation, MessageView, Person} from '../../src/emulators/discord/index.ts'
import {attemptAgain} from '../support/attempt-again.ts'
import {openWorld, type World} from '../support/world.ts'

const YAML = `
targets:
  client: { repository: acme/web, workflow: client-deploy.yml }
principals:
  - { id: ada, discord: "111111111111111111", roles: [tech_lead] }
  - { id: grace, discord: "444444444444444444", github: grace-gh, roles: [team_lead] }
approvals:
  breakGlass: { roles: [tech_lead], maximum: 20m }
`

const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`
const says = async (talk: Conversation, text: string) => {
  await talk.settled(({reply}) => textOf(reply()).includes(text), {timeoutMs: 20_000})
  return textOf(talk.reply())
}
const shown = /SB-[A-Z2-9]{5}-[A-Z2-9]{5}|sbx_[\w-]{43}/

let world: World
let db: pg.Client
let grace: Person
async function open(webhooks: boolean): Promise<void> {
  world = await openWorld({yaml: YAML, webhooks, env: {GITHUB_TIMEOUT_MS: '800'}})
  grace = world.discord.person('grace', {id: '444444444444444444'})
  db = new pg.Client({connectionString: world.database.url})
  await db.connect()
}
async function close(): Promise<void> {
  await db.end()
  await world.close()
}

async function presses(person: Person, talk: Conversation, button: string): Promise<Conversation> {
  const next = await person.presses({id: talk.reply()?.id ?? ''}, button)
  await next.acknowledged()
  return next
}

/** Asks for a code and reads it. */
async function codeFor(person: Person): Promise<{readonly talk: Conversation; readonly code: string}> {
  const talk = await person.runs('/link account:github')
  // One that was used a moment ago is told of first, with the way to another.
  await talk.settled(({reply}) => /prove that it is you|is yours|somebody else/.test(textOf(reply())))
  const known = !textOf(talk.reply()).includes('prove that it is you')
  expect(talk.ephemeral).toBe(true)
  const secret = await presses(person, talk, known ? 'Show another code' : 'Show my code')
  expect(secret.ephemeral).toBe(true)
  return {talk, code: shown.exec(textOf(secret.reply()))?.[0] ?? ''}
}

const comments = (author: string, body: string) => world.github.repository('acme/web').comment({author, body})
const accounts = async () =>
  (
    await db.query<{principal: string; account: string}>(
      `select principal, kind || ':' || account_id as account from linked_accounts`,
    )
  ).rows
/** The tables in which a text stands anywhere. */
async function tablesWith(text: string): Promise<string[]> {
  const {rows} = await db.query<{name: string}>(
    `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
     where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`,
  )
  const found: string[] = []
  for (const {name} of rows) {
    const {rowCount} = await db.query(`select from ${name} t where position($1 in t::text) > 0 limit 1`, [
      text,
    ])
    if (rowCount !== 0) found.push(name)
  }
  return found
}

describe('/link', () => {
  beforeAll(() => open(true))
  afterAll(close)

  test('a code posted on GitHub makes the account its person’s; the webhook is enough', async () => {
    const {talk, code} = await codeFor(world.ada)
    comments('Ada-Works', `This is me: ${code}`)
    await expect.poll(accounts).toEqual([{principal: 'ada', account: 'github:ada-works'}])

    await says(await presses(world.ada, talk, 'Check'), 'github:ada-works` is yours')
    const list = await world.ada.runs('/link')
    const text = await says(list, 'you are ada')
    expect(text).toContain('`discord:111111111111111111` · in signalbox.yaml')
    expect(text).toMatch(/`github:ada-works` · proved <t:\d+:R>/)
  })

  test('an account that signalbox.yaml gives to somebody else is not to be had', async () => {
    const {talk, code} = await codeFor(world.ada)
    comments('Grace-GH', code)
    await expect
      .poll(async () => (await db.query(`select from account_events where event = 'link_refused'`)).rowCount)
      .toBe(1)
    await says(await presses(world.ada, talk, 'Check'), 'belongs to somebody else already')
  })

  test('it can be removed again, and only by them', async () => {
    expect(await world.ada.completes('/link remove:')).toEqual([
      {name: 'github:ada-works', value: 'github:ada-works'},
    ])
    expect(await grace.completes('/link remove:')).toEqual([])
    await says(await grace.runs('/link remove:github:ada-works'), 'nothing removed')
    await says(await world.ada.runs('/link remove:github:grace-gh'), 'nothing removed')
    await says(await world.ada.runs('/link remove:github:ada-works'), 'is not yours any more')
    expect(await accounts()).toEqual([])
  })

  test('a code is shown to its person, and stands nowhere', async () => {
    const {code} = await codeFor(grace)
    expect(code).toMatch(shown)
    expect(await tablesWith(code)).toEqual([])
    expect(JSON.stringify(world.logs)).not.toContain(code)
  })

  test('a token is shown once, ends the one before, and stands nowhere', async () => {
    const talk = await world.ada.runs('/link account:api')
    await says(talk, 'a token of your own')
    const tokens = []
    for (let n = 0; n < 2; n++) {
      const press = await presses(world.ada, talk, 'Show it')
      expect(press.ephemeral).toBe(true)
      tokens.push(shown.exec(textOf(press.reply()))?.[0] ?? '')
    }
    expect(new Set(tokens).size).toBe(2)
    for (const token of tokens) {
      expect(await tablesWith(token)).toEqual([])
      expect(JSON.stringify(world.logs)).not.toContain(token)
    }
    const {rows} = await db.query('select principal from personal_tokens where revoked_at is null')
    expect(rows).toEqual([{principal: 'ada'}])
    const answers = (token: string) =>
      fetch(`${world.app.url ?? ''}/approvals/pending`, {headers: {authorization: `Bearer ${token}`}}).then(
        ({status}) => status,
      )
    expect(await Promise.all(tokens.map(answers))).toEqual([401, 200])
    await says(await world.ada.runs('/link'), 'your token · made')
    await says(await world.ada.runs('/link remove:api'), 'is not yours any more')
    expect(await Promise.all(tokens.map(answers))).toEqual([401, 401])
  })

  test('who is not a principal has nothing to link, whichever way they come', async () => {
    await says(await world.bob.runs('/link account:github'), 'You are not among the principals')
    const help = await world.bob.runs('/help')
    await says(help, 'what you can run')
    const message = {id: help.reply()?.id ?? ''}
    for (const what of ['api', 'github', 'constructor']) {
      const talk = await world.bob.sendsRaw({
        type: 3,
        data: {custom_id: `v1:reveal:${what}`, component_type: 2},
        message,
      })
      await talk.acknowledged()
      expect(talk.ephemeral).toBe(true)
      expect(textOf(talk.reply())).toContain('⛔ there is nothing to show')
    }
    expect((await db.query(`select from personal_tokens where principal not in ('ada')`)).rowCount).toBe(0)
  })

  test('what is off says what would switch it on; what does not fit together is refused', async () => {
    await says(await world.ada.runs('/link account:linear'), 'LINEAR\\_API\\_KEY')
    await says(await world.ada.runs('/link account:mail value:ada@example.com'), 'SMTP\\_HOST')
    await says(await world.ada.runs('/link account:mail'), 'give your address as value')
    await says(await world.ada.runs('/link account:github value:x@y.z'), 'for account:mail only')
    await says(await world.ada.runs('/link account:mail code:SB-AAAAA-AAAAA'), 'there is no code to be typed')
  })
})

describe('/link without webhooks', () => {
  beforeAll(() => open(false))
  afterAll(close)

  test('Check looks at GitHub itself; who posts the code first is who counts', async () => {
    const {talk, code} = await codeFor(world.ada)
    await says(await presses(world.ada, talk, 'Check'), 'your last code was not found yet')
    comments('ada-works', code)
    comments('mallory', `copied: ${code}`)
    await says(await presses(world.ada, talk, 'Check'), 'github:ada-works` is yours')
    expect(await accounts()).toEqual([{principal: 'ada', account: 'github:ada-works'}])
  })

  test('a comment that was edited into one does not count', async () => {
    const {talk, code} = await codeFor(grace)
    const old = comments('mallory', 'nothing to see')
    await new Promise(resolve => setTimeout(resolve, 1100))
    old.edit(code)
    await says(await presses(grace, talk, 'Check'), 'your last code was not found yet')
    expect((await accounts()).map(({account}) => account)).not.toContain('github:mallory')
  })

  test.each(['forbidden', 'notFound', 'secondaryLimit', 'serverError', 'timeout'] as const)(
    'a repository that can’t be read (%s) is named, and nothing is concluded from it',
    async kind => {
      const {talk} = await codeFor(grace)
      const before = await accounts()
      world.github.misbehave({route: 'comments', kind})
      await says(await presses(grace, talk, 'Check'), 'we could not read the comments of `acme/web`')
      expect(await accounts()).toEqual(before)
    },
  )
})

describe('/break-glass', () => {
  beforeAll(() => open(true))
  afterAll(close)

  test('only for the named role, with a reason, no longer than allowed', async () => {
    await says(await grace.runs('/break-glass reason:"the shop is down"'), 'needs role tech\\_lead')
    await says(await world.bob.runs('/break-glass reason:"the shop is down"'), 'no account known here')
    await says(await world.ada.runs('/break-glass'), 'reason: say why')
    await says(await world.ada.runs('/break-glass reason:"the shop is down" for:2h'), 'At most 20 minutes')
    expect((await db.query('select from break_glass')).rowCount).toBe(0)
  })

  test('in the open, told to everybody who approves, and over when its person says so', async () => {
    const talk = await world.ada.runs('/break-glass reason:"the shop is down @everyone"')
    const text = await says(talk, '⚠️ glass broken')
    expect(talk.ephemeral).toBe(false)
    expect(text).toContain('the shop is down @\u200beveryone')
    await attemptAgain(world, 'break_glass')
    const {rows} = await db.query<{event: string; people: string[]; level: string}>(
      `select event, level, content -> 'people' as people from notices where story like 'break-glass:%'`,
    )
    expect(rows).toEqual([{event: 'break_glass', level: 'critical', people: ['grace']}])
    await says(await world.ada.runs('/break-glass reason:"once more"'), 'Yours is broken already')
    await says(await world.ada.runs('/break-glass end:true'), 'the glass is whole again')
    await says(await world.ada.runs('/break-glass end:true'), 'nothing to end')
  })
})
