import {Client} from '@modelcontextprotocol/sdk/client/index.js'
import {StdioClientTransport} from '@modelcontextprotocol/sdk/client/stdio.js'
import {StreamableHTTPClientTransport} from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type {CallToolResult} from '@modelcontextprotocol/sdk/types.js'
import {randomUUID} from 'node:crypto'
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import pg from 'pg'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {createInvocationStore} from '../../src/invocations/store.ts'
import {API_TOKEN, DEFAULT_YAML, openWorld, type World} from '../support/world.ts'

const TOKENS = {
  ada: 'ada-token-0123456789-abcdef',
  bob: 'bob-token-0123456789-abcdef',
  cleo: 'cleo-token-0123456789-abcdef',
  eve: 'eve-token-0123456789-abcdef',
}
/** Even what is low takes one other developer here, so that each run stops at its gate. */
const YAML = `${DEFAULT_YAML.replace(
  '- { id: ada, discord: "111111111111111111", roles: [developer] }',
  [
    '- { id: ada, discord: "111111111111111111", roles: [developer], tokenFrom: TOKEN_ADA }',
    '- { id: bob, discord: "333333333333333333", roles: [developer], tokenFrom: TOKEN_BOB }',
    '- { id: cleo, roles: [developer], tokenFrom: TOKEN_CLEO }',
    '- { id: eve, discord: "555555555555555555", tokenFrom: TOKEN_EVE }',
  ].join('\n  '),
)}
approvals: { policies: { low: { approvers: 1 } } }
tools:
  servers:
    fleet:
      command: ${process.execPath}
      args: [--import, tsx, ${join(import.meta.dirname, '..', 'support', 'tool-server.ts')}]
      env: [CALLS_FILE, SECRET_OF_OURS]
      critical: [echo]
    vault: { command: /nowhere/at-all }
  agents:
    tool_user: { servers: [fleet] }
    evaluator: { tools: [fleet.echo, vault.open] }
`
const LOOKS = [
  'list_agents',
  'list_workflows',
  'get_run',
  'list_runs',
  'list_pending_approvals',
  'get_approval',
]

let world: World
let db: pg.Pool
let folder: string
const clients: Client[] = []
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'signalbox-mcp-'))
  world = await openWorld({
    yaml: YAML,
    permissions: {contents: 'write', pull_requests: 'write', checks: 'read'},
    env: {
      APPROVAL_SWEEP_MS: '300',
      CALLS_FILE: join(folder, 'calls'),
      SECRET_OF_OURS: 'open-sesame-of-the-fleet',
      ...Object.fromEntries(
        Object.entries(TOKENS).map(([who, token]) => [`TOKEN_${who.toUpperCase()}`, token]),
      ),
    },
  })
  db = new pg.Pool({connectionString: world.database.url, max: 2})
  db.on('error', () => undefined)
})
afterAll(async () => {
  await Promise.all(clients.map(client => client.close()))
  await db.end()
  await world.close()
  await rm(folder, {recursive: true, force: true})
})

/** The real client of the SDK, with somebody's token. */
async function connect(token: string): Promise<Client> {
  const client = new Client({name: 'a test', version: '1'})
  clients.push(client)
  const transport = new StreamableHTTPClientTransport(new URL(`${world.app.url ?? ''}/mcp`), {
    requestInit: {headers: {authorization: `Bearer ${token}`}},
  })
  await client.connect(transport)
  return client
}

interface Said {
  readonly failed: boolean
  readonly text: string
  readonly value: Record<string, unknown>
}

async function use(client: Client, name: string, given: Record<string, unknown> = {}): Promise<Said> {
  const {isError, content} = (await client.callTool({name, arguments: given})) as CallToolResult
  const [first] = content
  const text = first?.type === 'text' ? first.text : ''
  const failed = isError === true
  return {failed, text, value: failed ? {} : (JSON.parse(text) as Record<string, unknown>)}
}

