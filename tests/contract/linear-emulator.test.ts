import {randomUUID} from 'node:crypto'
import {
  AuthenticationLinearError,
  InvalidInputLinearError,
  LinearClient,
  LinearError,
  NetworkLinearError,
  RatelimitedLinearError,
} from '@linear/sdk'
import {LinearWebhookClient} from '@linear/sdk/webhooks'
import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterEach, describe, expect, test} from 'vitest'
import {
  startLinearEmulator,
  type LinearEmulator,
  type LinearEmulatorOptions,
} from '../../src/emulators/linear/index.ts'
import {linearId} from '../../src/integrations/linear/ids.ts'
import {openSdkLinear} from '../../src/integrations/linear/sdk-linear.ts'
import type {Linear, LinearAnswer} from '../../src/integrations/linear/linear.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function start(options: LinearEmulatorOptions = {}): Promise<LinearEmulator> {
  const linear = await startLinearEmulator(options)
  closing.push(() => linear.close())
  return linear
}

const sdk = (linear: LinearEmulator) => new LinearClient({apiKey: linear.key(), apiUrl: linear.url})

async function refusalOf(request: Promise<unknown>): Promise<LinearError> {
  const outcome = await request.then(
    () => new Error('it was not refused'),
    (error: unknown) => error,
  )
  if (!(outcome instanceof LinearError)) throw outcome
  return outcome
}

