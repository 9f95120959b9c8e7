import {randomUUID} from 'node:crypto'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from 'vitest'
import type {Claim} from '../../src/access/links.ts'
import type {Account} from '../../src/access/people.ts'
import type {ApprovalRequest} from '../../src/approvals/request.ts'
import {createLinearChannel} from '../../src/approvals/surfaces/linear.ts'
import {createLinearDesk} from '../../src/approvals/surfaces/linear-desk.ts'
import {createLinearInbox} from '../../src/approvals/surfaces/linear-inbox.ts'
import {createLinearSessions} from '../../src/approvals/surfaces/linear-sessions.ts'
import {createLinearStore} from '../../src/approvals/surfaces/linear-store.ts'
import {
  startLinearEmulator,
  type CommentState,
  type LinearEmulator,
  type Person as LinearPerson,
} from '../../src/emulators/linear/index.ts'
import {openSdkLinear} from '../../src/integrations/linear/sdk-linear.ts'
import type {NewNotice, Notice, Told} from '../../src/notifications/notice.ts'
import {silentLogger} from '../../src/platform/logger.ts'
import {createPool, transaction} from '../../src/platform/postgres.ts'
import {anAsk, openApprovals, peopleOf, TEAM, type OpenApprovals} from '../support/approvals.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'

/** The hub in Linear as production builds it, on a real database and the emulator. */
async function openHub(
  database: TestDatabase,
  {app = false, keyOf}: {readonly app?: boolean; readonly keyOf?: string} = {},
) {
  const emulator = await startLinearEmulator()
  const hub = emulator.issue('Approvals')
  const actors = new Map<string, LinearPerson>()
  const persons = TEAM.map(person => {
    const actor = emulator.person(person.id)
    actors.set(person.id, actor)
    return {...person, accounts: {...person.accounts, linear: actor.id}}
  })
  const asked: OpenApprovals = openApprovals(database.url, {persons})
  const pool = createPool({connectionString: database.url, onError: () => undefined})
  const {clientId, clientSecret, user} = emulator.app()
  const linear = await openSdkLinear({
    auth: app ? {kind: 'app', clientId, clientSecret} : {kind: 'key', apiKey: emulator.key(keyOf)},
    apiUrl: emulator.url,
    clock: Date.now,
  })
  const store = createLinearStore({pool})
  const people = peopleOf(persons)
  const desk = createLinearDesk({linear, store, people, hubIssue: 'OPS-1', clock: Date.now})
  const {approvals} = asked
  const sessions = createLinearSessions({
    approvals,
    desk,
    store,
    detailsUrl: () => 'https://github.com/acme/web/compare/a...b',
    clock: Date.now,
    log: silentLogger,
  })
  const claims: {readonly account: Account; readonly code: string}[] = []
  const inbox = createLinearInbox({
    approvals,
    people,
    async claimCode(claim): Promise<Claim> {
      claims.push(claim)
      return {kind: 'linked', person: 'ada'}
    },
    withdraw: (id, why) => transaction(pool, db => approvals.cancel(db, id, why)),
    desk,
    store,
    sessions,
    clock: Date.now,
    log: silentLogger,
  })
  const channel = createLinearChannel({approvals, desk, store, sessions, clock: Date.now})
  let told = 0

  const tell = (notice: NewNotice, seq: number): Promise<Told> =>
    channel.tell({...notice, id: randomUUID(), seq, at: Date.now()} satisfies Notice, {
      key: `key of ${notice.key}`,
      thread: undefined,
      signal: AbortSignal.timeout(10_000),
    })

  return {
    ...{emulator, hub, asked, approvals, store, desk, inbox, sessions, persons, claims, tell},
    appUser: user,
    /** A person in Linear. */
    person(id: string): LinearPerson {
      return actors.get(id) ?? emulator.person(id)
    },
    /** Tells what was announced since the last time, in order. */
    async tellAll(): Promise<readonly Told[]> {
      const answers: Told[] = []
      while (told < asked.notices.length) {
        const notice = asked.notices[told++]
        if (notice) answers.push(await tell(notice, told))
      }
      return answers
    },
    async ask(request = anAsk()): Promise<ApprovalRequest> {
      const made = await asked.ask(request)
      await this.tellAll()
      return made
    },
    /** The comment that opened the request's thread. */
    async root(id: string): Promise<CommentState> {
      const thread = await store.thread(id)
      const root = emulator.comments().find(comment => comment.id === thread?.rootId)
      if (!root) throw new Error('there is no thread')
      return root
    },
    /** What we said in the request's thread. */
    async replies(id: string): Promise<readonly string[]> {
      const root = await this.root(id)
      const ours = emulator.comments().filter(({parent, user: by}) => parent === root && by === root.user)
      return ours.map(({body}) => body)
    },
    /** Reads everything now, as after lost webhooks. */
    async catchUp(): Promise<void> {
      await pool.query('update linear_reading set due_at = now()')
      await inbox.reconcile(1000)
      await this.tellAll()
    },
    async close() {
      await asked.close()
      await pool.end()
      await emulator.close()
    },
  }
}

