import type {Actor} from './actor.ts'
import type {Reply} from './reply.ts'

/** Which deploy is meant: a run by its address or its number, or the newest of the target's workflow on its ref. */
export interface DeployQuestion {
  /** `client` when left out, or the one target that the run of the address ships. */
  readonly target?: string | undefined
  readonly runUrl?: string | undefined
  readonly runId?: string | undefined
  readonly signal: AbortSignal
}

/** Whether a deploy did what it was to do. */
export interface DeployVerdict {
  /** `partial`: nothing is known to be wrong, but not all could be looked at, or it has not ended yet. */
  readonly verdict: 'ok' | 'failed' | 'partial'
  /** Null where there is no such run. */
  readonly run: {readonly id: string; readonly url: string; readonly conclusion: string | null} | null
  readonly reply: Reply
}

/** Whether a deploy did what it was to do: its run, and what its addresses answer. Changes nothing. */
export interface VerificationPort {
  /**
   * @throws INVALID_INPUT for an address that is no run's or one of another repository than the target's, and for an
   * unknown target, NOT_PERMITTED for a repository that configuration does not name, and as `PipelinesPort` for what
   * GitHub says.
   */
  verify(question: DeployQuestion): Promise<DeployVerdict>
}

/** A diagnosis that a person asks for, and the addresses it is about. */
export interface DiagnosisRequest {
  readonly correlationId: string
  readonly actor: Actor
  /** Whose addresses are looked at where none are given; `client` when left out. */
  readonly target?: string | undefined
  readonly frontend?: string | undefined
  readonly api?: string | undefined
}

/** Runs of the diagnose workflow, each followed to its end. */
export interface DiagnosesPort {
  /** Why the address may not be looked at, or undefined when it may. */
  refuseUrl(url: string): string | undefined
  /** Starts a diagnosis, once per command, which it then carries on and ends. */
  request(request: DiagnosisRequest): Promise<void>
  /**
   * Starts one with a message of its own beside the command's; answers its id once GitHub has been asked, or why it was
   * not started.
   */
  requestBeside(
    request: DiagnosisRequest,
  ): Promise<{readonly id: string; readonly refusal?: string | undefined}>
}
