import {expect, test} from 'vitest'
import type {ApprovalPolicy, Principal, RiskLevel, Target} from '../../../src/platform/config/config.ts'
import {examineApprovers} from '../../../src/runtime/doctor.ts'

const aTarget = (name: string, environment: Target['environment']): [string, Target] => [
  name,
  {name, environment, workflow: 'deploy.yml', ref: 'main', service: 'client', inputs: {}, verify: {}},
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
