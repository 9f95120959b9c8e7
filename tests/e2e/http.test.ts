import {spawnSync} from 'node:child_process'
import {connect} from 'node:net'
import pg from 'pg'
import {afterAll, afterEach, beforeAll, describe, expect, inject, test} from 'vitest'
import {z} from 'zod'
import {createApi} from '../../src/api/server.ts'
import {createLogger} from '../../src/platform/logger.ts'
import {createRedactor} from '../../src/platform/redact.ts'
import {API_TOKEN, openWorld, type World} from '../support/world.ts'

const token = {authorization: `Bearer ${API_TOKEN}`}
const problem = z.object({
  type: z.literal('about:blank'),
  status: z.int(),
  code: z.string().regex(/^[A-Z][A-Z_]+$/),
  detail: z.string().min(5),
  correlation_id: z.uuid(),
})
interface Description {
  readonly openapi: string
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: {readonly schemas: {readonly Problem: Parameters<typeof z.fromJSONSchema>[0]}}
}
interface Operation {
  readonly operationId: string
  readonly security: readonly object[]
  readonly parameters: readonly {readonly name: string}[]
  readonly responses: Record<
    string,
    {readonly content?: Record<string, {readonly schema: Parameters<typeof z.fromJSONSchema>[0]}>}
  >
}

