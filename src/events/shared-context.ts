import type pg from 'pg'
import {AppError} from '../kernel/errors.ts'
import type {Json} from '../kernel/json.ts'
import {transaction} from '../platform/postgres.ts'

export type ContextData = Readonly<Record<string, Json>>

export interface SharedContext {
  readonly workflow_id: string
  readonly data: ContextData
  /** Who holds which key, those that have lapsed left out. */
  readonly locks: Readonly<Record<string, string>>
  /** 1 before the first update. */
  readonly version: number
  readonly last_updated: string
  readonly updated_by: string
}

export type ContextUpdate =
  | {readonly kind: 'updated'; readonly version: number; readonly changed: readonly string[]}
  /** Somebody else holds this key; nothing was written. */
  | {readonly kind: 'locked'; readonly key: string; readonly by: string}

/** What agents share about a workflow: versioned, one author per version, keys lockable and locks enforced. */
export interface SharedContexts {
  read(workflowId: string): Promise<SharedContext | undefined>
  /** `replace` drops the keys that are not given. Every update raises the version by one. */
  update(
    workflowId: string,
    change: {readonly by: string; readonly data: ContextData; readonly mode?: 'merge' | 'replace'},
  ): Promise<ContextUpdate>
  /** False while another holds the key. It lapses after `ttlMs`, so that a dead agent blocks nobody for ever. */
  lock(workflowId: string, key: string, by: string, ttlMs?: number): Promise<boolean>
  /** False when `by` does not hold it. */
  unlock(workflowId: string, key: string, by: string): Promise<boolean>
  clear(workflowId: string): Promise<void>
}

interface KeyLock {
  readonly owner: string
  readonly until: number
}

interface Row {
  data: Record<string, Json>
  locks: Record<string, KeyLock>
  version: number
  last_updated: Date
  updated_by: string
  now: number
}

const MAX_BYTES = 1024 * 1024
const LOCK_MS = 300_000
const COLUMNS =
  'data, locks, version, last_updated, updated_by, extract(epoch from clock_timestamp())::float8 * 1000 as now'

/** Decides under the row's lock; several processes may share a context. */
export function createSharedContexts({
  pool,
}: {
  readonly pool: Pick<pg.Pool, 'connect' | 'query'>
}): SharedContexts {
  /** Runs `change` with the row locked, made first if need be, and writes what it answers. */
  function changing<T>(
    workflowId: string,
    by: string,
    change: (row: Row) => {
      readonly answer: T
      readonly write?: Partial<Pick<Row, 'data' | 'locks' | 'version'>>
    },
  ): Promise<T> {
    return transaction(pool, async client => {
      await client.query(
        'insert into shared_contexts (workflow_id, updated_by) values ($1, $2) on conflict do nothing',
        [workflowId, by],
      )
      const {rows} = await client.query<Row>(
        `select ${COLUMNS} from shared_contexts where workflow_id = $1 for update`,
        [workflowId],
      )
      const row = rows[0] as Row
      const {answer, write} = change(row)
      if (write) {
        const {data, locks, version} = {...row, ...write}
        const author = version === row.version ? row.updated_by : by
        await client.query(
          `update shared_contexts set data = $2, locks = $3, version = $4, updated_by = $5,
             last_updated = case when version = $4 then last_updated else clock_timestamp() end
           where workflow_id = $1`,
          [workflowId, JSON.stringify(data), JSON.stringify(locks), version, author],
        )
      }
      return answer
    })
  }

  return {
    async read(workflowId) {
      const {rows} = await pool.query<Row>(`select ${COLUMNS} from shared_contexts where workflow_id = $1`, [
        workflowId,
      ])
      const row = rows[0]
      if (!row) return undefined
      return {
        workflow_id: workflowId,
        data: row.data,
        locks: Object.fromEntries(Object.entries(alive(row)).map(([key, {owner}]) => [key, owner])),
        version: row.version,
        last_updated: row.last_updated.toISOString(),
        updated_by: row.updated_by,
      }
    },

    update: (workflowId, {by, data, mode = 'merge'}) =>
      changing<ContextUpdate>(workflowId, by, row => {
        const next = mode === 'merge' ? {...row.data, ...data} : {...data}
        const changed = [...new Set([...Object.keys(row.data), ...Object.keys(next)])].filter(
          key => key in data || !(key in next),
        )
        const locked = changed.find(key => (alive(row)[key]?.owner ?? by) !== by)
        if (locked !== undefined)
          return {answer: {kind: 'locked', key: locked, by: alive(row)[locked]?.owner ?? ''}}
        if (Buffer.byteLength(JSON.stringify(next)) > MAX_BYTES)
          throw new AppError(
            'INVALID_INPUT',
            'The shared context would grow over 1 MB: share a reference instead.',
          )
        const version = row.version + 1
        return {answer: {kind: 'updated', version, changed}, write: {data: next, version}}
      }),

    lock: (workflowId, key, by, ttlMs = LOCK_MS) =>
      changing(workflowId, by, row => {
        const locks = alive(row)
        if (locks[key]) return {answer: false}
        return {answer: true, write: {locks: {...locks, [key]: {owner: by, until: row.now + ttlMs}}}}
      }),

    unlock: (workflowId, key, by) =>
      changing(workflowId, by, row => {
        const {[key]: lock, ...locks} = alive(row)
        return lock?.owner === by ? {answer: true, write: {locks}} : {answer: false}
      }),

    async clear(workflowId) {
      await pool.query('delete from shared_contexts where workflow_id = $1', [workflowId])
    },
  }
}

function alive({locks, now}: Row): Record<string, KeyLock> {
  return Object.fromEntries(Object.entries(locks).filter(([, {until}]) => until > now))
}
