import {randomUUID} from 'node:crypto'
import pg from 'pg'
import {afterAll, afterEach, beforeAll, describe, expect, test, vi} from 'vitest'
import type {ApprovalRequest} from '../../src/approvals/request.ts'
import {createSessionStore} from '../../src/conversations/store.ts'
import type {Conversation, MessageView, Person} from '../../src/emulators/discord/index.ts'
import {transaction} from '../../src/platform/postgres.ts'
import {anAsk, aPerson, openApprovals, type OpenApprovals} from '../support/approvals.ts'
import {attemptAgain} from '../support/attempt-again.ts'
import {API_TOKEN, DEFAULT_YAML, openWorld, type World} from '../support/world.ts'

const TEAM = [
  aPerson('grace', ['tech_lead', 'developer'], '111111111111111001'),
  aPerson('tom', ['team_lead'], '111111111111111002'),
  aPerson('dev', ['developer'], '111111111111111005'),
]
const TOKENS = {grace: 'grace-token-0123456789-abcdef', tom: 'tom-token-0123456789-abcdef'}
const YAML = DEFAULT_YAML.replace(
  'principals:',
  [
    'principals:',
    ...TEAM.map(
      ({id, roles, accounts}) =>
        `  - { id: ${id}, discord: "${accounts.discord}", roles: [${roles.join()}]${id in TOKENS ? `, tokenFrom: TOKEN_${id.toUpperCase()}` : ''} }`,
    ),
  ].join('\n'),
)

