import {randomUUID} from 'node:crypto'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {BUTTONS} from '../../src/bot/buttons.ts'
import {FORMS} from '../../src/bot/forms.ts'
import {startMailbox, type Mailbox} from '../../src/emulators/mailbox/index.ts'
import {createInvocationStore} from '../../src/invocations/store.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {loadFolder} from '../../src/runtime/load-plugins.ts'
import type {CommandDefinition} from '../../src/sdk/index.ts'
import {openLocks, type LockClient} from '../support/locks.ts'
import {mailEnvironment} from '../support/mail.ts'
import {API_TOKEN, openWorld, type World} from '../support/world.ts'

/** Who may use each way in. A way in that is not here fails the test, and so does a rule for one that is gone. */
const RULES: Readonly<
  Record<
    string,
    'everyone' | 'restricted' | 'owner' | 'command' | 'token' | 'person' | 'link' | 'signature' | 'metrics'
  >
> = {
  '/agents': 'everyone',
  '/break-glass': 'everyone',
  '/approvals': 'everyone',
  '/ask': 'everyone',
  '/audit': 'restricted',
  '/approve': 'everyone',
  '/approve id:': 'everyone',
  '/cancel': 'everyone',
  '/cancel id:': 'everyone',
  '/debug-last': 'everyone',
  '/debug-last id:': 'everyone',
  '/diagnose': 'everyone',
  '/diagnose target:': 'everyone',
  '/deploy-client': 'restricted',
  '/deploy-client ref:': 'restricted',
  '/deploy-client target:': 'restricted',
  '/doctor': 'restricted',
  '/doctor fix:': 'restricted',
  '/evaluate': 'everyone',
  '/evaluate run:': 'everyone',
  '/help': 'everyone',
  '/help command:': 'everyone',
  '/link': 'everyone',
  '/link remove:': 'everyone',
  '/locks': 'everyone',
  '/plan': 'everyone',
  '/qa': 'restricted',
  '/qa target:': 'restricted',
  '/reject': 'everyone',
  '/reject id:': 'everyone',
  '/relay-dm': 'restricted',
  '/relay-dm target_channel_id:': 'restricted',
  '/relay-send': 'restricted',
  '/relay-send channel_id:': 'restricted',
  '/set-api-base': 'restricted',
  '/set-frontend': 'restricted',
  '/ship': 'restricted',
  '/ship target:': 'restricted',
  '/status': 'everyone',
  '/status-digest': 'everyone',
  '/take-over': 'restricted',
  '/take-over lock:': 'restricted',
  '/triage': 'restricted',
  '/triage-issues': 'restricted',
  '/update-summary': 'everyone',
  '/uptime-check': 'everyone',
  '/verify-latest': 'everyone',
  '/verify-latest target:': 'everyone',
  '/verify-run': 'restricted',
  '/verify-run target:': 'restricted',
  '/workflow': 'restricted',
  '/workflow run:': 'restricted',
  '/workflow workflow:': 'restricted',
  'button approve': 'everyone',
  'button approve-plan': 'everyone',
  'button ask': 'everyone',
  'button cancel': 'owner',
  'button cancel-plan': 'everyone',
  'button cancel-run': 'command',
  'button check-link': 'everyone',
  'button confirm': 'owner',
  'button confirm-roll-back': 'command',
  'button copy': 'everyone',
  'button finish-plan': 'everyone',
  'button fix-workflow': 'command',
  'button keep': 'owner',
  'button let-go': 'owner',
  'button start-draft': 'owner',
  'button edit-draft': 'owner',
  'button cancel-draft': 'owner',
  'button pause-run': 'command',
  'button promote': 'command',
  'button reject': 'everyone',
  'button release-details': 'command',
  'button resume-run': 'command',
  'button retry': 'command',
  'button reveal': 'everyone',
  'button retry-run': 'command',
  'button roll-back': 'command',
  'button take-over': 'command',
  'button undo': 'owner',
  'form approve': 'everyone',
  'form edit-draft': 'everyone',
  'form ask': 'everyone',
  'form reject': 'everyone',
  'DELETE /agents/{id}': 'token',
  'DELETE /mcp': 'person',
  'GET /agents': 'token',
  'GET /agents/{id}': 'token',
  'GET /agents/{id}/tools': 'token',
  'GET /approvals/pending': 'person',
  'GET /approvals/statistics': 'person',
  'GET /audit': 'token',
  'GET /audit/export': 'token',
  'GET /audit/verify': 'token',
  'GET /approvals/{id}': 'person',
  'GET /approvals/{id}/decide/{decision}': 'link',
  'GET /approvals/{id}/decide/{decision}/{token}': 'link',
  'GET /capabilities/search': 'token',
  'GET /events': 'token',
  'GET /health': 'everyone',
  'GET /health/live': 'everyone',
  'GET /health/ready': 'everyone',
  'GET /health/{id}': 'token',
  'GET /linear/callback': 'link',
  'GET /linear/projects': 'token',
  'GET /locks': 'token',
  'GET /mcp': 'person',
  'GET /metrics': 'metrics',
  'GET /openapi.json': 'token',
  'GET /runs': 'token',
  'GET /tools/strategy': 'token',
  'GET /runs/{id}': 'token',
  'GET /runs/{id}/events': 'token',
  'PATCH /agents/{id}/status': 'token',
  'POST /agent-request': 'token',
  'POST /agents/{id}/heartbeat': 'token',
  'POST /approvals/{id}/decide/{decision}': 'link',
  'POST /approve/{id}': 'person',
  'POST /capabilities/query': 'token',
  'POST /chat': 'person',
  'POST /discord/interactions': 'signature',
  'POST /linear/projects/{name}/install': 'token',
  'POST /locks/{resource}/force-unlock': 'token',
  'POST /mcp': 'person',
  'GET /tasks/{task_id}': 'token',
  'POST /execute/{task_id}': 'person',
  'POST /orchestrate': 'person',
  'POST /validate-routing': 'person',
  'POST /register': 'token',
  'POST /reject/{id}': 'person',
  'POST /resume/{task_id}': 'person',
  'POST /runs/{id}/cancel': 'token',
  'POST /runs/{id}/pause': 'token',
  'POST /runs/{id}/resume': 'token',
  'POST /runs/{id}/retry': 'token',
  'POST /tools/strategy': 'token',
  'POST /webhooks/github': 'signature',
  'POST /webhooks/linear': 'signature',
  'POST /workflows/execute': 'token',
}
const LINEAR = {
  LINEAR_API_URL: 'http://127.0.0.1:9/graphql',
  LINEAR_API_KEY: 'a-key-for-tests',
  LINEAR_WEBHOOK_SECRET: 'a-secret-for-tests',
  LINEAR_APPROVAL_HUB_ISSUE_ID: 'OPS-1',
}
const ruled = (...rules: readonly string[]) =>
  Object.keys(RULES).filter(entry => rules.includes(RULES[entry] ?? ''))

