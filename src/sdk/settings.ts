import type {Actor} from './actor.ts'

/** `frontend`: the variable FRONTEND_BASE_URL. `api-base`: the secret VITE_API_BASE. */
export type SettingId = 'frontend' | 'api-base'

/** A new value for a setting of a target’s repository. */
export interface SettingRequest {
  readonly actor: Actor
  readonly setting: SettingId
  /** The new value. */
  readonly url: string
  /** Whose repository; the default one when left out. */
  readonly target?: string | undefined
  readonly signal: AbortSignal
}

/** A setting of a repository's workflows, without any value in it: those are known by their fingerprints. */
export type SettingView = {
  readonly name: string
  readonly kind: 'variable' | 'secret'
  /** `owner/name`. */
  readonly repository: string
  /** Where people see it at GitHub. */
  readonly page: string
  /** Of the new value. */
  readonly fingerprint: string
  /** Of what a variable holds; null where there is none, or nobody can read it. */
  readonly before: string | null
  /** Whether there is such a setting already. */
  readonly exists: boolean
}

/** What came of writing it. */
export type SettingWritten = SettingView & {
  /** `unknown`: GitHub's answer was lost, and looking did not tell. */
  readonly outcome: 'set' | 'unchanged' | 'unknown'
  /** What it was can be put back. */
  readonly undoable: boolean
}

/** What came of putting back what it was. */
export type SettingUndone = {
  readonly name: string
  readonly repository: string
  readonly page: string
  /** Null: there was no such variable, and there is none again. */
  readonly fingerprint: string | null
  readonly outcome: 'undone' | 'unknown'
}

/**
 * Settings that people may write: admins, while ALLOW_SECRET_WRITES is on. Everything throws NOT_PERMITTED for anybody
 * and any time else, INVALID_INPUT for an address that may not be handed on, NOT_CONFIGURED without GitHub, and
 * UPSTREAM_REFUSED, whose message says how it stands now, for everything that GitHub declines.
 */
export interface SettingsPort {
  /** What writing it would change. Changes nothing. */
  preview(request: SettingRequest): Promise<SettingView>
  /** Writes it once, however often it is asked for by this correlation id. */
  write(request: SettingRequest & {readonly correlationId: string}): Promise<SettingWritten>
  /**
   * Puts back what a variable held before the command of that id wrote it.
   * @throws CONFLICT when it does not hold any more what was written.
   */
  undo(request: {
    readonly id: string
    readonly actor: Actor
    readonly correlationId: string
    readonly signal: AbortSignal
  }): Promise<SettingUndone>
}
