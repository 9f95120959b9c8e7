import type {Registry} from 'prom-client'
import {ENVIRONMENTS} from '../kernel/environment.ts'
import {RISK_LEVELS, type RiskLevel} from '../kernel/risk-level.ts'
import {createInstruments} from '../platform/instruments.ts'
import type {ApprovalRequest, RefusalCode} from './request.ts'

export type ApprovalMetrics = ReturnType<typeof createApprovalMetrics>

const WAITS = [30, 60, 300, 600, 1800, 3600, 7200, 14400, 28800, 86400]

/** The metrics of approvals. Labels are closed sets; the backlog is what the database says at each scrape. */
export function createApprovalMetrics({
  registry,
  backlog,
}: {
  readonly registry: Registry
  readonly backlog: () => Promise<ReadonlyMap<string, number>>
}) {
  const {counter, histogram, gauge} = createInstruments(registry)
  const level = ['risk_level'] as const

  const requests = counter('orchestrator_approval_requests_total', 'Approvals asked for', level)
  const waits = histogram(
    'orchestrator_approval_wait_seconds',
    'From asking to the end of a request, whichever it is',
    WAITS,
    level,
  )
  const decisions = counter('orchestrator_approval_decisions_total', 'Requests decided by people', [
    'decision',
    'risk_level',
  ])
  const expirations = counter(
    'orchestrator_approval_expirations_total',
    'Requests that nobody decided',
    level,
  )
  const created = counter('hitl_approval_requests_created_total', 'Approvals asked for, by whom and where', [
    'agent',
    'risk_level',
    'environment',
  ])
  const resolved = counter('hitl_approval_requests_resolved_total', 'Requests that ended', [
    'agent',
    'risk_level',
    'status',
  ])
  const latency = histogram('hitl_approval_latency_seconds', 'From asking to a decision by people', WAITS)
  const timeouts = counter('hitl_approval_timeouts_total', 'Requests that expired', ['agent', 'risk_level'])
  const refusals = counter('approval_refusals_total', 'Attempts to decide that did not count', ['code'])
  gauge(
    'hitl_approval_backlog_total',
    'Requests that wait, as the database says; absent while it does not answer',
    {
      labelNames: level,
      ask: backlog,
      show: counts => RISK_LEVELS.map(risk_level => [{risk_level}, counts.get(risk_level) ?? 0]),
    },
  )

  return {
    asked(request: ApprovalRequest): void {
      const risk_level = request.risk.level
      requests.inc({risk_level})
      created.inc({agent: agentOf(request), risk_level, environment: environmentOf(request)})
    },

    /** The end of a request: its first, when a void one ends twice. */
    ended(request: ApprovalRequest): void {
      const risk_level: RiskLevel = request.risk.level
      const {status, decidedAt = request.createdAt, createdAt} = request
      const seconds = Math.max(0, decidedAt - createdAt) / 1000
      waits.observe({risk_level}, seconds)
      resolved.inc({agent: agentOf(request), risk_level, status})
      if (status === 'approved' || status === 'rejected') {
        decisions.inc({decision: status, risk_level})
        latency.observe(seconds)
      }
      if (status === 'expired') {
        expirations.inc({risk_level})
        timeouts.inc({agent: agentOf(request), risk_level})
      }
    },

    refused(code: RefusalCode): void {
      refusals.inc({code})
    },
  }
}

/** Whose work waits: deploys are one agent's, gates are of workflows. */
function agentOf({subject}: ApprovalRequest): string {
  return subject.kind === 'deployment' ? 'deploy_client' : 'workflow'
}

function environmentOf({action}: ApprovalRequest): string {
  return ENVIRONMENTS.find(name => name === action.environment) ?? 'other'
}