let world: World
let mailbox: Mailbox
let url: string
/** Holds something, so that there is something to suggest. */
let locks: LockClient
let commands: ReadonlyMap<string, CommandDefinition>
let routes: readonly string[]
beforeAll(async () => {
  mailbox = await startMailbox()
  world = await openWorld({env: mailEnvironment(mailbox)})
  url = world.app.url ?? ''
  locks = openLocks(world.database.url)
  await locks.locks.acquire('config:limits', {owner: 'tuner'})
  const started = await fetch(`${url}/workflows/execute`, {
    method: 'POST',
    headers: {authorization: `Bearer ${API_TOKEN}`},
    body: JSON.stringify({workflow: 'parallel-docs', input: {repo_url: 'acme/web', only: []}}),
  })
  expect(started.status).toBe(202)
  commands = await loadFolder<CommandDefinition>('commands', command => command.name)
  const described = (await (
    await fetch(`${url}/openapi.json`, {headers: {authorization: `Bearer ${API_TOKEN}`}})
  ).json()) as {paths: Record<string, Record<string, object>>}
  routes = Object.entries(described.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map(method => `${method.toUpperCase()} ${path}`),
  )
})
afterAll(async () => {
  await locks.close()
  await world.close()
  await mailbox.close()
})

test('every way in has a rule: commands, completions, buttons, forms and HTTP routes, as the product declares them', () => {
  const entries = [
    ...[...commands.values()].flatMap(({name, complete = {}}) => [
      `/${name}`,
      ...Object.keys(complete).map(option => `/${name} ${option}:`),
    ]),
    ...Object.keys(BUTTONS).map(button => `button ${button}`),
    ...Object.keys(FORMS).map(form => `form ${form}`),
    ...routes,
  ]
  expect(entries.sort()).toEqual(Object.keys(RULES).sort())
})

test('what is registered at Discord is what is declared, and no more', () => {
  expect(world.discord.registrations.map(({name}) => `/${name}`).sort()).toEqual(
    [...commands.keys()].map(name => `/${name}`).sort(),
  )
})

