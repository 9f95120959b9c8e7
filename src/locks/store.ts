import type {Pool} from 'pg'
import {AppError} from '../kernel/errors.ts'
import type {Json} from '../kernel/json.ts'
import type {Db} from '../platform/postgres.ts'
import type {HolderFact, LockKind, WaiterFact} from './decide.ts'

/** A request for a lock. Repeated with the same token it keeps its place in line, and tells what became of it. */
export interface Claim {
  readonly resource: string
  readonly token: string
  /** Whether the token has been sent before. */
  readonly again: boolean
  readonly owner: string
  readonly kind: LockKind
  readonly ttlMs: number
  /** How long a waiter may be silent before it is passed over; 0: do not wait, or no longer. */
  readonly silenceMs: number
  /** Higher goes first. */
  readonly priority: number
  /** How long it has been waiting for, counted by the one who waits: its age in line. */
  readonly waitedMs: number
  readonly holding: readonly string[]
  readonly reason: string | undefined
  readonly metadata: Readonly<Record<string, Json>>
}

/** Who is in the way of a claim: a holder, or where all holders agree with it, the first of those ahead in line. */
export interface Blocker {
  readonly owner: string
  readonly kind: LockKind
  readonly reason: string | null
  readonly holds: boolean
  /** Since when it holds or waits, in milliseconds since the epoch. */
  readonly since: number
  /** What is left of its lease; it may be renewed. */
  readonly leaseMs: number
}

/** A lease that ended because nobody renewed it. */
export interface Lapsed {
  readonly resource: string
  readonly owner: string
}

export type ClaimReply = {readonly lapsed: readonly Lapsed[]} & (
  | {
      readonly outcome: 'granted'
      readonly fence: number
      /** What is left of the lease, by the database's clock. */
      readonly leaseMs: number
      /** Others are waiting for the resource. */
      readonly contested: boolean
    }
  | {
      readonly outcome: 'held'
      readonly by: Blocker | null
      /** In line, from 1; without waiting, the position it would have. */
      readonly position: number
      /** The owners before it in line, the next one first. */
      readonly ahead: readonly string[]
    }
  | {readonly outcome: 'deadlock'}
)

export interface LockView {
  readonly resource: string
  readonly owner: string
  readonly kind: LockKind
  readonly fence: number
  readonly reason: string | null
  readonly metadata: Readonly<Record<string, Json>>
  /** Milliseconds since the epoch, like every time here. */
  readonly acquiredAt: number
  readonly expiresAt: number
  readonly waiters: readonly {
    readonly owner: string
    readonly kind: LockKind
    readonly reason: string | null
    readonly position: number
    readonly since: number
  }[]
}

/** Kept of the past: how the newest holds and vain waits ended. */
const HISTORY_ROWS = 100_000
const SWEEP_RESOURCES = 500

/** Whether leases have run out, or anybody waits who may have fallen silent or be in a circle. */
export const LOCKS_RESTLESS = `exists (select from resource_locks where expires_at <= clock_timestamp())
  or exists (select from lock_waiters)`

export type LockStore = ReturnType<typeof createLockStore>