describe('the emulator, through the SDK as it is', () => {
  test('comments, replies, reactions and sessions are made by its own calls', async () => {
    const linear = await start()
    const hub = linear.issue('Approvals')
    const client = sdk(linear)
    const id = randomUUID()
    const root = await client.createComment({id, issueId: hub.identifier, body: 'Please decide'})
    expect(root).toMatchObject({success: true, commentId: id})
    await client.createComment({issueId: hub.id, parentId: id, body: 'A reply'})
    expect(linear.comments('OPS-1').map(({body, parent}) => [body, parent?.id])).toEqual([
      ['Please decide', undefined],
      ['A reply', id],
    ])
    const app = linear.app()
    const token = await mint(linear, app)
    const agent = new LinearClient({accessToken: token, apiUrl: linear.url})
    const opened = await agent.agentSessionCreateOnIssue({issueId: hub.id})
    const sessionId = opened.agentSessionId ?? ''
    await agent.createAgentActivity({agentSessionId: sessionId, content: {type: 'thought', body: 'Looking'}})
    await agent.updateAgentSession(sessionId, {externalUrls: [{label: 'Run', url: 'https://example.com'}]})
    expect(linear.sessions().map(linear.statusOf)).toEqual(['active'])
  })

  test.each([
    ['an unknown field', 'query { viewer { id nickname } }'],
    ['an unknown operation', 'query { teamsOfMine { id } }'],
    ['a wrong type', 'query { issue(id: 7) { id } }'],
    [
      'an unknown input',
      'mutation { commentCreate(input: {issueId: "OPS-1", body: "x", pin: true}) { success } }',
    ],
  ])('refuses %s as Linear’s validation does', async (_what, query) => {
    const linear = await start()
    linear.issue('Approvals')
    expect(await refusalOf(sdk(linear).client.rawRequest(query))).toMatchObject({status: 400})
    expect(linear.comments()).toEqual([])
  })

  test('refuses what is not there, ids that are no UUIDs, twins, and replies to replies', async () => {
    const linear = await start()
    const hub = linear.issue('Approvals')
    const client = sdk(linear)
    const comment = (input: Parameters<typeof client.createComment>[0]) =>
      refusalOf(client.createComment(input))
    expect(await comment({issueId: 'OPS-99', body: 'x'})).toBeInstanceOf(InvalidInputLinearError)
    expect(await comment({issueId: hub.id, body: ' '})).toBeInstanceOf(InvalidInputLinearError)
    expect(await comment({issueId: hub.id, body: 'x', id: 'mine'})).toBeInstanceOf(InvalidInputLinearError)
    const id = randomUUID()
    const reply = randomUUID()
    await client.createComment({id, issueId: hub.id, body: 'root'})
    await client.createComment({id: reply, issueId: hub.id, parentId: id, body: 'reply'})
    expect(await comment({id, issueId: hub.id, body: 'again'})).toBeInstanceOf(InvalidInputLinearError)
    expect(await comment({issueId: hub.id, parentId: reply, body: 'deeper'})).toBeInstanceOf(
      InvalidInputLinearError,
    )
    expect(linear.comments()).toHaveLength(2)
  })

  test('lets a key in bare and a token as a bearer, and nobody else', async () => {
    const linear = await start()
    const asBearer = new LinearClient({accessToken: linear.key(), apiUrl: linear.url})
    const strange = new LinearClient({apiKey: 'lin_api_of_somebody', apiUrl: linear.url})
    for (const client of [asBearer, strange])
      expect(await refusalOf(client.client.rawRequest('query { viewer { id } }'))).toBeInstanceOf(
        AuthenticationLinearError,
      )
  })

  test('only an app acts as an agent, and content is checked', async () => {
    const linear = await start()
    const hub = linear.issue('Approvals')
    expect(await refusalOf(sdk(linear).agentSessionCreateOnIssue({issueId: hub.id}))).toBeInstanceOf(
      InvalidInputLinearError,
    )
    const app = linear.app()
    const agent = new LinearClient({accessToken: await mint(linear, app), apiUrl: linear.url})
    const {agentSessionId = ''} = await agent.agentSessionCreateOnIssue({issueId: hub.id})
    for (const content of [
      {type: 'prompt', body: 'x'},
      {type: 'thought'},
      {type: 'thought', body: 'x', mood: 'good'},
    ])
      expect(await refusalOf(agent.createAgentActivity({agentSessionId, content}))).toBeInstanceOf(
        InvalidInputLinearError,
      )
  })

  test('limits as Linear does: HTTP 400 with a code, the type only sometimes', async () => {
    const linear = await start()
    const viewer = () => sdk(linear).client.rawRequest('query { viewer { id } }')
    linear.misbehave({operation: 'viewer', kind: 'rateLimited'})
    const plain = await refusalOf(viewer())
    expect(plain).not.toBeInstanceOf(RatelimitedLinearError)
    expect(plain).toMatchObject({status: 400})
    linear.misbehave({operation: 'viewer', kind: 'rateLimited', typed: true})
    expect(await refusalOf(viewer())).toBeInstanceOf(RatelimitedLinearError)
    linear.misbehave({operation: '*', kind: 'serverError'})
    expect(await refusalOf(viewer())).toBeInstanceOf(NetworkLinearError)
    await viewer()
  })

  test('counts requests and points, tells both in headers, and refuses what is too much', async () => {
    const linear = await start({requestsPerHour: 2})
    const client = sdk(linear)
    const answer = await client.client.rawRequest(
      'query { comments(first: 100) { nodes { id user { id } } } }',
    )
    expect(answer.headers?.get('x-complexity')).toBe('220')
    expect(answer.headers?.get('x-ratelimit-requests-remaining')).toBe('1')
    const large =
      'query { comments(first: 250) { nodes { issue { comments(first: 250) { nodes { id } } } } } }'
    expect(await refusalOf(client.client.rawRequest(large))).toBeInstanceOf(InvalidInputLinearError)
    await client.client.rawRequest('query { viewer { id } }')
    expect(await refusalOf(client.client.rawRequest('query { viewer { id } }'))).toBeInstanceOf(
      RatelimitedLinearError,
    )
  })

  test('mentions by the address of a profile, in prose only', async () => {
    const linear = await start()
    const {url} = linear.person('ada')
    linear.person('adam')
    expect(linear.mentioned(`please, ${url}!`)).toEqual(['ada'])
    expect(linear.mentioned(`\`${url}\` and @ada and ${url}m`)).toEqual(['adam'])
  })
})

