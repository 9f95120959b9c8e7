/** What authors of commands and agents import: the words of the house, and nothing that runs it. */
export {
  defineCommand,
  topicOption,
  TOPICS,
  type CommandDefinition,
  type CompletionContext,
  type Suggestion,
  type Topic,
} from './command.ts'
export {
  defineAction,
  defineAgent,
  type ActionContext,
  type ActionDefinition,
  type ActionResult,
  type AgentDefinition,
  type EffectSteps,
  type RunStep,
} from './agent.ts'
export {diagnosisAction, type Diagnosis, type DiagnosisIssue, type Fix, type Specialist} from './diagnosis.ts'
export {explanationAction} from './explanation.ts'
export {statusAction} from './status.ts'
export * from './pipelines.ts'
export {REPLY_STATES, type Control, type Reply, type ReplyState} from './reply.ts'
export type {Actor} from './actor.ts'
export type * from './accounts.ts'
export type * from './audit.ts'
export type * from './changes.ts'
export {
  requestOption,
  suggestRequests,
  type ApprovalsPort,
  type ApprovalStatistics,
  type ApprovalSummary,
  type VoteReport,
} from './approvals.ts'
export type * from './break-glass.ts'
export type * from './catalogue.ts'
export * from './conversations.ts'
export type * from './deployments.ts'
export type * from './documentation.ts'
export type * from './endpoints.ts'
export type * from './settings.ts'
export type * from './evaluations.ts'
export type * from './uptime.ts'
export type * from './invocations.ts'
export type * from './locks.ts'
export {confirmButton, type AfterOffer, type NewOffer, type OffersPort} from './offers.ts'
export type * from './planning.ts'
export type * from './plans.ts'
export type * from './qa.ts'
export type * from './doctor.ts'
export type * from './releases.ts'
export {relayText, suggestPlaces, type RelayMessage, type RelayPort} from './relay.ts'
export type * from './reviews.ts'
export type * from './routing.ts'
export type * from './runs.ts'
export type * from './services.ts'
export type * from './summary.ts'
export * from './tools.ts'
export type * from './traces.ts'
export * from './triage.ts'
export {suggestTargets, unknownTarget} from './targets.ts'
export type * from './verification.ts'
export type * from './workflow-runs.ts'
export {defineWorkflow, type StepDefinition, type WorkflowDefinition} from './workflow.ts'
