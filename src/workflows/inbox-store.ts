import type {Pool} from 'pg'
import {toSnapshot, type Snapshot, type StoredSnapshot} from './ownership-store.ts'
import type {Message, RunStatus} from './run.ts'

/** Where a run stands when a message arrives; `held`: told to pause, `stopping`: told to cancel. */
export type Allows = RunStatus | 'held' | 'stopping'

export interface Delivery {
  readonly run: string
  /** The same id again is the same message. */
  readonly messageId: string
  readonly message: Message
  readonly allowedWhen: readonly Allows[]
  /** Commits with the message: from then on no effect begins; `none` lifts it. */
  readonly stop?: 'pause' | 'cancel' | 'none'
  readonly status?: RunStatus
}

export type Delivered =
  | {readonly outcome: 'delivered'; readonly run: Snapshot}
  | {readonly outcome: 'delivered'; readonly run?: undefined; readonly owner: string | null}
  | {readonly outcome: 'repeated'; readonly status: RunStatus}
  | {readonly outcome: 'refused'; readonly status: RunStatus; readonly standing: Allows}
  | {readonly outcome: 'unknown'}

/** What reaches runs from outside. */
export function createInboxStore({pool, instance}: {readonly pool: Pool; readonly instance: string}) {
  return {
    /** Tells the instances that a run waits for one of them. */
    async announce(id: string): Promise<void> {
      await pool.query(`select pg_notify('workflows', '* ' || $1)`, [id])
    },

    /** The messages that came after the first `seen`. */
    async messages(id: string, seen: number): Promise<readonly Message[]> {
      const {rows} = await pool.query<{body: Message}>({
        name: 'workflows-messages',
        text: 'select body from workflow_inbox where workflow_id = $1 and seq > $2 order by seq',
        values: [id, seen],
      })
      return rows.map(row => row.body)
    },

    /** As an instance that can carry runs on, or (`claim` false) as a process that only tells. */
    async deliver(
      {run, messageId, message, allowedWhen, stop, status}: Delivery,
      {claim}: {readonly claim: boolean},
    ): Promise<Delivered> {
      const {rows} = await pool.query<{answer: (Delivered & {readonly run?: StoredSnapshot}) | null}>({
        name: 'workflows-deliver',
        text: 'select workflow_deliver($1, $2, $3, $4, $5, $6, $7) as answer',
        values: [
          claim ? instance : null,
          run,
          messageId,
          JSON.stringify(message),
          allowedWhen,
          stop ?? null,
          status ?? null,
        ],
      })
      const answer = rows[0]?.answer
      if (!answer) return {outcome: 'unknown'}
      return answer.run ? {outcome: 'delivered', run: toSnapshot(answer.run)} : answer
    },
  }
}
