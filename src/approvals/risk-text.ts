import type {RiskContext} from './risk.ts'
import {indexOf, wordsOf} from './risk-words.ts'

/** What a text in somebody's own words suggests about a risk. Good enough to raise one, never to lower it. */
export interface SuggestedContext extends RiskContext {
  readonly operation: 'delete' | 'deploy' | 'modify' | 'create' | 'migrate'
  readonly environment: string
  readonly resource: string
  readonly impact: string
}

// The riskier family comes first: a text that deletes and deploys is one that deletes.
const OPERATIONS = indexOf({
  delete:
    'delete deletes deleting deleted remove removes removing drop drops dropping destroy destroys purge wipe erase',
  migrate: 'migrate migrates migrating migration migrations',
  deploy:
    'deploy deploys deploying deployed deployment release releases ship rollout rollback publish promote',
  create: 'create creates creating add adds adding provision generate',
  modify: 'modify modifies change changes update updates edit alter',
})
const OPERATION_ORDER = ['delete', 'migrate', 'deploy', 'create', 'modify'] as const

const ENVIRONMENTS = indexOf({
  production: 'production prod live',
  staging: 'staging stage',
  qa: 'qa uat',
})
const ENVIRONMENT_ORDER = ['production', 'staging', 'qa'] as const

const RESOURCES = indexOf({
  secret: 'secret secrets credential credentials password passwords token tokens key keys certificate',
  database: 'database databases db table tables schema postgres mysql sql',
  infrastructure:
    'infrastructure infra cluster clusters server servers kubernetes terraform network firewall autoscale',
  pipeline: 'pipeline pipelines ci cd workflow workflows',
  data: 'data dataset datasets record records backup backups',
  application: 'application app service frontend backend api website',
})
const RESOURCE_ORDER = ['secret', 'database', 'infrastructure', 'pipeline', 'data', 'application'] as const

const SENSITIVE = new Set(
  (
    'personal pii gdpr private confidential sensitive customer customers email emails address addresses phone birthdate ' +
    'passport card cards creditcard iban payment payments bank token tokens password passwords secret secrets credential ' +
    'credentials medical health ssn'
  ).split(' '),
)
const COSTLY = new Set(['cluster', 'clusters', 'autoscale', 'autoscaling'])

const IMPACT: Readonly<Record<string, string>> = {
  production: 'people who use the product',
  staging: 'the team and its testers',
  qa: 'the team and its testers',
  development: 'developers only',
}

/**
 * Reads a text word by word, so that "no" is not found inside "now". What is known otherwise wins over what the text
 * says; give the result to `assess` as what is suggested, beside what is known.
 */
export function readRisk(text: string, known: Partial<RiskContext> = {}): SuggestedContext {
  const words = wordsOf(text)
  const first = <K extends string>(order: readonly K[], index: ReadonlyMap<string, K>): K | undefined => {
    const found = new Set(words.map(word => index.get(word)))
    return order.find(family => found.has(family))
  }
  const operation = first(OPERATION_ORDER, OPERATIONS) ?? 'modify'
  const environment = known.environment ?? first(ENVIRONMENT_ORDER, ENVIRONMENTS) ?? 'development'
  const resource = known.resource ?? first(RESOURCE_ORDER, RESOURCES) ?? 'code'
  const sensitiveData = known.sensitiveData ?? words.some(word => SENSITIVE.has(word))
  const estimatedCost =
    known.estimatedCost ??
    (environment === 'production' ? 50 : 20) +
      (resource === 'infrastructure' || resource === 'pipeline' ? 150 : 0) +
      (words.some(word => COSTLY.has(word)) ? 100 : 0)
  return {
    ...known,
    operation,
    environment,
    resource,
    sensitiveData,
    estimatedCost,
    factors: [
      ...(known.factors ?? []),
      ...(environment === 'production' ? ['production-environment'] : []),
      `operation-${operation}`,
      `resource-${resource}`,
      ...(resource === 'secret' || words.includes('security') ? ['security-impact'] : []),
      ...(sensitiveData ? ['sensitive-data'] : []),
    ],
    impact: IMPACT[environment] ?? 'unknown',
  }
}
