import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {readRisk} from '../../../src/approvals/risk-text.ts'
import {assess, RISK_RULES, type RiskContext} from '../../../src/approvals/risk.ts'
import {RISK_LEVELS} from '../../../src/kernel/risk-level.ts'

const dev = {environment: 'development'}
const staging = {environment: 'staging'}
const production = {environment: 'production'}

describe('rules', () => {
  test.each<[string, string, RiskContext]>([
    ['critical', 'delete_production', {operation: 'delete', ...production}],
    ['critical', 'modify_production_db', {operation: 'modify', resource: 'database', ...production}],
    ['critical', 'critical_finding', {operation: 'read', findings: [{severity: 'Critical'}], ...dev}],
    ['critical', 'sensitive_data', {operation: 'export', sensitiveData: true, ...dev}],
    ['critical', 'modify_secrets', {operation: 'create', resource: 'secret', ...dev}],
    ['critical', 'modify_secrets', {operation: 'modify', resource: 'permissions', ...dev}],
    ['critical', 'modify_secrets', {operation: 'delete', resource: 'access key', ...dev}],
    ['critical', 'delete_data', {operation: 'delete', resource: 'data', ...dev}],
    ['high', 'deploy_production', {operation: 'deploy', ...production}],
    ['high', 'scale_production', {operation: 'scale', ...production}],
    ['high', 'modify_infrastructure', {operation: 'create', resource: 'infrastructure', ...dev}],
    ['high', 'high_finding', {operation: 'read', findings: [{severity: 'high'}], ...dev}],
    ['high', 'cost_above_1000', {operation: 'read', estimatedCost: 1000.01, ...dev}],
    ['high', 'modify_network', {operation: 'modify', resource: 'firewall', ...dev}],
    ['high', 'modify_network', {operation: 'modify', resource: 'security-group', ...dev}],
    ['high', 'export_data', {operation: 'export', resource: 'data', ...dev}],
    ['high', 'merge_to_production', {operation: 'merge', targetBranch: 'production', ...dev}],
    ['high', 'unknown_production', {operation: 'frobnicate', ...production}],
    ['medium', 'deploy_staging', {operation: 'deploy', ...staging}],
    ['medium', 'unknown_staging', {operation: 'frobnicate', ...staging}],
    ['medium', 'medium_finding', {operation: 'read', findings: [{severity: 'medium'}], ...dev}],
    ['medium', 'cost_above_100', {operation: 'read', estimatedCost: 101, ...dev}],
    ['medium', 'import_data', {operation: 'import', resource: 'data', ...dev}],
    ['medium', 'merge_to_main', {operation: 'merge', targetBranch: 'refs/heads/main', ...dev}],
    ['low', 'deploy_development', {operation: 'deploy', ...dev}],
    ['low', 'cost_above_10', {operation: 'read', estimatedCost: 11, ...dev}],
  ])('%s: %s', (level, rule, context) => {
    const risk = assess(context)
    expect(risk.level).toBe(level)
    expect(risk.reasons).toContainEqual(expect.stringContaining(`(${rule})`))
  })

  test('every rule of the policy is in that table, and each is named once', () => {
    expect(new Set(RISK_RULES.map(({rule}) => rule)).size).toBe(RISK_RULES.length)
  })

  test('what no rule knows is low', () => {
    expect(assess({operation: 'read', ...production})).toEqual({level: 'low', score: 2, reasons: []})
    expect(assess({operation: 'modify', ...dev})).toMatchObject({level: 'low', reasons: []})
    expect(assess({operation: 'read', estimatedCost: 1000, ...dev}).level).toBe('medium')
    expect(assess({operation: 'read', estimatedCost: 100, ...dev}).level).toBe('low')
  })

  test('all that fired is listed, the riskiest gives the level', () => {
    const {level, reasons} = assess({
      operation: 'deploy',
      environment: 'production',
      estimatedCost: 2000,
      findings: [{severity: 'medium'}],
    })
    expect(level).toBe('high')
    expect(reasons).toEqual([
      'deploy to production (deploy_production)',
      'cost above 1000 (cost_above_1000)',
      'a medium security finding (medium_finding)',
      'cost above 100 (cost_above_100)',
      'cost above 10 (cost_above_10)',
    ])
  })

  test('a factor that names a rule makes it fire; another counts for nothing', () => {
    const quiet = {operation: 'read', ...dev}
    expect(assess({...quiet, factors: ['modify_secrets']}).level).toBe('critical')
    expect(assess({...quiet, factors: ['looks-scary']}).level).toBe('low')
  })
})

