import pg from 'pg'
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest'
import type {Conversation, MessageView, Person} from '../../src/emulators/discord/index.ts'
import type {Fault} from '../../src/emulators/github/index.ts'
import {fingerprint} from '../../src/kernel/fingerprint.ts'
import {attemptAgain} from '../support/attempt-again.ts'
import {DEFAULT_YAML, openWorld, type World} from '../support/world.ts'

const YAML = DEFAULT_YAML.replace(
  'access:',
  'access:\n  set-frontend: { roles: [developer] }\n  set-api-base: { roles: [developer] }',
)
const OLD = 'https://old.example.com'
const NEW = 'https://new.example.com'

const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`
const buttonsOf = (message: MessageView | undefined): string => JSON.stringify(message?.components ?? [])

let world: World
let db: pg.Client
beforeAll(async () => {
  world = await openWorld({
    yaml: YAML,
    env: {ALLOW_SECRET_WRITES: 'true', GITHUB_TIMEOUT_MS: '700'},
    permissions: {variables: 'write', secrets: 'write'},
  })
  db = new pg.Client({connectionString: world.database.url})
  await db.connect()
})
afterAll(async () => {
  await db.end()
  await world.close()
})
const armed: (() => void)[] = []
afterEach(() => {
  for (const disarm of armed.splice(0)) disarm()
})

const web = () => world.github.repository('acme/web')
const variable = () => web().variables().get('FRONTEND_BASE_URL')
const secret = () => web().secrets().get('VITE_API_BASE')
const fault = (given: Fault) => void armed.push(world.github.misbehave(given))

async function says(talk: Conversation, text: string): Promise<string> {
  await talk.settled(({reply}) => textOf(reply()).includes(text), {timeoutMs: 15_000, what: text})
  return textOf(talk.reply())
}
const runs = async (person: Person, command: string, text: string) => {
  const talk = await person.runs(command)
  const told = await says(talk, text)
  expect(talk.ephemeral).toBe(true)
  return {talk, told}
}
const presses = (person: Person, {talk}: {talk: Conversation}, label: string) =>
  person.presses({id: talk.reply()?.id ?? ''}, label)

describe('/set-frontend', () => {
  test('is refused to a stranger, and to a developer who may give it but is no admin; nothing is asked of GitHub', async () => {
    const before = world.github.requests.length
    const stranger = await world.bob.runs(`/set-frontend url:${NEW} confirm:true`)
    await stranger.acknowledged()
    expect(stranger.reply()?.content).toMatch(/^⛔ you can’t run \/set-frontend yet/)
    await runs(world.ada, `/set-frontend url:${NEW} confirm:true`, 'Only an admin can write settings')
    expect(world.github.requests.slice(before).filter(({route}) => route.includes('ariable'))).toEqual([])
  })

  test.each([
    ['http://new.example.com', 'addresses are allowed'],
    ['https://169.254.169.254/', 'private or local network'],
    ['https://a:b@new.example.com', 'user name or password'],
    [`${NEW}/?token=abcdef123456`, 'what looks like a secret'],
  ])('with %s is refused with its reason, also before anybody is asked to confirm', async (url, reason) => {
    await runs(world.root, `/set-frontend url:${url} confirm:true`, reason)
    await runs(world.root, `/set-frontend url:${url}`, reason)
    expect(variable()).toBeUndefined()
  })

  test('shows first what would change; the button writes it, once, for the person who was asked', async () => {
    const asked = await runs(world.root, `/set-frontend url:${OLD}`, 'FRONTEND_BASE_URL · confirm to set it')
    expect(asked.told).toContain(`value \`${fingerprint(OLD)}\` · there is none yet`)
    expect(asked.told).not.toContain(OLD)
    expect(variable()).toBeUndefined()

    const other = await world.bob.sendsRaw({
      type: 3,
      data: {custom_id: `v1:confirm:${await idOf(asked.talk)}`, component_type: 2},
      message: {id: asked.talk.reply()?.id ?? ''},
    })
    await other.acknowledged()
    expect(other.reply()?.content).toMatch(/^⛔ you can’t press this/)

    const pressed = await presses(world.root, asked, 'Set FRONTEND_BASE_URL')
    const told = await says(pressed, '✅ FRONTEND_BASE_URL · set')
    expect(told).toContain(`value \`${fingerprint(OLD)}\``)
    expect(told).not.toContain(OLD)
    expect(variable()).toBe(OLD)
    await says(asked.talk, 'confirmed, see below')
    expect(buttonsOf(asked.talk.reply())).not.toContain('confirm')
    const again = await world.root.sendsRaw({
      type: 3,
      data: {custom_id: `v1:confirm:${await idOf(asked.talk)}`, component_type: 2},
      message: {id: asked.talk.reply()?.id ?? ''},
    })
    await again.acknowledged()
    expect(again.reply()?.content).toMatch(/not in use any more/)
  })

  test('not confirmed in time changes nothing, says so, and loses its button', async () => {
    const asked = await runs(world.root, `/set-frontend url:${NEW}`, 'confirm to set it')
    await db.query(`update offers set expires_at = now() where id = $1`, [await idOf(asked.talk)])
    await says(asked.talk, 'not confirmed in time, nothing was changed')
    expect(buttonsOf(asked.talk.reply())).toBe('[]')
    expect(variable()).toBe(OLD)
  })

  test('can be undone by its button: the variable holds again what it held before', async () => {
    const before = world.github.count('updateVariable')
    const set = await runs(world.root, `/set-frontend url:${NEW} confirm:true`, 'FRONTEND_BASE_URL · set')
    expect(set.told).toContain(`was \`${fingerprint(OLD)}\``)
    expect(variable()).toBe(NEW)
    await attemptAgain(world, 'set_frontend', {unwritten: 'write'})
    const undo = await presses(world.root, set, 'Undo')
    expect(await says(undo, 'FRONTEND_BASE_URL · undone')).toContain(`holds \`${fingerprint(OLD)}\` again`)
    expect(variable()).toBe(OLD)
    await says(set.talk, 'to be undone, see below')
    expect(buttonsOf(set.talk.reply())).toBe('[]')
    await attemptAgain(world, 'undo', {unwritten: 'undo'})
    expect(variable()).toBe(OLD)
    expect(world.github.count('updateVariable')).toBe(before + 2)
  })

  test('is not undone over what somebody else wrote since', async () => {
    const set = await runs(world.root, `/set-frontend url:${NEW} confirm:true`, 'FRONTEND_BASE_URL · set')
    await writes('https://theirs.example.com')
    const undo = await presses(world.root, set, 'Undo')
    await says(undo, 'does not hold any more what was written here')
    expect(variable()).toBe('https://theirs.example.com')
    await writes(OLD)
  })

  test('with the value that is there changes nothing and offers no undo', async () => {
    const {told, talk} = await runs(
      world.root,
      `/set-frontend url:${OLD} confirm:true`,
      'has this value already',
    )
    expect(told).toMatch(/^✅/)
    expect(buttonsOf(talk.reply())).not.toContain('undo')
  })

  test('writes to the repository of the target that is named, not to a fixed one', async () => {
    await runs(world.root, `/set-frontend url:${NEW} confirm:true target:api`, 'FRONTEND_BASE_URL · set')
    expect(world.github.repository('acme/api').variables().get('FRONTEND_BASE_URL')).toBe(NEW)
    expect(variable()).toBe(OLD)
    await runs(world.root, `/set-frontend url:${NEW} confirm:true target:nope`, 'there is client, api')
  })

  test.each<[string, readonly Fault[], string]>([
    ['403', [{route: 'updateVariable', kind: 'forbidden'}], 'needs variables=write'],
    [
      '404',
      [
        {route: 'updateVariable', kind: 'notFound'},
        {route: 'createVariable', kind: 'notFound'},
      ],
      'GitHub shows us no repository acme/web',
    ],
    ['409', [{route: 'updateVariable', kind: 'notFound'}], 'GitHub did not do it \\(conflict\\)'],
    [
      '429',
      [{route: 'updateVariable', kind: 'secondaryLimit', status: 429, retryAfterS: 40}],
      'slow down: try again in',
    ],
    ['500', [{route: 'updateVariable', kind: 'serverError', status: 500}], 'GitHub answered 500'],
    ['a timeout', [{route: 'updateVariable', kind: 'timeout'}], 'timeout'],
    ['a cut connection', [{route: 'updateVariable', kind: 'reset'}], 'GitHub did not do it'],
    ['403 on looking', [{route: 'variable', kind: 'forbidden'}], 'needs variables=read'],
  ])('says what %s means, and that nothing was changed', async (_what, faults, sentence) => {
    for (const each of faults) fault(each)
    const {told, talk} = await runs(world.root, `/set-frontend url:${NEW} confirm:true`, sentence)
    expect(told).toMatch(/^❌ \/set-frontend could not be done/)
    expect(told).toContain('Nothing was changed')
    expect(buttonsOf(talk.reply())).not.toContain('undo')
    expect(variable()).toBe(OLD)
  })

  test('whose answer is lost looks what came of it, and tells that', async () => {
    fault({route: 'updateVariable', kind: 'serverError', takesEffect: true})
    await runs(world.root, `/set-frontend url:${NEW} confirm:true`, '✅ FRONTEND_BASE_URL · set')
    expect(variable()).toBe(NEW)
    await writes(OLD)
  })

  test('whose answer is lost while nobody can look is never called done', async () => {
    fault({route: 'variable', kind: 'latency', ms: 1})
    fault({route: 'updateVariable', kind: 'serverError'})
    fault({route: 'variable', kind: 'serverError'})
    const {told} = await runs(
      world.root,
      `/set-frontend url:${NEW} confirm:true`,
      'nobody knows whether it was set',
    )
    expect(told).toMatch(/^⚠️/)
    expect(variable()).toBe(OLD)
  })
})

