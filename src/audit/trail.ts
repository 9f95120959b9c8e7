import type {Pool} from 'pg'
import {transaction} from '../platform/postgres.ts'
import {faultAfter, faultAtEnd, GENESIS, type AuditLine, type ChainFault, type Link} from './chain.ts'
import type {AuditCase, AuditQuery, AuditStore} from './store.ts'

/** What a walk along the chain found. */
export type Verdict =
  /** Every record is as it was written, the last one being `head`. */
  | {readonly kind: 'whole'; readonly head: Link}
  | {readonly kind: 'broken'; readonly fault: ChainFault}
  /** Whole in itself, but not what was noted: all of it from some place up to there was written anew. */
  | {readonly kind: 'rewritten'; readonly noted: Link; readonly head: Link}

export interface Trail {
  /** Newest first. */
  search(query: AuditQuery): Promise<readonly AuditCase[]>
  /** By the id of a record, or else by a correlation id, newest first; 8 characters of either do. */
  show(id: string, limit: number): Promise<readonly AuditCase[]>
  /** Walks along all of it, as it is at this moment. `noted`: where it was seen to end at some time. */
  verify(noted?: Link): Promise<Verdict>
  /** Where it is noted to end. */
  head(): Promise<Link | undefined>
  /** All of it in order, as it was when the first part was asked for or later. */
  lines(): AsyncGenerator<readonly AuditLine[]>
}

/** The reading half of the record. */
export function createTrail({pool, store}: {readonly pool: Pool; readonly store: AuditStore}): Trail {
  return {
    search: query => store.search(query),

    async show(id, limit) {
      const found = await store.find(id, limit)
      return found.length > 0 ? found : store.search({correlationId: id, limit})
    },

    verify(noted) {
      return transaction(pool, async (db): Promise<Verdict> => {
        // Of one moment: what is appended meanwhile is no tail past the end.
        await db.query('set transaction isolation level repeatable read, read only')
        const head = await store.head(db)
        let last = GENESIS
        for await (const page of store.lines(db, Number.MIN_SAFE_INTEGER)) {
          for (const line of page) {
            const fault = faultAfter(last, line)
            if (fault) return {kind: 'broken', fault}
            last = line
          }
        }
        const fault = faultAtEnd(last, head)
        if (fault) return {kind: 'broken', fault}
        const stands =
          !noted || (noted.seq === 0 ? GENESIS.hash : await store.hashAt(db, noted.seq)) === noted.hash
        return stands
          ? {kind: 'whole', head: {seq: last.seq, hash: last.hash}}
          : {kind: 'rewritten', noted, head: last}
      })
    },

    head: () => store.head(),
    lines: () => store.lines(pool, 0),
  }
}
