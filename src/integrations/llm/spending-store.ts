import type {Pool} from 'pg'

/** What calls use; the dollars are 0 where the model's price is not known. */
export interface Amount {
  readonly tokens: number
  readonly dollars: number
}

/** The day's spending of all processes together. Days are those of UTC. */
export interface SpendingStore {
  /** Takes that much of the day's budget, and answers the day; undefined: it would be exceeded, nothing is taken. */
  reserve(amount: Amount, budget: Amount): Promise<string | undefined>
  /** Puts what was used in the place of what was reserved on that day. */
  settle(day: string, reserved: Amount, used: Amount): Promise<void>
}

export function createSpendingStore({pool}: {readonly pool: Pool}): SpendingStore {
  return {
    async reserve(amount, budget) {
      if (amount.tokens > budget.tokens || amount.dollars > budget.dollars) return undefined
      const {rows} = await pool.query<{day: string}>(
        `insert into llm_spending as s (day, tokens, dollars)
         values ((now() at time zone 'utc')::date, $1, $2)
         on conflict (day) do update set tokens = s.tokens + $1, dollars = s.dollars + $2
           where s.tokens + $1 <= $3 and s.dollars + $2 <= $4
         returning day::text`,
        [amount.tokens, amount.dollars, budget.tokens, budget.dollars],
      )
      return rows[0]?.day
    },

    async settle(day, reserved, used) {
      await pool.query(
        'update llm_spending set tokens = tokens + $2, dollars = dollars + $3 where day = $1',
        [day, used.tokens - reserved.tokens, used.dollars - reserved.dollars],
      )
    },
  }
}