describe('/set-api-base', () => {
  const VALUE = 'https://api-7f3e9b.internal-name.example.com/v1'

  test('seals the value for the repository’s own key: GitHub opens it, and nobody else ever reads it', async () => {
    const asked = await runs(world.root, `/set-api-base url:${VALUE}`, 'VITE_API_BASE · confirm to set it')
    expect(secret()).toBeUndefined()
    const pressed = await presses(world.root, asked, 'Set VITE_API_BASE')
    const told = await says(pressed, '✅ VITE_API_BASE · set')
    expect(told).toContain(`value \`${fingerprint(VALUE)}\``)
    expect(told).toContain('a secret can’t be undone')
    expect(buttonsOf(pressed.reply())).toBe('[]')
    expect(secret()).toBe(VALUE)

    // Those who are refused leave it nowhere either.
    await runs(
      world.root,
      `/set-api-base url:http://api-7f3e9b.example.com confirm:true`,
      'addresses are allowed',
    )
    const stranger = await world.bob.runs(`/set-api-base url:${VALUE} confirm:true`)
    await stranger.acknowledged()
    await runs(world.ada, `/set-api-base url:${VALUE} confirm:true`, 'Only an admin can write settings')

    for (const shown of [asked.told, told, JSON.stringify(world.discord.channel('general').messages())])
      expect(shown).not.toContain('api-7f3e9b')
    expect(JSON.stringify(world.logs)).not.toContain('api-7f3e9b')
    expect(await tablesWith('api-7f3e9b')).toEqual([])
    // The search finds what is there: fingerprints are.
    expect((await tablesWith(fingerprint(VALUE))).sort()).toEqual(
      expect.arrayContaining(['public.invocations', 'public.setting_changes']),
    )
  })

  test.each<[string, Fault, string]>([
    ['403', {route: 'putSecret', kind: 'forbidden'}, 'needs secrets=write'],
    ['404', {route: 'secretsKey', kind: 'notFound'}, 'GitHub shows us no repository acme/web'],
    ['429', {route: 'putSecret', kind: 'secondaryLimit', status: 429}, 'slow down: try again in'],
    ['502', {route: 'putSecret', kind: 'serverError'}, 'GitHub answered 502'],
    ['a timeout', {route: 'putSecret', kind: 'timeout'}, 'timeout'],
    ['403 on the key', {route: 'secretsKey', kind: 'forbidden'}, 'needs secrets=read'],
  ])('says what %s means, and changes nothing', async (_what, given, sentence) => {
    fault(given)
    const {told} = await runs(
      world.root,
      `/set-api-base url:https://other.example.com confirm:true`,
      sentence,
    )
    expect(told).toContain('Nothing was changed')
    expect(secret()).toBe(VALUE)
  })

  test('whose answer is lost sees by the time of the secret that it was set', async () => {
    fault({route: 'putSecret', kind: 'reset', takesEffect: true})
    const before = world.github.count('putSecret')
    await runs(world.root, `/set-api-base url:${NEW} confirm:true target:api`, '✅ VITE_API_BASE · set')
    await attemptAgain(world, 'set_api_base')
    expect(world.github.repository('acme/api').secrets().get('VITE_API_BASE')).toBe(NEW)
    expect(world.github.count('putSecret')).toBe(before + 1)
  })
})

