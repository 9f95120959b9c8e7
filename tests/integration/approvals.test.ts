import {randomUUID} from 'node:crypto'
import type {Pool, PoolClient} from 'pg'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {createAccountStore} from '../../src/access/account-store.ts'
import {createPeople} from '../../src/access/people.ts'
import {createRoster} from '../../src/access/roster.ts'
import type {NewApproval, Vote} from '../../src/approvals/request.ts'
import {createNoticeStore} from '../../src/notifications/notice-store.ts'
import {createNotices} from '../../src/notifications/notices.ts'
import {SQLSTATE, transaction} from '../../src/platform/postgres.ts'
import {anAsk, aPerson, discordOf, openApprovals, TEAM, type OpenApprovals} from '../support/approvals.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'
import {openNode} from '../support/events.ts'
import {createMemoryServer} from '../support/memory-transport.ts'

const MINUTE = 60_000

let database: TestDatabase
let here: OpenApprovals

beforeEach(async () => {
  database = await createTestDatabase()
  here = openApprovals(database.url)
})

afterEach(async () => {
  await here.close()
  await database.drop()
})

const aVote = (id: string, who: string, rest: Partial<Vote> = {}): Vote => ({
  id,
  account: discordOf(who),
  decision: 'approve',
  surface: 'discord',
  key: randomUUID(),
  ...rest,
})
const vote = (id: string, who: string, rest?: Partial<Vote>) => here.approvals.vote(aVote(id, who, rest))

/** A deployment that waits, in the given round. */
const aDeployment = (round = 1) => {
  const id = randomUUID()
  return {subject: {kind: 'deployment', id, round}, correlationId: id} as const
}

async function linesOf(id: string): Promise<string[]> {
  return (await here.approvals.history(id)).map(
    ({action, actor, surface}) => `${action} by ${actor}${surface === undefined ? '' : ` via ${surface}`}`,
  )
}

/** What a pool's clients sent since the last look, and how often they then waited with nothing more to send. */
function watchStatements(pool: Pool): () => {readonly statements: number; readonly waits: number} {
  let [statements, waits] = [0, 0]
  const watched = new WeakSet<PoolClient>()
  pool.on('acquire', client => {
    if (watched.has(client)) return
    watched.add(client)
    const query = client.query.bind(client) as (...all: unknown[]) => Promise<unknown>
    let underWay = 0
    client.query = (async (...all: unknown[]) => {
      statements++
      if (underWay++ === 0) waits++
      try {
        return await query(...all)
      } finally {
        underWay--
      }
    }) as typeof client.query
  })
  return () => {
    const spent = {statements, waits}
    statements = waits = 0
    return spent
  }
}

async function waitingForLocks(): Promise<number | undefined> {
  const {rows} = await here.pool.query<{n: number}>(
    `select count(*)::int as n from pg_stat_activity
     where datname = current_database() and wait_event_type = 'Lock'`,
  )
  return rows[0]?.n
}

async function jobs(queue: string): Promise<unknown[]> {
  const {rows} = await here.pool.query<{id: string}>(
    `select data ->> 'id' as id from outbox where queue = $1 order by id`,
    [queue],
  )
  return rows.map(({id}) => id)
}

test('what waits and its request are one commit: asked together, undone together', async () => {
  await expect(
    transaction(here.pool, async db => {
      await here.approvals.ask(db, anAsk())
      throw new Error('no')
    }),
  ).rejects.toThrow('no')
  expect(await here.approvals.pending({limit: 10})).toEqual([])
  expect(here.notified).toEqual([])

  const request = await here.ask()
  expect(await here.approvals.find(request.id)).toEqual(request)
  expect(request).toMatchObject({
    status: 'pending',
    risk: {level: 'high'},
    required: {approvers: 2},
    version: 1,
    decisions: [],
  })
  expect(here.notified).toEqual([request.id])
  // What waits leaves no job behind: time is the sweep's.
  expect(here.relayed).toEqual([])
})

