import pg from 'pg'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import type {Conversation, MessageView} from '../../src/emulators/discord/index.ts'
import type {Pull} from '../../src/emulators/github/index.ts'
import {attemptAgain} from '../support/attempt-again.ts'
import {redisMissing} from '../support/redis.ts'
import {API_TOKEN, DEFAULT_YAML, openWorld, type World, type WorldOptions} from '../support/world.ts'

/** Even what is low takes one other developer here, so that each run stops at its gate; also when two have asked for it. */
const YAML = `${DEFAULT_YAML.replace(
  'principals:',
  `principals:
  - { id: bob, discord: "333333333333333333", roles: [developer] }
  - { id: carl, discord: "444444444444444444", roles: [developer] }`,
)}
approvals: { policies: { low: { approvers: 1 } } }
`
const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`
const says = (talk: Conversation, text: string | RegExp, timeoutMs = 30_000) =>
  talk.settled(
    ({reply}) => (typeof text === 'string' ? textOf(reply()).includes(text) : text.test(textOf(reply()))),
    {timeoutMs, what: String(text)},
  )
const runIdIn = (talk: Conversation): string => /wf-[0-9a-f]+/.exec(textOf(talk.reply()))?.[0] ?? ''

const redisReason = redisMissing()
/** Undefined: that of the whole run. */
let queue: 'postgres' | 'redis' | undefined
let world: World
let db: pg.Pool
afterEach(async () => {
  await db.end()
  await world.close()
})

async function open(options: WorldOptions = {}): Promise<void> {
  world = await openWorld({
    yaml: YAML,
    ...(queue === undefined ? {} : {queue}),
    permissions: {contents: 'write', pull_requests: 'write', checks: 'read'},
    ...options,
  })
  db = new pg.Pool({connectionString: world.database.url, max: 2})
  db.on('error', () => undefined)
}

const QUEUES =
  process.env['SIGNALBOX_LONG'] === '1'
    ? ([{on: 'postgres'}, {on: 'redis'}] as const)
    : ([{on: process.env['REDIS_URL'] === undefined ? 'postgres' : 'redis'}] as const)

/** With the queue on what the whole run is on; in the long form (`npm run chaos -- queues`) on Postgres and on Redis. */
function onBoth(what: string, tests: () => void): void {
  describe.each(QUEUES)(`${what}, queue on $on`, ({on}) => {
    if (on === 'redis' && redisReason !== undefined) return test.skip(redisReason)
    beforeEach(() => {
      queue = on
    })
    tests()
  })
}

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${world.app.url ?? ''}${path}`, {
    method,
    headers: {authorization: `Bearer ${API_TOKEN}`, ...headers},
    ...(body === undefined ? {} : {body: JSON.stringify(body)}),
  })
  return {status: response.status, body: (await response.json()) as Record<string, unknown>}
}

interface Told {
  readonly id: number | undefined
  readonly event: string
  readonly data: Record<string, unknown>
}

/** The stream's events, until it ends or `enough` of them have come. */
async function stream(id: string, since?: number, enough = Infinity): Promise<readonly Told[]> {
  const stop = new AbortController()
  const response = await fetch(`${world.app.url ?? ''}/runs/${id}/events`, {
    headers: {
      authorization: `Bearer ${API_TOKEN}`,
      ...(since === undefined ? {} : {'last-event-id': String(since)}),
    },
    signal: stop.signal,
  })
  expect(response.headers.get('content-type')).toContain('text/event-stream')
  const told: Told[] = []
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, {stream: true})
    const blocks = text.split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1]
      const data = field('data')
      if (data === undefined) continue
      const number = field('id')
      told.push({
        id: number === undefined ? undefined : Number(number),
        event: field('event') ?? '',
        data: JSON.parse(data) as Record<string, unknown>,
      })
    }
    if (told.length >= enough) {
      stop.abort()
      break
    }
  }
  return told
}