type Hub = Awaited<ReturnType<typeof openHub>>

let database: TestDatabase
let it: Hub
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

describe('with a key', () => {
  beforeEach(async () => {
    it = await openHub(database)
  })
  afterEach(() => it.close())

  const medium = () => it.ask(anAsk({level: 'medium'}))

  test('a medium request is a comment on the hub that mentions those who may decide, and nobody else', async () => {
    const request = await medium()
    const root = await it.root(request.id)
    expect(root.issue.identifier).toBe('OPS-1')
    expect(root.body).toContain('waits for an approval')
    const approvers = it.asked.notices[0]?.people ?? []
    expect(approvers.length).toBeGreaterThan(0)
    expect([...it.emulator.mentioned(root.body)].sort()).toEqual([...approvers].sort())
    expect(it.emulator.mentioned(root.body)).not.toContain('ada')
  })

  test.each(['high', 'critical'] as const)(
    'a %s request is an issue of its own under the hub',
    async level => {
      const request = await it.ask(anAsk({level}))
      const [issue, ...others] = it.emulator.issues().filter(({parent}) => parent?.identifier === 'OPS-1')
      expect(others).toEqual([])
      expect(issue).toMatchObject({priority: level === 'critical' ? 1 : 2})
      expect(issue?.title).toMatch(/^\[HITL\] /)
      expect(issue?.labelIds).toHaveLength(2)
      expect(issue?.description.match(/- \[ \]/g)).toHaveLength(level === 'critical' ? 4 : 3)
      expect((await it.root(request.id)).issue).toBe(issue)
    },
  )

  test('told again after lost answers, it is there once', async () => {
    const made = await it.asked.ask(anAsk({level: 'high'}))
    const notice = it.asked.notices[0] as NewNotice
    for (const operation of ['issueCreate', 'commentCreate']) {
      it.emulator.misbehave({operation, kind: 'reset', takesEffect: true})
      expect(await it.tell(notice, 1)).toMatchObject({kind: 'failed'})
    }
    expect(await it.tell(notice, 1)).toMatchObject({kind: 'told'})
    expect(await it.tell(notice, 1)).toMatchObject({kind: 'told'})
    expect(it.emulator.issues()).toHaveLength(2)
    expect(it.emulator.comments()).toHaveLength(1)
    expect((await it.root(made.id)).body).toContain('waits for')
  })

  test('an outage and a rate limit are told as such, to be tried again', async () => {
    await it.asked.ask(anAsk({level: 'medium'}))
    const notice = it.asked.notices[0] as NewNotice
    it.emulator.misbehave({operation: '*', kind: 'serverError'})
    it.emulator.misbehave({operation: '*', kind: 'serverError'})
    expect(await it.tell(notice, 1)).toMatchObject({kind: 'failed'})
    it.emulator.misbehave({operation: 'commentCreate', kind: 'rateLimited', resetAfterS: 30})
    const limited = await it.tell(notice, 1)
    expect(limited.kind === 'failed' && limited.retryAfterMs).toBeGreaterThan(25_000)
  })

  test('a reply approves; the thread says so, asks no more, and the issue is done', async () => {
    const request = await it.ask(anAsk({level: 'high'}))
    const root = await it.root(request.id)
    for (const name of ['grace', 'cleo']) {
      const said = it.person(name).comments(root.issue.id, {replyTo: root.id, body: '/approve'})
      await it.inbox.look({kind: 'comment', id: said.id, issueId: root.issue.id, parentId: root.id})
      await it.tellAll()
    }
    expect(await it.approvals.find(request.id)).toMatchObject({
      status: 'approved',
      decisions: [
        {principal: 'grace', surface: 'linear'},
        {principal: 'cleo', surface: 'linear'},
      ],
    })
    const closed = await it.root(request.id)
    expect(closed.body.split('\n')[0]).toBe('✅ **client → production** approved')
    expect(closed.body).toContain('grace approved via Linear')
    expect(closed.body).not.toContain('/approve')
    expect(it.emulator.mentioned(closed.body)).toEqual([])
    expect(it.emulator.stateOf(closed.issue)).toBe('completed')
    expect(closed.issue.title).toBe('[HITL] ✅ approved: client → production')
    expect(await it.replies(request.id)).toEqual([
      expect.stringContaining('has an approval by grace'),
      expect.stringContaining('cleo approved via Linear'),
    ])
  })

  test('a no needs its reason, is asked for it, and then rejects', async () => {
    const request = await medium()
    const root = await it.root(request.id)
    const tina = it.person('tina')
    tina.comments(root.issue.id, {replyTo: root.id, body: '/deny'})
    await it.catchUp()
    expect((await it.replies(request.id)).at(-1)).toMatch(/^⛔ .*Write `\/deny` and the reason/)
    tina.comments(root.issue.id, {replyTo: root.id, body: '/deny not before the weekend'})
    await it.catchUp()
    expect(await it.approvals.find(request.id)).toMatchObject({
      status: 'rejected',
      decisions: [{principal: 'tina', reason: 'not before the weekend'}],
    })
    expect((await it.root(request.id)).body).toContain('rejected')
  })

  test('reactions decide for those who may, and ask where words are needed', async () => {
    const asksWords = await it.ask(anAsk({level: 'critical'}))
    const request = await medium()
    const [critical, root] = [await it.root(asksWords.id), await it.root(request.id)]
    it.person('grace').reacts(critical.id, '+1')
    it.person('stranger').reacts(root.id, '👍')
    it.person('grace').reacts(root.id, 'heart')
    it.person('lin').reacts(root.id, '-1')
    await it.catchUp()
    expect((await it.approvals.find(request.id))?.status).toBe('pending')
    expect((await it.replies(asksWords.id)).at(-1)).toContain('Write `/approve` and the justification')
    expect(await it.replies(request.id)).toHaveLength(2)
    it.person('tina').reacts(root.id, '👍🏽')
    await it.inbox.look({kind: 'reaction', commentId: root.id})
    expect((await it.approvals.find(request.id))?.decisions).toMatchObject([
      {principal: 'tina', surface: 'linear'},
    ])
    expect((await it.approvals.find(request.id))?.status).toBe('approved')
  })

  test.each([
    ['a quote', '> /approve', {}],
    ['code', '`/approve`', {}],
    ['a sentence', 'I would not /approve this', {}],
    ['praise', 'looks good', {}],
  ])('%s decides nothing', async (_what, body) => {
    const request = await medium()
    const root = await it.root(request.id)
    it.person('tina').comments(root.issue.id, {replyTo: root.id, body})
    await it.catchUp()
    expect((await it.approvals.find(request.id))?.decisions).toEqual([])
  })

  test('other threads, edits, strangers, the requester and apps decide nothing', async () => {
    const request = await it.ask(anAsk({level: 'high'}))
    const root = await it.root(request.id)
    const {id: issue} = root.issue
    const elsewhere = it.person('tina').comments('OPS-1', {body: '/approve'})
    it.person('tina').comments('OPS-1', {body: '/approve', replyTo: elsewhere.id})
    const other = it.person('bystander').comments(issue, {body: 'something else'})
    it.person('tina').comments(issue, {body: '/approve', replyTo: other.id})
    const edited = it.person('tina').comments(issue, {body: 'hm', replyTo: root.id})
    it.person('tina').edits(edited.id, '/approve')
    it.person('stranger').comments(issue, {body: '/approve', replyTo: root.id})
    it.person('ada').comments(issue, {body: '/approve', replyTo: root.id})
    it.emulator.app('robot')
    it.emulator.person('robot').comments(issue, {body: '/approve', replyTo: root.id})
    await it.catchUp()
    const after = await it.approvals.find(request.id)
    expect(after).toMatchObject({status: 'pending', decisions: []})
    const refused = (await it.approvals.history(request.id)).filter(({action}) => action === 'refuse')
    expect(refused.map(({actor, surface, metadata}) => [actor, surface, metadata['code']])).toEqual([
      ['tina', 'linear', 'EDITED'],
      [`linear:${it.person('stranger').id}`, 'linear', 'UNKNOWN_PERSON'],
      ['ada', 'linear', 'OWN_REQUEST'],
    ])
    const answers = await it.replies(request.id)
    expect(answers).toHaveLength(3)
    expect(answers).toContain('An edited comment does not decide anything. Please write a new one.')
  })

  test('a late word after the decision changes nothing and is told so', async () => {
    const request = await medium()
    const root = await it.root(request.id)
    for (const body of ['/approve', '/deny changed my mind'])
      it.person('tina').comments(root.issue.id, {replyTo: root.id, body})
    await it.catchUp()
    expect(await it.approvals.find(request.id)).toMatchObject({status: 'approved'})
    expect((await it.replies(request.id)).some(body => body.startsWith('⛔'))).toBe(true)
  })

  test('each word is taken once, whatever tells of it and however often', async () => {
    const request = await it.ask(anAsk({level: 'high'}))
    const root = await it.root(request.id)
    const said = it.person('stranger').comments(root.issue.id, {replyTo: root.id, body: '/approve'})
    const hint = {kind: 'comment', id: said.id, issueId: root.issue.id, parentId: root.id} as const
    await Promise.all([it.inbox.look(hint), it.inbox.look(hint), it.catchUp()])
    await it.inbox.look(hint)
    await it.catchUp()
    expect(await it.replies(request.id)).toHaveLength(1)
    expect((await it.approvals.history(request.id)).filter(({action}) => action === 'refuse')).toHaveLength(1)
  })

  test('a question is put into the history, and told in the thread', async () => {
    const request = await medium()
    const root = await it.root(request.id)
    it.person('tina').comments(root.issue.id, {replyTo: root.id, body: '/request-info who tested it?'})
    await it.catchUp()
    expect((await it.approvals.history(request.id)).at(-1)).toMatchObject({
      action: 'question',
      note: 'who tested it?',
    })
    expect((await it.replies(request.id)).at(-1)).toContain('> who tested it?')
    expect((await it.approvals.find(request.id))?.status).toBe('pending')
  })

  test('what Linear could not show is read when it can again', async () => {
    const request = await medium()
    const root = await it.root(request.id)
    const said = it.person('tina').comments(root.issue.id, {replyTo: root.id, body: '/approve'})
    it.emulator.misbehave({operation: 'comment', kind: 'serverError'})
    const hint = {kind: 'comment', id: said.id, issueId: root.issue.id, parentId: root.id} as const
    await expect(it.inbox.look(hint)).rejects.toMatchObject({code: 'UPSTREAM_UNAVAILABLE'})
    await it.catchUp()
    expect((await it.approvals.find(request.id))?.status).toBe('approved')
  })

  test('reading costs one request however many wait, and one process does it', async () => {
    for (let n = 0; n < 5; n++) await medium()
    await it.catchUp()
    const before = it.emulator.requests.length
    await it.catchUp()
    expect(it.emulator.requests.length - before).toBe(1)
    await Promise.all([it.inbox.reconcile(60_000), it.inbox.reconcile(60_000)])
    expect(it.emulator.requests.length - before).toBeLessThanOrEqual(2)
  })

  test('a code that somebody copied proves nothing, though the copy is heard of first', async () => {
    const code = 'SB-7K2MQ-X4HTD'
    const [grace, mallory] = [it.person('grace'), it.person('mallory')]
    grace.comments('OPS-1', {body: code})
    const copy = mallory.comments('OPS-1', {body: `mine: ${code}`})
    await it.inbox.look({kind: 'comment', id: copy.id, issueId: it.hub.id})
    expect(it.claims[0]).toEqual({account: {kind: 'linear', id: grace.id}, code})
  })

  test('a code on the hub proves an account, once', async () => {
    const code = 'SB-7K2MQ-X4HTD'
    const grace = it.person('grace')
    const said = grace.comments('OPS-1', {body: `here: ${code}`})
    const edited = grace.comments('OPS-1', {body: 'x'})
    grace.edits(edited.id, 'SB-AAAAA-AAAAA')
    await it.inbox.look({kind: 'comment', id: said.id, issueId: it.hub.id})
    await it.catchUp()
    expect(it.claims).toEqual([{account: {kind: 'linear', id: grace.id}, code}])
    expect(it.emulator.comments('OPS-1').at(-1)?.body).toContain('This account is **ada**')
  })

  test('a request decided before it was shown is not shown', async () => {
    const request = await it.asked.ask(anAsk({level: 'medium'}))
    await it.approvals.vote({
      ...{
        id: request.id,
        account: {kind: 'discord', id: 'discord-tina'},
        decision: 'approve',
        surface: 'discord',
        key: 'x',
      },
    })
    expect(await it.tellAll()).toMatchObject([{kind: 'skipped'}, {kind: 'skipped'}])
    expect(it.emulator.comments()).toEqual([])
  })
})

