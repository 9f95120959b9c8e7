import {createHash} from 'node:crypto'
import type {Pool} from 'pg'
import {AppError} from '../kernel/errors.ts'
import type {Json} from '../kernel/json.ts'
import type {ActionContext} from '../sdk/index.ts'

// The command's row is locked against its end until this commits: an effect that began is known to whoever stops it.
const BEGIN = `
  with live as (
    select id from invocations where id = $1 and ended_at is null for share
  ), begun as (
    insert into command_effects (invocation_id, name) select id, $2 from live
    on conflict do nothing
    returning name
  )
  select exists(select from begun) as fresh, exists(select from live) as live,
    (select to_json(e) from command_effects e where e.invocation_id = $1 and e.name = $2) as known`

/**
 * The `effect` of the actions that carry commands out. CONFLICT once the command has ended; EFFECT_UNCERTAIN when an
 * earlier try began it, did not say how it ended, and `find` can't tell.
 */
export function createCommandEffects({pool}: {readonly pool: Pool}) {
  async function finish<T extends Json>(command: string, name: string, result: T): Promise<T> {
    await pool.query(
      `update command_effects set state = 'done', result = $3, done_at = now() where invocation_id = $1 and name = $2`,
      [command, name, JSON.stringify(result)],
    )
    return result
  }

  return (command: string): ActionContext['effect'] =>
    async (name, {run, find}) => {
      const {rows} = await pool.query<{
        fresh: boolean
        live: boolean
        known: {readonly state: string; readonly result: Json} | null
      }>(BEGIN, [command, name])
      const {fresh = false, live = false, known = null} = rows[0] ?? {}
      // Kept as what the same effect answered before.
      if (known?.state === 'done') return known.result as Awaited<ReturnType<typeof run>>
      if (!live) throw new AppError('CONFLICT', `The command had ended before "${name}" began.`)
      const id = createHash('sha256').update(`${command}:${name}`).digest('hex').slice(0, 24)
      if (!fresh) {
        const found = await find?.(id)
        if (found !== undefined) return finish(command, name, found)
        if (!find)
          throw new AppError(
            'EFFECT_UNCERTAIN',
            `"${name}" was begun before, and nobody knows whether it happened. Look, then try again.`,
          )
      }
      return finish(command, name, await run(id))
    }
}