test('all that a change means is one commit: record, history, message, notice, event and jobs', async () => {
  const node = openNode(createMemoryServer(), {pool: here.pool})
  const rules = {levels: new Map(), events: new Map(), people: new Map(), projects: new Map()}
  const notices = createNotices({store: createNoticeStore({pool: here.pool}), channels: [], rules})
  const real = openApprovals(database.url, {notices, journal: node.journal})
  const count = async () => {
    const tables = ['approval_requests', 'approval_actions', 'replies', 'notices', 'events', 'outbox']
    const rows = await Promise.all(
      tables.map(table => here.pool.query<{n: number}>(`select count(*)::int as n from ${table}`)),
    )
    return Object.fromEntries(tables.map((table, i) => [table, rows[i]?.rows[0]?.n]))
  }
  const nothing = await count()
  const undone = transaction(real.pool, async db => {
    await real.approvals.ask(db, anAsk())
    throw new Error('no')
  })
  await expect(undone).rejects.toThrow('no')
  expect(await count()).toEqual(nothing)

  const {id} = await real.ask()
  const one = {approval_requests: 1, approval_actions: 1, replies: 1, notices: 1, events: 1, outbox: 0}
  expect(await count()).toEqual(one)
  await real.approvals.vote(aVote(id, 'tom', {decision: 'reject', reason: 'no'}))
  expect(await count()).toEqual({...one, approval_actions: 2, notices: 2, events: 2, outbox: 1})
  const {rows} = await here.pool.query<{event_type: string}>('select event_type from events order by seq')
  expect(rows.map(row => row.event_type)).toEqual(['approval_required', 'approval_rejected'])

  // What a change means leaves together with the change: where that could not be made, none of it stays.
  const {id: other} = await real.ask()
  const {save} = real.store
  let tries = 0
  real.store.save = (db, before, ...change) =>
    save(db, tries++ > 0 ? before : {...before, version: before.version - 1}, ...change)
  const rejected = await real.approvals.vote(aVote(other, 'tom', {decision: 'reject', reason: 'no'}))
  expect(rejected).toMatchObject({request: {status: 'rejected', decisions: [{}]}})
  expect(tries).toBe(2)
  expect(await count()).toEqual({
    approval_requests: 2,
    approval_actions: 4,
    replies: 2,
    notices: 4,
    events: 4,
    outbox: 2,
  })
  expect(real.relayed).toHaveLength(2)
  await real.close()
  await node.close()
})

test('a request and the vote that decides it take few statements, and the vote waits for the database twice', async () => {
  const node = openNode(createMemoryServer(), {pool: here.pool})
  const rules = {levels: new Map(), events: new Map(), people: new Map(), projects: new Map()}
  const real = openApprovals(database.url, {
    journal: node.journal,
    notices: createNotices({store: createNoticeStore({pool: here.pool}), channels: [], rules}),
    people: createPeople({
      roster: createRoster(TEAM.map(({id, roles}) => ({id, roles, discord: discordOf(id).id}))),
      accounts: createAccountStore({pool: here.pool}),
    }),
  })
  const spent = watchStatements(real.pool)
  const {id} = await real.ask()
  expect(spent()).toEqual({statements: 8, waits: 4})
  await real.approvals.vote(aVote(id, 'tom'))
  spent()
  expect(await real.approvals.vote(aVote(id, 'grace'))).toMatchObject({request: {status: 'approved'}})
  expect(spent()).toEqual({statements: 9, waits: 2})
  expect(await real.approvals.vote(aVote(id, 'lin'))).toMatchObject({kind: 'refused'})
  expect(spent()).toEqual({statements: 6, waits: 2})
  await real.close()
  await node.close()
})

test('asking twice for the same is one request; a new round is another', async () => {
  const asking = anAsk(aDeployment())
  const [first, second] = await Promise.all([here.ask(asking), here.ask(asking)])
  expect(second.id).toBe(first.id)
  const again = await here.ask({...asking, subject: {...aDeployment(2).subject, id: asking.correlationId}})
  expect(again.id).not.toBe(first.id)
  expect(here.notices.map(({event}) => event)).toEqual(['approval_required', 'approval_required'])
})

test('two persons approve, the second one decides, and all who must know are told once', async () => {
  const {id} = await here.ask()
  expect(await vote(id, 'tom')).toMatchObject({kind: 'counted', request: {status: 'pending', version: 2}})
  expect(await vote(id, 'grace', {surface: 'linear'})).toMatchObject({
    kind: 'counted',
    request: {
      status: 'approved',
      decisions: [
        {principal: 'tom', role: 'team_lead', surface: 'discord'},
        {principal: 'grace', role: 'tech_lead', surface: 'linear'},
      ],
    },
  })
  expect(await linesOf(id)).toEqual([
    'ask by ada',
    'approve by tom via discord',
    'approve by grace via linear',
  ])
  expect(here.notices.map(({event, key}) => `${event} ${key.split(':').at(-1) ?? ''}`)).toEqual([
    'approval_required 1',
    'approval_vote 2',
    'approval_approved 3',
  ])
  expect(here.notices[0]?.people).toEqual(['tom', 'tina', 'grace', 'lin', 'cleo'])
  expect(here.events.map(({type}) => type)).toEqual(['approval_required', 'approval_approved'])
  expect(await jobs('approval-outcomes')).toEqual([id])
  const {rows} = await here.pool.query<{view: {title: string; controls: unknown[]}}>(
    'select view from replies where id = $1',
    [id],
  )
  expect(rows[0]?.view).toMatchObject({title: 'client → production · approved', controls: []})
})

