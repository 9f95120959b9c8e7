import type {Pool} from 'pg'
import {createBreakGlass, type BreakGlass} from '../access/break-glass.ts'
import {createGuard, type Guard} from '../access/guard.ts'
import {createBreakGlassPort} from '../access/port.ts'
import {createAlarm} from '../approvals/alarm.ts'
import {createApprovalMetrics} from '../approvals/metrics.ts'
import {requirementOf, rolesThatApprove} from '../approvals/policy.ts'
import {createApprovalsPort} from '../approvals/port.ts'
import type {Requirement, Risk} from '../approvals/request.ts'
import {createApprovals, type ApprovalService} from '../approvals/service.ts'
import {createApprovalStore} from '../approvals/store.ts'
import type {AuditNotes} from '../audit/audit.ts'
import type {EventJournal} from '../events/index.ts'
import type {Clock} from '../kernel/clock.ts'
import type {Notices} from '../notifications/notice.ts'
import type {Config} from '../platform/config/config.ts'
import type {Logger} from '../platform/logger.ts'
import type {Metrics} from '../platform/metrics.ts'
import type {Outbox} from '../platform/outbox.ts'
import type {Services} from '../sdk/index.ts'
import type {HousePeople} from './people.ts'
import type {HouseReplies} from './replies.ts'

/** What stands before risky things: requests and their decision, freezes, and the way round them. */
export interface HouseApprovals {
  readonly approvals: ApprovalService
  readonly breakGlass: BreakGlass
  /** Freezes and broken glass. */
  readonly guard: Guard
  /** What a risk takes, as configured. */
  readonly requirementOf: (risk: Pick<Risk, 'level'>) => Requirement
  readonly takesApproval: (risk: Risk) => boolean
  readonly ports: Pick<Services, 'approvals' | 'breakGlass'>
}

export function openApprovals({
  config,
  pool,
  who: {people, accounts},
  messages: {replies, notify, channelOf},
  notices,
  audit,
  journal,
  outbox,
  metrics: {registry},
  clock,
  log,
}: {
  readonly config: Pick<Config, 'approvals' | 'approvalPolicies' | 'discord'>
  readonly pool: Pool
  readonly who: Pick<HousePeople, 'people' | 'accounts'>
  readonly messages: Pick<HouseReplies, 'replies' | 'notify' | 'channelOf'>
  readonly notices: Notices
  readonly audit: AuditNotes
  readonly journal: EventJournal
  readonly outbox: Outbox
  readonly metrics: Pick<Metrics, 'registry'>
  readonly clock: Clock
  readonly log: Logger
}): HouseApprovals {
  const {approvalPolicies: policies, approvals: rules} = config
  const store = createApprovalStore({pool})
  const breakGlass = createBreakGlass({
    pool,
    accounts,
    people,
    policy: rules.breakGlass,
    alarm: createAlarm({people, notices, approverRoles: rolesThatApprove(policies)}),
  })
  const approvals = createApprovals({
    pool,
    store,
    people,
    replies,
    notices,
    audit,
    journal,
    outbox,
    notify,
    policies,
    quietHours: rules.quietHours,
    schedule: rules.schedule,
    limits: rules.limits,
    waived: rules.waived,
    statusChannelId: config.discord?.statusChannelId,
    metrics: createApprovalMetrics({registry, backlog: () => store.backlog()}),
    log,
  })
  const requirement = ({level}: Pick<Risk, 'level'>) => requirementOf(level, policies)
  return {
    approvals,
    breakGlass,
    guard: createGuard({freezes: rules.freezes, breakGlass}),
    requirementOf: requirement,
    takesApproval: risk => requirement(risk).approvers > 0,
    ports: {
      approvals: createApprovalsPort({approvals, people, messageOf: id => replies.messageOf(id), clock}),
      breakGlass: createBreakGlassPort({breakGlass, channelOf}),
    },
  }
}
