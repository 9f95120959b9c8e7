import type {Actor} from './actor.ts'
import type {TargetSummary} from './deployments.ts'
import type {Reply} from './reply.ts'

/** Whether a release can still be decided. */
export type ReleaseStanding =
  /** It may be decided; `backTo` is the commit that a rollback ships, where there is one. */
  | {readonly kind: 'deciding'; readonly title: string; readonly backTo: string | undefined}
  | {readonly kind: 'closed'; readonly title: string; readonly words: string}

/** Releases: a deployment, what was verified of it, and the one decision to keep it or to go back. */
export interface ReleasesPort {
  /** The target to ship, by its name or as the only one of an environment. @throws INVALID_INPUT */
  target(wish: {
    readonly target?: string | undefined
    readonly environment?: string | undefined
  }): TargetSummary
  /** Whether the target's workflow is told by which strategy to ship. */
  takesStrategy(target: string): boolean
  /** Ships a target and follows the release to its decision, once per command, which its deployment then carries on. */
  ship(request: {
    readonly correlationId: string
    readonly actor: Actor
    readonly target: string
    readonly strategy: 'canary' | 'full'
  }): Promise<void>
  /** Undefined: there is no such release. */
  standing(id: string): Promise<ReleaseStanding | undefined>
  /** The first decision counts. Answers how it stands then. @throws CONFLICT where it was decided or is over. */
  decide(order: {
    readonly id: string
    readonly actor: Actor
    readonly decision: 'promote' | 'rollback'
  }): Promise<Reply>
  /** Ships what was decided, for the command that carries it out. */
  carryOut(order: {
    readonly id: string
    readonly correlationId: string
    readonly actor: Actor
    readonly signal: AbortSignal
  }): Promise<void>
  /** How its addresses answer right now, and what was shipped before. @throws NOT_FOUND */
  details(id: string, signal: AbortSignal): Promise<Reply>
}