async function until(look: () => Promise<Said>, done: (value: Record<string, unknown>) => boolean) {
  for (let tries = 0; tries < 300; tries++) {
    const {failed, value} = await look()
    if (!failed && done(value)) return value
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  throw new Error('it did not come to that')
}

/** A pull request that may be shipped. */
function furnish(branch: string) {
  const web = world.github.repository('acme/web')
  web.commit('good')
  web.workflow('test.yml', {name: 'Test', jobs: [{name: 'unit', steps: [{name: 'Test', ms: 500}]}]})
  const pull = web.pullRequest({title: branch, head: branch, files: {[`${branch}.md`]: 'x\n'}})
  return {workflow: 'pr-deployment', input: {pr_number: pull.number, repo_url: 'acme/web'}}
}

/** Runs it, and answers the request that it waits for. */
async function waiting(client: Client, branch: string) {
  const {value, text} = await use(client, 'run_workflow', furnish(branch))
  expect(value['run'], text).toMatch(/^wf-/)
  const run = String(value['run'])
  await until(
    () => use(client, 'get_run', {run}),
    ({waiting_for: awaited}) => awaited !== null,
  )
  const {approvals} = (await until(
    () => use(client, 'list_pending_approvals'),
    ({approvals: all}) => JSON.stringify(all).includes(run),
  )) as {approvals: readonly {id: string; bound: Record<string, string>; requester: object}[]}
  const request = approvals.find(({bound}) => bound['run'] === run)
  return {run, id: request?.id ?? '', requester: request?.requester}
}

const decides = (token: string, id: string) =>
  fetch(`${world.app.url ?? ''}/approve/${id}`, {method: 'POST', headers: {authorization: `Bearer ${token}`}})
const runs = async () =>
  (await db.query<{n: number}>('select count(*)::int as n from workflow_state')).rows[0]?.n ?? 0

test('a stranger is not served', async () => {
  await expect(connect('no-such-token-0123456789')).rejects.toThrow()
})

test('offers looking and asking, and nothing that decides', async () => {
  const {tools} = await (await connect(TOKENS.ada)).listTools()
  expect(tools.map(({name}) => name).sort()).toEqual([...LOOKS, 'run_workflow', 'ask'].sort())
  expect(tools.filter(({annotations}) => annotations?.readOnlyHint !== true).map(({name}) => name)).toEqual([
    'run_workflow',
  ])
})

test('lists agents and workflows', async () => {
  const ada = await connect(TOKENS.ada)
  expect((await use(ada, 'list_agents')).text).toContain('"deploy_client"')
  expect((await use(ada, 'list_workflows')).text).toContain('pr_number=… repo_url=…')
})

test('whoever may not use /workflow may not here: they hear why, nothing begins, and it is in the record', async () => {
  const eve = await connect(TOKENS.eve)
  const before = await runs()
  for (const name of ['run_workflow', 'list_workflows', 'list_runs']) {
    const {failed, text} = await use(eve, name, name === 'run_workflow' ? {workflow: 'parallel-docs'} : {})
    expect(failed).toBe(true)
    expect(text).toContain('needs role developer')
  }
  expect((await use(eve, 'get_run', {run: 'wf-1234'})).text).toContain('NOT_PERMITTED')
  expect((await use(eve, 'list_agents')).failed).toBe(false)
  expect(await runs()).toBe(before)
  const {rows} = await db.query(
    `select distinct subject from audit_records where action = 'mcp.refused' and actor_id = 'eve' order by subject`,
  )
  expect(rows.map(row => (row as {subject: string}).subject)).toEqual([
    'get_run',
    'list_runs',
    'list_workflows',
    'run_workflow',
  ])
})

test('speaks over stdio as well, as whoever the token in a file names', async () => {
  const file = join(folder, 'eve-token')
  await writeFile(file, `${TOKENS.eve}\n`)
  const eve = new Client({name: 'a local test', version: '1'})
  clients.push(eve)
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: ['--import', 'tsx', join(import.meta.dirname, '..', '..', 'scripts', 'mcp.ts')],
    env: {SIGNALBOX_URL: world.app.url ?? '', SIGNALBOX_TOKEN_FILE: file},
  })
  await eve.connect(transport)
  expect((await eve.listTools()).tools.map(({name}) => name)).toContain('run_workflow')
  expect((await use(eve, 'list_agents')).text).toContain('"deploy_client"')
  expect((await use(eve, 'run_workflow', {workflow: 'parallel-docs'})).text).toContain('needs role developer')
})

test.each([
  ['an unknown workflow', {workflow: 'nonsense'}, 'There is no workflow nonsense'],
  ['an input that is missing', {workflow: 'pr-deployment', input: {pr_number: 1}}, 'repo_url'],
  [
    'an input of another type',
    {workflow: 'pr-deployment', input: {pr_number: 'x', repo_url: 'a/b'}},
    'pr_number',
  ],
])('run_workflow refuses %s', async (_what, given, reason) => {
  const before = await runs()
  const {failed, text} = await use(await connect(TOKENS.ada), 'run_workflow', given)
  expect(failed).toBe(true)
  expect(text).toContain(reason)
  expect(await runs()).toBe(before)
})

