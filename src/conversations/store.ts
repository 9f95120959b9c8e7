import {randomUUID} from 'node:crypto'
import type {Pool} from 'pg'
import {transaction} from '../platform/postgres.ts'
import type {Said} from '../sdk/index.ts'
import {readSaid} from './said.ts'
import {pendingSchema, type Pending} from './turn.ts'

export interface Session {
  readonly id: string
  /** Who alone may speak in it. */
  readonly owner: string
  readonly pending: Pending | undefined
}

export interface StoredMessage {
  readonly role: 'user' | 'assistant'
  readonly text: string
}

/** A message of a person with our answer to it; `said` is what made the answer, to give it again. */
export interface Exchange {
  readonly session: string
  readonly correlationId: string
  readonly asked: string
  readonly answered: string
  readonly said: Said
  readonly pending: Pending | undefined
}

interface SessionRow {
  id: string
  owner: string
  pending: unknown
}

export type SessionStore = ReturnType<typeof createSessionStore>

/** The SQL of conversations. Sessions that nobody spoke in for a day are as if they had never been. */
export function createSessionStore({pool}: {readonly pool: Pool}) {
  return {
    async find(id: string): Promise<Session | undefined> {
      const {rows} = await pool.query<SessionRow>(
        `select id, owner, pending from chat_sessions where id = $1 and updated_at > now() - interval '24 hours'`,
        [id],
      )
      return rows[0] && toSession(rows[0])
    },

    /** The owner's session at this place, or a new one. */
    async open(owner: string, place: string | undefined): Promise<Session> {
      if (place !== undefined)
        await pool.query(
          `delete from chat_sessions where owner = $1 and place = $2 and updated_at < now() - interval '24 hours'`,
          [owner, place],
        )
      const {rows} = await pool.query<SessionRow>(
        `insert into chat_sessions (id, owner, place) values ($1, $2, $3)
         on conflict (owner, place) where place is not null do update set updated_at = now()
         returning id, owner, pending`,
        [`session-${randomUUID()}`, owner, place ?? null],
      )
      return toSession(rows[0] ?? {id: '', owner, pending: null})
    },

    /** The last messages, oldest first. */
    async history(session: string, count: number): Promise<readonly StoredMessage[]> {
      const {rows} = await pool.query<StoredMessage>(
        `select role, content as text from chat_messages where session_id = $1 order by id desc limit $2`,
        [session, count],
      )
      return rows.reverse()
    },

    /** What was answered to this message before; undefined when nothing was. */
    async answerTo(session: string, correlationId: string): Promise<Said | undefined> {
      const {rows} = await pool.query<{said: unknown}>(
        `select metadata -> 'said' as said from chat_messages
         where session_id = $1 and correlation_id = $2 and role = 'assistant'`,
        [session, correlationId],
      )
      return readSaid(rows[0]?.said)
    },

    /** Keeps both, and what we wait to hear; once for a message. */
    async keep({session, correlationId, asked, answered, said, pending}: Exchange): Promise<void> {
      await transaction(pool, async db => {
        const {rowCount} = await db.query(
          `insert into chat_messages (session_id, role, content, metadata, correlation_id)
           values ($1, 'user', $2, '{}', $5), ($1, 'assistant', $3, jsonb_build_object('said', $4::jsonb), $5)
           on conflict (correlation_id, role) do nothing`,
          [session, asked, answered, JSON.stringify(said), correlationId],
        )
        if (rowCount === 0) return
        await db.query('update chat_sessions set pending = $2, updated_at = now() where id = $1', [
          session,
          pending === undefined ? null : JSON.stringify(pending),
        ])
      })
    },

    async forgetOld(): Promise<number> {
      const {rowCount} = await pool.query(
        `delete from chat_sessions where updated_at < now() - interval '24 hours'`,
      )
      return rowCount ?? 0
    },
  }
}

/** What an older version of us asked is not understood any more, and so not waited for. */
function toSession({id, owner, pending}: SessionRow): Session {
  const parsed = pendingSchema.safeParse(pending)
  return {id, owner, pending: parsed.success ? parsed.data : undefined}
}
