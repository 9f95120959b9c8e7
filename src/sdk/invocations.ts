import type {Actor} from './actor.ts'

/** A command that was given and goes on. */
export interface InvocationSummary {
  readonly id: string
  readonly command: string
  readonly title: string
  readonly requester: string
  readonly createdAt: number
}

/** What came of stopping a command. `stopping`: it was told, and ends soon. */
export type CancelOutcome =
  | {readonly kind: 'cancelled'}
  | {readonly kind: 'stopping'; readonly runUrl?: string | undefined}
  | {readonly kind: 'already-ended'; readonly status: string; readonly runUrl?: string | undefined}
  | {readonly kind: 'refused'; readonly reason: string}
  | {readonly kind: 'not-found'}
  | {readonly kind: 'not-permitted'; readonly owner: string}

/** Commands that were given: what goes on, and stopping it. */
export interface InvocationsPort {
  /** Commands still going on, newest first: those the actor may stop. */
  open(actor: Actor): Promise<readonly InvocationSummary[]>
  /** Accepts the full id or its first 8 or more characters. Once acknowledged, no new effect of that command starts. */
  cancel(id: string, actor: Actor): Promise<CancelOutcome>
}
