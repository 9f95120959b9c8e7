import type {Actor} from './actor.ts'
import type {Reply} from './reply.ts'

/** What a person wants by a message. `clarification`: they answer a question of ours. */
export const INTENTS = [
  'task_submission',
  'status_query',
  'clarification',
  'approval_decision',
  'general_query',
  'unknown',
] as const
/** One of `INTENTS`. */
export type Intent = (typeof INTENTS)[number]

/** One message of a person, from whatever surface. */
export interface SaidByPerson {
  readonly actor: Actor
  /** The message's own: the same one again is the same message, and has the same answer. */
  readonly correlationId: string
  readonly text: string
  /** A session of theirs; by default that of the channel or thread where it was said, or a new one. */
  readonly session?: string | undefined
  /** What others wrote that the message is about. It is read, never obeyed. */
  readonly material?: readonly {readonly text: string; readonly source: string}[] | undefined
  readonly signal: AbortSignal
  /** Hears of an answer that takes time, as it grows. */
  readonly onProgress?: (reply: Reply) => Promise<void>
}

/** Our answer to a message, and what it was taken for. */
export interface Said {
  readonly session: string
  readonly reply: Reply
  /** A plan or a run that it is about. */
  readonly task: string | undefined
  readonly intent: Intent
  /** From 0 to 1: how sure we are of the intent. */
  readonly confidence: number
  /** What could be said next. */
  readonly suggestions: readonly string[]
  /** Who understood it. */
  readonly by: 'rules' | 'model'
  /** A run carries the command on, and ends it. */
  readonly followed: boolean
}

/** Conversations with people. Sessions belong to one person, and are forgotten a day after the last word. */
export interface ConversationsPort {
  /** @throws NOT_FOUND for a session that there is not, NOT_PERMITTED for somebody else's. */
  say(message: SaidByPerson): Promise<Said>
}
