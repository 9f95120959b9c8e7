import {AppError} from '../kernel/errors.ts'
import type {Actor} from '../sdk/index.ts'

export type PlanStatus = 'pending' | 'in_progress' | 'completed' | 'failed' | 'cancelled'

export interface PlannedIssue {
  readonly number: number
  readonly title: string
  readonly url: string
  /** `dropped`: closed for another reason than that it is done. */
  readonly outcome: 'open' | 'done' | 'dropped'
}

/** The issues of a day, and how far they are. */
export interface Plan {
  readonly status: PlanStatus
  readonly issues: readonly PlannedIssue[]
  /** There were more open issues than a plan takes. */
  readonly more: boolean
  readonly startedBy?: string
  /** Who ended it; nobody when its last issue did. */
  readonly endedBy?: string
}

/** An issue as the code host shows it now. */
export interface SeenIssue {
  readonly number: number
  readonly state: 'open' | 'closed'
  readonly reason: string | null
}

export type PlanEvent =
  | {readonly type: 'approved' | 'cancelled' | 'finished'; readonly by: Pick<Actor, 'name'>}
  | {readonly type: 'observed'; readonly issues: readonly SeenIssue[]}

/**
 * Folds one fact into a plan; the same plan when nothing changes. A plan that is over stays as it ended.
 * @throws CONFLICT for an order that does not fit how it stands.
 */
export function decide(plan: Plan, event: PlanEvent): Plan {
  switch (event.type) {
    case 'approved':
      if (plan.status !== 'pending') throw unfit(plan)
      return concluded({...plan, status: 'in_progress', startedBy: event.by.name})
    case 'cancelled':
      if (isOver(plan)) throw unfit(plan)
      return {...plan, status: 'cancelled', endedBy: event.by.name}
    case 'finished':
      if (plan.status !== 'in_progress') throw unfit(plan)
      return {...plan, status: count(plan).open > 0 ? 'failed' : 'completed', endedBy: event.by.name}
    case 'observed':
      return isOver(plan) ? plan : concluded(observed(plan, event.issues))
  }
}

export function isOver({status}: Plan): boolean {
  return status !== 'pending' && status !== 'in_progress'
}

export function count({issues}: Plan): Readonly<Record<PlannedIssue['outcome'] | 'total', number>> {
  const of = (outcome: PlannedIssue['outcome']) => issues.filter(issue => issue.outcome === outcome).length
  return {total: issues.length, open: of('open'), done: of('done'), dropped: of('dropped')}
}

/** Issues that closed, or opened again, between two states of a plan. */
export function turned(before: Plan, after: Plan): readonly PlannedIssue[] {
  const known = new Map(before.issues.map(issue => [issue.number, issue.outcome]))
  return after.issues.filter(issue => known.get(issue.number) !== issue.outcome)
}

function observed(plan: Plan, seen: readonly SeenIssue[]): Plan {
  const news = new Map(seen.map(issue => [issue.number, outcomeOf(issue)]))
  const issues = plan.issues.map(issue => {
    const outcome = news.get(issue.number) ?? issue.outcome
    return outcome === issue.outcome ? issue : {...issue, outcome}
  })
  return issues.every((issue, index) => issue === plan.issues[index]) ? plan : {...plan, issues}
}

/** Closed without a reason counts as done: that is what GitHub's own button says. */
function outcomeOf({state, reason}: SeenIssue): PlannedIssue['outcome'] {
  if (state === 'open') return 'open'
  return reason === null || reason === 'completed' ? 'done' : 'dropped'
}

/** A plan under way with nothing left to do is over. */
function concluded(plan: Plan): Plan {
  return plan.status === 'in_progress' && count(plan).open === 0 ? {...plan, status: 'completed'} : plan
}

const STANDING: Readonly<Record<PlanStatus, string>> = {
  pending: 'was not started yet: approve it first',
  in_progress: 'is under way already',
  completed: 'is completed',
  failed: 'was ended with issues left open',
  cancelled: 'was cancelled',
}

function unfit({status, startedBy, endedBy}: Plan): AppError {
  const by = status === 'in_progress' ? startedBy : endedBy
  return new AppError('CONFLICT', `The plan ${STANDING[status]}${by === undefined ? '' : `, by ${by}`}.`)
}