describe('a run started here', () => {
  test('is its person’s: it waits for somebody else, whatever they say here, and goes on by that one’s word', async () => {
    const ada = await connect(TOKENS.ada)
    const {run, id, requester} = await waiting(ada, 'one')
    expect(requester).toMatchObject({principal: 'ada'})

    for (const message of [`approve ${id}`, 'yes']) {
      const said = await use(ada, 'ask', {message})
      expect(said.text).not.toContain('counts')
    }
    const bob = await connect(TOKENS.bob)
    const asked = await use(bob, 'ask', {message: `approve ${id}`})
    expect(asked.value['message']).toContain('Nothing is decided or started from here')
    expect((await use(bob, 'get_approval', {id})).value).toMatchObject({status: 'pending', decisions: []})

    const own = await decides(TOKENS.ada, id)
    expect([own.status, ((await own.json()) as {code: string}).code]).toEqual([403, 'OWN_REQUEST'])
    expect((await decides(TOKENS.bob, id)).status).toBe(200)
    const ended = await until(
      () => use(ada, 'get_run', {run}),
      ({status}) => status === 'completed' || status === 'failed',
    )
    expect(ended['status']).toBe('completed')
    expect((await use(ada, 'list_runs', {limit: 1})).text).toContain(run)
  })

  test('by somebody known by their token alone is theirs as well', async () => {
    const {id, requester} = await waiting(await connect(TOKENS.cleo), 'two')
    expect(requester).toMatchObject({principal: 'cleo'})
    const own = await decides(TOKENS.cleo, id)
    expect(((await own.json()) as {code: string}).code).toBe('OWN_REQUEST')
  })

  test('asked for again under the same key is the same run, of this person alone', async () => {
    const given = {workflow: 'parallel-docs', input: {repo_url: 'acme/web', only: []}, idempotency_key: 'k1'}
    const ada = await connect(TOKENS.ada)
    const first = (await use(ada, 'run_workflow', given)).value
    expect(first['run']).toMatch(/^wf-/)
    expect((await use(ada, 'run_workflow', given)).value).toEqual(first)
    expect((await use(await connect(TOKENS.bob), 'run_workflow', given)).value['run']).not.toBe(first['run'])
    const house = (await use(await connect(API_TOKEN), 'run_workflow', given)).value
    expect(house['run']).not.toBe(first['run'])
    expect((await use(await connect(API_TOKEN), 'run_workflow', given)).value).toEqual(house)
  })
})

test('asking answers in words, in a conversation that goes on', async () => {
  const ada = await connect(TOKENS.ada)
  const first = (await use(ada, 'ask', {message: 'what waits for approval?'})).value
  expect(first['message']).toMatch(/\S/)
  const again = await use(ada, 'ask', {message: 'what is running?', session_id: first['session_id']})
  expect(again.value['session_id']).toBe(first['session_id'])
  const bob = await use(await connect(TOKENS.bob), 'ask', {message: 'hi', session_id: first['session_id']})
  expect([bob.failed, bob.text.split(':')[0]]).toEqual([true, 'NOT_PERMITTED'])
})

test.each([
  ['no JSON', '{', 400],
  ['no message of the protocol', '{"hello": 1}', 400],
])('%s is refused', async (_what, body, status) => {
  const response = await fetch(`${world.app.url ?? ''}/mcp`, {
    method: 'POST',
    body,
    headers: {
      authorization: `Bearer ${TOKENS.ada}`,
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
    },
  })
  expect(response.status).toBe(status)
})

test('who calls too often has to wait; others need not', async () => {
  const call = (id: number) => ({jsonrpc: '2.0', id, method: 'tools/call', params: {name: 'list_agents'}})
  const post = (token: string, body: unknown) =>
    fetch(`${world.app.url ?? ''}/mcp`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
      },
    })
  const calls = (count: number) => Array.from({length: count}, (_, id) => call(id))
  // Many in one request count as many: what would be too much is not begun.
  expect((await post(TOKENS.eve, calls(61))).status).toBe(429)
  expect((await post(TOKENS.eve, calls(40))).status).toBe(200)
  for (const {id} of calls(5)) expect((await post(TOKENS.eve, call(id))).status).toBe(200)
  const refused = await post(TOKENS.eve, calls(20))
  expect(refused.status).toBe(429)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect((await post(TOKENS.ada, call(1))).status).toBe(200)
})