describe('a stranger', () => {
  test.each(ruled('restricted').filter(entry => !entry.includes(' ')))('is refused %s', async entry => {
    const talk = await world.bob.sendsRaw({data: {name: entry.slice(1), type: 1}})
    await talk.acknowledged()
    expect(talk.ephemeral).toBe(true)
    expect(talk.reply()?.content).toMatch(/^⛔/u)
  })

  test.each(ruled('restricted').filter(entry => entry.includes(' ')))(
    'is suggested nothing for %s',
    async entry => {
      expect(await world.bob.completes(entry)).toEqual([])
      expect((await world.ada.completes(entry)).length).toBeGreaterThan(0)
    },
  )

  test.each(ruled('owner', 'command').map(entry => entry.slice('button '.length)))(
    'is refused the button %s of somebody else’s message',
    async button => {
      const id = randomUUID()
      const pool = createPool({connectionString: world.database.url, onError: () => undefined})
      await createInvocationStore({pool}).record({
        id,
        source: 'discord',
        sourceId: id,
        command: 'deploy-client',
        options: {wait: false, target: 'client'},
        actor: {kind: 'discord', id: world.ada.id, name: 'ada'},
        agent: 'nobody',
        action: 'nothing',
      })
      await pool.query(
        `insert into lock_take_overs (id, asked_for, resource_id, fence, owner, holder_id, asker, answer_by)
         values ($1, $1, 'file:x', 1, 'ada', $2, 'somebody', now() + interval '1 hour')`,
        [id, world.ada.id],
      )
      await pool.query(
        `insert into drafts (id, asked_for, owner, asker, description, plan, definition, input, expires_at)
         values ($1, $1, $2, $3, 'review #7', '{}', '{}', '{}', now() + interval '1 hour')`,
        [id, `discord:${world.ada.id}`, JSON.stringify({id: world.ada.id, name: 'ada', kind: 'discord'})],
      )
      // What is not held is nothing to ask for: the sweep would end it.
      await pool.query(
        `insert into resource_locks (resource_id, berth, owner_token, owner, kind, fence, expires_at)
         values ('file:x', 0, gen_random_uuid(), 'ada', 'exclusive', 1, now() + interval '1 hour')
         on conflict do nothing`,
      )
      const message = await shown()
      const talk = await world.bob.sendsRaw({
        type: 3,
        data: {custom_id: `v1:${button}:${id}`, component_type: 2},
        message,
      })
      await talk.acknowledged()
      expect(talk.ephemeral).toBe(true)
      expect(talk.reply()?.content).toBe('⛔ you can’t press this')
      const {rows} = await pool.query<{n: number}>(
        `select count(*)::int as n from invocations where actor ->> 'id' = $1 and command <> 'agents'`,
        [world.bob.id],
      )
      expect(rows).toEqual([{n: 0}])
      await pool.end()
    },
  )

  test.each([
    [
      'a button that never was',
      {custom_id: 'v1:explode:11111111-1111-4111-8111-111111111111', component_type: 2},
    ],
    [
      'a property that every object has',
      {custom_id: 'v1:constructor:11111111-1111-4111-8111-111111111111', component_type: 2},
    ],
    [
      'a button about nothing',
      {custom_id: 'v1:cancel:11111111-1111-4111-8111-111111111111', component_type: 2},
    ],
    ['a button about anything', {custom_id: 'v1:cancel:_', component_type: 2}],
    ['a button about the beginning of an id', {custom_id: 'v1:cancel:1111', component_type: 2}],
    ['a button of another age', {custom_id: 'ux_confirm_1', component_type: 2}],
    ['a select menu', {custom_id: 'v1:cancel:x', component_type: 3, values: ['x']}],
  ])('gets a private word and nothing else from %s', async (_what, data) => {
    const talk = await world.bob.sendsRaw({type: 3, data, message: await shown()})
    await talk.acknowledged()
    expect(talk.ephemeral).toBe(true)
    expect(talk.reply()?.content).toMatch(/^⛔ this (?:button|menu) is not in use any more/)
  })

  test.each(ruled('token', 'person'))('without the token is refused %s', async entry => {
    const [method = '', path = ''] = entry.split(' ')
    expect((await fetch(`${url}${path}`, {method})).status).toBe(401)
  })

  test.each(ruled('link'))('without a link from a mail finds nothing at %s', async entry => {
    const [method = '', path = ''] = entry.split(' ')
    const headers = {authorization: `Bearer ${API_TOKEN}`, cookie: `signalbox_link=${'A'.repeat(43)}`}
    expect((await fetch(`${url}${path}`, {method, headers})).status).toBe(404)
  })

  test.each(ruled('signature'))('without a signature is refused %s', async entry => {
    const [method = '', path = ''] = entry.split(' ')
    const api = await world.startMore({ROLES: 'api', DISCORD_PUBLIC_KEY: world.discord.publicKey, ...LINEAR})
    const headers = {authorization: `Bearer ${API_TOKEN}`}
    expect((await fetch(`${api.url ?? ''}${path}`, {method, body: '{}', headers})).status).toBe(401)
    await api.stop()
  })

  test.each(ruled('everyone').filter(entry => entry.startsWith('GET')))('may use %s', async entry => {
    expect((await fetch(`${url}${entry.slice('GET '.length)}`)).status).toBe(200)
  })
})

/** Some message of ours, for buttons to sit on. */
async function shown(): Promise<{readonly id: string}> {
  const talk = await world.bob.runs('/agents')
  await talk.settled(({reply}) => reply()?.embeds[0]?.description?.includes('total: '))
  return {id: talk.reply()?.id ?? ''}
}
