import type {Db} from '../platform/postgres.ts'

/** What is written down about something that was refused or is about to be done outside. Never a text that somebody wrote: its fingerprint. */
export interface AuditEvent {
  /** What it is, such as `relay.send` or `github.dispatch`; a closed vocabulary of dotted words. */
  readonly action: string
  /** What it is done to: a channel, `owner/name`, a workflow, a request. */
  readonly subject: string
  /** Who wants it; found by the correlation id where it is left out, else the installation itself. */
  readonly actor?: {readonly id: string; readonly name: string}
  /** The current one when left out. */
  readonly correlationId?: string
  /** Small facts under plain words; redacted before they are written, and at most twenty. */
  readonly details?: Readonly<Record<string, string | number | boolean | null>>
}

export interface AuditRecord {
  readonly id: string
  readonly seq: number
}

/** How an effect ended, as far as anybody knows: `unknown` where its answer was lost. */
export interface AuditOutcome {
  readonly phase: 'done' | 'failed' | 'unknown'
  readonly details?: AuditEvent['details']
}

/**
 * The append-only record. What it is told can't be changed afterwards without `verify` finding it.
 */
export interface Audit {
  /**
   * Somebody was refused. To be awaited before they are told: it is durable then. Takes a second at most; should the
   * database take longer, this resolves to undefined and the write goes on.
   */
  refused(event: AuditEvent): Promise<AuditRecord | undefined>
  /**
   * Writes the intent, then has the effect, then writes how that ended. An effect whose intent can't be written does not
   * begin. @throws UPSTREAM_UNAVAILABLE in that case, else what the effect throws.
   */
  around<T>(
    event: AuditEvent,
    effect: (intent: AuditRecord) => Promise<T>,
    outcome?: (result: T) => AuditOutcome,
  ): Promise<T>
}

/** The record as those see it whose own rows say what happened. */
export interface AuditNotes {
  /**
   * Writes what the caller's transaction does, or refuses, if and when that commits. For what happens in Postgres
   * alone; an effect outside needs `around`.
   */
  note(db: Db, event: AuditEvent, phase?: 'done' | 'refused'): Promise<void>
}