describe('its webhooks, through the SDK’s own verification', () => {
  interface Received {
    readonly body: Buffer
    readonly headers: Readonly<Record<string, string | string[] | undefined>>
  }

  async function listen(linear: LinearEmulator, status: () => number = () => 200): Promise<Received[]> {
    const received: Received[] = []
    const server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        received.push({body: Buffer.concat(chunks), headers: request.headers})
        response.writeHead(status()).end()
      })
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    closing.push(() => new Promise(resolve => server.close(resolve)))
    linear.webhooks({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      secret: 'hook secret',
    })
    return received
  }

  const verify = ({body, headers}: Received) =>
    new LinearWebhookClient('hook secret').parseData(body, String(headers['linear-signature']))

  test('a comment is told, signed and fresh', async () => {
    const linear = await start()
    const received = await listen(linear)
    const hub = linear.issue('Approvals')
    const comment = linear.person('grace').comments(hub.id, {body: '/approve'})
    const delivery = await linear.eventually(() =>
      linear.deliveries.find(each => each.type === 'Comment' && each.status),
    )
    expect(delivery.outcome).toBe('delivered')
    const told = received.map(verify).find(each => each.type === 'Comment')
    expect(told).toMatchObject({
      action: 'create',
      data: {id: comment.id, body: '/approve', userId: comment.user.id},
    })
  })

  test('what is not answered with 200 comes again under the same delivery id, fresh again', async () => {
    const linear = await start({webhookRetryAfterMs: [10, 10, 10]})
    let answers = 0
    const received = await listen(linear, () => (++answers < 3 ? 500 : 200))
    linear.issue('Approvals')
    await linear.eventually(() => linear.deliveries.at(-1)?.outcome === 'delivered')
    expect(received).toHaveLength(3)
    expect(new Set(received.map(({headers}) => headers['linear-delivery'])).size).toBe(1)
    expect(() => received.map(verify)).not.toThrow()
  })

  test('can be lost, double, forged and stale', async () => {
    const linear = await start({webhookRetryAfterMs: []})
    const received = await listen(linear)
    const hub = linear.issue('Approvals')
    await linear.eventually(() => linear.deliveries[0]?.outcome === 'delivered')
    received.length = 0
    for (const webhook of ['lost', 'duplicate', 'forged', 'stale'] as const) {
      linear.misbehave({webhook, type: 'Comment'})
      linear.person('grace').comments(hub.id, {body: webhook})
    }
    await linear.eventually(() => linear.deliveries.every(({outcome}) => outcome !== 'sending'))
    const verdicts = received.map(delivery => {
      try {
        return `good ${(verify(delivery) as {data: {body: string}}).data.body}`
      } catch (error) {
        return (error as Error).message
      }
    })
    expect(verdicts.sort()).toEqual([
      'Invalid webhook signature',
      'Invalid webhook timestamp',
      'good duplicate',
      'good duplicate',
      'good forged',
    ])
  })
})