/** The SQL of locks. Claim, release and renewal are one statement, hence one round trip, each. */
export function createLockStore({pool}: {readonly pool: Pool}) {
  async function one<T>(name: string, text: string, values: readonly unknown[], db: Db = pool): Promise<T> {
    const {rows} = await db.query<{answer: T}>({name, text, values: [...values]})
    return rows[0]?.answer as T
  }

  return {
    claim: (claim: Claim, db?: Db) =>
      one<ClaimReply>(
        'locks-claim',
        'select lock_claim($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) as answer',
        [
          claim.resource,
          claim.token,
          claim.again,
          claim.owner,
          claim.kind,
          claim.ttlMs,
          claim.silenceMs,
          claim.priority,
          Math.round(claim.waitedMs),
          claim.holding,
          claim.reason ?? null,
          JSON.stringify(claim.metadata),
        ],
        db,
      ),

    /** `gone`: the lease had lapsed, or was taken away, before this arrived. */
    release: (resource: string, token: string, db?: Db) =>
      one<'released' | 'left' | 'gone'>(
        'locks-release',
        'select lock_release($1, $2) as answer',
        [resource, token],
        db,
      ),

    /** Makes the lease last `ttlMs` from now; false when it is lost. */
    async renew(resource: string, token: string, ttlMs: number, db: Db = pool): Promise<boolean> {
      const {rowCount} = await db.query({
        name: 'locks-renew',
        text: `update resource_locks set expires_at = clock_timestamp() + $3 * interval '1 millisecond'
          where resource_id = $1 and owner_token = $2 and expires_at > clock_timestamp()`,
        values: [resource, token, ttlMs],
      })
      return rowCount === 1
    },

    /**
     * Makes the leases of many last `ttlMs` from now, also lapsed ones that nobody has taken away yet: nobody else has
     * been in. Answers the tokens that still have theirs.
     */
    async keep(
      locks: readonly {readonly resource: string; readonly token: string}[],
      ttlMs: number,
    ): Promise<ReadonlySet<string>> {
      const {rows} = await pool.query<{token: string}>({
        name: 'locks-keep',
        text: `update resource_locks l set expires_at = clock_timestamp() + $3 * interval '1 millisecond'
          from unnest($1::text[], $2::uuid[]) as kept(resource, token)
          where l.resource_id = kept.resource and l.owner_token = kept.token
          returning l.owner_token as token`,
        values: [locks.map(({resource}) => resource), locks.map(({token}) => token), ttlMs],
      })
      return new Set(rows.map(row => row.token))
    },

    /** Takes it from all its holders, or only from the one with that fence; answers who lost it. */
    force: (
      resource: string,
      {
        by,
        reason,
        fence,
      }: {readonly by: string; readonly reason: string; readonly fence?: number | undefined},
      db?: Db,
    ) =>
      one<readonly {readonly owner: string; readonly kind: LockKind}[]>(
        'locks-force',
        'select lock_force($1, $2, $3, $4) as answer',
        [resource, fence ?? null, by, reason],
        db,
      ),

    /** Frees lapsed leases, forgets silent waiters, hands over, and trims the history. */
    async sweep(): Promise<readonly Lapsed[]> {
      const lapsed = await one<readonly Lapsed[]>('locks-sweep', 'select lock_sweep($1) as answer', [
        SWEEP_RESOURCES,
      ])
      await pool.query({
        name: 'locks-trim',
        text: 'delete from lock_history where id <= (select max(id) from lock_history) - $1::bigint',
        values: [HISTORY_ROWS],
      })
      return lapsed
    },

    /** Everyone a circle of waiting could consist of, as of one moment; empty while no waiter holds anything. */
    async tangle(): Promise<{
      readonly holders: readonly HolderFact[]
      readonly waiters: readonly WaiterFact[]
    }> {
      return one(
        'locks-tangle',
        `select jsonb_build_object(
          'holders', coalesce((
            select jsonb_agg(jsonb_build_object('token', owner_token, 'resource', resource_id, 'kind', kind))
            from resource_locks where owner_token is not null), '[]'),
          'waiters', coalesce((
            select jsonb_agg(jsonb_build_object('token', owner_token, 'resource', resource_id, 'kind', kind,
              'owner', owner, 'priority', priority, 'since', extract(epoch from requested_at) * 1000,
              'holding', holding))
            from lock_waiters
            where not deadlocked and alive_until > clock_timestamp()
              and exists (select from lock_waiters where holding <> '{}')), '[]')) as answer`,
        [],
      )
    },

    /** Tells a waiter that it will not be served; false when it no longer waits. */
    async refuse(token: string): Promise<boolean> {
      const {rowCount} = await pool.query(
        `with marked as (
          update lock_waiters set deadlocked = true where owner_token = $1 and not deadlocked returning owner_token
        ) select pg_notify('locks', owner_token::text) from marked`,
        [token],
      )
      return rowCount === 1
    },

    /** The live locks in order of their names, each with its line. */
    async list(): Promise<readonly LockView[]> {
      return one(
        'locks-list',
        `select coalesce(jsonb_agg(jsonb_build_object(
            'resource', resource_id, 'owner', owner, 'kind', kind, 'fence', fence, 'reason', reason,
            'metadata', metadata, 'acquiredAt', floor(extract(epoch from acquired_at) * 1000),
            'expiresAt', floor(extract(epoch from expires_at) * 1000),
            'waiters', coalesce((
              select jsonb_agg(jsonb_build_object('owner', owner, 'kind', kind, 'reason', reason, 'position', position,
                'since', floor(extract(epoch from requested_at) * 1000)) order by position)
              from (
                select w.*, row_number() over (order by priority desc, requested_at, owner_token) as position
                from lock_waiters w
                where w.resource_id = l.resource_id and not deadlocked and alive_until > clock_timestamp()
              ) as line), '[]')
          ) order by resource_id, fence), '[]') as answer
        from resource_locks l where expires_at > clock_timestamp()`,
        [],
      )
    },

    /** How many locks are live, by the beginnings of their names up to the first colon; `` for those without one. */
    async countActive(): Promise<ReadonlyMap<string, number>> {
      const {rows} = await pool.query<{prefix: string; count: number}>({
        name: 'locks-count',
        text: `select coalesce(substring(resource_id from '^[^:]*:'), '') as prefix, count(*)::int as count
          from resource_locks where expires_at > clock_timestamp() group by 1`,
      })
      return new Map(rows.map(row => [row.prefix, row.count]))
    },
  }
}

/**
 * To be called inside the transaction of a protected write. Resolves while the lock with this fence is live, and keeps
 * it from being taken away, even should its lease run out, until the transaction has ended; throws CONFLICT when it
 * is not, so that nothing is written. Giving it back before that end is the holder's own mistake to avoid.
 */
export async function checkFence(db: Db, resource: string, fence: number): Promise<void> {
  const {rowCount} = await db.query({
    name: 'locks-fence',
    text: `select from resource_locks
      where resource_id = $1 and fence = $2 and expires_at > clock_timestamp()
      for key share`,
    values: [resource, fence],
  })
  if (rowCount !== 1) {
    throw new AppError('CONFLICT', `The lock on ${resource} was lost, so nothing was written.`, {
      details: {resource, fence},
    })
  }
}