test('a deployment that waits is told of each change, since its own message shows how it stands', async () => {
  const {id} = await here.ask(anAsk(aDeployment()))
  expect(await jobs('approval-outcomes')).toEqual([])
  await vote(id, 'tom')
  await vote(id, 'sam')
  expect(await jobs('approval-outcomes')).toEqual([id])
  await vote(id, 'grace')
  expect(await jobs('approval-outcomes')).toEqual([id, id])
})

describe('redeeming', () => {
  const bound = anAsk().bound
  const redeem = (id: string, what = bound) =>
    transaction(here.pool, db => here.approvals.redeem(db, id, what))
  async function approved(): Promise<string> {
    const {id} = await here.ask()
    await vote(id, 'tom')
    await vote(id, 'grace')
    return id
  }

  test('permits one beginning', async () => {
    const id = await approved()
    expect(await Promise.all([redeem(id), redeem(id), redeem(id)])).toEqual(
      expect.arrayContaining([{kind: 'go'}, expect.objectContaining({kind: 'stop'})]),
    )
    expect((await linesOf(id)).filter(line => line.startsWith('use'))).toHaveLength(1)
  })

  test('is void when the ground has moved, for ever, and what waited is told', async () => {
    const id = await approved()
    expect(await redeem(id, {...bound, sha: 'c'.repeat(40)})).toEqual({
      kind: 'void',
      changes: [`sha: ${'a'.repeat(40)} → ${'c'.repeat(40)}`],
    })
    expect(await redeem(id)).toMatchObject({kind: 'stop'})
    expect((await here.approvals.find(id))?.status).toBe('cancelled')
    expect(await jobs('approval-outcomes')).toEqual([id, id])
  })

  test('stops when an approver has lost the role since', async () => {
    const id = await approved()
    here.persons.splice(
      0,
      here.persons.length,
      ...here.persons.map(person => (person.id === 'grace' ? {...person, roles: []} : person)),
    )
    expect(await redeem(id)).toEqual({kind: 'stop', reason: 'grace may not approve it any more'})
  })
})

