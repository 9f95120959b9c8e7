import type {Pool} from 'pg'
import type {Db} from '../platform/postgres.ts'
import type {Reply} from '../sdk/index.ts'
import type {ReplyRecord} from './reply-state.ts'
import type {ReplyTarget} from '../invocations/invocation.ts'

interface ReplyRow {
  id: string
  target: ReplyTarget
  view: Reply
  version: number
  delivered_version: number
  closing: Reply | null
  closing_state: ReplyRecord['closingState']
  message_id: string | null
  channel_message_id: string | null
  attempts: number
  created_at: Date
  changed_at: Date
  delivered_at: Date | null
}

const COLUMNS = `id, target, view, version, delivered_version, closing, closing_state, message_id, channel_message_id,
  attempts, created_at, changed_at, delivered_at`

/** What a delivery learnt, folded into the record. Absent fields stay. */
export interface Delivered {
  readonly version?: number
  readonly messageId?: string
  readonly channelMessageId?: string
  readonly closingMessageId?: string
  readonly undeliverable?: string
  /** It failed: nobody tries again sooner than this. */
  readonly retryAfterMs?: number
}

// Whose wish nobody is at work on.
const LEFT = `undeliverable is null and (delivered_version < version or closing_state = 'wanted')
  and (lease_until is null or lease_until < now())`
/** Whether there are messages whose wish nobody is at work on, however fresh it is. */
export const REPLIES_LEFT = `exists (select from replies where ${LEFT})`

export type ReplyStore = ReturnType<typeof createReplyStore>

export function createReplyStore({pool}: {readonly pool: Pool}) {
  return {
    /** Begins a message that belongs to no command, inside the caller's transaction. Nudge it after the commit. */
    async open(db: Db, id: string, target: ReplyTarget, view: Reply): Promise<void> {
      await db.query({
        name: 'replies-open',
        text: 'insert into replies (id, target, view, version) values ($1, $2, $3, 1)',
        values: [id, JSON.stringify(target), JSON.stringify(view)],
      })
    },

    /** Changes what the message should say, inside the caller's transaction: record and message can't disagree. */
    async write(db: Db, id: string, view: Reply, closing?: Reply): Promise<void> {
      await db.query({
        name: 'replies-write',
        text: `update replies set view = $2, version = version + 1, changed_at = now(),
             closing = coalesce($3, closing),
             closing_state = case when $3::jsonb is not null and closing_state = 'none' then 'wanted' else closing_state end
           where id = $1`,
        values: [id, JSON.stringify(view), closing === undefined ? null : JSON.stringify(closing)],
      })
    },

    /** What the message should say now; nobody else changes it before the caller's transaction ends. */
    async viewOf(db: Db, id: string): Promise<Reply | undefined> {
      const {rows} = await db.query<{view: Reply}>('select view from replies where id = $1 for update', [id])
      return rows[0]?.view
    },

    /** Takes a message to deliver, for `leaseMs`; undefined while someone else has it or when there is none. */
    async claim(id: string, leaseMs: number): Promise<ReplyRecord | undefined> {
      const {rows} = await pool.query<ReplyRow>({
        name: 'replies-claim',
        text: `update replies set lease_until = now() + make_interval(secs => $2::float8 / 1000), attempts = attempts + 1
          where id = $1 and (lease_until is null or lease_until < now()) and undeliverable is null
            and (delivered_version < version or closing_state = 'wanted')
          returning ${COLUMNS}`,
        values: [id, leaseMs],
      })
      return rows[0] && toRecord(rows[0])
    },

    /**
     * Records what was delivered and gives the lease back. Answers whether there is more to do: the wish changed
     * while the message was on its way.
     */
    async release(id: string, delivered: Delivered): Promise<boolean> {
      const {rows} = await pool.query<{more: boolean}>({
        name: 'replies-release',
        text: `update replies set
             delivered_version = greatest(delivered_version, coalesce($2, delivered_version)),
             delivered_at = case when $2::int is null then delivered_at else now() end,
             message_id = coalesce($3, message_id),
             channel_message_id = coalesce($4, channel_message_id),
             closing_message_id = coalesce($5, closing_message_id),
             closing_state = case when $5::text is null then closing_state else 'posted' end,
             undeliverable = $6,
             attempts = case when $2::int is null and $5::text is null then attempts else 0 end,
             lease_until = case when $7::float8 is null then null else now() + make_interval(secs => $7 / 1000) end
           where id = $1
           returning undeliverable is null and (delivered_version < version or closing_state = 'wanted') as more`,
        values: [
          id,
          delivered.version ?? null,
          delivered.messageId ?? null,
          delivered.channelMessageId ?? null,
          delivered.closingMessageId ?? null,
          delivered.undeliverable ?? null,
          delivered.retryAfterMs ?? null,
        ],
      })
      return rows[0]?.more ?? false
    },

    /** Messages whose wish has waited longer than `graceMs` with nobody at work on them: what a crash left. */
    async overdue(graceMs: number, limit: number): Promise<readonly string[]> {
      const {rows} = await pool.query<{id: string}>({
        name: 'replies-overdue',
        text: `select id from replies
          where ${LEFT} and changed_at < now() - make_interval(secs => $1::float8 / 1000)
          order by changed_at limit $2`,
        values: [graceMs, limit],
      })
      return rows.map(row => row.id)
    },

    /** The interaction token is a secret: once nothing more will be said through it, it is not kept. */
    async forgetTokens(olderThanMs: number): Promise<void> {
      await pool.query(
        `update replies set target = target - 'token'
         where target ? 'token' and created_at < now() - make_interval(secs => $1::float8 / 1000)`,
        [olderThanMs],
      )
    },

    async messageOf(id: string): Promise<
      | {
          readonly channelId?: string
          readonly guildId?: string
          readonly messageId?: string
          /** Why nobody will see it. */
          readonly undeliverable?: string
        }
      | undefined
    > {
      const {rows} = await pool.query<{
        target: ReplyTarget
        message_id: string | null
        channel_message_id: string | null
        undeliverable: string | null
      }>('select target, message_id, channel_message_id, undeliverable from replies where id = $1', [id])
      const row = rows[0]
      if (!row) return undefined
      const messageId = row.channel_message_id ?? row.message_id
      return {
        ...(row.target.channelId === undefined ? {} : {channelId: row.target.channelId}),
        ...(row.target.kind === 'interaction' && row.target.guildId !== undefined
          ? {guildId: row.target.guildId}
          : {}),
        ...(messageId === null ? {} : {messageId}),
        ...(row.undeliverable === null ? {} : {undeliverable: row.undeliverable}),
      }
    },
  }
}

function toRecord(row: ReplyRow): ReplyRecord {
  return {
    id: row.id,
    target: row.target,
    view: row.view,
    version: row.version,
    deliveredVersion: row.delivered_version,
    closing: row.closing ?? undefined,
    closingState: row.closing_state,
    messageId: row.message_id ?? undefined,
    channelMessageId: row.channel_message_id ?? undefined,
    attempts: row.attempts,
    createdAt: row.created_at.getTime(),
    changedAt: row.changed_at.getTime(),
    deliveredAt: row.delivered_at?.getTime(),
  }
}
