import {createHash} from 'node:crypto'
import {canonicalJson, type Json} from '../kernel/json.ts'

export type AuditPhase = 'refused' | 'intent' | 'done' | 'failed' | 'unknown'

/** A record as it is exported, and hashed: anybody can recompute `hash` from the rest of the line. */
export interface AuditLine {
  readonly seq: number
  readonly id: string
  /** When it was written: ISO 8601 in UTC, to the millisecond. */
  readonly at: string
  readonly action: string
  readonly actor: {readonly id: string; readonly name: string}
  readonly subject: string
  readonly correlation_id: string | null
  readonly phase: AuditPhase
  /** Of an outcome: the id of the record that announced it. */
  readonly intent: string | null
  readonly details: Readonly<Record<string, Json>>
  /** The hash of the record before. */
  readonly previous: string
  readonly hash: string
}

/** A place in the chain, by which it can be told later that all up to there is as it was. */
export interface Link {
  readonly seq: number
  readonly hash: string
}

/** The first place where the chain is not what was written. */
export interface ChainFault {
  readonly seq: number
  /** What is the matter with the record of that number, as the rest of a sentence. */
  readonly what: string
}

/** What the first record is bound to. */
export const GENESIS: Link = {seq: 0, hash: '0'.repeat(64)}

/** SHA-256, in hex, of the line without its hash. Postgres computes the same by itself when it appends. */
export function hashOf({hash: _, ...line}: AuditLine): string {
  return createHash('sha256').update(canonicalJson(line)).digest('hex')
}

/**
 * Whether `line` continues the chain after `before`. A record that was changed together with its hash shows at the next
 * one, which is bound to what it was.
 */
export function faultAfter(before: Link, line: AuditLine): ChainFault | undefined {
  if (line.seq > before.seq + 1) return {seq: before.seq + 1, what: 'is missing'}
  if (line.seq !== before.seq + 1) return {seq: line.seq, what: 'has no place in the chain'}
  if (line.previous !== before.hash) return {seq: line.seq, what: 'is not bound to the one before it'}
  return hashOf(line) === line.hash ? undefined : {seq: line.seq, what: 'is not what was written'}
}

/** Whether the chain ends where it was noted to end. `head` undefined: that note is gone. */
export function faultAtEnd(last: Link, head: Link | undefined): ChainFault | undefined {
  if (!head) return {seq: last.seq, what: 'may not be the last: the note of where the chain ends is gone'}
  if (last.seq < head.seq) return {seq: last.seq + 1, what: 'is missing at the end'}
  if (last.seq > head.seq) return {seq: head.seq + 1, what: 'was written past the end'}
  return last.hash === head.hash ? undefined : {seq: last.seq, what: 'is not the one that was written last'}
}

/** `seq:hash`, as people note it. */
export function formatLink({seq, hash}: Link): string {
  return `${seq}:${hash}`
}

export function parseLink(text: string): Link | undefined {
  const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text.trim()) ?? []
  return seq === undefined || hash === undefined ? undefined : {seq: Number(seq), hash}
}
