import {createHmac, randomUUID} from 'node:crypto'
import pg from 'pg'
import {afterEach, describe, expect, test} from 'vitest'
import type {Conversation, MessageView} from '../../src/emulators/discord/index.ts'
import {
  startLinearEmulator,
  type CommentState,
  type LinearEmulator,
  type LinearEmulatorOptions,
  type Person,
} from '../../src/emulators/linear/index.ts'
import {DEFAULT_YAML, openWorld, type World} from '../support/world.ts'

const SECRET = 'linear-hook-secret-for-tests'

const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`
const says = (talk: Conversation, text: string) =>
  talk.settled(({reply}) => textOf(reply()).includes(text), {timeoutMs: 30_000, what: text})

let world: World
let linear: LinearEmulator
let grace: Person
let tom: Person
afterEach(async () => {
  // By name: should it take too long, the next test has opened others by then.
  const [product, hub] = [world, linear]
  await product.close()
  await hub.close()
})

/** A product whose `client` ships to production, with a hub in Linear where Grace and Tom may decide. */
async function open({
  webhooks = true,
  app = false,
  emulator,
}: {
  readonly webhooks?: boolean
  readonly app?: boolean
  readonly emulator?: LinearEmulatorOptions
} = {}): Promise<void> {
  linear = await startLinearEmulator(emulator)
  linear.issue('Approvals')
  grace = linear.person('grace')
  tom = linear.person('tom')
  const {clientId, clientSecret} = linear.app()
  const yaml = DEFAULT_YAML.replace('service: web', 'service: web\n    environment: production').replace(
    'principals:',
    [
      'principals:',
      `  - { id: grace, discord: "111111111111111001", linear: "${grace.id}", roles: [tech_lead] }`,
      `  - { id: tom, discord: "111111111111111002", linear: "${tom.id}", roles: [team_lead] }`,
    ].join('\n'),
  )
  world = await openWorld({
    yaml,
    permissions: {contents: 'write', pull_requests: 'write', checks: 'read'},
    env: {
      APPROVAL_SWEEP_MS: '300',
      LINEAR_API_URL: linear.url,
      LINEAR_APPROVAL_HUB_ISSUE_ID: 'OPS-1',
      LINEAR_WEBHOOK_SECRET: SECRET,
      ...(app
        ? {LINEAR_CLIENT_ID: clientId, LINEAR_CLIENT_SECRET: clientSecret}
        : {LINEAR_API_KEY: linear.key()}),
    },
  })
  if (webhooks) linear.webhooks({url: hookUrl(), secret: SECRET})
}

const hookUrl = () => `${world.app.url ?? ''}/webhooks/linear`

async function query<T extends pg.QueryResultRow>(text: string): Promise<pg.QueryResult<T>> {
  const client = new pg.Client({connectionString: world.database.url})
  await client.connect()
  try {
    return await client.query<T>(text)
  } finally {
    await client.end()
  }
}

/** Ada asks; the answer is the comment with which Linear asks. */
async function adaAsks(): Promise<{readonly talk: Conversation; readonly root: CommentState}> {
  const talk = await world.ada.runs('/deploy-client wait:true')
  const root = await linear.eventually(
    () => linear.comments().find(({parent, body}) => !parent && body.includes('/approve')),
    {
      timeoutMs: 20_000,
      what: 'the question in Linear',
    },
  )
  return {talk, root}
}

const reply = (who: Person, root: CommentState, body: string) =>
  who.comments(root.issue.id, {replyTo: root.id, body})
const closes = (root: CommentState, words: string) =>
  linear.eventually(() => root.body.split('\n')[0]?.includes(words), {timeoutMs: 20_000, what: words})

describe('a deploy to production, decided in Linear', () => {
  test('by two replies: it ships once, and every surface says by whom', async () => {
    await open()
    const {talk, root} = await adaAsks()
    expect([...linear.mentioned(root.body)].sort()).toEqual(['grace', 'tom'])
    reply(grace, root, '/approve')
    await says(talk, '(1 of 2)')
    reply(tom, root, '/approve rehearsed on staging')
    await says(talk, '🟢 client → production · success')
    await closes(root, 'approved')
    expect(world.github.count('dispatch')).toBe(1)
    expect(root.body).not.toContain('Reply in this thread')
    await linear.eventually(() => linear.stateOf(root.issue) === 'completed', {timeoutMs: 10_000})
    expect(
      linear
        .comments()
        .map(({body}) => body)
        .join('\n'),
    ).toContain('tom approved via Linear')
  })

  test('by a no: nothing ships', async () => {
    await open()
    const {talk, root} = await adaAsks()
    reply(tom, root, '/deny the tests are red')
    await closes(root, 'rejected')
    await says(talk, 'the tests are red')
    expect(world.github.count('dispatch')).toBe(0)
    await linear.eventually(() => linear.stateOf(root.issue) === 'canceled', {timeoutMs: 10_000})
  })

  test('by words whose webhooks are lost: they are read all the same', async () => {
    await open()
    const {talk, root} = await adaAsks()
    linear.misbehave({webhook: 'lost', times: 100})
    reply(grace, root, '/approve')
    tom.reacts(root.id, '+1')
    await says(talk, '🟢 client → production · success')
    expect(world.github.count('dispatch')).toBe(1)
  })

  test('by an agent’s session: asked with a choice, decided by who chooses', async () => {
    await open({app: true})
    const {talk, root} = await adaAsks()
    const session = await linear.eventually(
      () =>
        linear
          .sessions()
          .find(each => each.comment === root && each.activities.at(-1)?.content.type === 'elicitation'),
      {timeoutMs: 10_000},
    )
    grace.prompts(session.id, 'Approve')
    await says(talk, '(1 of 2)')
    tom.prompts(session.id, 'approve')
    await says(talk, '🟢 client → production · success')
    await linear.eventually(() => linear.statusOf(session) === 'complete', {timeoutMs: 10_000})
    expect(world.github.count('dispatch')).toBe(1)
  })

  test('called in the thread the agent answers in time, and stop halts the deploy', async () => {
    await open({app: true})
    const {talk, root} = await adaAsks()
    const session = grace.calls(linear.app().user, {issue: root.issue.id, body: 'explain'})
    await linear.eventually(() => session.activities.at(-1)?.content.type === 'elicitation', {
      timeoutMs: 10_000,
    })
    expect(linear.firstAnswerOf(session).inTime).toBe(true)
    grace.stops(session.id)
    await closes(root, 'cancelled')
    await says(talk, 'stopped in Linear')
    expect(world.github.count('dispatch')).toBe(0)
  })
})

test('while Linear is down people decide elsewhere; when it is back it knows, and decides the rest', async () => {
  await open()
  const up = linear.misbehave({operation: '*', kind: 'reset', times: 10_000})
  const talk = await world.ada.runs('/deploy-client wait:true')
  await says(talk, '(0 of 2)')
  const {rows} = await query<{id: string}>('select id from approval_requests')
  const discord = world.discord.person('grace', {id: '111111111111111001'})
  await discord.runs(`/approve id:${rows[0]?.id ?? ''}`)
  await says(talk, '(1 of 2)')
  expect(linear.comments()).toEqual([])
  up()
  const root = await linear.eventually(
    () => linear.comments().find(({parent, body}) => !parent && body.includes('(1 of 2)')),
    {timeoutMs: 30_000, what: 'the question in Linear'},
  )
  expect(root.body).toContain('grace approved via Discord')
  reply(tom, root, '/approve')
  await closes(root, 'approved')
  await says(talk, '🟢 client → production · success')
  expect(linear.comments().filter(({parent}) => !parent)).toHaveLength(1)
  expect(world.github.count('dispatch')).toBe(1)
})

test('decided in Discord, the thread in Linear says so and asks no more', async () => {
  await open()
  const {root} = await adaAsks()
  const {rows} = await query<{id: string}>('select id from approval_requests')
  const discord = world.discord.person('tom', {id: '111111111111111002'})
  await discord.runs(`/reject id:${rows[0]?.id ?? ''} reason:not today`)
  await closes(root, 'rejected')
  expect(root.body).toContain('tom rejected via Discord')
  expect(root.body).not.toContain('Reply in this thread')
  reply(grace, root, '/approve')
  const late = () => linear.comments(root.issue.id).some(({body}) => body.startsWith('⛔'))
  await linear.eventually(late, {timeoutMs: 20_000, what: 'the answer to a late word'})
  expect(world.github.count('dispatch')).toBe(0)
})

test('a code posted on the hub proves whose the Linear account is, which counts from then on', async () => {
  await open()
  const lin = linear.person('lin')
  const link = await world.ada.runs('/link account:linear')
  await says(link, 'prove that it is you')
  const shown = await world.ada.presses({id: link.reply()?.id ?? ''}, 'Show my code')
  await shown.settled(({reply}) => textOf(reply()).includes('SB-'))
  const [code = ''] = /SB-[A-Z2-9]{5}-[A-Z2-9]{5}/.exec(textOf(shown.reply())) ?? []
  lin.comments('OPS-1', {body: code})
  const answered = () => linear.comments('OPS-1').some(({body}) => body.includes('**ada**'))
  await linear.eventually(answered, {timeoutMs: 20_000, what: 'the answer to the code'})
  const {root} = await adaAsks()
  reply(lin, root, '/approve')
  // Ada asked for it, so her proved account is refused as hers and not as a stranger's.
  const refusal = () => linear.comments(root.issue.id).find(({body}) => body.startsWith('⛔'))
  const {body} = await linear.eventually(refusal, {timeoutMs: 20_000, what: 'the refusal'})
  expect(body).toMatch(/your own|asked for it/i)
  expect(root.body).toContain('(0 of 2)')
})

describe('POST /webhooks/linear', () => {
  async function deliver(
    payload: object,
    how: {secret?: string; signature?: string; delivery?: string; sentAt?: number} = {},
  ) {
    const body = JSON.stringify({...payload, webhookTimestamp: how.sentAt ?? Date.now()})
    const signature =
      how.signature ??
      createHmac('sha256', how.secret ?? SECRET)
        .update(body)
        .digest('hex')
    const response = await fetch(hookUrl(), {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/json',
        'linear-signature': signature,
        'linear-delivery': how.delivery ?? randomUUID(),
      },
    })
    const answer = (await response.json()) as {status?: string; code?: string}
    return [response.status, answer.code ?? answer.status]
  }
  const comment = (body = '/approve') => ({
    type: 'Comment',
    action: 'create',
    data: {id: randomUUID(), issueId: randomUUID(), parentId: randomUUID(), body},
  })

  test('takes what is signed and fresh, once; refuses the rest', async () => {
    await open({webhooks: false})
    const delivery = randomUUID()
    expect(await deliver(comment(), {delivery})).toEqual([200, 'accepted'])
    expect(await deliver(comment(), {delivery})).toEqual([200, 'duplicate'])
    expect(await deliver(comment(), {secret: 'another'})).toEqual([401, 'BAD_SIGNATURE'])
    expect(await deliver(comment(), {signature: ''})).toEqual([401, 'BAD_SIGNATURE'])
    expect(await deliver(comment(), {sentAt: Date.now() - 61_000})).toEqual([401, 'STALE'])
    expect(await deliver(comment(), {sentAt: Date.now() + 61_000})).toEqual([401, 'STALE'])
    expect(await deliver({type: 'Issue', action: 'update', data: {}})).toEqual([200, 'ignored'])
    expect(await deliver({...comment(), action: 'update'})).toEqual([200, 'ignored'])
    expect(await deliver(comment(), {delivery: 'a b'})).toEqual([400, 'INVALID_INPUT'])
    expect(world.logs.filter(line => JSON.stringify(line).includes(SECRET))).toEqual([])
  })

  test('what it claims decides nothing: the comment must be there, by who Linear says wrote it', async () => {
    await open({webhooks: false})
    const {root} = await adaAsks()
    const said = linear.person('mallory').comments(root.issue.id, {replyTo: root.id, body: 'hello'})
    const data = {id: said.id, issueId: root.issue.id, parentId: root.id, body: '/approve', userId: grace.id}
    expect(await deliver({type: 'Comment', action: 'create', actor: {id: grace.id}, data})).toEqual([
      200,
      'accepted',
    ])
    const invented = {...data, id: randomUUID()}
    expect(await deliver({type: 'Comment', action: 'create', actor: {id: grace.id}, data: invented})).toEqual(
      [200, 'accepted'],
    )
    await linear.eventually(() => linear.count('comment') >= 2, {timeoutMs: 10_000})
    expect(root.body).toContain('(0 of 2)')
    expect(world.github.count('dispatch')).toBe(0)
  })

  test('double, forged, stale and late deliveries of one word are one decision', async () => {
    await open({emulator: {webhookRetryAfterMs: []}})
    const {talk, root} = await adaAsks()
    for (const webhook of ['duplicate', 'forged', 'stale', 'late'] as const)
      linear.misbehave({webhook, type: 'Comment', ms: 300})
    reply(grace, root, '/approve')
    reply(linear.person('mallory'), root, '/approve')
    await says(talk, '(1 of 2)')
    reply(tom, root, '/approve')
    await says(talk, '🟢 client → production · success')
    expect(world.github.count('dispatch')).toBe(1)
  })
})
