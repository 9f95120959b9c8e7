import type {Environment} from '../kernel/environment.ts'
import {atLeast, type RiskLevel} from '../kernel/risk-level.ts'
import type {Risk} from './request.ts'
import {
  branchOf,
  environmentOf,
  operationsOf,
  resourcesOf,
  type Operation,
  type Resource,
} from './risk-words.ts'

/** What is known about an operation. What is left out is not so; names may be written in any usual way. */
export interface RiskContext {
  /** `deploy`, `delete_production`, `pr-deployment`. */
  readonly operation: string
  readonly environment: string
  readonly resource?: string
  readonly findings?: readonly {readonly severity: string}[]
  readonly estimatedCost?: number
  readonly sensitiveData?: boolean
  readonly targetBranch?: string
  /** Those that are names of rules make them fire; others count for nothing. */
  readonly factors?: readonly string[]
}

type Severity = 'critical' | 'high' | 'medium'

/** What a context means. An operation's name may say several things at once: each counts. */
interface Facts {
  readonly operations: ReadonlySet<Operation>
  readonly environment: Environment
  readonly resources: ReadonlySet<Resource>
  readonly findings: ReadonlySet<string>
  readonly cost: number
  readonly sensitive: boolean
  readonly branch: 'production' | 'main' | 'other'
  readonly factors: ReadonlySet<string>
}

/** True when all that it names is so. */
export interface Condition {
  readonly operation?: readonly Operation[]
  readonly environment?: Facts['environment']
  readonly resource?: readonly Resource[]
}

/** Fires when all that it names is so. */
interface Rule extends Condition {
  readonly rule: string
  readonly level: RiskLevel
  readonly because: string
  readonly finding?: Severity
  readonly costAbove?: number
  readonly sensitive?: true
  readonly branch?: Facts['branch']
}

/**
 * The risk policy. The riskiest rule that fires gives the level; what none of them knows is low, save an operation that
 * has no name here: that one is taken for a deploy.
 */
export const RISK_RULES: readonly Rule[] = [
  {
    rule: 'delete_production',
    level: 'critical',
    because: 'delete in production',
    operation: ['delete'],
    environment: 'production',
  },
  {
    rule: 'modify_production_db',
    level: 'critical',
    because: 'change of a database in production',
    operation: ['modify', 'delete', 'migrate'],
    environment: 'production',
    resource: ['database'],
  },
  {rule: 'critical_finding', level: 'critical', because: 'a critical security finding', finding: 'critical'},
  {
    rule: 'sensitive_data',
    level: 'critical',
    because: 'sensitive data leaves, changes or goes',
    operation: ['export', 'delete', 'modify'],
    sensitive: true,
  },
  {
    rule: 'modify_secrets',
    level: 'critical',
    because: 'a secret, permission or access key',
    operation: ['create', 'modify', 'delete'],
    resource: ['secret', 'permission', 'access_key'],
  },
  {
    rule: 'delete_data',
    level: 'critical',
    because: 'delete of data',
    operation: ['delete'],
    resource: ['data'],
  },
  {
    rule: 'deploy_production',
    level: 'high',
    because: 'deploy to production',
    operation: ['deploy'],
    environment: 'production',
  },
  {
    rule: 'scale_production',
    level: 'high',
    because: 'scaling in production',
    operation: ['scale'],
    environment: 'production',
  },
  {
    rule: 'modify_infrastructure',
    level: 'high',
    because: 'change of infrastructure',
    operation: ['create', 'modify', 'delete'],
    resource: ['infrastructure'],
  },
  {rule: 'high_finding', level: 'high', because: 'a high security finding', finding: 'high'},
  {rule: 'cost_above_1000', level: 'high', because: 'cost above 1000', costAbove: 1000},
  {
    rule: 'modify_network',
    level: 'high',
    because: 'network or firewall',
    resource: ['network', 'firewall', 'security_group'],
  },
  {rule: 'export_data', level: 'high', because: 'export of data', operation: ['export'], resource: ['data']},
  {
    rule: 'merge_to_production',
    level: 'high',
    because: 'merge to production',
    operation: ['merge'],
    branch: 'production',
  },
  {
    rule: 'unknown_production',
    level: 'high',
    because: 'an operation without a rule, in production',
    operation: ['unknown'],
    environment: 'production',
  },
  {
    rule: 'deploy_staging',
    level: 'medium',
    because: 'deploy to staging',
    operation: ['deploy'],
    environment: 'staging',
  },
  {
    rule: 'unknown_staging',
    level: 'medium',
    because: 'an operation without a rule, in staging',
    operation: ['unknown'],
    environment: 'staging',
  },
  {
    rule: 'security_remediation',
    level: 'medium',
    because: 'remedies a vulnerability',
    operation: ['deploy', 'delete', 'modify', 'create', 'migrate', 'scale', 'merge', 'unknown'],
    resource: ['vulnerability'],
  },
  {rule: 'medium_finding', level: 'medium', because: 'a medium security finding', finding: 'medium'},
  {rule: 'cost_above_100', level: 'medium', because: 'cost above 100', costAbove: 100},
  {rule: 'import_data', level: 'medium', because: 'import of data', operation: ['import']},
  {rule: 'merge_to_main', level: 'medium', because: 'merge to main', operation: ['merge'], branch: 'main'},
  {
    rule: 'deploy_development',
    level: 'low',
    because: 'deploy to development',
    operation: ['deploy'],
    environment: 'development',
  },
  {rule: 'cost_above_10', level: 'low', because: 'cost above 10', costAbove: 10},
]

