import {createHmac, randomUUID} from 'node:crypto'
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest'
import {openWorld, WEBHOOK_SECRET, type World} from '../support/world.ts'

interface Sent {
  readonly event?: string
  readonly delivery?: string
  readonly secret?: string
  readonly signature?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}

const sign = (body: string, secret = WEBHOOK_SECRET) =>
  `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`

/** As GitHub sends it, unless told otherwise. */
async function deliver(url: string | undefined, body: string, sent: Sent = {}) {
  const signature = 'signature' in sent ? sent.signature : sign(body, sent.secret)
  const response = await fetch(`${url ?? ''}/webhooks/github`, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      'x-github-event': sent.event ?? 'workflow_run',
      'x-github-delivery': sent.delivery ?? randomUUID(),
      ...(signature === undefined ? {} : {'x-hub-signature-256': signature}),
      ...sent.headers,
    },
  })
  return {status: response.status, body: (await response.json()) as Record<string, string>}
}

const aRun = (title = 'Client Deploy', id: number | string = 4711) =>
  JSON.stringify({action: 'completed', workflow_run: {id, display_title: title, name: 'Client Deploy'}})

describe('POST /webhooks/github', () => {
  let world: World
  let url: string | undefined
  beforeAll(async () => {
    world = await openWorld({webhooks: false})
    ;({url} = world.app)
  })
  afterAll(() => world.close())

  const jobs = async () => {
    const metrics = await (await fetch(`${url ?? ''}/metrics`)).text()
    return Number(/^bullmq_job_count\{queue="webhooks",state="completed"\} (\d+)/m.exec(metrics)?.[1])
  }

  test('a signed event is taken in, once per delivery id, and worked off as one job', async () => {
    const before = await jobs()
    const delivery = randomUUID()
    const answers = await Promise.all([1, 2, 3].map(() => deliver(url, aRun(), {delivery})))
    expect(answers.map(answer => answer.status)).toEqual([202, 202, 202])
    expect(answers.map(answer => answer.body['status']).sort()).toEqual([
      'accepted',
      'duplicate',
      'duplicate',
    ])
    await expect.poll(jobs).toBe(before + 1)
    expect((await deliver(url, aRun(), {delivery})).body).toEqual({status: 'duplicate'})
    const other = await deliver(url, aRun())
    expect(other.body).toEqual({status: 'accepted'})
    await expect.poll(jobs).toBe(before + 2)
  })

  test.each(['push', 'ping', 'star', 'x'.repeat(200)])(
    'an event we have no use for (%.10s) is heard and ignored',
    async event => {
      expect(await deliver(url, '{"zen": "Keep it logically awesome."}', {event})).toEqual({
        status: 202,
        body: {status: 'ignored'},
      })
    },
  )

  test.each([
    ['no workflow_run in it', '{}'],
    ['null', 'null'],
    ['a list', '[]'],
    ['a run without an id', '{"workflow_run": {"display_title": "x"}}'],
    ['a run whose id is an object', '{"workflow_run": {"id": {"$gt": 0}}}'],
  ])('a signed event with %s is ignored', async (_what, body) => {
    expect((await deliver(url, body)).body).toEqual({status: 'ignored'})
  })

  test.each([
    ['malformed JSON', '{"workflow_run": '],
    ['no JSON', 'payload=%7B%7D'],
    ['nothing', ''],
  ])('a signed body of %s is refused', async (_what, body) => {
    expect(await deliver(url, body)).toMatchObject({status: 400, body: {code: 'INVALID_INPUT'}})
  })

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=utf-16'])(
    'the bytes count, not the content type %s',
    async type => {
      expect((await deliver(url, aRun(), {headers: {'content-type': type}})).status).toBe(202)
    },
  )

  test.each([
    ['a title cut inside an emoji', aRun(`${'x'.repeat(499)}🚀`)],
    ['a zero character in the title', aRun('x\u0000y')],
    ['half a surrogate pair in the title', '{"workflow_run": {"id": 1, "display_title": "\\ud83d"}}'],
  ])('%s is no reason to lose the event', async (_what, body) => {
    expect((await deliver(url, body)).body).toEqual({status: 'accepted'})
  })

  test.each<[string, Sent]>([
    ['no signature', {signature: undefined}],
    ['an empty one', {signature: ''}],
    ['another secret', {secret: 'guess'}],
    ['the signature of another body', {signature: sign('{}')}],
    [
      'the old SHA-1 form',
      {signature: `sha1=${createHmac('sha1', WEBHOOK_SECRET).update(aRun()).digest('hex')}`},
    ],
    ['the bare hex', {signature: sign(aRun()).slice('sha256='.length)}],
    ['upper-case hex', {signature: sign(aRun()).toUpperCase()}],
  ])('%s is refused with 401, and leaves no trace but a log line', async (_what, sent) => {
    const delivery = randomUUID()
    const refused = await deliver(url, aRun(), {...sent, delivery})
    expect(refused).toMatchObject({status: 401, body: {code: 'BAD_SIGNATURE'}})
    expect(
      world.logs.some(
        line =>
          line['msg'] === 'a webhook with a bad signature was refused' &&
          line['correlation_id'] === refused.body['correlation_id'],
      ),
    ).toBe(true)
    // The id is not used up: the real delivery still counts.
    expect((await deliver(url, aRun(), {delivery})).body).toEqual({status: 'accepted'})
  })

  test.each([
    ['no delivery id', {'x-github-delivery': ''}],
    ['a delivery id with a colon', {'x-github-delivery': 'a:b'}],
    ['an endless delivery id', {'x-github-delivery': 'a'.repeat(101)}],
  ])('%s is refused with 400', async (_what, headers) => {
    expect((await deliver(url, aRun(), {headers})).status).toBe(400)
  })

  test('GitHub’s own test vector passes the signature check, and nothing near it does', async () => {
    const api = await world.startMore({
      ROLES: 'api',
      GITHUB_WEBHOOK_SECRET: 'It’s a Secret to Everybody'.replace('’', "'"),
    })
    const signature = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17'
    // Past the signature it fails for not being JSON.
    expect((await deliver(api.url, 'Hello, World!', {signature})).body['code']).toBe('INVALID_INPUT')
    expect((await deliver(api.url, 'Hello, World', {signature})).status).toBe(401)
    expect((await deliver(api.url, 'Hello, World!', {signature: signature.replace(/.$/, '8')})).status).toBe(
      401,
    )
  })

  test('without a secret nothing can be trusted: 503 for everything, also unsigned', async () => {
    const api = await world.startMore({ROLES: 'api', GITHUB_WEBHOOK_SECRET: ''})
    expect(await deliver(api.url, aRun())).toMatchObject({status: 503, body: {code: 'NOT_CONFIGURED'}})
    expect((await deliver(api.url, aRun(), {signature: undefined})).status).toBe(503)
  })
})

