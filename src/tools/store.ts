import type {Pool} from 'pg'
import type {StrategyInForce, ToolStrategy} from '../sdk/tools.ts'

interface SwitchRow {
  strategy: ToolStrategy
  reason: string
  switched_by: string
  at: Date
}

export type StrategyStore = ReturnType<typeof createStrategyStore>

/** What was decided about strategies at runtime; the last word holds, for all processes. */
export function createStrategyStore({pool}: {readonly pool: Pool}) {
  return {
    async last(): Promise<StrategyInForce | undefined> {
      const {rows} = await pool.query<SwitchRow>(
        'select strategy, reason, switched_by, at from tool_strategy_switches order by id desc limit 1',
      )
      return rows[0] && toStrategy(rows[0])
    },

    async add({strategy, reason, by}: Omit<StrategyInForce, 'since'>): Promise<StrategyInForce> {
      const {rows} = await pool.query<SwitchRow>(
        `insert into tool_strategy_switches (strategy, reason, switched_by) values ($1, $2, $3)
         returning strategy, reason, switched_by, at`,
        [strategy, reason, by],
      )
      const [row] = rows
      if (!row) throw new Error('the switch was not kept')
      return toStrategy(row)
    },
  }
}

function toStrategy({strategy, reason, switched_by: by, at}: SwitchRow): StrategyInForce {
  return {strategy, reason, by, since: at.getTime()}
}
