import type {RiskLevel} from '../kernel/risk-level.ts'
import type {ApprovalPolicy} from '../platform/config/config.ts'
import {mixesOf} from './decide.ts'
import type {Requirement} from './request.ts'

const MINUTE = 60_000

/** What each level takes, unless signalbox.yaml says otherwise. */
const DEFAULT_REQUIREMENTS = {
  low: {
    approvers: 0,
    roles: ['developer', 'team_lead', 'tech_lead', 'cto'],
    including: [],
    justification: false,
    expiresMs: 5 * MINUTE,
    escalateTo: [],
    mailAfterMs: null,
  },
  medium: {
    approvers: 1,
    roles: ['team_lead', 'tech_lead', 'cto'],
    including: [],
    justification: false,
    expiresMs: 30 * MINUTE,
    escalateTo: ['tech_lead'],
    mailAfterMs: 10 * MINUTE,
  },
  high: {
    approvers: 2,
    roles: ['team_lead', 'tech_lead', 'cto'],
    including: ['tech_lead', 'cto'],
    justification: false,
    expiresMs: 60 * MINUTE,
    escalateTo: ['cto'],
    mailAfterMs: 10 * MINUTE,
  },
  critical: {
    approvers: 2,
    roles: ['tech_lead', 'cto', 'security_team'],
    including: ['cto', 'security_team'],
    justification: true,
    expiresMs: 90 * MINUTE,
    escalateTo: ['security_team'],
    mailAfterMs: 5 * MINUTE,
  },
} as const satisfies Record<RiskLevel, Requirement>

/**
 * What a level takes here: the defaults with what the operator changed. That some of several approvers hold a certain
 * role is asked for only where there are several, and only while the operator's roles still have it. Waiting for ever
 * is for low risk; elsewhere the configuration refuses it, and the default holds.
 */
export function requirementOf(
  level: RiskLevel,
  policies: ReadonlyMap<RiskLevel, ApprovalPolicy>,
): Requirement {
  const base: Requirement = DEFAULT_REQUIREMENTS[level]
  const policy = policies.get(level) ?? {}
  const approvers = policy.approvers ?? base.approvers
  const roles = policy.roles ?? base.roles
  const {expires, mailAfter} = policy
  return {
    approvers,
    roles,
    including: approvers > 1 ? base.including.filter(role => roles.includes(role)) : [],
    justification: policy.justification ?? base.justification,
    expiresMs: expires === 'never' ? (level === 'low' ? null : base.expiresMs) : (expires ?? base.expiresMs),
    escalateTo: policy.escalateTo ?? base.escalateTo,
    mailAfterMs: mailAfter === 'never' ? null : (mailAfter ?? base.mailAfterMs),
  }
}

/**
 * What these persons can't make up among them, even with those who are called in later, and how many of them could help
 * with it: `2 of team_lead, tech_lead`, 1. Undefined: nothing is lacking.
 */
export function lackingApprovers(
  required: Requirement,
  persons: readonly {readonly roles: readonly string[]}[],
): {readonly what: string; readonly count: number} | undefined {
  const {approvers, roles, escalateTo} = required
  const holding = (some: readonly string[]) =>
    persons.filter(person => person.roles.some(role => some.includes(role))).length
  const count = holding([...roles, ...escalateTo])
  if (count < approvers) return {what: `${approvers} of ${roles.join(', ')}`, count}
  const mix = mixesOf(required).find(some => holding(some) === 0)
  return mix && {what: mix.join(' or '), count: 0}
}

/** Whoever may approve anything here, at whatever level. */
export function rolesThatApprove(policies: ReadonlyMap<RiskLevel, ApprovalPolicy>): readonly string[] {
  const levels = Object.keys(DEFAULT_REQUIREMENTS) as RiskLevel[]
  const needed = levels.map(level => requirementOf(level, policies)).filter(({approvers}) => approvers > 0)
  return [...new Set(needed.flatMap(({roles}) => roles))]
}