const BASE = {low: 2, medium: 5, high: 7.5, critical: 9.5} as const satisfies Record<RiskLevel, number>

/**
 * How risky it is, and why: every rule that fired is among the reasons. What a text suggests (see risk-text.ts) is
 * given apart and only ever raises.
 */
export function assess(context: RiskContext, suggested?: RiskContext): Risk {
  const stated = judge(context)
  return suggested === undefined ? stated : riskier(stated, judge(suggested))
}

/** Whether a condition is true of what would be done, by the same reading of its names. */
export function applies(condition: Condition, context: RiskContext): boolean {
  return holds(condition, factsOf(context))
}

function judge(context: RiskContext): Risk {
  const facts = factsOf(context)
  const fired = RISK_RULES.filter(rule => fires(rule, facts))
  const level = fired.map(rule => rule.level).reduce(higher, 'low')
  const extra = (facts.findings.size > 0 ? 1 : 0) + (facts.sensitive ? 1 : 0) + (facts.cost > 500 ? 0.5 : 0)
  return {
    level,
    score: Math.min(10, BASE[level] + extra),
    reasons: fired.map(({because, rule}) => `${because} (${rule})`),
  }
}

function riskier(a: Risk, b: Risk): Risk {
  return {
    level: higher(a.level, b.level),
    score: Math.max(a.score, b.score),
    reasons: [...new Set([...a.reasons, ...b.reasons])],
  }
}

function higher(a: RiskLevel, b: RiskLevel): RiskLevel {
  return atLeast(a, b) ? a : b
}

function factsOf(context: RiskContext): Facts {
  const operations = operationsOf(context.operation)
  return {
    operations,
    environment: environmentOf(context.environment, context.operation),
    resources: resourcesOf(context.resource ?? '', context.operation),
    findings: new Set((context.findings ?? []).map(({severity}) => severity.trim().toLowerCase())),
    // A cost that is no number is none that anybody vouched for.
    cost: Number.isNaN(context.estimatedCost) ? Infinity : (context.estimatedCost ?? 0),
    sensitive: context.sensitiveData ?? false,
    branch: branchOf(context.targetBranch ?? '', context.operation),
    factors: new Set(context.factors ?? []),
  }
}

function fires(rule: Rule, facts: Facts): boolean {
  if (facts.factors.has(rule.rule)) return true
  return (
    holds(rule, facts) &&
    (rule.finding === undefined || facts.findings.has(rule.finding)) &&
    (rule.costAbove === undefined || facts.cost > rule.costAbove) &&
    (rule.sensitive === undefined || facts.sensitive) &&
    (rule.branch === undefined || rule.branch === facts.branch)
  )
}

function holds({operation, environment, resource}: Condition, facts: Facts): boolean {
  return (
    (operation?.some(one => facts.operations.has(one)) ?? true) &&
    (environment === undefined || environment === facts.environment) &&
    (resource?.some(one => facts.resources.has(one)) ?? true)
  )
}
