import {describe, expect, test} from 'vitest'
import type {RiskLevel} from '../../../src/kernel/risk-level.ts'
import type {ApprovalPolicy, Principal, Target} from '../../../src/platform/config/config.ts'
import {SHIP_DEFAULTS} from '../../../src/platform/config/sections/targets.ts'
import {contractSubjects} from '../../../src/runtime/contract-subjects.ts'
import {permissionsIn} from '../../../src/runtime/doctor-channels.ts'
import {
  contractFindings,
  examineApprovers,
  examineOnCall,
  examineUptime,
} from '../../../src/runtime/doctor.ts'

const aTarget = (name: string, environment: Target['environment']): [string, Target] => [
  name,
  {
    ...{name, environment, workflow: 'deploy.yml', ref: 'main', service: 'client', inputs: {}, verify: {}},
    ship: SHIP_DEFAULTS,
  },
]
const targets = new Map([
  aTarget('client', 'development'),
  aTarget('staging', 'staging'),
  aTarget('production', 'production'),
])
const who = (id: string, role: string, accounts: Partial<Principal> = {discord: id}): Principal => ({
  ...{id, roles: [role]},
  ...accounts,
})
const found = (principals: readonly Principal[], policies: [RiskLevel, ApprovalPolicy][] = []) =>
  examineApprovers({targets, principals, approvalPolicies: new Map(policies)}).map(
    ({ok, what}) => `${ok ? '✅' : '❌'} ${what}`,
  )

const ENOUGH = [
  '✅ target staging: its 1 approver can be found',
  '✅ target production: its 2 approvers can be found',
]

test('principals that can make up each quorum are found, whatever way they decide by', () => {
  expect(found([who('tom', 'team_lead'), who('grace', 'tech_lead', {email: 'grace@example.test'})])).toEqual(
    ENOUGH,
  )
  // Called in when time runs short.
  const policy: ApprovalPolicy = {roles: ['team_lead'], escalateTo: ['owner']}
  expect(
    found([who('tom', 'team_lead'), who('olga', 'owner', {tokenHash: 'a'})], [['high', policy]]),
  ).toEqual(ENOUGH)
})

test('a guarded target whose approvers are too few is told with what it needs and how many there are', () => {
  const such = 'such a role and an account or token to decide with'
  const quorum = 'target production: needs 2 of team_lead, tech_lead, cto'
  const [, production] = ENOUGH
  expect(found([])).toEqual([
    `❌ target staging: needs 1 of team_lead, tech_lead, cto; no principal has ${such}`,
    `❌ ${quorum}; no principal has ${such}`,
  ])
  const grace = who('grace', 'tech_lead')
  expect(found([grace, who('ben', 'designer')]).at(-1)).toBe(`❌ ${quorum}; only 1 principal has ${such}`)
  expect(found([grace, who('lin', 'tech_lead', {github: 'lin'})]).at(-1)).toBe(
    `❌ ${quorum}; only 1 principal has ${such}`,
  )
  expect(found([who('tom', 'team_lead'), who('tina', 'team_lead')]).at(-1)).toBe(
    `❌ target production: needs tech_lead or cto; no principal has ${such}`,
  )
  expect(found([grace, who('lin', 'tech_lead')], [['high', {approvers: 3}]]).at(-1)).toBe(
    `❌ target production: needs 3 of team_lead, tech_lead, cto; only 2 principals have ${such}`,
  )
  expect(found([grace, who('lin', 'tech_lead')]).at(-1)).toBe(production)
})

test('who is on call must be reachable; a role is, by any who holds it', () => {
  const onCall = {primary: 'tech_lead', secondary: 'ada', escalateAfterMs: 1}
  const schedule = {timezone: 'UTC', days: [], from: '09:00', to: '17:00', onCall}
  const principals = [
    who('lin', 'tech_lead', {}),
    who('grace', 'tech_lead'),
    who('ada', 'cto', {tokenHash: 'a'}),
  ]
  expect(examineOnCall({approvals: {schedule}, principals})).toMatchObject([
    {ok: true, what: 'on call: tech_lead can be reached'},
    {ok: false, what: 'on call: nobody of ada can be reached'},
  ])
  expect(examineOnCall({approvals: {}, principals})).toEqual([])
})

test('what nobody has to approve needs nobody', () => {
  expect(
    found(
      [],
      [
        ['medium', {approvers: 0}],
        ['high', {approvers: 0}],
      ],
    ),
  ).toEqual([])
})