describe('the HTTP side of a running product', () => {
  let world: World
  let url: string
  beforeAll(async () => {
    world = await openWorld()
    url = world.app.url ?? ''
  })
  afterAll(() => world.close())

  const get = (path: string, headers: Record<string, string> = {}) => fetch(`${url}${path}`, {headers})
  const description = async () => (await (await get('/openapi.json', token)).json()) as Description

  describe('health', () => {
    test.each(['/health/live', '/health/ready', '/health'])('%s answers 200 to anybody', async path => {
      const response = await get(path)
      expect(response.status).toBe(200)
      expect(await response.json()).toMatchObject({status: 'ok'})
    })

    test('readiness lists the parts it looked at', async () => {
      expect(await (await get('/health')).json()).toMatchObject({
        failing: [],
        roles: ['bot', 'worker', 'api'],
        parts: [
          {name: 'postgres', ok: true},
          {name: 'queue', ok: true},
          {name: 'discord', ok: true},
        ],
      })
    })
  })

  describe('errors', () => {
    const refusedAs = async (response: Response, status: number) => {
      expect(response.status).toBe(status)
      expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/)
      const body = problem.parse(await response.json())
      expect(body.status).toBe(status)
      return body
    }

    test.each([
      ['GET', '/'],
      ['GET', '/admin'],
      ['GET', '/health/../../etc/passwd'],
      ['POST', '/health'],
      ['DELETE', '/openapi.json'],
      ['GET', '/webhooks/github'],
      ['GET', '/discord/interactions'],
      ['PUT', '/webhooks/github'],
    ])('%s %s is nothing that exists, whoever asks', async (method, path) => {
      await refusedAs(await fetch(`${url}${path}`, {method}), 404)
      await refusedAs(await fetch(`${url}${path}`, {method, headers: token}), 404)
    })

    test('an address that can’t be decoded is refused like everything else', async () => {
      await refusedAs(await get('/health/%zz'), 400)
    })

    test.each([
      ['no token', {}],
      ['another token', {authorization: 'Bearer nope'}],
      ['a token of the right length', {authorization: `Bearer ${'x'.repeat(API_TOKEN.length)}`}],
      ['another scheme', {authorization: `Basic ${API_TOKEN}`}],
      ['an empty header', {authorization: ''}],
    ])('a private route refuses %s', async (_what, headers) => {
      expect((await refusedAs(await get('/openapi.json', headers), 401)).code).toBe('UNAUTHENTICATED')
    })

    test('a body over 1 MB is refused before it is looked at', async () => {
      const response = await fetch(`${url}/webhooks/github`, {
        method: 'POST',
        body: 'x'.repeat(1024 * 1024 + 1),
      })
      expect((await refusedAs(response, 413)).detail).toContain('1 MB')
    })

    test('a body of exactly 1 MB is looked at', async () => {
      const response = await fetch(`${url}/webhooks/github`, {method: 'POST', body: 'x'.repeat(1024 * 1024)})
      await refusedAs(response, 401)
    })

    test('what is not HTTP at all gets an answer and the door', async () => {
      const answer = await raw(url, 'HELO signalbox\r\n\r\n')
      expect(answer).toMatch(/^HTTP\/1\.1 400 /)
      problem.parse(JSON.parse(answer.split('\r\n\r\n')[1] ?? ''))
    })

    test('headers without end get an answer and the door', async () => {
      const answer = await raw(
        url,
        `GET /health HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(40_000)}\r\n\r\n`,
      )
      expect(answer).toMatch(/^HTTP\/1\.1 431 /)
    })
  })

  describe('metrics', () => {
    const scrape = async (headers = {}) => await (await get('/metrics', headers)).text()

    test('names what the contract names, with help and type, and no id or text of people in any label', async () => {
      const talk = await world.ada.runs('/deploy-client wait:true')
      await talk.settled(({reply}) => reply()?.content.startsWith('🟢'))
      const help = await world.ada.runs('/help')
      await help.settled(({reply}) => reply()?.content.includes('what you can run'))
      const text = await scrape()

      const families = new Set(
        [...text.matchAll(/^# TYPE (\S+) (?:counter|gauge|histogram|summary)$/gm)].map(m => m[1]),
      )
      for (const name of [
        'discord_interaction_ack_seconds',
        'command_duration_seconds',
        'deploy_phase_seconds',
        'bullmq_job_count',
        'workflows_active',
        'workflow_duration_seconds',
        'workflow_steps_total',
        'workflow_failures_total',
        'process_cpu_seconds_total',
        'process_resident_memory_bytes',
        'nodejs_eventloop_lag_seconds',
      ])
        expect(families).toContain(name)
      for (const line of text.split('\n').filter(each => each !== '' && !each.startsWith('#'))) {
        const sample = /^([a-z_][a-z0-9_]*)(\{.*\})? (?:[-+]?[0-9.e+-]+|NaN|[+-]Inf)$/i.exec(line)
        expect(sample, line).not.toBeNull()
        const family = sample?.[1]?.replace(/_(?:bucket|sum|count)$/, '') ?? ''
        expect(families.has(family) || families.has(sample?.[1]), line).toBe(true)
        expect(text).toContain(`# HELP ${families.has(family) ? family : sample?.[1]} `)
        expect(sample?.[2] ?? '').not.toMatch(/\d{15}|[0-9a-f]{8}-[0-9a-f]{4}|"ada"|acme/)
      }
      expect(text).toMatch(/^command_duration_seconds_count\{command="help",outcome="succeeded"\} [1-9]/m)
      // A deploy ends long after its job: counted when it ends.
      expect(text).toMatch(
        /^command_duration_seconds_count\{command="deploy-client",outcome="succeeded"\} 1$/m,
      )
      expect(text).toMatch(/^discord_interaction_ack_seconds_count [2-9]/m)
      expect(text).toMatch(/^bullmq_job_count\{queue="agent-deploy_client",state="completed"\} [1-9]/m)
    })

    // Names that others gave: prom-client's and BullMQ's own exporter's, which their dashboards ask for, the two gauges
    // among the 19 that the contract names, and that of the approvals' backlog.
    const borrowed =
      /^(?:nodejs_active_(?:handles|requests|resources)_total|bullmq_job_count|agent_registry_(?:agents|capabilities)_total|hitl_approval_backlog_total) /
    const promtool = spawnSync('promtool', ['--version']).status === 0
    test.skipIf(!promtool)('promtool has nothing against the names we gave (needs promtool)', async () => {
      const {stdout, stderr} = spawnSync('promtool', ['check', 'metrics'], {
        input: await scrape(),
        encoding: 'utf8',
      })
      const complaints = `${stdout}${stderr}`.split('\n').filter(line => line !== '' && !borrowed.test(line))
      expect(complaints).toEqual([])
    })

    test('METRICS_TOKEN closes them to everybody else', async () => {
      const closed = await world.startMore({ROLES: 'api', METRICS_TOKEN: 'metrics-token-0123456789'})
      const ask = (authorization?: string) =>
        fetch(`${closed.url ?? ''}/metrics`, {headers: authorization === undefined ? {} : {authorization}})
      expect((await ask()).status).toBe(401)
      expect((await ask('Bearer wrong')).status).toBe(401)
      expect((await ask('Bearer metrics-token-0123456789')).status).toBe(200)
      expect((await ask(`Bearer ${API_TOKEN}`)).status).toBe(200)
      const opened = (await (
        await fetch(`${closed.url ?? ''}/openapi.json`, {headers: token})
      ).json()) as Description
      expect(opened.paths['/metrics']?.['get']?.security).toEqual([{token: []}])
    })
  })

  describe('GET /openapi.json', () => {
    test('describes the routes that exist, each with its credentials and its answers', async () => {
      const {openapi, paths, components} = await description()
      expect(openapi).toMatch(/^3\.1\./)
      expect(Object.keys(paths).sort()).toEqual([
        '/agent-request',
        '/agents',
        '/agents/{id}',
        '/agents/{id}/heartbeat',
        '/agents/{id}/status',
        '/agents/{id}/tools',
        '/approvals/pending',
        '/approvals/statistics',
        '/approvals/{id}',
        '/approve/{id}',
        '/audit',
        '/audit/export',
        '/audit/verify',
        '/capabilities/query',
        '/capabilities/search',
        '/chat',
        '/discord/interactions',
        '/events',
        '/execute/{task_id}',
        '/health',
        '/health/live',
        '/health/ready',
        '/health/{id}',
        '/linear/callback',
        '/linear/projects',
        '/linear/projects/{name}/install',
        '/locks',
        '/locks/{resource}/force-unlock',
        '/mcp',
        '/metrics',
        '/openapi.json',
        '/orchestrate',
        '/register',
        '/reject/{id}',
        '/resume/{task_id}',
        '/runs',
        '/runs/{id}',
        '/runs/{id}/cancel',
        '/runs/{id}/events',
        '/runs/{id}/pause',
        '/runs/{id}/resume',
        '/runs/{id}/retry',
        '/tasks/{task_id}',
        '/tools/strategy',
        '/validate-routing',
        '/webhooks/github',
        '/webhooks/linear',
        '/workflows/execute',
      ])
      const operations = Object.values(paths).flatMap(path => Object.values(path))
      expect(new Set(operations.map(operation => operation.operationId)).size).toBe(operations.length)
      for (const {responses} of operations) {
        expect(Object.keys(responses)).toContain('default')
        // 405: a method that a protocol asks to be refused so, and to which there is no success.
        expect(Object.keys(responses).some(status => status.startsWith('2') || status === '405')).toBe(true)
      }
      expect(() => z.fromJSONSchema(components.schemas.Problem)).not.toThrow()
    })

    test('what it says of each GET is what the route answers, field by field', async () => {
      const {paths} = await description()
      for (const [path, {get: operation}] of Object.entries(paths)) {
        if (!operation || path.includes('{')) continue
        const response = await get(path, operation.security.length > 0 ? token : {})
        const [type = '', media] =
          Object.entries(
            (operation.responses[String(response.status)] ?? operation.responses['default'])?.content ?? {},
          )[0] ?? []
        expect(response.headers.get('content-type'), path).toContain(type)
        if (type === 'application/json' && media) z.fromJSONSchema(media.schema).parse(await response.json())
      }
    })
  })
})

describe('a part that fails', () => {
  let world: World
  afterEach(() => world.close())
  const health = async () => {
    const response = await fetch(`${world.app.url ?? ''}/health`)
    return {status: response.status, body: (await response.json()) as {failing: string[]}}
  }

  test('Postgres away: readiness says 503 and names it, people get an apology with an id, and both recover', async () => {
    world = await openWorld({queue: 'postgres'})
    const {pathname} = new URL(world.database.url)
    await closeDatabase(pathname.slice(1))
    const {status, body} = await health()
    expect(status).toBe(503)
    expect(body.failing).toEqual(['postgres', 'queue'])
    expect(JSON.stringify(body)).not.toContain('127.0.0.1')
    expect((await fetch(`${world.app.url ?? ''}/health/live`)).status).toBe(200)

    const talk = await world.bob.runs('/agents')
    await talk.settled(({reply}) => reply()?.content === '❌ something went wrong on our side')
    expect(talk.reply()?.embeds[0]?.description).toMatch(
      /nothing was started · code INTERNAL · `[0-9a-f-]{36}`/,
    )

    await openDatabase(pathname.slice(1))
    await expect.poll(async () => (await health()).status, {timeout: 20_000}).toBe(200)
    const again = await world.bob.runs('/agents')
    await again.settled(({reply}) => reply()?.embeds[0]?.description?.includes('total: '), {
      timeoutMs: 20_000,
    })
  })

  test('Discord away: readiness says 503 and names it, the process stays and keeps trying', async () => {
    world = await openWorld()
    await world.discord.close()
    await expect.poll(async () => (await health()).body.failing, {timeout: 20_000}).toEqual(['discord'])
    expect((await health()).status).toBe(503)
    expect((await fetch(`${world.app.url ?? ''}/health/live`)).status).toBe(200)
  })

  test('a dropped gateway connection counts as away until it is resumed', async () => {
    world = await openWorld()
    world.discord.misbehave({gateway: 'drop'})
    await expect.poll(async () => (await health()).body.failing, {interval: 10}).toEqual(['discord'])
    await expect.poll(async () => (await health()).status, {timeout: 20_000}).toBe(200)
  })
})

describe('the server by itself', () => {
  const log = createLogger({
    level: 'error',
    redactor: createRedactor([]),
    destination: {write: () => undefined},
  })
  const api = (routes: Parameters<typeof createApi>[0]['routes'], bodyWithinMs?: number) =>
    createApi({
      apiToken: API_TOKEN,
      metricsToken: undefined,
      log,
      routes,
      ...(bodyWithinMs === undefined ? {} : {bodyWithinMs}),
    })

  test('a body that never ends is given up, with an answer', async () => {
    const app = await api(
      [
        server =>
          void server.post(
            '/in',
            {config: {access: 'public', about: {summary: 'In', answers: {}}}},
            async () => 'taken',
          ),
      ],
      200,
    )
    const url = await app.listen({host: '127.0.0.1', port: 0})
    const answer = await raw(url, 'POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf')
    expect(answer).toMatch(/^HTTP\/1\.1 408 /)
    expect(problem.parse(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).code).toBe('TOO_SLOW')
    await app.close()
  })

  test('a route that does not say who may use it keeps the server from starting', async () => {
    await expect(api([server => void server.get('/open', async () => 'for all')])).rejects.toThrow(
      'Route GET /open does not declare its access',
    )
  })

  test('a fault of ours is told by code and id, never by its text', async () => {
    const app = await api([
      server =>
        void server.get(
          '/in',
          {config: {access: 'public', about: {summary: 'In', answers: {}}}},
          async () => {
            throw new Error('password=hunter2')
          },
        ),
    ])
    const response = await app.inject('/in')
    expect(response.statusCode).toBe(500)
    expect(response.body).not.toContain('hunter2')
    expect(problem.parse(response.json()).code).toBe('INTERNAL')
  })
})

/** What comes back over a bare connection until the other side hangs up. */
function raw(url: string, text: string): Promise<string> {
  const {hostname, port} = new URL(url)
  return new Promise(resolve => {
    let answer = ''
    const socket = connect(Number(port), hostname, () => socket.write(text))
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => (answer += chunk))
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(answer))
  })
}

async function administer(...statements: readonly string[]): Promise<void> {
  const client = new pg.Client({connectionString: inject('postgresUrl')})
  await client.connect()
  for (const statement of statements) await client.query(statement)
  await client.end()
}

const closeDatabase = (name: string) =>
  administer(
    `alter database ${name} with allow_connections false`,
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`,
  )
const openDatabase = (name: string) => administer(`alter database ${name} with allow_connections true`)
