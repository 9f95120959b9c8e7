import {randomUUID} from 'node:crypto'
import pg from 'pg'
import {expect, vi} from 'vitest'
import type {World} from './world.ts'

/**
 * Has the newest command of an action attempted once more, as after the death of a worker that had done all of it and
 * not written down that it ended: the queue gives its job out again. Of the effect named `unwritten` it is not known
 * either what came of it. Resolves when that attempt is over.
 */
export async function attemptAgain(
  {database}: Pick<World, 'database'>,
  action: string,
  {unwritten}: {readonly unwritten?: string} = {},
): Promise<void> {
  const db = new pg.Client({connectionString: database.url})
  await db.connect()
  try {
    // Not while a first attempt is under way.
    const forget = () =>
      db.query<{id: string; agent: string; attempt: number}>(
        `update invocations set status = 'running', ended_at = null, result = null, error = null
         where id = (select id from invocations where action = $1 order by created_at desc limit 1)
           and (ended_at is not null or status = 'following')
         returning id, agent, attempt`,
        [action],
      )
    const {id, agent, attempt} = await vi.waitUntil(async () => (await forget()).rows[0], {timeout: 20_000})
    if (unwritten !== undefined) {
      const {rowCount} = await db.query(
        `update command_effects set state = 'begun', result = null, done_at = null where invocation_id = $1 and name = $2`,
        [id, unwritten],
      )
      if (rowCount !== 1) throw new Error(`The command of ${action} had no effect "${unwritten}".`)
    }
    // Old enough that the sweep takes the row for forgotten.
    await db.query(
      `insert into outbox (queue, name, job_id, data, created_at)
       values ($1, $2, $3, $4, now() - interval '1 minute')`,
      [`agent-${agent}`, action, `again-${randomUUID()}`, JSON.stringify({id})],
    )
    const wasAttempted = async () =>
      (
        await db.query(
          `select from invocations where id = $1 and attempt > $2 and (ended_at is not null or status = 'following')`,
          [id, attempt],
        )
      ).rowCount
    await expect.poll(wasAttempted, {timeout: 20_000}).toBe(1)
  } finally {
    await db.end()
  }
}
