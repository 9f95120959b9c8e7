/** What authors of commands and agents import: the words of the house, and nothing that runs it. */
export {defineCommand, type CommandDefinition, type CompletionContext, type Suggestion} from './command.ts'
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
export {diagnosisAction} from './diagnosis.ts'
export {explanationAction} from './explanation.ts'
export {endedReply, isGoodConclusion, refFor, showJobs, startOnce, unsuccessful} from './workflow-runs.ts'
export {REPLY_STATES, type Control, type Reply, type ReplyState} from './reply.ts'
export type {Actor} from './actor.ts'
export type * from './accounts.ts'
export {
  requestOption,
  suggestRequests,
  type ApprovalsPort,
  type ApprovalSummary,
  type VoteReport,
} from './approvals.ts'
export type * from './break-glass.ts'
export type * from './services.ts'
export {defineWorkflow, type StepDefinition, type WorkflowDefinition} from './workflow.ts'
