import {spawn, type ChildProcess} from 'node:child_process'
import {once} from 'node:events'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterEach, beforeEach, expect, test} from 'vitest'
import type pg from 'pg'
import {createPool} from '../../../src/platform/postgres.ts'
import {createTestDatabase, type TestDatabase} from '../../support/database.ts'
import type {EngineMessage, EngineTask, EngineWord} from '../../support/workflow-engine.ts'
import {createLedger, ledgerOf, until} from '../../support/workflows.ts'

const LEASE_MS = 2_000

let database: TestDatabase
let pool: pg.Pool
let processes: EngineProcess[]

interface EngineProcess {
  readonly child: ChildProcess
  readonly words: EngineWord[]
  tell(message: EngineMessage): void
  kill(): Promise<void>
}

beforeEach(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
  await createLedger(pool)
  processes = []
})

afterEach(async () => {
  await Promise.all(processes.map(each => each.kill()))
  await pool.end()
  await database.drop()
})

async function engine(instance: string): Promise<EngineProcess> {
  const task: EngineTask = {databaseUrl: database.url, instance, leaseMs: LEASE_MS, renewEveryMs: 500}
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'tests/support/workflow-engine.ts', JSON.stringify(task)],
    {stdio: ['ignore', 'inherit', 'inherit', 'ipc']},
  )
  const words: EngineWord[] = []
  child.on('message', word => void words.push(word as EngineWord))
  const ended = once(child, 'exit')
  const started: EngineProcess = {
    child,
    words,
    tell: message => void child.send(message),
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await ended
    },
  }
  processes.push(started)
  await until(() => words.some(word => 'ready' in word), `${instance} is ready`)
  return started
}

const statusOf = async (id: string) => {
  const {rows} = await pool.query<{status: string}>(
    'select status from workflow_state where workflow_id = $1',
    [id],
  )
  return rows[0]?.status
}
const over = async (id: string) => ['completed', 'failed', 'cancelled'].includes((await statusOf(id)) ?? '')

test('a killed owner’s run is taken over within its lease and a little, and no effect happens twice', async () => {
  const first = await engine('first')
  const second = await engine('second')
  first.tell({start: 'slow', id: 'wf-before', input: 60_000})
  first.tell({start: 'slow', id: 'wf-inside', input: 300})
  await until(() => first.words.some(word => 'at' in word && word.run === 'wf-before'))
  await until(() =>
    first.words.some(word => 'at' in word && word.at === 'inside effect' && word.run === 'wf-inside'),
  )
  await until(async () => (await ledgerOf(pool)).includes('wf-inside only'))
  const killed = Date.now()
  await first.kill()
  await until(
    () => second.words.some(word => 'at' in word && word.run === 'wf-before'),
    'the run is taken over',
  )
  expect(Date.now() - killed).toBeLessThan(3 * LEASE_MS)

  // Cut short inside its effect, it can't know whether that happened: it fails by name instead of doing it again.
  await until(() => over('wf-inside'))
  const {rows} = await pool.query<{error: string}>(
    `select error_message as error from workflow_state where workflow_id = 'wf-inside'`,
  )
  expect(rows[0]?.error).toContain('nobody knows whether it happened')
  expect(await ledgerOf(pool)).toEqual(['wf-inside only'])
  const {rows: owners} = await pool.query(
    `select owner, fence from workflow_state where workflow_id = 'wf-before'`,
  )
  expect(owners).toEqual([{owner: 'second', fence: 2}])
})

test('owners killed again and again leave every run complete and every effect done once', async () => {
  let current = await engine('e0')
  for (let generation = 1; generation <= 5; generation++) {
    const next = await engine(`e${generation}`)
    for (let n = 0; n < 30; n++) current.tell({start: 'five', id: `wf-${generation}-${n}`})
    await sleep(30 + Math.random() * 120)
    await current.kill()
    current = next
  }
  const rowsOf = async () => {
    const {rows} = await pool.query<{id: string; status: string; fence: number}>(
      `select workflow_id as id, status, fence from workflow_state`,
    )
    return rows
  }
  await until(async () => (await rowsOf()).every(({status}) => status === 'completed'), 'all complete')
  // Those whose creation had not committed when their process was killed are not there, and have no effects.
  const rows = await rowsOf()
  const expected = rows.flatMap(({id}) => Array.from({length: 5}, (_, n) => `${id} s${n}`)).sort()
  expect([...(await ledgerOf(pool))].sort()).toEqual(expected)
  // Where nothing was cut short, nothing was proved.
  expect(rows.filter(({fence}) => fence > 1).length).toBeGreaterThan(10)
})

test('an owner frozen beyond its lease begins nothing and commits nothing when it is back', async () => {
  const first = await engine('first')
  const second = await engine('second')
  first.tell({start: 'slow', id: 'wf-frozen', input: 700})
  await until(() => first.words.some(word => 'at' in word && word.at === 'before effect'))
  first.child.kill('SIGSTOP')
  await until(() => over('wf-frozen'), 'the other ends it')
  expect(await ledgerOf(pool)).toEqual(['wf-frozen only'])
  const journal = async () => {
    const {rows} = await pool.query<{seq: number; facts: string}>(
      `select seq, facts::text from workflow_journal order by seq`,
    )
    return rows
  }
  const before = await journal()
  first.child.kill('SIGCONT')
  await until(() => first.words.some(word => 'refused' in word), 'its effect is refused')
  await sleep(500)
  expect(await journal()).toEqual(before)
  expect(await ledgerOf(pool)).toEqual(['wf-frozen only'])
  expect(second.words.filter(word => 'at' in word && word.at === 'inside effect')).toHaveLength(1)
  expect(first.words.filter(word => 'at' in word && word.at === 'inside effect')).toHaveLength(0)
  const {rows} = await pool.query(`select status, owner from workflow_state`)
  expect(rows).toEqual([{status: 'completed', owner: null}])
})

test('a process that leaves properly hands its runs on at once', async () => {
  const first = await engine('first')
  const second = await engine('second')
  first.tell({start: 'slow', id: 'wf-handed', input: 5_000})
  await until(() => first.words.some(word => 'at' in word))
  const left = Date.now()
  first.tell({leave: true})
  await until(() => second.words.some(word => 'at' in word), 'the other goes on')
  // The grace of a second that its attempt had, and no lease.
  expect(Date.now() - left).toBeLessThan(1_000 + LEASE_MS)
})