describe('our port to Linear, against the emulator', () => {
  let linear: LinearEmulator
  const open = async (options: {app?: boolean; timeoutMs?: number} = {}): Promise<Linear> => {
    linear = await start()
    linear.issue('Approvals')
    const {clientId, clientSecret} = options.app ? linear.app() : {clientId: '', clientSecret: ''}
    return openSdkLinear({
      auth: options.app ? {kind: 'app', clientId, clientSecret} : {kind: 'key', apiKey: linear.key()},
      apiUrl: linear.url,
      clock: Date.now,
      ...(options.timeoutMs !== undefined && {timeoutMs: options.timeoutMs}),
    })
  }
  const ok = <T>(answer: LinearAnswer<T>): T => {
    if (answer.kind !== 'ok') throw new Error(JSON.stringify(answer))
    return answer.value
  }

  test('an issue by its identifier, with what is needed to write under it', async () => {
    const port = await open()
    const hub = ok(await port.issue('ops-1'))
    expect(hub).toMatchObject({identifier: 'OPS-1', title: 'Approvals', projectId: undefined})
    expect(hub.labels.map(({name}) => name)).toEqual(['HITL', 'agent'])
    const child = ok(
      await port.createIssue({
        id: linearId('a child'),
        teamId: hub.teamId,
        parentId: hub.id,
        title: 'Child',
        description: 'x',
        priority: 1,
        labelIds: hub.labels.map(({id}) => id),
      }),
    )
    const done = hub.states.find(({type}) => type === 'completed')?.id ?? ''
    ok(await port.updateIssue(child.id, {title: 'Child, done', stateId: done}))
    expect(linear.issues()[1]).toMatchObject({title: 'Child, done', priority: 1, stateId: done})
    expect(await port.issue('OPS-77')).toEqual({kind: 'missing'})
  })

  test('a creation whose answer was lost is found by its id and not repeated', async () => {
    const port = await open()
    const comment = {id: linearId('a comment'), issueId: ok(await port.issue('OPS-1')).id, body: 'once'}
    linear.misbehave({operation: 'commentCreate', kind: 'reset', takesEffect: true})
    expect(await port.createComment(comment)).toMatchObject({kind: 'failed'})
    expect(ok(await port.createComment(comment))).toEqual({id: comment.id})
    expect(linear.comments().map(({body}) => body)).toEqual(['once'])
  })

  test('what was written and reacted to under a hub and its children since an instant, page by page, with authors', async () => {
    const port = await open()
    const hub = ok(await port.issue('OPS-1'))
    const since = Date.now() - 1
    const grace = linear.person('grace')
    for (let n = 0; n < 120; n++) grace.comments(hub.id, {body: `note ${n}`})
    linear.issue('elsewhere')
    grace.comments('OPS-2', {body: 'not under it'})
    const found = ok(await port.newsUnder(hub.id, since))
    expect(found.complete).toBe(true)
    expect(found.comments).toHaveLength(120)
    const [first] = linear.comments()
    const written = Date.now()
    while (Date.now() === written) await sleep(1)
    grace.reacts(first?.id ?? '', '👍')
    expect(ok(await port.newsUnder(hub.id, written)).comments).toMatchObject([
      {
        id: first?.id,
        edited: false,
        user: {id: grace.id, app: false},
        reactions: [{emoji: '👍', user: {id: grace.id}}],
      },
    ])
    grace.edits(first?.id ?? '', 'changed')
    expect(ok(await port.comment(first?.id ?? ''))).toMatchObject({body: 'changed', edited: true})
    expect(ok(await port.newsUnder(hub.id, Date.now() + 1000)).comments).toEqual([])
  })

  test('sessions: opened, planned, asked with choices, answered', async () => {
    const port = await open({app: true})
    const hub = ok(await port.issue('OPS-1'))
    const {id: root} = ok(await port.createComment({id: randomUUID(), issueId: hub.id, body: 'root'}))
    const {id} = ok(await port.openSession(root))
    ok(
      await port.updateSession(id, {
        plan: [{content: 'Ask', status: 'inProgress'}],
        links: [{label: 'Run', url: 'https://e.com'}],
      }),
    )
    const options = [{label: 'Approve', value: 'approve'}]
    ok(
      await port.createActivity({
        id: randomUUID(),
        sessionId: id,
        type: 'elicitation',
        body: 'May it?',
        options,
      }),
    )
    expect(linear.sessions().map(linear.statusOf)).toEqual(['awaitingInput'])
    const grace = linear.person('grace')
    grace.prompts(id, 'approve')
    grace.stops(id)
    const {prompts, ...session} = ok(await port.session(id))
    expect(session).toMatchObject({commentId: root, issueId: hub.id})
    expect(prompts.map(({body, stop, user}) => [body, stop, user.id])).toEqual([
      ['Stop', true, grace.id],
      ['approve', false, grace.id],
    ])
    expect(prompts[1]?.commentId).toBe(linear.comments().find(({body}) => body === 'approve')?.id)
  })

  test('an app’s token is minted when needed, and again when it is no longer accepted', async () => {
    const port = await open({app: true})
    const answers = await Promise.all([port.me(), port.me(), port.issue('OPS-1')])
    expect(answers.map(({kind}) => kind)).toEqual(['ok', 'ok', 'ok'])
    expect(linear.count('token')).toBe(1)
    linear.revokeTokens()
    expect(ok(await port.me())).toMatchObject({app: true})
    expect(linear.count('token')).toBe(2)
  })

  test.each([[false], [true]])('a rate limit (typed: %s) is waited out without asking again', async typed => {
    const port = await open()
    linear.misbehave({operation: 'viewer', kind: 'rateLimited', typed, resetAfterS: 40})
    const first = await port.me()
    expect(first).toMatchObject({kind: 'failed'})
    expect(first.kind === 'failed' && first.retryAfterMs).toBeGreaterThan(35_000)
    expect(await port.issue('OPS-1')).toMatchObject({kind: 'failed', reason: 'Linear asks us to slow down'})
    expect(linear.requests).toHaveLength(1)
  })

  test('what may pass is failed, what will not is refused', async () => {
    const port = await open({timeoutMs: 300})
    linear.misbehave({operation: 'viewer', kind: 'serverError'})
    expect(await port.me()).toEqual({kind: 'failed', reason: 'Linear answered 502'})
    linear.misbehave({operation: 'viewer', kind: 'reset'})
    expect(await port.me()).toMatchObject({kind: 'failed'})
    linear.misbehave({operation: 'viewer', kind: 'latency', ms: 1000})
    expect(await port.me()).toEqual({kind: 'failed', reason: 'timeout'})
    linear.misbehave({operation: 'viewer', kind: 'unauthenticated'})
    expect(await port.me()).toMatchObject({kind: 'refused'})
    expect(await port.createComment({id: randomUUID(), issueId: randomUUID(), body: 'x'})).toEqual({
      kind: 'missing',
    })
    const hub = ok(await port.issue('OPS-1'))
    expect(await port.createComment({id: randomUUID(), issueId: hub.id, body: ' '})).toEqual({
      kind: 'refused',
      reason: 'Linear says: body must not be empty.',
    })
  })
})

async function mint(linear: LinearEmulator, app: {clientId: string; clientSecret: string}): Promise<string> {
  const response = await fetch(`${linear.htmlUrl}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      scope: 'read,write',
      client_id: app.clientId,
      client_secret: app.clientSecret,
    }),
  })
  return ((await response.json()) as {access_token: string}).access_token
}