describe('a watched run', () => {
  let world: World
  afterEach(() => world.close())
  const ends = async (wanted: string, options: Parameters<typeof openWorld>[0] = {}) => {
    world = await openWorld({...options, env: {RUN_POLL_INTERVAL_MS: '60000', ...options.env}})
    const talk = await world.ada.runs('/deploy-client wait:true')
    await talk.settled(({reply}) => reply()?.content.startsWith(wanted), {timeoutMs: 25_000})
    expect(world.github.repository('acme/web').runs).toHaveLength(1)
    return talk
  }

  test('is noticed through webhooks long before the next poll, a minute away', async () => {
    await ends('🟢')
  })

  test.each([
    ['twice', {webhook: 'duplicate', times: 20}],
    ['with a forged one before each', {webhook: 'forged', times: 20}],
    ['out of order', {webhook: 'outOfOrder', event: 'workflow_job', times: 3}],
    ['half a second late', {webhook: 'late', ms: 500, times: 20}],
  ] as const)('is told rightly when its events come %s', async (_how, fault) => {
    world = await openWorld({env: {RUN_POLL_INTERVAL_MS: '60000'}})
    world.github.misbehave(fault)
    const talk = await world.ada.runs('/deploy-client wait:true')
    await talk.settled(({reply}) => reply()?.content.startsWith('🟢'), {timeoutMs: 25_000})
    expect(world.github.count('dispatch')).toBe(1)
    const closings = world.discord
      .channel('general')
      .messages()
      .filter(message => message.interactionId === undefined)
    expect(closings.length).toBeLessThanOrEqual(1)
  })

  test('events that come before its run can be found do no harm', async () => {
    const talk = await ends('🟢', {
      github: {apiFlavour: 'legacy', listingDelayMs: 1000},
      env: {RUN_POLL_INTERVAL_MS: '300'},
    })
    expect(world.github.deliveries.length).toBeGreaterThan(3)
    expect(talk.reply()?.content).toContain('success')
  })

  test('events of runs that nobody watches change nothing', async () => {
    world = await openWorld()
    const foreign = world.github.repository('acme/web').startRun({
      workflow: 'client-deploy.yml',
      event: 'push',
      branch: 'main',
      actor: 'mallory',
    })
    await world.github.eventually(() =>
      world.github.deliveries.some(
        each => each.event === 'workflow_run' && each.action === 'completed' && each.outcome === 'delivered',
      ),
    )
    expect(foreign.conclusion).toBe('success')
    expect(world.discord.channel('general').messages()).toEqual([])
    expect(world.github.count('run')).toBe(0)
  })
})
