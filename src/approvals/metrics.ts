import {Counter, Gauge, Histogram, type Registry} from 'prom-client'
import type {RiskLevel} from '../platform/config/config.ts'
import {inTimeForScrape} from '../platform/scrape.ts'
import type {ApprovalRequest, RefusalCode} from './request.ts'
import {RISK_LEVELS} from './risk.ts'

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
  const registers = [registry]
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({name, help, labelNames, registers})
  const level = ['risk_level'] as const

  const requests = counter('orchestrator_approval_requests_total', 'Approvals asked for', level)
  const waits = new Histogram({
    name: 'orchestrator_approval_wait_seconds',
    help: 'From asking to the end of a request, whichever it is',
    labelNames: level,
    buckets: WAITS,
    registers,
  })
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
  const latency = new Histogram({
    name: 'hitl_approval_latency_seconds',
    help: 'From asking to a decision by people',
    buckets: WAITS,
    registers,
  })
  const timeouts = counter('hitl_approval_timeouts_total', 'Requests that expired', ['agent', 'risk_level'])
  const refusals = counter('approval_refusals_total', 'Attempts to decide that did not count', ['code'])
  new Gauge({
    name: 'hitl_approval_backlog_total',
    help: 'Requests that wait, as the database says; absent while it does not answer',
    labelNames: level,
    registers,
    async collect() {
      this.reset()
      const counts = await inTimeForScrape(backlog())
      if (!counts) return
      for (const risk_level of RISK_LEVELS) this.set({risk_level}, counts.get(risk_level) ?? 0)
    },
  })

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
  const known = ['production', 'staging', 'development']
  return known.includes(action.environment) ? action.environment : 'other'
}