describe('names', () => {
  test.each([
    ['deploy_production', 'development', 'high', 'deploy_production'],
    ['production-deployment', 'staging', 'high', 'deploy_production'],
    ['pr-deployment', 'production', 'high', 'deploy_production'],
    ['PrDeployment', 'prod', 'high', 'deploy_production'],
    ['Deploy client', 'live', 'high', 'deploy_production'],
    ['rollback', 'PRODUCTION', 'high', 'deploy_production'],
    ['roll back', 'production', 'high', 'deploy_production'],
    ['delete-production', 'development', 'critical', 'delete_production'],
    ['drop_table', 'prod', 'critical', 'modify_production_db'],
    ['modify_production_db', 'development', 'critical', 'modify_production_db'],
    ['db migration', 'production', 'critical', 'modify_production_db'],
    ['migrate', 'production', 'critical', 'modify_production_db'],
    ['rotate_api_key', 'development', 'critical', 'modify_secrets'],
    ['merge_to_main', 'development', 'medium', 'merge_to_main'],
    ['merge_to_production', 'development', 'high', 'merge_to_production'],
    ['delete_and_deploy', 'production', 'critical', 'delete_production'],
    ['deploy', 'stage', 'medium', 'deploy_staging'],
    ['deploy', 'qa', 'medium', 'deploy_staging'],
  ])('%s in %s is %s', (operation, environment, level, rule) => {
    const risk = assess({operation, environment})
    expect(risk.level).toBe(level)
    expect(risk.reasons.join()).toContain(`(${rule})`)
  })

  test.each(['', 'x', 'launch_missiles', 'deplopy', 'ＤＥＬＥＴＥ', 'read and frobnicate', '💥'])(
    'production fails closed for %j',
    operation => {
      expect(RISK_LEVELS.indexOf(assess({operation, ...production}).level)).toBeGreaterThanOrEqual(2)
    },
  )

  test.each(['', 'prodution', 'moon', '../production', 'devv'])(
    'an environment that nobody knows is taken for production: %j',
    environment => {
      expect(assess({operation: 'deploy', environment}).level).toBe('high')
    },
  )

  test('a branch is known by its whole name', () => {
    const merge = (targetBranch: string) =>
      assess({operation: 'merge', environment: 'development', targetBranch}).level
    expect(['main', 'master', 'production', 'release/7', 'fix-production', 'main-menu'].map(merge)).toEqual([
      'medium',
      'medium',
      'high',
      'high',
      'low',
      'low',
    ])
  })
})

test('the score is the level’s base, with one for findings, one for sensitive data, a half for cost, at most ten', () => {
  const scores = (operation: string, environment: string) =>
    [{}, {sensitiveData: true}, {estimatedCost: 501}, {findings: [{severity: 'low'}]}].map(
      extra => assess({operation, environment, ...extra}).score,
    )
  expect(scores('read', 'development')).toEqual([2, 3, 5.5, 3])
  expect(scores('deploy', 'staging')).toEqual([5, 6, 5.5, 6])
  expect(scores('deploy', 'production')).toEqual([7.5, 8.5, 8, 8.5])
  expect(scores('delete', 'production')).toEqual([9.5, 10, 10, 10])
  expect(assess({operation: 'read', environment: 'development', estimatedCost: 500}).score).toBe(5)
  expect(assess({operation: 'read', environment: 'development', estimatedCost: NaN}).level).toBe('high')
})

const contexts: fc.Arbitrary<RiskContext> = fc.record(
  {
    operation: fc.oneof(
      fc.constantFrom('read', 'deploy', 'delete', 'modify', 'migrate', 'merge'),
      fc.string(),
    ),
    environment: fc.oneof(fc.constantFrom('development', 'staging', 'production'), fc.string()),
    resource: fc.oneof(fc.constantFrom('database', 'secret', 'data'), fc.string()),
    estimatedCost: fc.double(),
    sensitiveData: fc.boolean(),
    targetBranch: fc.string(),
    findings: fc.array(fc.record({severity: fc.constantFrom('low', 'medium', 'high', 'critical')})),
    factors: fc.array(fc.string()),
  },
  {requiredKeys: ['operation', 'environment']},
)

describe('texts', () => {
  test.each([
    ['please deploy the app to production now', {operation: 'deploy', environment: 'production'}],
    ['drop the customer table on prod', {operation: 'delete', resource: 'database', sensitiveData: true}],
    [
      'nothing here',
      {operation: 'modify', environment: 'development', resource: 'code', sensitiveData: false},
    ],
    ['knowledge of liveliness', {operation: 'modify', environment: 'development'}],
    ['add a card form for payments', {operation: 'create', sensitiveData: true}],
    ['autoscale the cluster in staging', {estimatedCost: 270, environment: 'staging'}],
    ['run the qa pipeline', {environment: 'qa', resource: 'pipeline', estimatedCost: 170}],
  ])('%s', (text, expected) => {
    expect(readRisk(text)).toMatchObject(expected)
  })

  test('what is known otherwise wins', () => {
    expect(readRisk('deploy to production', {environment: 'staging'})).toMatchObject({environment: 'staging'})
  })

  test('a text only raises: never the level, never the score, never a reason less', () => {
    fc.assert(
      fc.property(
        contexts,
        fc.string(),
        fc.constantFrom('delete', 'production', 'secret', 'docs'),
        (context, text, word) => {
          const stated = assess(context)
          const both = assess(context, readRisk(`${text} ${word}`))
          expect(RISK_LEVELS.indexOf(both.level)).toBeGreaterThanOrEqual(RISK_LEVELS.indexOf(stated.level))
          expect(both.score).toBeGreaterThanOrEqual(stated.score)
          expect(both.reasons).toEqual(expect.arrayContaining([...stated.reasons]))
        },
      ),
    )
  })
})

test('an assessment is total: any context has a level, and its score is from its base to ten', () => {
  fc.assert(
    fc.property(contexts, context => {
      const {level, score} = assess(context)
      const base = {low: 2, medium: 5, high: 7.5, critical: 9.5}[level]
      expect(score).toBeGreaterThanOrEqual(base)
      expect(score).toBeLessThanOrEqual(10)
    }),
  )
})
