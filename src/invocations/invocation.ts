import type {Json} from '../kernel/json.ts'
import type {Actor, Reply} from '../sdk/index.ts'

/** One command somebody gave, from its arrival to its end. Its id is the correlation id. */
export interface Invocation {
  readonly id: string
  readonly source: 'discord' | 'schedule' | 'api'
  readonly command: string
  readonly options: Readonly<Record<string, unknown>>
  readonly actor: Actor
  readonly agent: string
  readonly action: string
  readonly status: InvocationStatus
  readonly attempt: number
  readonly createdAt: number
}

/** `following`: a deployment carries it on. The last three are final. */
export type InvocationStatus = 'queued' | 'running' | 'following' | 'succeeded' | 'failed' | 'cancelled'

/** Where the reply goes. The token is a secret with 15 minutes to live; it is removed from the record at the end. */
export type ReplyTarget =
  | {
      readonly kind: 'interaction'
      readonly applicationId: string
      readonly token: string
      readonly channelId?: string
      readonly guildId?: string
      readonly receivedAt: number
      readonly private: boolean
    }
  /** `replyTo`: the message that it answers. */
  | {readonly kind: 'channel'; readonly channelId: string; readonly replyTo?: string}

export interface NewInvocation {
  readonly id: string
  readonly source: Invocation['source']
  /** Interaction id or schedule tick. The same one never makes a second invocation. */
  readonly sourceId: string
  readonly command: string
  readonly options: Readonly<Record<string, unknown>>
  /** Names of the options that are secret. */
  readonly secrets?: readonly string[]
  readonly actor: Actor
  readonly agent: string
  readonly action: string
  readonly reply?: {readonly target: ReplyTarget; readonly view: Reply}
  readonly join?: {readonly key: string; readonly withinMs: number}
  /** Its interaction was noted on arrival: it is recorded only while that note stands, and takes it away. */
  readonly arrived?: boolean
}

export type Recorded =
  | {readonly kind: 'recorded'}
  /** This source id was recorded before: the same interaction delivered twice. */
  | {readonly kind: 'duplicate'; readonly id: string}
  /** The same person gave the same command moments ago and it is still going on. */
  | {readonly kind: 'joined'; readonly id: string}
  /** Its arrival was given up, or lost in a crash of the database: the person is told that nothing was started. */
  | {readonly kind: 'given-up'}

export type InvocationEnd = {
  readonly status: 'succeeded' | 'failed' | 'cancelled'
  readonly result?: Json
  readonly error?: Json
}

/** The BullMQ queue of an agent. */
export function agentQueue(agent: string): string {
  return `agent-${agent}`
}