const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`
const says = (talk: Conversation, words: string) =>
  talk.settled(({reply}) => textOf(reply()).includes(words), {timeoutMs: 20_000, what: words})
/** Whatever the answer is. */
const answered = (talk: Conversation) =>
  talk.settled(({reply}) => /^(?!🟡)\S/u.test(reply()?.content ?? ''), {timeoutMs: 20_000})

const WITHIN = {timeout: 20_000, interval: 50}

let world: World
let here: OpenApprovals
let db: pg.Client
let people: Record<'grace' | 'tom' | 'dev', Person>
beforeAll(async () => {
  world = await openWorld({
    yaml: YAML,
    env: {APPROVAL_SWEEP_MS: '300', TOKEN_GRACE: TOKENS.grace, TOKEN_TOM: TOKENS.tom},
  })
  here = openApprovals(world.database.url, {persons: [...TEAM]})
  db = new pg.Client({connectionString: world.database.url})
  await db.connect()
  people = Object.fromEntries(
    TEAM.map(({id, accounts}) => [id, world.discord.person(id, {id: accounts.discord ?? ''})]),
  ) as typeof people
})
afterAll(async () => {
  await db.end()
  await here.close()
  await world.close()
})
afterEach(async () => {
  for (const {id} of await here.approvals.pending({limit: 100}))
    await transaction(here.pool, db => here.approvals.cancel(db, id, {by: 'the test'}))
  await db.query('delete from chat_sessions')
})

/** Dev asks for a deploy, which waits for the others. */
const devAsks = (
  level: 'medium' | 'high' = 'medium',
  title = 'client → production',
): Promise<ApprovalRequest> =>
  here.ask(
    anAsk({
      level,
      action: {operation: 'deploy', environment: 'production', title},
      requester: {name: 'dev', person: 'dev', account: {kind: 'discord', id: people.dev.id}},
    }),
  )
const statusOf = async ({id}: ApprovalRequest) => (await here.approvals.find(id))?.status

async function chat(token: string, body: Record<string, unknown>, headers: Record<string, string> = {}) {
  const answer = await fetch(`${world.app.url}/chat`, {
    method: 'POST',
    headers: {authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers},
    body: JSON.stringify(body),
  })
  return {status: answer.status, body: (await answer.json()) as Record<string, unknown>}
}

/** What stands under a message of the bot that answers this one. */
const answerTo = (message: MessageView, channel: string, words: string) =>
  world.discord.eventually(
    () =>
      world.discord
        .channel(channel)
        .messages()
        .find(each => each.replyTo === message.id && textOf(each).includes(words)),
    {timeoutMs: 20_000, what: `an answer with: ${words}`},
  )
const mention = () => `<@${world.discord.applicationId}>`

describe('/ask', () => {
  test('says how things stand', async () => {
    await says(await world.bob.runs('/ask text:what is running?'), 'all quiet')
    await devAsks()
    await says(await world.bob.runs('/ask text:what is running?'), '1 to approve')
    await says(await world.bob.runs('/ask text:what waits for approval?'), 'client → production')
    await says(await world.bob.runs('/ask text:is client deployed?'), 'client → development · never deployed')
  })

  test('says what can be said', async () => {
    const talk = await world.bob.runs('/ask text:help')
    await says(talk, 'say what you want, such as')
    expect(textOf(talk.reply())).toContain('/status')
  })

  test('asks where it is not sure, and puts the answer together with what was said', async () => {
    await says(await world.bob.runs('/ask text:blah blah'), 'one question first')
    await says(await world.bob.runs('/ask text:never mind'), 'all right, nothing happens')
  })

  test('pings nobody, whatever is said', async () => {
    const talk = await world.bob.runs(`/ask text:review @everyone <@${world.ada.id}> **now**`)
    await answered(talk)
    expect(
      world.discord
        .channel('general')
        .messages()
        .flatMap(({pings}) => pings),
    ).toEqual([])
  })
})

describe('a task', () => {
  const runs = async () =>
    (await db.query<{status: string}>('select status from workflow_state order by started_at')).rows

  test('becomes a plan, which starts when its person says so, and carries the command to its end', async () => {
    await says(await world.ada.runs('/ask text:please run the tests'), 'nothing happens before Start')
    expect(await runs()).toEqual([])
    const other = await people.dev.runs('/ask text:start')
    await says(other, 'one question first')
    const started = await world.ada.runs('/ask text:start')
    await started.settled(({reply}) => /^[🟢🔴]/u.test(reply()?.content ?? ''), {timeoutMs: 30_000})
    expect(await runs()).toHaveLength(1)
  })

  test('that lacks a fact is asked for it; the answer is put together with what was said', async () => {
    await says(await world.ada.runs('/ask text:review the pull request'), 'one question first')
    const planned = await world.ada.runs('/ask text:number 7')
    await says(planned, 'nothing happens before Start')
    expect(textOf(planned.reply())).toContain('7')
    await says(await world.ada.runs('/ask text:cancel'), 'the plan is dropped')
  })

  test('is changed by saying so', async () => {
    await says(await world.ada.runs('/ask text:review PR 7'), 'nothing happens before Start')
    await says(await world.ada.runs('/ask text:instead, update the docs'), '“update the docs”')
    await says(await world.ada.runs('/ask text:never mind'), 'the plan is dropped')
  })

  test('of somebody who may not start workflows is shown, and does not start', async () => {
    const before = (await runs()).length
    await says(await world.bob.runs('/ask text:deploy the client'), 'nothing happens before Start')
    await says(await world.bob.runs('/ask text:start'), 'You may not start workflows')
    expect(await runs()).toHaveLength(before)
  })

  test('that is not to be done is refused, with the reason', async () => {
    await says(
      await world.ada.runs('/ask text:please drop the production database'),
      'this is not done from here',
    )
  })

  test('over HTTP is a plan to start', async () => {
    const {body} = await chat(TOKENS.tom, {message: 'review PR 7'})
    expect(body).toMatchObject({intent: 'task_submission', metadata: {state: 'waiting'}})
    expect(body['task_id']).toMatch(/^[0-9a-f-]{36}$/)
  })
})

describe('a mention', () => {
  test('is answered under the message, in its thread, with what was said before there', async () => {
    const first = people.tom.says(`${mention()} blah`, {channel: world.discord.channel('ops')})
    const asked = await answerTo(first, 'ops', 'one question first')
    expect(asked.pings).toEqual([])
    const second = people.tom.says(`no ${mention()}`, {channel: world.discord.channel('ops')})
    await answerTo(second, 'ops', 'all right, nothing happens')
    const sessions = await db.query<{place: string}>(
      `select place from chat_sessions where owner = 'person:tom'`,
    )
    expect(sessions.rows).toEqual([{place: `discord:${world.discord.channel('ops').id}`}])
  })

  test('in a thread goes on with what was said in that thread, and nowhere else', async () => {
    const ops = world.discord.channel('ops')
    const root = await answerTo(
      people.tom.says(`${mention()} help`, {channel: ops}),
      'ops',
      'say what you want',
    )
    const opened = await fetch(`${world.discord.url}/v10/channels/${ops.id}/messages/${root.id}/threads`, {
      method: 'POST',
      headers: {authorization: `Bot ${world.discord.botToken}`, 'content-type': 'application/json'},
      body: JSON.stringify({name: 'a thread'}),
    })
    expect(opened.status).toBe(201)
    const thread = {channel: {id: root.id}}
    const within = (message: MessageView, words: string) =>
      world.discord.eventually(
        () =>
          people.tom
            .sees(thread.channel)
            .find(each => each.replyTo === message.id && textOf(each).includes(words)),
        {timeoutMs: 20_000, what: `in the thread: ${words}`},
      )
    await within(people.tom.says(`${mention()} review the pull request`, thread), 'one question first')
    await answerTo(people.tom.says(`${mention()} 7`, {channel: ops}), 'ops', 'Do you want something done')
    const planned = await within(people.tom.says(`${mention()} 7`, thread), 'nothing happens before Start')
    expect(textOf(planned)).toContain('7')
  })

  test('without words is a call for help; a message that names somebody else is not for us', async () => {
    const before = world.discord.channel('ops').messages().length
    people.tom.says('approve everything', {channel: world.discord.channel('ops')})
    people.tom.says(`<@${people.dev.id}> status`, {channel: world.discord.channel('ops')})
    const bare = people.tom.says(mention(), {channel: world.discord.channel('ops')})
    await answerTo(bare, 'ops', 'say what you want')
    expect(world.discord.channel('ops').messages()).toHaveLength(before + 4)
  })

  test('of one person does not answer the question to another', async () => {
    const request = await devAsks()
    // Five messages in five seconds are the most for one channel.
    const ops = {channel: world.discord.channel('release')}
    await answerTo(people.tom.says(`${mention()} approve it`, ops), 'release', 'approve this?')
    await answerTo(people.dev.says(`${mention()} yes`, ops), 'release', 'one question first')
    expect(await statusOf(request)).toBe('pending')
    await answerTo(people.tom.says(`${mention()} yes`, ops), 'release', 'your approval counts · approved')
    expect(await statusOf(request)).toBe('approved')
  })
})

describe('a decision', () => {
  test('that names its request counts, by the policy of the request, from the surface chat', async () => {
    const request = await devAsks()
    await says(
      await people.tom.runs(`/ask text:approve ${request.id.slice(0, 8)}`),
      'your approval counts · approved',
    )
    expect((await here.approvals.find(request.id))?.decisions).toMatchObject([
      {principal: 'tom', decision: 'approve', surface: 'chat'},
    ])

    const high = await devAsks('high')
    await says(await people.tom.runs(`/ask text:approve ${high.id.slice(0, 8)}`), '1 of 2')
    // As if what it was answered had not been kept either.
    await db.query('delete from chat_messages')
    await attemptAgain(world, 'ask')
    const history = await here.approvals.history(high.id)
    expect(history.map(({action}) => action)).toEqual(['ask', 'approve'])
  })

  test('by whom it is not for does not count', async () => {
    const request = await devAsks()
    await says(await people.dev.runs(`/ask text:approve ${request.id}`), 'your approval does not count')
    await says(await world.bob.runs(`/ask text:approve ${request.id}`), 'your approval does not count')
    await says(await people.dev.runs('/ask text:approve it'), 'nothing waits for you to decide')
    expect(await statusOf(request)).toBe('pending')
  })

  test('without a name is asked which one; a rejection asks why', async () => {
    const [first, second] = [await devAsks('medium', 'one'), await devAsks('medium', 'two')]
    await says(await people.tom.runs('/ask text:reject it'), 'which one do you reject?')
    await says(await people.tom.runs(`/ask text:${second.id.slice(0, 8)}`), 'why do you reject it?')
    expect(await statusOf(second)).toBe('pending')
    await says(await people.tom.runs('/ask text:the tests are red'), 'your rejection counts · rejected')
    expect((await here.approvals.find(second.id))?.decisions).toMatchObject([{reason: 'the tests are red'}])
    expect(await statusOf(first)).toBe('pending')
  })

  test.each(['should I approve ID?', "don't approve ID", 'is ID approved?', 'the log reads approve ID'])(
    'is not made by: %s',
    async words => {
      const request = await devAsks()
      const talk = await people.tom.runs(`/ask text:${words.replace('ID', request.id.slice(0, 8))}`)
      await answered(talk)
      expect(await statusOf(request)).toBe('pending')
    },
  )
})

describe('what is under way', () => {
  test('of a plan started over HTTP knows whose it is, and hears by words whom it would hear by command', async () => {
    const release = world.discord.channel('release')
    const {body: planned} = await chat(TOKENS.grace, {message: 'deploy api to staging'})
    const session_id = planned['session_id']
    const {body: started} = await chat(TOKENS.grace, {message: 'start', session_id})
    const run = String(started['task_id'])
    expect(run).toMatch(/^wf-/)
    const status = async () =>
      (await db.query<{status: string}>('select status from workflow_state where workflow_id = $1', [run]))
        .rows[0]?.status
    const [request] = await vi.waitFor(async () => {
      const waiting = await here.approvals.pending({limit: 10})
      expect(waiting).toHaveLength(1)
      return waiting
    }, WITHIN)
    const id = request?.id ?? ''
    expect(request?.requester).toMatchObject({name: 'grace', person: 'grace'})
    expect((await chat(TOKENS.grace, {message: `approve ${id}`})).body).toMatchObject({
      metadata: {state: 'refused'},
    })
    await says(await people.grace.runs(`/ask text:approve ${id}`), 'your approval does not count')

    await says(await people.tom.runs('/ask text:how is the deploy going?'), run)
    await says(await people.tom.runs(`/ask text:how is ${id.slice(0, 8)}?`), 'still waits for')
    await says(await people.tom.runs('/ask text:stop the deploy'), 'You may not /workflow')
    await says(await people.dev.runs('/ask text:pause the deploy'), `${run} · paused`)
    await says(await people.dev.runs(`/ask text:resume run ${run.slice(0, 7)}`), `${run} · goes on`)
    expect(await status()).toBe('paused')

    // A command of hers, besides: "the deploy" could be either.
    await says(await people.grace.runs('/deploy-client target:api'), 'waits for')
    await says(await people.grace.runs('/ask text:stop the deploy'), 'which one do you want to stop?')
    await says(await people.grace.runs('/ask text:the run'), `${run} · is being cancelled`)
    await vi.waitFor(async () => expect(await status()).toBe('cancelled'), WITHIN)
    await says(await people.dev.runs('/ask text:retry the last run'), `retry ${run} · goes on`)
    await vi.waitFor(async () => expect(await status()).toBe('paused'), WITHIN)
    const tell = (text: string) => people.dev.says(`${mention()} ${text}`, {channel: release})
    await answerTo(tell(`abort ${run}, the freeze begins`), 'release', 'One thing at a time')
    await answerTo(tell(`abort ${run}: the freeze begins`), 'release', `${run} · is being cancelled`)
    await vi.waitFor(async () => expect(await status()).toBe('cancelled'), WITHIN)
    const stopped = await chat(TOKENS.grace, {message: 'please stop the api deploy', session_id})
    expect(stopped.body).toMatchObject({intent: 'task_submission', metadata: {state: 'ok'}})
    expect(String(stopped.body['message'])).toContain('cancelled before it started')
    expect((await chat(API_TOKEN, {message: `stop ${run}`})).body).toMatchObject({
      metadata: {state: 'refused'},
    })

    const given = await db.query<{command: string; what: string; who: string}>(
      `select command, options ->> 'action' as what, actor ->> 'id' as who from invocations
       where source = 'api' order by created_at`,
    )
    expect(given.rows).toEqual([
      {command: 'workflow', what: 'pause', who: people.dev.id},
      {command: 'workflow', what: 'resume', who: people.dev.id},
      {command: 'workflow', what: 'cancel', who: people.grace.id},
      {command: 'workflow', what: 'retry', who: people.dev.id},
      {command: 'workflow', what: 'cancel', who: people.dev.id},
      {command: 'cancel', what: null, who: people.grace.id},
    ])
    const refused = await db.query<{who: string}>(
      `select actor_name as who from audit_records where action = 'said.refused' order by seq`,
    )
    expect(refused.rows).toEqual([{who: 'tom'}, {who: 'the HTTP API'}])
  })
})

describe('POST /chat', () => {
  test('answers in the shape of the contract, and goes on with the session', async () => {
    const first = await chat(TOKENS.tom, {message: 'blah'})
    expect(first).toMatchObject({
      status: 200,
      body: {intent: 'unknown', metadata: {understood_by: 'rules', state: 'waiting'}},
    })
    expect(first.body['session_id']).toMatch(/^session-[0-9a-f-]{36}$/)
    expect(first.body['confidence']).toBeLessThan(0.6)
    const second = await chat(TOKENS.tom, {message: 'never mind', session_id: first.body['session_id']})
    expect(second.body).toMatchObject({
      session_id: first.body['session_id'],
      intent: 'clarification',
      message: '✅ all right, nothing happens',
    })
    const stored = await db.query<{role: string; content: string}>(
      'select role, content from chat_messages order by id',
    )
    expect(stored.rows.map(({role}) => role)).toEqual(['user', 'assistant', 'user', 'assistant'])
  })

  test('does not let anybody into the session of somebody else', async () => {
    const {body} = await chat(TOKENS.tom, {message: 'status'})
    const session = body['session_id']
    expect((await chat(TOKENS.grace, {message: 'status', session_id: session})).status).toBe(403)
    expect((await chat(API_TOKEN, {message: 'status', session_id: session, user_id: 'tom'})).status).toBe(403)
    expect((await chat(TOKENS.tom, {message: 'hi', session_id: `session-${randomUUID()}`})).status).toBe(404)
  })

  test('remembers the last ten messages, and nothing a day after the last word', async () => {
    const sessions = createSessionStore({pool: here.pool})
    const {body} = await chat(TOKENS.tom, {message: 'review the pull request'})
    const session = String(body['session_id'])
    await db.query(
      `insert into chat_messages (session_id, role, content, correlation_id)
       select $1, 'user', n::text, $1 || n from generate_series(1, 12) as n`,
      [session],
    )
    const texts = (await sessions.history(session, 10)).map(({text}) => text)
    expect(texts).toEqual(['3', '4', '5', '6', '7', '8', '9', '10', '11', '12'])
    await db.query(`update chat_sessions set updated_at = now() - interval '25 hours' where id = $1`, [
      session,
    ])
    expect((await chat(TOKENS.tom, {message: '7', session_id: session})).status).toBe(404)
    await sessions.forgetOld()
    expect((await db.query('select from chat_messages where session_id = $1', [session])).rowCount).toBe(0)
  })

  test('decides as the person whose token it is; the API token is nobody', async () => {
    const request = await devAsks()
    const nobody = await chat(API_TOKEN, {message: `approve ${request.id}`, user_id: 'tom'})
    expect(nobody.body).toMatchObject({intent: 'approval_decision', metadata: {state: 'refused'}})
    expect(await statusOf(request)).toBe('pending')
    const tom = await chat(TOKENS.tom, {message: `approve ${request.id}`})
    expect(tom.body).toMatchObject({task_id: request.id, metadata: {state: 'ok'}})
    expect((await here.approvals.find(request.id))?.decisions).toMatchObject([
      {principal: 'tom', surface: 'chat'},
    ])
  })

  test('gives the same answer to the same request', async () => {
    const headers = {'idempotency-key': 'once'}
    const first = await chat(TOKENS.tom, {message: 'blah', session_id: undefined}, headers)
    const again = await chat(TOKENS.tom, {message: 'blah', session_id: first.body['session_id']}, headers)
    expect(again.body).toEqual(first.body)
    const {rows} = await db.query<{n: string}>('select count(*) as n from chat_messages')
    expect(rows[0]?.n).toBe('2')
  })

  test.each([
    [{}, 400],
    [{message: ''}, 400],
    [{message: 'x'.repeat(4001)}, 400],
    [{message: 'hi', more: 1}, 400],
    [{message: 'hi', user_id: 'grace'}, 403],
  ])('refuses %o', async (body, status) => {
    expect((await chat(TOKENS.tom, body)).status).toBe(status)
  })

  test('refuses who has no token', async () => {
    expect((await chat('wrong', {message: 'hi'})).status).toBe(401)
  })
})