async function ended(id: string, status: string): Promise<Record<string, unknown>> {
  for (let tries = 0; tries < 300; tries++) {
    const {body} = await call('GET', `/runs/${id}`)
    if (body['status'] === status) return body
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  throw new Error(`run ${id} did not become ${status}`)
}

/** A pull request that may be shipped, and a last good version behind it. */
function furnish(): Pull {
  const web = world.github.repository('acme/web')
  web.commit('good')
  web.startRun({workflow: 'client-deploy.yml', conclusion: 'success', ageMs: 60_000})
  web.workflow('test.yml', {name: 'Test', jobs: [{name: 'unit', steps: [{name: 'Test', ms: 500}]}]})
  return web.pullRequest({title: 'b', head: 'add-b', files: {'b.md': 'x\n'}})
}
/** Dispatched deployments, the first one first. */
const shipped = () =>
  world.github
    .repository('acme/web')
    .runs.filter(run => run.workflow === 'client-deploy.yml' && run.event === 'workflow_dispatch')
    .reverse()

describe('pr-deployment from Discord, on one queue', () => {
  beforeEach(() => {
    queue = undefined
  })

  test('what is not well after it was shipped is rolled back, and the message says so', async () => {
    await open({
      yaml: YAML.replace('service: web', 'service: web\n    verify: { frontend: "https://web.invalid" }'),
    })
    const pull = furnish()
    const web = world.github.repository('acme/web')
    const good = web.branches().get('main')
    const talk = await world.ada.runs(
      `/workflow action:run workflow:pr-deployment input:pr_number=${pull.number} repo_url=acme/web`,
    )
    await says(talk, 'waits for approval')
    await world.bob.runs(`/workflow action:approve run:${runIdIn(talk)}`)
    await says(talk, '🔴 pr-deployment · failed after', 90_000)
    expect(shipped().map(({headSha}) => headSha)).toEqual([pull.headSha, good])
    expect(textOf(talk.reply())).toContain('undone: release/deploy')
  })
})

onBoth('pr-deployment from Discord', () => {
  test('reviews, tests, waits for somebody else, ships once, and tells the end in a new message', async () => {
    await open()
    const pull = furnish()
    const talk = await world.ada.runs(
      `/workflow action:run workflow:pr-deployment input:pr_number=${pull.number} repo_url=acme/web`,
    )
    await says(talk, '⏳ pr-deployment · waits for approval')
    expect(textOf(talk.reply())).toContain(
      '🟢 target → 🟢 code\\_review → 🟢 test → ⏳ approval → ⚪ release',
    )
    expect(shipped()).toEqual([])
    const id = runIdIn(talk)
    expect((await call('GET', `/runs/${id}`)).body).toMatchObject({
      status: 'paused',
      waiting_for: {kind: 'approval', id: 'approval:approval'},
    })
    await attemptAgain(world, 'tell')
    expect((await call('GET', '/runs')).body['runs']).toHaveLength(1)

    const own = await world.ada.runs(`/workflow action:approve run:${id}`)
    await says(own, 'somebody else has to decide')
    const other = await world.bob.runs(`/workflow action:approve run:${id} reason:looks good`)
    await says(other, `✅ ${id} · approved`)
    await says(talk, '🟢 pr-deployment · done after')
    expect(shipped().map(({headSha}) => headSha)).toEqual([pull.headSha])

    const last = await world.discord.eventually(() =>
      world.discord
        .channel('general')
        .messages()
        .find(message => message.id !== talk.reply()?.id && message.content.startsWith('🟢 pr-deployment')),
    )
    expect(last?.pings).toEqual([])
    const again = await world.bob.runs(`/workflow action:approve run:${id}`)
    await says(again, 'waits for no approval')
    const {rows} = await db.query(
      `select status, result from invocations where command = 'workflow' and options ->> 'action' = 'run'`,
    )
    expect(rows).toEqual([{status: 'succeeded', result: {run: id, status: 'completed'}}])
  })

  test('rejected, nothing is shipped', async () => {
    await open()
    const pull = furnish()
    const talk = await world.ada.runs(
      `/workflow action:run workflow:pr-deployment input:pr_number=${pull.number} repo_url=acme/web`,
    )
    await says(talk, 'waits for approval')
    await world.bob.runs(`/workflow action:reject run:${runIdIn(talk)} reason:not today`)
    await says(talk, '🔴 pr-deployment · failed after')
    expect(textOf(talk.reply())).toContain('step `approval`: not today')
    expect(shipped()).toEqual([])
  })

  test('buttons: paused, resumed, cancelled, retried, by whoever may run it', async () => {
    await open()
    const pull = furnish()
    const talk = await world.ada.runs(
      `/workflow action:run workflow:pr-deployment input:pr_number=${pull.number} repo_url=acme/web`,
    )
    await says(talk, 'waits for approval')
    const story = {id: talk.reply()?.id ?? ''}
    const id = runIdIn(talk)
    await says(await world.bob.presses(story, 'Pause'), `✅ ${id} · paused`)
    await says(await world.bob.runs(`/workflow action:pause run:${id}`), "can't be told to pause")
    await says(talk, '⚪ pr-deployment · paused')
    await says(await world.bob.presses(story, 'Resume'), `✅ ${id} · goes on`)
    await says(talk, 'waits for approval')
    await says(await world.bob.presses(story, 'Cancel'), `✅ ${id} · is being cancelled`)
    await says(talk, '⚪ pr-deployment · cancelled after')
    const retried = await world.bob.presses(story, 'Retry')
    await says(retried, 'waits for approval')
    // Whoever lets it go on answers for it like the one who started it.
    await says(await world.bob.runs(`/workflow action:approve run:${id}`), 'somebody else has to decide')
    expect(shipped()).toEqual([])
    await says(await world.ada.runs(`/cancel id:${await commandOf('retry')}`), /not|can’t|ask/)
    await says(await world.bob.runs(`/cancel id:${await commandOf('retry')}`), 'is being stopped')
    await says(retried, '⚪ pr-deployment · cancelled after')
  })

  test('what is wrong with a command is said, and nothing is started', async () => {
    await open()
    const lines = [
      ['run', 'workflow: say which'],
      ['run workflow:nothing', 'There is no workflow nothing'],
      ['run workflow:pr-deployment', 'input.pr\\_number'],
      ['run workflow:pr-deployment input:pr_number=x repo_url=acme/web', 'input.pr\\_number'],
      ['run workflow:pr-deployment input:what', '"what" is no pair'],
      ['pause', 'run: say which run to pause'],
      ['status run:wf-nothing', 'There is no run wf-nothing'],
    ] as const
    for (const [line, why] of lines) await says(await world.ada.runs(`/workflow action:${line}`), why)
    expect(await db.query('select from workflow_state')).toMatchObject({rowCount: 0})
  })
})

async function commandOf(action: string): Promise<string> {
  const {rows} = await db.query<{id: string}>(
    `select id from invocations where options ->> 'action' = $1 order by created_at desc limit 1`,
    [action],
  )
  return rows[0]?.id ?? ''
}

/** A target whose last deployment failed; answers the commit that went well before. */
function fallIll(): string {
  const web = world.github.repository('acme/web')
  web.commit('good')
  web.startRun({workflow: 'client-deploy.yml', conclusion: 'success', ageMs: 120_000})
  const good = web.branches().get('main') ?? ''
  web.commit('bad')
  web.startRun({workflow: 'client-deploy.yml', conclusion: 'failure', ageMs: 60_000})
  return good
}

onBoth('self-healing', () => {
  test('from Discord: what is ill is brought back once, and the message tells it', async () => {
    await open({yaml: DEFAULT_YAML})
    const good = fallIll()
    const talk = await world.ada.runs(
      '/workflow action:run workflow:self-healing input:environment=development target=client',
    )
    await says(talk, '🟢 self-healing · done after', 60_000)
    expect(shipped().map(({headSha}) => headSha)).toEqual([good])
    const again = await world.ada.runs(
      '/workflow action:run workflow:self-healing input:environment=development',
    )
    await says(again, '🟢 self-healing · done after', 60_000)
    expect(shipped()).toHaveLength(1)
  })

  test('over HTTP: of two at once the second finds that all is well', async () => {
    await open({yaml: DEFAULT_YAML})
    const good = fallIll()
    const start = () =>
      call('POST', '/workflows/execute', {workflow: 'self-healing', input: {environment: 'development'}})
    const both = await Promise.all([start(), start()])
    const runs = await Promise.all(both.map(({body}) => ended(body['id'] as string, 'completed')))
    for (const run of runs) expect(run).toMatchObject({result: {is_resolved: true, target: 'client'}})
    expect(shipped().map(({headSha}) => headSha)).toEqual([good])
    const {body} = await call('GET', '/locks')
    expect(body['locks']).toEqual([])
  })
})

onBoth('a run whose worker leaves', () => {
  test('while it waits: another one goes on, and the command ends once', async () => {
    await open({roles: 'bot,api'})
    const pull = furnish()
    const first = await world.startMore({ROLES: 'worker'})
    const talk = await world.ada.runs(
      `/workflow action:run workflow:pr-deployment input:pr_number=${pull.number} repo_url=acme/web`,
    )
    await says(talk, 'waits for approval')
    await first.stop()
    const id = runIdIn(talk)
    const approving = world.bob.runs(`/workflow action:approve run:${id}`)
    await world.startMore({ROLES: 'worker'})
    await world.startMore({ROLES: 'worker'})
    await says(await approving, 'approved')
    await says(talk, '🟢 pr-deployment · done after')
    expect(shipped()).toHaveLength(1)
    const closings = () =>
      world.discord
        .channel('general')
        .messages()
        .filter(message => message.id !== talk.reply()?.id && message.content.startsWith('🟢 pr-deployment'))
    await world.discord.eventually(() => closings().length > 0)
    // Both workers sweep each second.
    await new Promise(resolve => setTimeout(resolve, 2_500))
    expect(closings()).toHaveLength(1)
  })
})

describe('over HTTP', () => {
  beforeEach(() => {
    queue = undefined
  })

  test('a run is started once per key, listed, shown, and its events are told to the end', async () => {
    await open()
    const request = {workflow: 'parallel-docs', input: {repo_url: 'acme/web'}}
    const key = {'idempotency-key': 'nightly 1'}
    const first = await call('POST', '/workflows/execute', request, key)
    expect(first).toMatchObject({
      status: 202,
      body: {workflow: 'parallel-docs', status: expect.any(String) as string},
    })
    const {id} = first.body as {id: string}
    const second = await call('POST', '/workflows/execute', request, key)
    expect(second.body['id']).toBe(id)

    const told = await stream(id)
    expect(told.at(-1)).toEqual({
      id: undefined,
      event: 'end',
      data: {id, status: 'completed', error: null},
    })
    const types = told.flatMap(({data}) =>
      ((data['events'] ?? []) as {type: string; step?: string}[]).map(
        ({type, step}) => `${type} ${step ?? ''}`,
      ),
    )
    expect(types).toContain('succeeded missing')
    const middle = told[1]?.id ?? 0
    const rest = await stream(id, middle)
    expect(rest.map(event => event.id)).toEqual(told.slice(2).map(event => event.id))

    const run = await ended(id, 'completed')
    expect(run).toMatchObject({
      progress: {percentage: 100, failed: 0},
      result: {status: 'complete', missing: []},
      waiting_for: null,
      error: null,
    })
    expect((run['steps'] as {id: string}[]).map(step => step.id)).toEqual([
      'api_docs',
      'user_guide',
      'deployment_guide',
      'missing',
      'none_written',
    ])
    const {body: list} = await call('GET', '/runs?status=completed')
    expect((list['runs'] as {id: string}[]).map(each => each.id)).toEqual([id])
    expect((await call('GET', '/runs?status=failed')).body).toEqual({runs: []})
  })

  test('is told what to do, and refuses what does not fit', async () => {
    await open()
    const pull = furnish()
    const {body} = await call('POST', '/workflows/execute', {
      workflow: 'pr-deployment',
      input: {pr_number: pull.number, repo_url: 'acme/web'},
    })
    const {id} = body as {id: string}
    await ended(id, 'paused')
    expect((await call('POST', `/runs/${id}/resume`)).status).toBe(409)
    expect((await call('POST', `/runs/${id}/retry`)).status).toBe(409)
    expect(await call('POST', `/runs/${id}/pause`, {reason: 'lunch'})).toMatchObject({
      status: 200,
      body: {status: 'paused'},
    })
    expect((await call('POST', `/runs/${id}/resume`, {})).status).toBe(200)
    expect((await call('POST', `/runs/${id}/cancel`)).status).toBe(200)
    await ended(id, 'cancelled')
    expect(await call('POST', `/runs/${id}/cancel`)).toMatchObject({
      status: 409,
      body: {code: 'CONFLICT', correlation_id: expect.any(String) as string},
    })
    expect((await call('POST', `/runs/${id}/retry`, {step: 'approval'})).status).toBe(200)
    await ended(id, 'paused')
  })

  test('what is wrong with a request is a problem with its status', async () => {
    await open()
    const requests = [
      ['POST', '/workflows/execute', {workflow: 'nothing'}, 404],
      ['POST', '/workflows/execute', {workflow: 'pr-deployment', input: {}}, 400],
      ['POST', '/workflows/execute', {description: 'hello there'}, 400],
      ['POST', '/workflows/execute', {}, 400],
      ['GET', '/runs/wf-nothing', undefined, 404],
      ['GET', '/runs?status=sleeping', undefined, 400],
      ['GET', '/runs/wf-nothing/events', undefined, 404],
      ['POST', '/runs/wf-nothing/pause', {}, 404],
      ['POST', '/runs/wf-nothing/pause', {why: 'x'}, 400],
    ] as const
    for (const [method, path, body, status] of requests) {
      expect({path, ...(await call(method, path, body))}).toMatchObject({
        path,
        status,
        body: {status, code: expect.any(String) as string},
      })
    }
  })

  test('a stream does not keep the process from stopping, and the metrics tell of runs', async () => {
    await open()
    const pull = furnish()
    const {body} = await call('POST', '/workflows/execute', {
      workflow: 'pr-deployment',
      input: {pr_number: pull.number, repo_url: 'acme/web'},
    })
    const id = body['id'] as string
    await ended(id, 'paused')
    const listening = stream(id).catch(() => [])
    const text = await (await fetch(`${world.app.url ?? ''}/metrics`)).text()
    expect(text).toMatch(/^workflows_active\{status="paused"\} 1$/m)
    for (const name of ['workflow_duration_seconds', 'workflow_steps_total', 'workflow_failures_total'])
      expect(text).toContain(`# TYPE ${name} `)
    expect(text).toMatch(/queue="workflows"/)
    const began = Date.now()
    await world.app.stop()
    expect(Date.now() - began).toBeLessThan(10_000)
    await listening
  })
})
