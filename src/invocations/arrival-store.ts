import type {Pool} from 'pg'
import {groupCommit} from '../platform/group-commit.ts'

/** A command whose person sees "thinking…" and that is not recorded yet. */
export interface Arrival {
  readonly interactionId: string
  /** The correlation id the command has, or would have had. */
  readonly id: string
  readonly command: string
  readonly token: string
}

/** One that was given up: nothing will ever be recorded for it. */
export interface Abandoned extends Arrival {
  readonly arrivedAt: number
}

// It need not outlive a crash of the database server: whoever then still lives finds its arrival missing, starts
// nothing and says so. And nothing overtakes it to the disk: a record that waits for its commit has it written too.
const NOTE = `
  insert into arrivals (interaction_id, id, command, token)
  select interaction_id, id, command, token from jsonb_to_recordset($1::jsonb) as a(
    interaction_id text, id uuid, command text, token text)
  on conflict (interaction_id) do nothing
  returning set_config('synchronous_commit', 'off', true)`

/** Whether there are any whose person may have to be told. */
export const ARRIVALS_OPEN = 'exists (select from arrivals where token is not null)'

// One whose command was recorded is the echo of a second delivery.
const GIVE_UP = `
  update arrivals set given_up_at = coalesce(given_up_at, now()),
    lease_until = now() + make_interval(secs => $2::float8 / 1000)
  where interaction_id in (
    select interaction_id from arrivals a
    where token is not null and arrived_at < now() - make_interval(secs => $1::float8 / 1000)
      and (lease_until is null or lease_until < now())
      and not exists (select from invocations i where i.source = 'discord' and i.source_id = a.interaction_id)
    order by arrived_at limit $3 for update skip locked)
  returning interaction_id, id, command, token, arrived_at`

export type ArrivalStore = ReturnType<typeof createArrivalStore>

/**
 * What is noted beside the acknowledgement and taken away by the record: see RECORD in store.ts. In between it is a
 * ticket that only one can have. Either the record takes it and the command starts, or the sweep gives it up, tells
 * the person that nothing was started, and nothing ever is.
 */
export function createArrivalStore({pool}: {readonly pool: Pool}) {
  return {
    /** Notes it; again changes nothing, also once it was given up. */
    note: groupCommit(async (arrivals: readonly Arrival[]): Promise<readonly undefined[]> => {
      await pool.query({
        name: 'arrivals-note',
        text: NOTE,
        values: [JSON.stringify(arrivals.map(toRow))],
      })
      return arrivals.map(() => undefined)
    }),

    /** Its person has an answer by another way than a record. One that was given up stays so. */
    async forget(interactionId: string): Promise<void> {
      await pool.query('delete from arrivals where interaction_id = $1 and given_up_at is null', [
        interactionId,
      ])
    },

    /**
     * Gives up those that have waited for longer than `afterMs`, at most `limit`, for the caller to tell their people.
     * One whose telling is not reported within `leaseMs` is handed out again.
     */
    async giveUp(afterMs: number, leaseMs: number, limit: number): Promise<readonly Abandoned[]> {
      const {rows} = await pool.query<{
        interaction_id: string
        id: string
        command: string
        token: string
        arrived_at: Date
      }>({name: 'arrivals-give-up', text: GIVE_UP, values: [afterMs, leaseMs, limit]})
      return rows.map(row => ({
        interactionId: row.interaction_id,
        id: row.id,
        command: row.command,
        token: row.token,
        arrivedAt: row.arrived_at.getTime(),
      }))
    },

    /** The person knows, or can't be told any more. The row stays: a bot that wakes up late must find it given up. */
    async told(interactionId: string): Promise<void> {
      await pool.query('update arrivals set token = null where interaction_id = $1', [interactionId])
    },

    /** Removes what nobody can come back to. */
    async forgetOld(olderThanMs: number): Promise<void> {
      await pool.query(
        'delete from arrivals where arrived_at < now() - make_interval(secs => $1::float8 / 1000)',
        [olderThanMs],
      )
    },
  }
}

function toRow({interactionId, id, command, token}: Arrival) {
  return {interaction_id: interactionId, id, command, token}
}