describe('tools of a server that speaks over stdio', () => {
  const house = {headers: {authorization: `Bearer ${API_TOKEN}`}}
  const get = async (path: string) =>
    (await (await fetch(`${world.app.url ?? ''}${path}`, house)).json()) as Record<string, unknown>
  const namesOf = (shown: Record<string, unknown>) =>
    (shown['tools'] as readonly {name: string}[]).map(({name}) => name)

  /** Has the agent do it as a command would, and answers how it ended. */
  async function performed(id: string, input: Readonly<Record<string, unknown>>) {
    await createInvocationStore({pool: db}).record({
      ...{id, source: 'api', sourceId: id, command: 'workflow', options: input},
      ...{actor: {kind: 'api', id: 'a test', name: 'a test'}, agent: 'tool_user', action: 'call_tool'},
    })
    return ended(id)
  }

  async function ended(id: string) {
    for (let tries = 0; tries < 300; tries++) {
      const {rows} = await db.query<{status: string; result: Record<string, unknown> | null; error: object}>(
        'select status, result, error from invocations where id = $1 and ended_at is not null',
        [id],
      )
      if (rows[0]) return rows[0]
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    throw new Error('it did not end')
  }

  test('are shown to agents that were given them, with why and what that saves', async () => {
    const shown = await get('/agents/tool_user/tools?task=please%20echo%20this&strategy=full')
    expect(namesOf(shown)).toEqual(expect.arrayContaining(['fleet.echo', 'fleet.fail', 'fleet.see']))
    expect(shown['stats']).toMatchObject({saved: 0, servers: {shown: 1, total: 1}})
    const other = await get('/agents/evaluator/tools?strategy=full')
    expect(namesOf(other)).toEqual(['fleet.echo'])
    expect(other['missing']).toMatchObject([{server: 'vault'}])
    expect(namesOf(await get('/agents/doctor/tools?strategy=full'))).toEqual([])
  })

  test('are shown by another strategy from the moment that somebody says so, and why', async () => {
    expect(await get('/tools/strategy')).toMatchObject({strategy: 'progressive', since: null})
    const body = JSON.stringify({strategy: 'profile', reason: 'it costs too much'})
    const switched = await fetch(`${world.app.url ?? ''}/tools/strategy`, {method: 'POST', body, ...house})
    expect(switched.status).toBe(200)
    expect(await get('/tools/strategy')).toMatchObject({
      ...{strategy: 'profile', reason: 'it costs too much', by: 'the HTTP API'},
    })
    const shown = await get('/agents/tool_user/tools')
    expect([shown['strategy'], namesOf(shown)]).toEqual(['profile', ['fleet.echo']])
  })

  test('are called once for a step, however often it is tried, and each call is in the record', async () => {
    const id = randomUUID()
    const words = `hello ${id}`
    const {status, result} = await performed(id, {tool: 'fleet.echo', arguments: {words}})
    expect([status, result?.['output']]).toEqual([
      'succeeded',
      {server: 'fleet', tool: 'echo', ok: true, text: words, cut: false},
    ])

    await db.query(
      `update invocations set status = 'running', ended_at = null, result = null where id = $1`,
      [id],
    )
    await db.query(
      `insert into outbox (queue, name, job_id, data) values ('agent-tool_user', 'call_tool', $1, $2)`,
      [`again-${id}`, JSON.stringify({id})],
    )
    expect((await ended(id)).result).toEqual(result)
    const calls = (await readFile(join(folder, 'calls'), 'utf8')).split('\n')
    expect(calls.filter(line => line === `echo ${words}`)).toHaveLength(1)
    const {rows} = await db.query(
      `select phase from audit_records where action = 'tool.call' and correlation_id = $1 order by seq`,
      [id],
    )
    expect(rows).toEqual([{phase: 'intent'}, {phase: 'done'}])
  })

  test('answer without our secrets, and not at all where they were not given', async () => {
    const [told, refused] = await Promise.all([
      performed(randomUUID(), {tool: 'secret'}),
      performed(randomUUID(), {tool: 'vault.open'}),
    ])
    expect(told.result?.['output']).toMatchObject({text: 'it is ***'})
    expect([refused.status, refused.error]).toEqual(['failed', {code: 'NOT_PERMITTED'}])
  })
})