describe('an attempt', () => {
  test('repeated under its key is the same attempt, counted or refused', async () => {
    const {id} = await here.ask()
    const counted = aVote(id, 'tom')
    const first = await here.approvals.vote(counted)
    expect(await here.approvals.vote(counted)).toEqual(first)
    await vote(id, 'grace')
    // Decided since; what it was answered then stands.
    expect(await here.approvals.vote(counted)).toMatchObject({kind: 'counted', request: {status: 'approved'}})
    const refused = aVote(id, 'ada')
    const refusal = await here.approvals.vote(refused)
    expect(refusal).toMatchObject({kind: 'refused', code: 'ALREADY_DECIDED'})
    expect(await here.approvals.vote(refused)).toEqual(refusal)
    expect(await linesOf(id)).toHaveLength(4)
    const twice = await Promise.all([1, 2, 3].map(() => here.approvals.vote(aVote(id, 'lin', {key: 'same'}))))
    expect(new Set(twice.map(({kind}) => kind))).toEqual(new Set(['refused']))
    expect(await linesOf(id)).toHaveLength(5)
  })

  test('that comes twice at once waits for its other self, and is answered as that one was', async () => {
    const {id} = await here.ask()
    const twice = await transaction(here.pool, async holder => {
      await holder.query('select from approval_requests where id = $1 for update', [id])
      const votes = [1, 2].map(() => vote(id, 'tom', {key: 'same'}))
      await expect.poll(() => waitingForLocks()).toBe(2)
      return {votes}
    })
    expect(await Promise.all(twice.votes)).toMatchObject([{kind: 'counted'}, {kind: 'counted'}])
    expect(await linesOf(id)).toEqual(['ask by ada', 'approve by tom via discord'])
  })

  test('that is refused stands in the history with what its surface knew, and nobody is told', async () => {
    const {id} = await here.ask()
    const told = here.notices.length
    for (const [who, rest, code] of [
      ['ada', {}, 'OWN_REQUEST'],
      ['sam', {}, 'NOT_ENTITLED'],
      ['stranger', {evidence: {comment: 'c1'}}, 'UNKNOWN_PERSON'],
      ['tom', {digest: '0'.repeat(64)}, 'MOVED'],
      ['tom', {decision: 'reject'}, 'REASON_REQUIRED'],
    ] as const)
      expect(await vote(id, who, rest)).toMatchObject({kind: 'refused', code, request: {status: 'pending'}})
    const history = await here.approvals.history(id)
    expect(history.slice(1).map(({action, actor, metadata}) => [action, actor, metadata['code']])).toEqual([
      ['refuse', 'ada', 'OWN_REQUEST'],
      ['refuse', 'sam', 'NOT_ENTITLED'],
      ['refuse', 'discord:discord-stranger', 'UNKNOWN_PERSON'],
      ['refuse', 'tom', 'MOVED'],
      ['refuse', 'tom', 'REASON_REQUIRED'],
    ])
    expect(history[3]?.metadata).toMatchObject({evidence: {comment: 'c1'}})
    expect(here.notices).toHaveLength(told)
    expect((await here.approvals.find(id))?.version).toBe(1)
  })

  test.each(['nonsense', '11111111-1111-4111-8111-111111111111'])('on %s finds nothing', async id => {
    expect(await vote(id, 'tom')).toMatchObject({kind: 'refused', code: 'NOT_FOUND'})
    expect(await here.approvals.find(id)).toBeUndefined()
    expect(await here.approvals.history(id)).toEqual([])
    expect(await transaction(here.pool, db => here.approvals.cancel(db, id, {by: 'ada'}))).toBe(false)
    expect(await transaction(here.pool, db => here.approvals.redeem(db, id, {}))).toMatchObject({
      kind: 'stop',
    })
  })

  test('to ask something is told to those concerned, and changes nothing', async () => {
    const {id, version} = await here.ask()
    const question = {
      id,
      account: discordOf('tom'),
      surface: 'discord',
      text: 'why today?',
      key: 'q1',
    } as const
    expect(await here.approvals.question(question)).toMatchObject({kind: 'counted', request: {version}})
    expect(await here.approvals.question(question)).toMatchObject({kind: 'counted'})
    expect(here.notices.at(-1)).toMatchObject({
      event: 'approval_question',
      watchers: ['ada'],
      data: {by: 'tom', note: 'why today?'},
    })
    expect(here.notices).toHaveLength(2)
    expect(await here.approvals.question({...question, account: discordOf('sam'), key: 'q2'})).toMatchObject({
      code: 'NOT_ENTITLED',
    })
  })
})

