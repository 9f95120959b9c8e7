import type {Actor} from './actor.ts'

/** The emergency way round approvals and freezes. Throws NOT_PERMITTED for whom the policy does not name. */
export interface BreakGlassPort {
  /** Opens the actor's window, once per command. Throws INVALID_INPUT beyond the policy's time, CONFLICT while one is open. */
  begin(request: {
    readonly correlationId: string
    readonly actor: Actor
    readonly reason: string
    /** The default of half an hour, or the longest there is, when undefined. */
    readonly forMs: number | undefined
  }): Promise<{
    readonly person: string
    /** Milliseconds since the epoch. */
    readonly endsAt: number
  }>
  /** Ends the actor's window ahead of its time; false when none is open. */
  end(actor: Actor): Promise<boolean>
}
