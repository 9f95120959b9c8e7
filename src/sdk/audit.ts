/** What happened to whatever was recorded; `open`: nobody knows, since no outcome was recorded. */
export type AuditEnd = 'refused' | 'done' | 'failed' | 'unknown' | 'open'

/** One thing that was refused, done or begun. */
export interface AuditedCase {
  readonly seq: number
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Such as `github.dispatch`. */
  readonly action: string
  readonly actor: string
  readonly subject: string
  readonly correlationId: string | undefined
  readonly end: AuditEnd
  /** Of its end, where that was recorded apart. */
  readonly endedAt: number | undefined
  /** Fact by fact: what was recorded first, then with the outcome. Redacted. */
  readonly details: readonly (readonly [string, string])[]
}

/** What a walk along the record found. `proved`: a head that was noted before lies on the way. `rewritten`: it does not. */
export type AuditVerdict =
  /** `head`: the last record, as `seq:hash`: whoever notes it can prove later that all up to it is as it was. */
  | {readonly kind: 'whole'; readonly records: number; readonly head: string; readonly proved: boolean}
  | {readonly kind: 'broken'; readonly seq: number; readonly what: string}
  | {readonly kind: 'rewritten'; readonly noted: number; readonly records: number}

/** The record of what was refused and what was done outside. */
export interface AuditPort {
  /** Newest first, at most ten. */
  search(query: {
    /** An account's id or a name. */
    readonly who?: string | undefined
    /** The beginning of an action. */
    readonly what?: string | undefined
    /** The beginning of a correlation id. */
    readonly correlationId?: string | undefined
    /** Milliseconds since the epoch. */
    readonly since?: number | undefined
  }): Promise<readonly AuditedCase[]>
  /** By the id of a record or a correlation id, or the first 8 characters of one; newest first, at most ten. */
  show(id: string): Promise<readonly AuditedCase[]>
  /** Walks along all of it. `head`: one that was noted before. @throws INVALID_INPUT when that is none. */
  verify(head?: string): Promise<AuditVerdict>
  /** Where all of it is to be had as JSON lines, with the API token, and how many there are now. */
  export(): Promise<{readonly url: string; readonly records: number}>
}
