import {beforeEach, describe, expect, test} from 'vitest'
import type {Account, Person} from '../../../src/access/people.ts'
import {ballotOf} from '../../../src/approvals/ballot.ts'
import {createApprovalsPort} from '../../../src/approvals/port.ts'
import type {ApprovalRequest, Vote} from '../../../src/approvals/request.ts'
import type {Actor} from '../../../src/sdk/index.ts'

const NOW = 1_800_000_000_000
const ID = '9f3c21aa-5b1e-4d7a-9c55-0d6a1f4b7e21'
const COMMAND = '11111111-1111-4111-8111-111111111111'

function aRequest(change: Partial<ApprovalRequest> = {}): ApprovalRequest {
  return {
    id: ID,
    subject: {kind: 'deployment', id: COMMAND, round: 1},
    correlationId: COMMAND,
    status: 'pending',
    action: {operation: 'deploy', environment: 'production', title: 'client → production'},
    requester: {name: 'grace', person: 'grace', account: {kind: 'discord', id: '3'}},
    risk: {level: 'high', score: 7.5, reasons: []},
    required: {
      approvers: 2,
      roles: ['team_lead', 'tech_lead'],
      including: ['tech_lead'],
      justification: false,
      expiresMs: 3_600_000,
      escalateTo: [],
      mailAfterMs: null,
    },
    bound: {sha: 'a'.repeat(40)},
    digest: 'c0ffee'.repeat(10) + 'abcd',
    card: undefined,
    decisions: [],
    escalations: 0,
    note: undefined,
    version: 1,
    createdAt: NOW - 1000,
    expiresAt: NOW + 3_600_000,
    decidedAt: undefined,
    usedAt: undefined,
    ...change,
  }
}

const PEOPLE: readonly Person[] = [
  {id: 'ada', roles: ['tech_lead'], accounts: {discord: '1'}},
  {id: 'bob', roles: ['developer'], accounts: {discord: '2'}},
  {id: 'grace', roles: ['tech_lead'], accounts: {discord: '3'}},
]
const actor = (id: string): Actor => ({kind: 'discord', id, name: `user ${id}`, guildId: '77'})
const [ada, bob, grace, stranger] = ['1', '2', '3', '4'].map(actor) as [Actor, Actor, Actor, Actor]

let votes: Vote[]
let questions: object[]
beforeEach(() => {
  votes = []
  questions = []
})

function open(...requests: readonly ApprovalRequest[]) {
  return createApprovalsPort({
    approvals: {
      find: async id => requests.find(request => request.id === id),
      pending: async ({roles, beginning = '', limit}) =>
        requests
          .filter(({id, status}) => status === 'pending' && id.startsWith(beginning))
          .filter(({required}) => !roles || required.roles.some(role => roles.includes(role)))
          .slice(0, limit),
      statistics: async () => [
        {level: 'high', status: 'approved', requests: 3, averageMs: 60_000},
        {level: 'medium', status: 'rejected', requests: 1, averageMs: 20_000},
        {level: 'medium', status: 'expired', requests: 2, averageMs: 1_800_000},
        {level: 'low', status: 'pending', requests: 4, averageMs: null},
      ],
      async vote(vote) {
        votes.push(vote)
        return {kind: 'counted', request: aRequest({status: 'approved'})}
      },
      async question(question) {
        questions.push(question)
        return {kind: 'refused', code: 'NOT_ENTITLED', message: 'no', request: aRequest()}
      },
    },
    people: {
      personOf: async ({kind, id}: Account) =>
        kind === 'discord' ? PEOPLE.find(({accounts}) => accounts.discord === id) : undefined,
    },
    messageOf: async () => ({channelId: '5', messageId: '6'}),
    clock: () => NOW,
  })
}

describe('whether words are needed first', () => {
  const cases: readonly [string, Actor, 'approve' | 'reject' | 'ask', Partial<ApprovalRequest>, boolean][] = [
    ['an approval of high risk', ada, 'approve', {}, false],
    [
      'an approval that must be justified',
      ada,
      'approve',
      {required: {...aRequest().required, justification: true}},
      true,
    ],
    ['a rejection', ada, 'reject', {}, true],
    ['a question', ada, 'ask', {}, true],
    ['the requester’s own question', grace, 'ask', {}, true],
    ['the requester’s own rejection', grace, 'reject', {}, false],
    ['a rejection by somebody without the role', bob, 'reject', {}, false],
    ['a rejection by nobody we know', stranger, 'reject', {}, false],
    ['a question by nobody we know', stranger, 'ask', {}, false],
    ['a rejection of what is decided', ada, 'reject', {status: 'approved', decidedAt: NOW}, false],
    ['a question about what is decided', ada, 'ask', {status: 'rejected', decidedAt: NOW}, false],
    ['a rejection after the time is up', ada, 'reject', {expiresAt: NOW}, false],
    ['a rejection by a schedule', {kind: 'schedule', id: '1', name: 'ada'}, 'reject', {}, false],
  ]
  test.each(cases)('%s', async (_what, who, intent, change, needed) => {
    const request = aRequest(change)
    const port = open(request)
    expect(await port.needsWords({ballot: ballotOf(request), actor: who, intent})).toBe(needed)
    expect(votes).toEqual([])
  })

  test.each(['', 'nothing', ID.slice(0, 8), `${ID}_`, ballotOf({id: COMMAND, digest: 'a'.repeat(64)})])(
    'is not known of %j, which is no request',
    async ballot => {
      expect(await open(aRequest()).needsWords({ballot, actor: ada, intent: 'reject'})).toBeUndefined()
    },
  )
})

