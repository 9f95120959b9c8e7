/** What authors of commands and agents import: the words of the house, and nothing that runs it. */
export {defineCommand, type CommandDefinition, type CompletionContext, type Suggestion} from './command.ts'
export {
  defineAction,
  defineAgent,
  type ActionContext,
  type ActionDefinition,
  type ActionResult,
  type AgentDefinition,
} from './agent.ts'
export {REPLY_STATES, type Control, type Reply, type ReplyState} from './reply.ts'
export type {Actor} from './actor.ts'
export type * from './services.ts'