test('with the key of somebody who may decide, our words are still not theirs', async () => {
  it = await openHub(database, {keyOf: 'tina'})
  const request = await it.ask(anAsk({level: 'medium'}))
  const root = await it.root(request.id)
  const place = {issueId: root.issue.id, parentId: root.id}
  await it.desk.say('something', {...place, body: '/approve'})
  await it.catchUp()
  expect((await it.approvals.find(request.id))?.decisions).toEqual([])
  it.person('tina').comments(root.issue.id, {replyTo: root.id, body: '/approve'})
  await it.catchUp()
  expect((await it.approvals.find(request.id))?.decisions).toMatchObject([{principal: 'tina'}])
  await it.close()
})

describe('as an agent', () => {
  beforeEach(async () => {
    it = await openHub(database, {app: true})
  })
  afterEach(() => it.close())

  const lastOf = (session: ReturnType<LinearEmulator['sessions']>[number] | undefined) =>
    session?.activities.at(-1)

  test('a request opens a session with plan, link and a question to choose from; the choice counts for who made it', async () => {
    const request = await it.ask(anAsk({level: 'medium'}))
    const [session, ...others] = it.emulator.sessions()
    if (!session) throw new Error('no session')
    expect(others).toEqual([])
    expect(session.plan).toMatchObject([{status: 'completed'}, {status: 'inProgress'}, {status: 'pending'}])
    expect(session.externalUrls).toMatchObject([{url: 'https://github.com/acme/web/compare/a...b'}])
    expect(lastOf(session)).toMatchObject({content: {type: 'elicitation'}, signal: 'select'})
    it.person('stranger').prompts(session.id, 'approve')
    it.person('tina').prompts(session.id, 'sure, why not')
    await it.inbox.look({kind: 'session', id: session.id})
    expect((await it.approvals.find(request.id))?.decisions).toEqual([])
    expect(lastOf(session)?.content).toMatchObject({type: 'elicitation'})
    it.person('tina').prompts(session.id, 'Approve')
    await it.inbox.look({kind: 'session', id: session.id})
    await it.catchUp()
    expect(await it.approvals.find(request.id)).toMatchObject({
      status: 'approved',
      decisions: [{principal: 'tina'}],
    })
    expect(it.emulator.statusOf(session)).toBe('complete')
    expect(session.plan).toMatchObject([{status: 'completed'}, {status: 'completed'}, {status: 'completed'}])
  })

  test('called by somebody, it answers within ten seconds and asks; a command in a session counts once', async () => {
    const request = await it.ask(anAsk({level: 'high'}))
    const root = await it.root(request.id)
    const session = it.person('grace').calls(it.appUser, {issue: root.issue.id, body: 'what is this?'})
    await it.inbox.look({kind: 'session', id: session.id})
    expect(it.emulator.firstAnswerOf(session)).toMatchObject({inTime: true})
    expect(session.activities.map(({content}) => content.type)).toEqual(['thought', 'elicitation'])
    it.person('grace').prompts(session.id, '/deny the tests are red')
    await Promise.all([it.inbox.look({kind: 'session', id: session.id}), it.catchUp()])
    await it.catchUp()
    expect(await it.approvals.find(request.id)).toMatchObject({
      status: 'rejected',
      decisions: [{principal: 'grace', reason: 'the tests are red'}],
    })
    expect((await it.approvals.history(request.id)).filter(({action}) => action === 'refuse')).toEqual([])
  })

  test('called where nothing waits, it says so and ends', async () => {
    const session = it.person('grace').calls(it.appUser, {issue: 'OPS-1'})
    await it.inbox.look({kind: 'session', id: session.id})
    expect(it.emulator.statusOf(session)).toBe('complete')
  })

  test('stop withdraws the request for who asked or may decide, and only silences us for others', async () => {
    const request = await it.ask(anAsk({level: 'medium'}))
    const root = await it.root(request.id)
    const foreign = it.person('stranger').calls(it.appUser, {issue: root.issue.id, replyTo: root.id})
    await it.inbox.look({kind: 'session', id: foreign.id})
    it.person('stranger').stops(foreign.id)
    await it.inbox.look({kind: 'session', id: foreign.id})
    expect((await it.approvals.find(request.id))?.status).toBe('pending')
    expect(it.emulator.statusOf(foreign)).toBe('complete')
    const [session] = it.emulator.sessions()
    it.person('ada').stops(session?.id ?? '')
    await it.inbox.look({kind: 'session', id: session?.id ?? ''})
    expect(await it.approvals.find(request.id)).toMatchObject({
      status: 'cancelled',
      note: 'stopped in Linear',
    })
  })

  test('a quiet session hears that we still wait, before Linear takes us for gone', async () => {
    await it.ask(anAsk({level: 'medium'}))
    const [session] = it.emulator.sessions()
    const before = session?.activities.length ?? 0
    await it.sessions.keepAlive()
    expect(session?.activities).toHaveLength(before)
    await it.asked.pool.query(`update linear_sessions set touched_at = now() - interval '21 minutes'`)
    await it.sessions.keepAlive()
    expect(session?.activities).toHaveLength(before + 1)
    expect(it.emulator.statusOf(session as NonNullable<typeof session>)).toBe('awaitingInput')
  })

  test('our own words decide nothing, whatever they quote', async () => {
    const request = await it.ask(anAsk({level: 'medium'}))
    const root = await it.root(request.id)
    await it.catchUp()
    const said = it.emulator
      .person('signalbox-agent')
      .comments(root.issue.id, {replyTo: root.id, body: '/approve'})
    await it.inbox.look({kind: 'comment', id: said.id, issueId: root.issue.id, parentId: root.id})
    expect((await it.approvals.history(request.id)).map(({action}) => action)).toEqual(['ask'])
  })
})