describe('asking', () => {
  test('is not needed where a level needs nobody', async () => {
    expect(await transaction(here.pool, db => here.approvals.ask(db, anAsk({level: 'low'})))).toBeUndefined()
  })

  test('is refused at once when the people it takes are not there', async () => {
    const alone = openApprovals(database.url, {
      persons: [
        {id: 'ada', roles: ['cto'], accounts: {discord: 'discord-ada'}},
        {id: 'tom', roles: ['team_lead'], accounts: {discord: 'discord-tom'}},
      ],
    })
    await expect(alone.ask()).rejects.toMatchObject({
      code: 'NOT_PERMITTED',
      message: /2 of team_lead.*only 1/,
    })
    await expect(alone.ask(anAsk({level: 'critical'}))).rejects.toMatchObject({code: 'NOT_PERMITTED'})
    expect((await alone.ask(anAsk({level: 'medium'}))).status).toBe('pending')
    // Who asked for the same before decides it as little.
    const others = [{person: 'tom'}]
    await expect(
      alone.ask(anAsk({level: 'medium', requester: {name: 'ada', person: 'ada', others}})),
    ).rejects.toMatchObject({code: 'NOT_PERMITTED', message: /only 0/})
    await alone.close()
  })

  test('is refused at once when it may wait for ever and those who could decide would never be called', async () => {
    const policies = new Map([
      ['low', {approvers: 1, roles: ['security'], escalateTo: ['tech_lead'], expires: 'never'}],
    ] as const)
    const patient = openApprovals(database.url, {policies})
    await expect(patient.ask(anAsk({level: 'low'}))).rejects.toMatchObject({
      code: 'NOT_PERMITTED',
      message: /1 of security.*only 0/,
    })
    await patient.close()
  })

  test('is refused at once when those on call leave no place in line to who could decide', async () => {
    const {onCall, ...hours} = {
      ...{timezone: 'UTC', days: [] as const, from: '09:00', to: '17:00'},
      onCall: {primary: 'team_lead', secondary: 'tom', escalateAfterMs: 30 * MINUTE},
    }
    const policies = new Map([
      ['medium', {roles: ['security'], escalateTo: ['tech_lead', 'cto']}] as const,
    ] as const)
    const persons = [aPerson('ada', ['developer']), aPerson('cleo', ['cto'])]
    const house = {persons, policies}
    const [day, night] = [
      openApprovals(database.url, house),
      openApprovals(database.url, {...house, schedule: {...hours, onCall}}),
    ]
    expect((await day.ask(anAsk({level: 'medium'}))).status).toBe('pending')
    await expect(night.ask(anAsk({level: 'medium'}))).rejects.toMatchObject({code: 'NOT_PERMITTED'})
    await Promise.all([day.close(), night.close()])
  })

  test('finds out who asks by their account', async () => {
    const {id, requester} = await here.ask(anAsk({requester: {name: 'G', account: discordOf('grace')}}))
    expect(requester.person).toBe('grace')
    expect(await vote(id, 'grace')).toMatchObject({code: 'OWN_REQUEST'})
  })

  test('puts nobody into the history under the name of somebody else', async () => {
    const asked = async (requester: NewApproval['requester']) =>
      (await linesOf((await here.ask(anAsk({requester}))).id))[0]
    expect(await asked({name: 'ada', account: {kind: 'discord', id: '666'}})).toBe('ask by discord:666')
    expect(await asked({name: 'ada'})).toBe('ask by house:ada')
  })

  test('calls those who may decide, in a message with its buttons', async () => {
    const requester = {name: 'ada', person: 'ada', others: [{person: 'tina'}]}
    const {id} = await here.ask(anAsk({requester}))
    const {rows} = await here.pool.query<{
      target: unknown
      view: {mentions: string[]; controls: {action: string}[]}
    }>('select target, view from replies where id = $1', [id])
    expect(rows[0]?.target).toEqual({kind: 'channel', channelId: '444444444444444444'})
    expect(rows[0]?.view.mentions).toEqual(['tom', 'grace', 'lin', 'cleo'].map(who => `discord-${who}`))
    expect(here.notices).toMatchObject([{people: ['tom', 'grace', 'lin', 'cleo']}])
    expect(rows[0]?.view.controls.map(({action}) => action)).toEqual(['approve', 'reject', 'ask'])
  })

  test('calls nobody who has enough to decide, while the others suffice; its reminder calls all', async () => {
    const limits = new Map([
      ['team_lead', 2],
      ['cto', 1],
    ])
    const busy = openApprovals(database.url, {limits})
    const first = await busy.ask()
    const second = await busy.ask()
    const third = await busy.ask()
    const called = busy.notices.map(({people}) => people)
    expect(called).toEqual([
      ['tom', 'tina', 'grace', 'lin', 'cleo'],
      ['tom', 'tina', 'grace', 'lin'],
      ['grace', 'lin'],
    ])
    const [asked] = await busy.approvals.history(third.id)
    expect(asked?.metadata).toMatchObject({notCalled: ['tom', 'tina', 'cleo']})
    const {rows} = await here.pool.query<{mentions: unknown}>(
      `select view -> 'mentions' as mentions from replies where id = $1`,
      [third.id],
    )
    expect(rows).toEqual([{mentions: ['discord-grace', 'discord-lin']}])
    // What somebody has voted on does not wait for them any more.
    for (const {id} of [first, second]) await busy.approvals.vote(aVote(id, 'tom'))
    busy.notices.length = 0
    await busy.ask()
    expect(busy.notices[0]?.people).toEqual(['tom', 'grace', 'lin'])
    // Who is not called may decide all the same, and is called before it is too late.
    await busy.age(third.id, 31 * MINUTE)
    await busy.approvals.sweep()
    expect(busy.notices[1]?.people).toEqual(['tom', 'tina', 'grace', 'lin', 'cleo'])
    expect(await busy.approvals.vote(aVote(third.id, 'tina'))).toMatchObject({kind: 'counted'})
    await busy.close()
  })

  test('takes what its operation takes: who approves it, and what has to be given', async () => {
    const action = {
      ...{operation: 'import', environment: 'staging', resource: 'data', title: 'load the customers'},
    }
    await expect(here.ask(anAsk({level: 'medium', action}))).rejects.toMatchObject({
      ...{code: 'NOT_PERMITTED', message: /takes a backup that was verified: give its name/},
    })
    const backed = anAsk({level: 'medium', action: {...action, backup: 'nightly-7'}})
    const {id, required} = await here.ask(backed)
    expect(required).toMatchObject({approvers: 2, including: ['tech_lead', 'cto']})
    await vote(id, 'tom')
    await vote(id, 'tina')
    expect(await here.approvals.find(id)).toMatchObject({status: 'pending', action: {backup: 'nightly-7'}})
    expect(await vote(id, 'lin')).toMatchObject({request: {status: 'approved'}})
    // Asked again, it is the first request, whatever is given now.
    expect((await here.ask({...backed, action})).id).toBe(id)
  })

  test('outside of business hours calls who is on call at once, then the second, with the request in one commit', async () => {
    const day = (['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const)[(new Date().getUTCDay() + 3) % 7]
    const night = openApprovals(database.url, {
      schedule: {
        ...{timezone: 'UTC', days: day ? [day] : [], from: '09:00', to: '17:00'},
        // A role, and somebody by their name, who can't decide it but can find those who can.
        onCall: {primary: 'tech_lead', secondary: 'ada2', escalateAfterMs: 30 * MINUTE},
      },
    })
    const request = await night.ask()
    const {id} = request
    expect(await night.approvals.find(id)).toEqual(request)
    expect(request).toMatchObject({escalations: 1, version: 1, expiresAt: request.createdAt + 30 * MINUTE})
    await night.age(id, 30 * MINUTE)
    await night.approvals.sweep()
    expect(night.notices).toMatchObject([
      {event: 'approval_required', people: ['tom', 'tina', 'grace', 'lin', 'cleo']},
      {event: 'approval_escalated', people: ['grace', 'lin'], title: /calls tech_lead on call, waits for 2/},
      {event: 'approval_escalated', people: ['ada2'], title: /calls ada2 on call/},
    ])
    expect(await linesOf(id)).toEqual(['ask by ada', 'escalate by signalbox', 'escalate by signalbox'])
    await night.close()
  })

  test('is listed the riskiest first, then the oldest, for those who may decide', async () => {
    const first = await here.ask()
    const second = await here.ask()
    const critical = await here.ask(anAsk({level: 'critical'}))
    const medium = await here.ask(anAsk({level: 'medium'}))
    const ids = async (roles?: readonly string[]) =>
      (await here.approvals.pending({limit: 10, ...(roles ? {roles} : {})})).map(({id}) => id)
    expect(await ids()).toEqual([critical.id, first.id, second.id, medium.id])
    expect(await ids(['security_team'])).toEqual([critical.id])
    expect(await ids(['team_lead'])).toEqual([first.id, second.id, medium.id])
    expect(await ids(['developer'])).toEqual([])
    expect(await here.approvals.pending({limit: 1})).toHaveLength(1)
    // However many wait: the beginning of an id that fits one of the riskiest may fit another one as well.
    expect(await here.approvals.pending({beginning: medium.id.slice(0, 8), limit: 1})).toMatchObject([
      {id: medium.id},
    ])
    expect(await here.approvals.pending({beginning: '%', limit: 1})).toEqual([])
  })
})

describe('time', () => {
  test('reminds once, calls up the line, expires: by whichever sweep comes', async () => {
    const {id} = await here.ask()
    await vote(id, 'tom')
    expect(await here.approvals.sweep()).toBe(0)
    await here.age(id, 31 * MINUTE)
    await Promise.all([here.approvals.sweep(), here.approvals.sweep()])
    expect(await here.approvals.sweep()).toBe(0)
    await here.age(id, 30 * MINUTE)
    await Promise.all([here.approvals.sweep(), here.approvals.sweep()])
    expect(await here.approvals.find(id)).toMatchObject({status: 'pending', escalations: 1})
    await here.age(id, 61 * MINUTE)
    await Promise.all([here.approvals.sweep(), here.approvals.sweep()])
    expect(await here.approvals.find(id)).toMatchObject({status: 'expired', note: undefined})
    expect(await here.approvals.sweep()).toBe(0)
    expect((await linesOf(id)).slice(2)).toEqual([
      'remind by signalbox',
      'escalate by signalbox',
      'timeout by signalbox',
    ])
    expect(here.notices.map(({event}) => event)).toEqual([
      'approval_required',
      'approval_vote',
      'approval_reminder',
      'approval_escalated',
      'approval_expired',
    ])
    expect(here.notices[2]?.people).toEqual(['tina', 'grace', 'lin', 'cleo'])
    expect(here.notices[3]).toMatchObject({people: ['cleo'], data: {role: 'cto'}})
    expect(here.events.map(({type}) => type)).toEqual([
      'approval_required',
      'approval_escalated',
      'approval_expired',
    ])
    expect(await jobs('approval-outcomes')).toEqual([id])
  })

  test('is the database’s: a late vote changes nothing and says so, whether or not a sweep was there', async () => {
    const {id} = await here.ask(anAsk({level: 'medium'}))
    await here.age(id, 31 * MINUTE)
    expect(await vote(id, 'lin')).toMatchObject({
      kind: 'counted',
      request: {status: 'approved', escalations: 1},
    })
    const late = await here.ask(anAsk({level: 'medium'}))
    await here.age(late.id, 31 * MINUTE)
    await here.approvals.sweep()
    await here.age(late.id, 31 * MINUTE)
    expect(await vote(late.id, 'lin')).toMatchObject({
      kind: 'refused',
      code: 'EXPIRED',
      request: {status: 'expired'},
    })
    expect(await vote(late.id, 'tom')).toMatchObject({kind: 'refused', code: 'EXPIRED'})
    expect(await jobs('approval-outcomes')).toHaveLength(2)
  })

  test('of a request that may wait for ever never comes', async () => {
    const patient = openApprovals(database.url, {
      policies: new Map([['low', {approvers: 1, expires: 'never'}]]),
    })
    const {id, expiresAt} = await patient.ask(anAsk({level: 'low'}))
    expect(expiresAt).toBeUndefined()
    await patient.age(id, 400 * 86_400_000)
    expect(await patient.approvals.sweep()).toBe(0)
    expect(await patient.approvals.vote(aVote(id, 'tom'))).toMatchObject({request: {status: 'approved'}})
    await patient.close()
  })
})

test('a withdrawn request is withdrawn with what withdrew it, once', async () => {
  const {id} = await here.ask()
  await expect(
    transaction(here.pool, async db => {
      expect(await here.approvals.cancel(db, id, {by: 'ada'})).toBe(true)
      throw new Error('no')
    }),
  ).rejects.toThrow('no')
  expect((await here.approvals.find(id))?.status).toBe('pending')
  const cancel = () =>
    transaction(here.pool, db => here.approvals.cancel(db, id, {by: 'ada', note: 'not today'}))
  expect((await Promise.all([cancel(), cancel()])).sort()).toEqual([false, true])
  expect(await here.approvals.find(id)).toMatchObject({status: 'cancelled', note: 'not today'})
  expect(await vote(id, 'tom')).toMatchObject({code: 'ALREADY_DECIDED'})
})

test('what was decided is written only over what it was decided on, and only in time', async () => {
  const {id} = await here.ask()
  const seen = await here.store.find(id)
  if (!seen) throw new Error('it is gone')
  const approved = {
    ...seen,
    status: 'approved',
    decidedAt: seen.createdAt + 1,
    version: seen.version + 1,
  } as const
  const lines = [{action: 'approve', actor: 'tom'}] as const
  const save = () => here.store.save(here.pool, seen, approved, {lines, first: 2, at: seen.createdAt + 1}, [])
  const stale = {code: SQLSTATE.SERIALIZATION_FAILURE}
  await here.age(id, 61 * MINUTE)
  await expect(save()).rejects.toMatchObject(stale)
  await here.age(id, -61 * MINUTE)
  await here.pool.query('update approval_requests set version = version + 1 where id = $1', [id])
  await expect(save()).rejects.toMatchObject(stale)
  await here.pool.query('update approval_requests set version = version - 1 where id = $1', [id])
  expect(await linesOf(id)).toEqual(['ask by ada'])
  await save()
  await expect(save()).rejects.toMatchObject(stale)
  expect(await linesOf(id)).toEqual(['ask by ada', 'approve by tom'])
})

test('its message leads to Linear once it is told there; the request itself has not changed', async () => {
  const {id, version} = await here.ask()
  const told = here.notified.length
  const issue = {name: 'OPS-12', url: 'https://linear.app/acme/issue/OPS-12'}
  for (let times = 0; times < 2; times++) await here.approvals.toldInLinear(id, issue)
  expect(here.notified).toHaveLength(told + 1)
  expect(await here.approvals.find(id)).toMatchObject({version, linear: issue})
  const {rows} = await here.pool.query<{view: {lines: string[]; mentions: string[]}}>(
    'select view from replies where id = $1',
    [id],
  )
  // It may not have been posted yet: those whom it calls must still be in it.
  expect(rows[0]?.view.mentions).toHaveLength(5)
  expect(rows[0]?.view.lines.join()).toContain('in Linear [OPS-12](<https://linear.app/acme/issue/OPS-12>)')
  await vote(id, 'tom')
  expect(await here.approvals.find(id)).toMatchObject({linear: issue, decisions: [{}]})
})

test('the history is kept as it was written', async () => {
  const {id} = await here.ask()
  await vote(id, 'tom')
  for (const rewriting of [
    `update approval_actions set actor = 'grace'`,
    'delete from approval_actions',
    'truncate approval_actions',
  ])
    await expect(here.pool.query(rewriting)).rejects.toThrow('kept for 365 days')
  await expect(here.pool.query('delete from approval_requests')).rejects.toThrow('foreign key')
})

test('what ended a year ago is removed with its history; what waits, what went on since and what a run shipped under stays', async () => {
  const asked = await Promise.all(Array.from({length: 5}, () => here.ask()))
  const [old, young, discussed, shipped, waiting] = asked.map(({id}) => id) as [string, ...string[]]
  for (const id of [old, young, discussed, shipped])
    await vote(id ?? '', 'tom', {decision: 'reject', reason: 'no'})
  const days = async (id: string | undefined, age: number) => {
    await here.pool.query(
      `update approval_requests set created_at = now() - make_interval(days => $2),
         decided_at = decided_at - make_interval(days => $2) where id = $1`,
      [id, age],
    )
    // The trigger stands in the way of what only time may do.
    await here.pool.query('alter table approval_actions disable trigger user')
    await here.pool.query(
      `update approval_actions set at = at - make_interval(days => $2) where approval_id = $1`,
      [id, age],
    )
    await here.pool.query('alter table approval_actions enable trigger user')
  }
  for (const id of [old, discussed, shipped, waiting]) await days(id, 366)
  await days(young, 364)
  await vote(discussed ?? '', 'tina')
  await here.pool.query(
    `insert into workflow_shipments (workflow_id, path, target, approval_id) values ('wf-1', 'ship', 'client', $1)`,
    [shipped],
  )
  await here.approvals.forgetOld()
  expect(await here.approvals.find(old)).toBeUndefined()
  expect(await here.approvals.history(old)).toEqual([])
  for (const id of [young, discussed, shipped, waiting])
    expect((await here.approvals.history(id ?? '')).length).toBeGreaterThan(0)
  expect((await here.approvals.find(waiting ?? ''))?.status).toBe('pending')
  await here.pool.query('delete from workflow_shipments')
  await here.approvals.forgetOld()
  expect(await here.approvals.find(shipped ?? '')).toBeUndefined()
})

test('metrics count what happened, and read the backlog from the database', async () => {
  const one = await here.ask(anAsk(aDeployment()))
  await here.ask(anAsk({level: 'critical'}))
  const expiring = await here.ask(anAsk({level: 'medium'}))
  await vote(one.id, 'ada')
  await vote(one.id, 'tom', {decision: 'reject', reason: 'no'})
  for (let step = 0; step < 3; step++) {
    await here.age(expiring.id, 31 * MINUTE)
    await here.approvals.sweep()
  }
  const text = await here.registry.metrics()
  for (const line of [
    'orchestrator_approval_requests_total{risk_level="high"} 1',
    'orchestrator_approval_decisions_total{decision="rejected",risk_level="high"} 1',
    'orchestrator_approval_expirations_total{risk_level="medium"} 1',
    'orchestrator_approval_wait_seconds_count{risk_level="high"} 1',
    'hitl_approval_requests_created_total{agent="deploy_client",risk_level="high",environment="production"} 1',
    'hitl_approval_requests_resolved_total{agent="workflow",risk_level="medium",status="expired"} 1',
    'hitl_approval_latency_seconds_bucket{le="86400"} 1',
    'hitl_approval_timeouts_total{agent="workflow",risk_level="medium"} 1',
    'hitl_approval_backlog_total{risk_level="critical"} 1',
    'hitl_approval_backlog_total{risk_level="high"} 0',
    'approval_refusals_total{code="OWN_REQUEST"} 1',
  ])
    expect(text).toContain(line)
})

test('views for people with a query in hand', async () => {
  const {id} = await here.ask()
  await here.age(id, 10 * MINUTE)
  const {rows} = await here.pool.query(
    'select id, title, minutes_left, waiting_minutes from approvals_pending',
  )
  expect(rows).toEqual([{id, title: 'client → production', minutes_left: '50', waiting_minutes: '10'}])
  const {rows: statistics} = await here.pool.query(
    'select risk_level, status, requests from approvals_statistics',
  )
  expect(statistics).toEqual([{risk_level: 'high', status: 'pending', requests: '1'}])
  await vote(id, 'tom')
  await vote(id, 'grace')
  await here.ask(anAsk({level: 'medium'}))
  const [approved, pending] = await here.approvals.statistics()
  expect(approved).toMatchObject({level: 'high', status: 'approved', requests: 1})
  expect(approved?.averageMs).toBeGreaterThanOrEqual(10 * MINUTE)
  expect(approved?.averageMs).toBeLessThan(11 * MINUTE)
  expect(pending).toEqual({level: 'medium', status: 'pending', requests: 1, averageMs: null})
})
