import type {RiskLevel} from '../kernel/risk-level.ts'
import type {ApprovalStatistics} from '../sdk/index.ts'
import type {ApprovalStatus} from './request.ts'

/** How many requests of a level stand so, and how long it took on average until they did; null for those that wait. */
export interface StatisticsRow {
  readonly level: RiskLevel
  readonly status: ApprovalStatus
  readonly requests: number
  readonly averageMs: number | null
}

/** All levels together. Only what people decided counts for how long a decision takes. */
export function totalOf(rows: readonly StatisticsRow[]): ApprovalStatistics {
  const of = (...statuses: readonly ApprovalStatus[]) => rows.filter(({status}) => statuses.includes(status))
  const count = (some: readonly StatisticsRow[]) => some.reduce((sum, {requests}) => sum + requests, 0)
  const decided = of('approved', 'rejected')
  const spent = decided.reduce((sum, {requests, averageMs}) => sum + requests * (averageMs ?? 0), 0)
  return {
    asked: count(rows),
    approved: count(of('approved')),
    rejected: count(of('rejected')),
    expired: count(of('expired')),
    meanMs: decided.length === 0 ? undefined : Math.round(spent / count(decided)),
  }
}