test('every write is in the audit with its fingerprint, before and after, and without its value', async () => {
  const {rows} = await db.query<{text: string; phase: string}>(
    `select a::text as text, phase from audit_records a where action = 'setting.write' order by seq`,
  )
  expect(rows.some(({phase}) => phase === 'intent')).toBe(true)
  expect(rows.some(({phase, text}) => phase === 'done' || text.includes('done'))).toBe(true)
  for (const {text} of rows) expect(text).not.toMatch(/example\.com/)
})

async function writes(value: string): Promise<void> {
  const token = world.github.token({permissions: {variables: 'write'}})
  const {status} = await fetch(`${world.github.url}/repos/acme/web/actions/variables/FRONTEND_BASE_URL`, {
    method: 'PATCH',
    headers: {authorization: `Bearer ${token}`, 'user-agent': 'somebody'},
    body: JSON.stringify({value}),
  })
  expect(status).toBe(204)
}

async function idOf(talk: Conversation): Promise<string> {
  const {rows} = await db.query<{id: string}>('select id from invocations where source_id = $1', [
    talk.interactionId,
  ])
  return rows[0]?.id ?? ''
}

/** The tables in which any row has this text, whatever the schema. */
async function tablesWith(text: string): Promise<string[]> {
  const {rows: tables} = await db.query<{name: string}>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname not in ('pg_catalog', 'information_schema')`,
  )
  const found: string[] = []
  for (const {name} of tables) {
    const {rowCount} = await db.query(`select 1 from ${name} t where strpos(t::text, $1) > 0 limit 1`, [text])
    if (rowCount === 1) found.push(name)
  }
  return found
}