describe('a vote', () => {
  test('is cast by the account Discord says, on what was seen, and is this command for ever', async () => {
    const report = await open().vote({
      request: ballotOf(aRequest()),
      actor: ada,
      correlationId: COMMAND,
      decision: 'reject',
      reason: 'not today',
    })
    expect(votes).toEqual([
      {
        id: ID,
        account: {kind: 'discord', id: '1'},
        decision: 'reject',
        surface: 'discord',
        reason: 'not today',
        digest: 'c0ffeec0ffee',
        key: COMMAND,
        evidence: {command: COMMAND},
      },
    ])
    expect(report).toMatchObject({
      kind: 'counted',
      request: {status: 'approved', url: 'https://discord.com/channels/77/5/6'},
    })
  })

  test('by id, or by its beginning where that fits one that waits, has seen nothing', async () => {
    const other = aRequest({id: `${ID.slice(0, 8)}-0000-4000-8000-000000000000`})
    const decided = aRequest({id: '7e57ab1e-0000-4000-8000-000000000000', status: 'rejected'})
    const port = open(aRequest(), other, decided)
    const vote = {actor: ada, correlationId: COMMAND, decision: 'approve'} as const
    await port.vote({...vote, request: ID})
    await port.vote({...vote, request: ID.slice(0, 13)})
    expect(votes.map(({id}) => id)).toEqual([ID, ID])
    expect(votes.some(cast => 'digest' in cast)).toBe(false)

    for (const request of [ID.slice(0, 8), '7e57ab1e', '00000000', '…'])
      expect(await port.vote({...vote, request})).toMatchObject({kind: 'refused', request: undefined})
    expect(votes).toHaveLength(2)
  })

  test.each<Actor>([
    {kind: 'api', id: '1', name: 'ada'},
    {kind: 'schedule', id: '1', name: 'ada'},
    {kind: 'api', id: 'workflow:pr-deployment', name: 'pr-deployment'},
  ])('of $kind $id is nobody’s', async who => {
    const words = {request: ID, actor: who, correlationId: COMMAND}
    const port = open(aRequest())
    expect(await port.vote({...words, decision: 'approve'})).toMatchObject({kind: 'refused'})
    expect(await port.ask({...words, text: 'why?'})).toMatchObject({kind: 'refused'})
    expect([...votes, ...questions]).toEqual([])
  })
})

test('a question goes to the record with its words', async () => {
  const report = await open().ask({
    request: ballotOf(aRequest()),
    actor: bob,
    correlationId: COMMAND,
    text: 'why now?',
  })
  expect(questions).toEqual([
    {id: ID, account: {kind: 'discord', id: '2'}, surface: 'discord', text: 'why now?', key: COMMAND},
  ])
  expect(report).toMatchObject({kind: 'refused', message: 'no', request: {id: ID, approvals: 0, needed: 2}})
})

describe('what waits', () => {
  const approval = {
    principal: 'ada',
    decision: 'approve',
    surface: 'discord',
    role: 'tech_lead',
    at: NOW,
  } as const
  const requests = [
    aRequest(),
    aRequest({id: '00000000-0000-4000-8000-000000000001', decisions: [approval]}),
    aRequest({
      id: '00000000-0000-4000-8000-000000000002',
      requester: {name: 'ada', person: 'ada'},
    }),
    aRequest({
      id: '00000000-0000-4000-8000-000000000003',
      required: {...aRequest().required, justification: true},
    }),
    aRequest({
      id: '00000000-0000-4000-8000-000000000004',
      required: {...aRequest().required, roles: ['cto']},
    }),
    aRequest({id: '00000000-0000-4000-8000-000000000005', status: 'expired'}),
  ]
  const last = (ids: readonly {readonly id: string}[]) => ids.map(({id}) => id.at(-1))

  test('for somebody is what they may decide and have not yet', async () => {
    const port = open(...requests)
    expect(last(await port.pending({actor: ada, whose: 'mine', limit: 10}))).toEqual(['1', '3'])
    expect(await port.pending({actor: bob, whose: 'mine', limit: 10})).toEqual([])
    expect(await port.pending({actor: stranger, whose: 'mine', limit: 10})).toEqual([])
    expect((await port.pending({actor: ada, whose: 'mine', limit: 10}))[0]?.id).toBe(ID)
  })

  test('at all is shown to anybody, with how it stands', async () => {
    const all = await open(...requests).pending({actor: stranger, whose: 'all', limit: 10})
    expect(last(all)).toEqual(['1', '1', '2', '3', '4'])
    expect(all[1]).toEqual({
      id: '00000000-0000-4000-8000-000000000001',
      ballot: '00000000-0000-4000-8000-000000000001_c0ffeec0ffee',
      title: 'client → production',
      status: 'pending',
      level: 'high',
      requester: 'grace',
      approvals: 1,
      needed: 2,
      waitsFor: '1 more approval',
      createdAt: NOW - 1000,
      expiresAt: NOW + 3_600_000,
      url: 'https://discord.com/channels/77/5/6',
    })
  })
})

test('the last thirty days are told together; how long a decision takes, by what people decided', async () => {
  expect(await open().statistics()).toEqual({asked: 10, approved: 3, rejected: 1, expired: 2, meanMs: 50_000})
})
