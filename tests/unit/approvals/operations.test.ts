import {describe, expect, test} from 'vitest'
import {
  keptOut,
  lackingEvidence,
  OPERATION_RULES,
  raised,
  rulesFor,
} from '../../../src/approvals/operations.ts'
import {requirementOf} from '../../../src/approvals/policy.ts'
import type {Requirement} from '../../../src/approvals/request.ts'
import type {RiskLevel} from '../../../src/kernel/risk-level.ts'
import type {ApprovalPolicy} from '../../../src/platform/config/config.ts'

const action = (text: string) => {
  const [operation = '', environment = '', resource] = text.split(' / ')
  return {operation, environment, ...(resource === undefined ? {} : {resource})}
}
const names = (text: string) => rulesFor(action(text)).map(({rule}) => rule)
const takes = (level: RiskLevel, text: string, policy?: ApprovalPolicy): Requirement =>
  raised(requirementOf(level, new Map(policy ? [[level, policy]] : [])), rulesFor(action(text)))

describe('rules by operation', () => {
  test.each<[string, readonly string[]]>([
    ['deploy / production', ['production_deployment']],
    ['pr-deployment / prod / service', ['production_deployment']],
    ['deploy / staging / infrastructure', []],
    ['update_config / staging / infrastructure', ['infrastructure_change']],
    ['scale / development / cluster', ['infrastructure_change']],
    ['modify / production / firewall', ['infrastructure_change']],
    ['security_remediation / staging', ['security_remediation']],
    ['patch / production / CVE', ['security_remediation']],
    ['deploy / production / vulnerability', ['production_deployment', 'security_remediation']],
    ['migrate / staging', ['data_operation', 'data_change']],
    ['delete / production / database', ['data_operation', 'data_change']],
    ['import / development / dataset', ['data_operation', 'data_change']],
    ['export / production / data', ['data_operation']],
    ['read / production / database', []],
    ['frobnicate / production', []],
  ])('%s', (text, expected) => {
    expect(names(text)).toEqual(expected)
  })

  test('each is named once, and met by some operation of that table', () => {
    expect(new Set(OPERATION_RULES.map(({rule}) => rule)).size).toBe(OPERATION_RULES.length)
  })
})

describe('the stricter of level and operation', () => {
  test('infrastructure has a tech lead among its approvers, also where its level asks for one person', () => {
    expect(takes('high', 'modify / production / infrastructure')).toEqual(requirementOf('high', new Map()))
    expect(takes('medium', 'scale / staging / cluster')).toMatchObject({
      ...{approvers: 1, including: ['tech_lead', 'cto']},
      roles: ['team_lead', 'tech_lead', 'cto'],
    })
    const lowered = {approvers: 1, roles: ['team_lead', 'tech_lead']}
    expect(takes('high', 'modify / production / infrastructure', lowered)).toMatchObject({
      ...{approvers: 1, including: ['tech_lead'], roles: ['team_lead', 'tech_lead']},
    })
  })

  test('whom a rule asks for may decide, whatever an operator wrote for the level', () => {
    expect(takes('high', 'modify / production / infrastructure', {roles: ['ops']})).toMatchObject({
      ...{roles: ['ops', 'tech_lead', 'cto'], including: ['tech_lead', 'cto']},
    })
  })

  test('a remediation has somebody of security among its approvers, and is expedited', () => {
    expect(takes('medium', 'security_remediation / staging')).toMatchObject({
      ...{approvers: 1, including: ['security_team'], wakes: 'everybody', mailAfterMs: 0},
      roles: ['team_lead', 'tech_lead', 'cto', 'security_team'],
    })
    expect(takes('high', 'security_remediation / production')).toMatchObject({
      ...{approvers: 2, including: ['tech_lead', 'cto'], alsoIncluding: [['security_team']]},
    })
    const critical = takes('critical', 'security_remediation / production')
    expect(critical).toMatchObject({approvers: 2, including: ['security_team']})
    expect(critical).not.toHaveProperty('alsoIncluding')
  })

  test('an operation on data takes two, one of them a tech lead', () => {
    expect(takes('medium', 'import / staging / data')).toMatchObject({
      ...{approvers: 2, including: ['tech_lead', 'cto']},
    })
    expect(takes('critical', 'delete / production / data')).toMatchObject({
      ...{approvers: 2, including: ['cto', 'security_team'], alsoIncluding: [['tech_lead', 'cto']]},
    })
  })

  test('what needs nobody by its level, or is a deploy, is as the level has it', () => {
    expect(takes('low', 'migrate / development').approvers).toBe(0)
    expect(takes('high', 'migrate / production', {approvers: 0}).approvers).toBe(0)
    const one = {approvers: 1, roles: ['tech_lead']}
    expect(takes('high', 'deploy / production', one)).toEqual(requirementOf('high', new Map([['high', one]])))
  })
})

describe('what has to be given', () => {
  const lacking = (text: string, given = {}, waived: readonly ('ticket' | 'backup')[] = []) =>
    lackingEvidence(given, rulesFor(action(text)), new Set(waived))
  const change = 'update_config / production / infrastructure'

  test.each([{}, {ticket: ''}, {ticket: 'yes'}, {ticket: 'ops-12'}, {ticket: 'see OPS-12'}, {backup: 'b-7'}])(
    'a change of infrastructure with %j lacks its ticket, and is told how to give it',
    given => {
      expect(lacking(change, given)).toBe(
        'This is a change of infrastructure, which takes a change ticket: give the identifier of its issue, such as OPS-12, as the input `ticket` of the workflow, whose `approval` step hands it on as `ticket`. Where you asked in your own words, name it among them.',
      )
    },
  )

  test('is enough once it is there, or where the operator waives it', () => {
    expect(lacking(change, {ticket: 'OPS-12'})).toBeUndefined()
    expect(lacking(change, {}, ['ticket'])).toBeUndefined()
    expect(lacking('migrate / staging', {backup: ' '})).toMatch(/takes a backup that was verified/)
    expect(lacking('migrate / staging', {backup: 'nightly-7'})).toBeUndefined()
    expect(lacking('export / production / data')).toBeUndefined()
    expect(lacking('deploy / production')).toBeUndefined()
  })
})

test('checks that fail keep a commit out of production, each by its name, and out of nothing else', () => {
  const seen = {sha: '8c1e77f'.padEnd(40, '0'), failing: ['e2e', 'CodeQL']}
  expect(keptOut(action('deploy / production'), seen)).toBe(
    'The tests of 8c1e77f fail, so it can’t go to production: e2e, CodeQL. Mend them, or ship another commit.',
  )
  expect(keptOut(action('deploy / production'), {...seen, failing: []})).toBeUndefined()
  expect(keptOut(action('deploy / staging'), seen)).toBeUndefined()
  expect(keptOut(action('rollback / production'), seen)).toBeUndefined()
  expect(keptOut(action('deploy a rollback / production'), seen)).toBeDefined()
  expect(keptOut(action('deploy / production'), {...seen, failing: [...'abcdefg']})).toContain(
    ': a, b, c, d, e and 2 more. ',
  )
})