describe('the workflows that we start', () => {
  test('are sent what is always there, and what an option may leave out', () => {
    const inputs = {
      strategy: '${{ options.strategy }}',
      region: 'eu',
      VITE_API_BASE: '${{ options.api_base }}',
    }
    const [name, target] = aTarget('client', 'production')
    const client = {...target, repository: 'acme/web', inputs}
    const diagnose = {
      repository: 'acme/web',
      workflow: 'diagnose.yml',
      ref: 'main',
      artifact: 'a',
      expected: true,
    }
    expect(contractSubjects({targets: new Map([[name, client]]), diagnose})).toEqual([
      {
        ...{id: 'client', name: 'client', repository: 'acme/web', workflow: 'deploy.yml', ref: 'main'},
        always: ['correlation_id', 'requester', 'region'],
        sometimes: ['strategy', 'VITE_API_BASE'],
      },
      {
        ...{
          id: '_diagnose',
          name: '/diagnose',
          repository: 'acme/web',
          workflow: 'diagnose.yml',
          ref: 'main',
        },
        always: ['correlation_id', 'requester'],
        sometimes: ['channel_id', 'frontend_url', 'api_base'],
      },
    ])
  })

  test('leave out the workflow of /diagnose where the configuration does not speak of it', () => {
    const diagnose = {repository: 'acme/web', workflow: 'd.yml', ref: 'main', artifact: 'a', expected: false}
    expect(contractSubjects({targets: new Map(), diagnose})).toEqual([])
  })

  test('are findings with the lines that they lack, each with its number', () => {
    const contract = {id: 'client', name: 'client', repository: 'acme/web', workflow: 'd.yml', mendable: true}
    expect(
      contractFindings([
        {...contract, verdict: 'kept', breaches: []},
        {
          ...contract,
          verdict: 'broken',
          breaches: [{what: 'lacks an input', line: 7, lines: ['a:', '  b: c']}],
        },
        {
          ...contract,
          name: '/diagnose',
          verdict: 'unknown',
          breaches: [{what: 'was not seen', next: 'look again'}],
        },
      ]),
    ).toEqual([
      {ok: true, what: 'target client: acme/web d.yml takes what we send'},
      {ok: false, what: 'target client: acme/web d.yml lacks an input', lines: ['7: a:', '8:   b: c']},
      {ok: false, what: '/diagnose: acme/web d.yml was not seen', next: 'look again'},
    ])
  })
})

test('outages that nobody in Discord would hear of are told', () => {
  const uptime = {everyMs: 60_000, alert: true}
  expect(examineUptime({})).toEqual([])
  expect(examineUptime({uptime})).toMatchObject([
    {ok: false, next: expect.stringContaining('uptime.channel') as string},
  ])
  expect(examineUptime({uptime: {...uptime, channel: '1'}})).toMatchObject([{ok: true}])
  expect(examineUptime({uptime: {...uptime, alert: false}})).toMatchObject([{ok: true}])
})

describe('what we may do in a channel', () => {
  const rule = (id: string, type: 0 | 1, allow: number, deny: number) => ({
    ...{id, type, allow: String(allow), deny: String(deny)},
  })
  const roles = [
    {id: 'server', permissions: '1'},
    {id: 'ours', permissions: '2'},
    {id: 'also-ours', permissions: '0'},
    {id: 'of-others', permissions: '64'},
  ]
  const may = (...overwrites: ReturnType<typeof rule>[]) =>
    permissionsIn({guild: 'server', overwrites}, {id: 'we', held: ['ours', 'also-ours'], roles})

  test.each<[string, ReturnType<typeof rule>[], bigint]>([
    ['what everyone and our roles may', [], 3n],
    ['less where the channel denies it to everyone', [rule('server', 0, 0, 3)], 0n],
    ['again what a role of ours is allowed', [rule('server', 0, 0, 3), rule('ours', 0, 2, 0)], 2n],
    [
      'what one of our roles is allowed, whatever another is denied',
      [rule('also-ours', 0, 2, 0), rule('ours', 0, 0, 2)],
      3n,
    ],
    ['last what we ourselves are denied', [rule('we', 1, 4, 2), rule('ours', 0, 2, 0)], 5n],
    ['nothing by the rules of others', [rule('of-others', 0, 8, 3), rule('they', 1, 8, 3)], 3n],
    ['nothing by a role that has our id', [rule('we', 0, 8, 3)], 3n],
  ])('is %s', (_what, overwrites, expected) => {
    expect(may(...overwrites)).toBe(expected)
  })

  test('is everything for an administrator', () => {
    const admin = [{id: 'ours', permissions: '8'}]
    const channel = {guild: 'server', overwrites: [rule('server', 0, 0, 2048)]}
    expect(permissionsIn(channel, {id: 'we', held: ['ours'], roles: admin}) & 2048n).toBe(2048n)
  })
})
