import {randomUUID} from 'node:crypto'
import pg from 'pg'

/** What a workflow would cost if it were nothing but its rows. */
export interface Floor {
  sequence3(): Promise<void>
  fanOut20(): Promise<void>
  dag(steps: number): Promise<void>
  close(): Promise<void>
}

const SEEDED = 20_000
const STEP = `
  with moved as (update floor_runs set step = $2, version = version + 1, at = now() where id = $1 returning id)
  insert into floor_steps (run, step, output) select id, $2, $3 from moved`

/**
 * The yardsticks: three one-statement commits on rows that are there already (`sequence3`), a row for the run, one for
 * each step and an update (`fanOut20`, `dag`). All prepared, no BEGIN and COMMIT, no fence, no lease, no validation.
 */
export async function workflowFloor({
  databaseUrl,
  pool: max,
}: {
  readonly databaseUrl: string
  readonly pool: number
}): Promise<Floor> {
  const pool = new pg.Pool({connectionString: databaseUrl, max})
  await pool.query(`
    create table floor_runs (id uuid primary key, step int not null default 0, version int not null default 1,
      at timestamptz not null default now()) with (fillfactor = 60);
    create table floor_steps (run uuid not null, step int not null, output jsonb not null, at timestamptz not null
      default now(), primary key (run, step))`)
  const ids = Array.from({length: SEEDED}, () => randomUUID())
  await pool.query('insert into floor_runs (id) select unnest($1::uuid[])', [ids])
  await pool.query('analyze floor_runs')
  let next = 0

  const insertRun = (id: string) =>
    pool.query({name: 'floor-run', text: 'insert into floor_runs (id) values ($1)', values: [id]})
  const insertStep = (id: string, step: number) =>
    pool.query({
      name: 'floor-step',
      text: 'insert into floor_steps (run, step, output) values ($1, $2, $3)',
      values: [id, step, `{"n": ${step}}`],
    })
  const endRun = (id: string) =>
    pool.query({
      name: 'floor-end',
      text: 'update floor_runs set step = -1, version = version + 1, at = now() where id = $1',
      values: [id],
    })

  return {
    async sequence3() {
      const at = next++
      const [id, lap] = [ids[at % SEEDED], Math.floor(at / SEEDED) * 3]
      for (let step = 0; step < 3; step++)
        await pool.query({name: 'floor-cte', text: STEP, values: [id, lap + step, `{"n": ${step}}`]})
    },
    async fanOut20() {
      const id = randomUUID()
      await insertRun(id)
      await Promise.all(Array.from({length: 20}, (_, step) => insertStep(id, step)))
      await endRun(id)
    },
    async dag(steps) {
      const id = randomUUID()
      await insertRun(id)
      for (let layer = 0; layer < steps; layer += 10)
        await Promise.all(Array.from({length: 10}, (_, index) => insertStep(id, layer + index)))
      await endRun(id)
    },
    close: () => pool.end(),
  }
}
