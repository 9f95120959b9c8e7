import {spawn, type ChildProcess} from 'node:child_process'
import {once} from 'node:events'
import {chmodSync, mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {expect, test} from 'vitest'
import {systemClock} from '../../src/kernel/clock.ts'
import {startEmbeddedPostgres, type EmbeddedPostgres} from '../../src/platform/embedded-postgres.ts'
import {migrate} from '../../src/platform/migrations.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {createWorkflows} from '../../src/workflows/service.ts'
import {createWorkflowStore} from '../../src/workflows/store.ts'
import {chaosLibrary, MODELS, type ChaosTask, type Counted, type Model} from '../support/workflow-chaos.ts'

/** 5,000 runs and Postgres away every 5 to 20 s are the long form: `npm run chaos -- workflows`. */
const LONG = process.env['CHAOS_WORKFLOWS'] !== undefined
const RUNS = Number(process.env['CHAOS_WORKFLOWS'] ?? 150)
const WORKERS = 3
const AT_ONCE = LONG ? 200 : 40
const log = {info: () => undefined, warn: () => undefined}

/** The outside: counts the effects that reach it, by their keys. */
async function openCounter() {
  const effects: Counted[] = []
  const times = new Map<string, number>()
  let found = 0
  const server = createServer((request, response) => {
    if (request.method === 'GET') {
      const counted = times.get((request.url ?? '').slice(1)) ?? 0
      if (counted > 0) found++
      response.end(String(counted))
      return
    }
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      const counted = JSON.parse(body) as Counted
      effects.push(counted)
      times.set(counted.key, (times.get(counted.key) ?? 0) + 1)
      response.end('ok')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    effects,
    times,
    /** How often an effect was asked for that had happened: its process was killed before it could say so. */
    found: () => found,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Processes that carry runs on; one that ends, for whatever reason, is replaced. */
function openWorkers(task: Omit<ChaosTask, 'instance'>) {
  const alive = new Set<ChildProcess>()
  const done = {kills: 0, lost: 0}
  let started = 0
  let closing = false

  function start(): void {
    const argument = JSON.stringify({...task, instance: `worker-${++started}`} satisfies ChaosTask)
    const child = spawn(process.execPath, ['--import', 'tsx', 'tests/support/workflow-chaos.ts', argument], {
      stdio: ['ignore', 'ignore', process.env['SHOW_LOGS'] === undefined ? 'ignore' : 'inherit', 'ipc'],
    })
    child.once('message', () => alive.add(child))
    all.add(child)
    child.once('exit', (_code, signal) => {
      all.delete(child)
      if (!alive.delete(child) && signal === null) done.lost++
      if (!closing) setTimeout(start, 100)
    })
  }
  const all = new Set<ChildProcess>()
  for (let n = 0; n < WORKERS; n++) start()

  return {
    done,
    /** Kills one of those that are at work, if there is one. */
    kill(): void {
      const victims = [...alive]
      const victim = victims[Math.floor(Math.random() * victims.length)]
      if (victim?.kill('SIGKILL')) done.kills++
    },
    async close() {
      closing = true
      const ends = [...all].map(child => once(child, 'exit'))
      for (const child of all) child.kill('SIGKILL')
      await Promise.all(ends)
    },
  }
}

/** Postgres of the test's own, which is taken away and given back. */
async function openPostgres() {
  const home = mkdtempSync(join(tmpdir(), 'signalbox-chaos-workflows-'))
  // The server's own account has to get in.
  chmodSync(home, 0o755)
  let server: EmbeddedPostgres = await startEmbeddedPostgres({home, log})
  await migrate({databaseUrl: server.url, log})
  const pid = () =>
    Number(readFileSync(join(home, 'postgres', 'data', 'postmaster.pid'), 'utf8').split('\n')[0])
  const runs = () => {
    try {
      return process.kill(pid(), 0)
    } catch {
      return false
    }
  }
  let outages = 0
  return {
    url: server.url,
    outages: () => outages,
    /** In good order and by a crash, by turns. */
    async outage(ms: number) {
      process.kill(pid(), outages++ % 2 === 0 ? 'SIGINT' : 'SIGQUIT')
      while (runs()) await sleep(50)
      await sleep(ms)
      server = await startEmbeddedPostgres({home, log})
    },
    async close() {
      await server.stop()
      rmSync(home, {recursive: true, force: true})
    },
  }
}

/** Until it goes through: while Postgres is away nothing was said. */
async function insist<T>(say: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await say()
    } catch (error) {
      if (['CONFLICT', 'NOT_FOUND', 'INVALID_INPUT'].includes((error as {code?: string}).code ?? ''))
        throw error
      await sleep(200)
    }
  }
}

test(
  `${RUNS} runs, while workers are killed each second and Postgres goes away: each ends as its model says, no effect twice`,
  {timeout: LONG ? 3_600_000 : 120_000},
  async () => {
    const counter = await openCounter()
    const postgres = await openPostgres()
    const pool = createPool({connectionString: postgres.url, max: 10, onError: () => undefined})
    const workers = openWorkers({databaseUrl: postgres.url, counterUrl: counter.url})
    try {
      const {library} = chaosLibrary(counter.url)
      const store = createWorkflowStore({pool, instance: 'test'})
      const workflows = createWorkflows({store, engine: undefined, definitions: library, clock: systemClock})
      const models = Object.keys(MODELS) as Model[]
      const modelOf = (n: number) => models[n % models.length] as Model

      /** Starts one run, does with it what its model asks for, and waits for its end. */
      async function live(n: number): Promise<{readonly model: Model; readonly id: string}> {
        const model = modelOf(n)
        const sourceId = `chaos ${n}`
        const {id} = await insist(() => workflows.start({workflow: model, input: {}, sourceId}))
        const waits = async () => (await insist(() => workflows.get(id)))?.waiting_for?.id === 'go'
        if (model === 'cancelled') while (!(await waits())) await sleep(100)
        if (model === 'signalled') await insist(() => workflows.signal(id, {id: `go ${n}`, name: 'go'}))
        if (model === 'cancelled') await insist(() => workflows.cancel(id, {by: 'ada', id: `stop ${n}`}))
        await insist(() => workflows.ended(id))
        return {model, id}
      }

      let over = false
      const began = Date.now()
      const killing = (async () => {
        while (!over) {
          await sleep(500 + Math.random() * 1_000)
          workers.kill()
        }
      })()
      const failing = (async () => {
        for (let first = true; !over; first = false) {
          await sleep(first ? 4_000 : LONG ? 5_000 + Math.random() * 15_000 : 12_000)
          if (!over) await postgres.outage(500 + Math.random() * 1_500)
        }
      })()
      let next = 0
      const ended: {readonly model: Model; readonly id: string}[] = []
      await Promise.all(
        Array.from({length: AT_ONCE}, async () => {
          while (next < RUNS) ended.push(await live(next++))
        }),
      )
      over = true
      await Promise.all([killing, failing])

      const {rows} = await pool.query<{id: string; status: string; fence: number; error: string | null}>(
        `select workflow_id as id, status, fence, error_message as error from workflow_state`,
      )
      const byId = new Map(rows.map(row => [row.id, row]))
      const effectsOf = grouped(counter.effects)
      const wrong = ended.filter(({id, model}) => byId.get(id)?.status !== MODELS[model].status)
      expect(wrong.map(({id, model}) => ({model, ...byId.get(id)}))).toEqual([])
      expect(rows).toHaveLength(RUNS)
      // At most once for each attempt; once, and only once, for each step that succeeded or was undone.
      expect([...counter.times].filter(([, times]) => times > 1)).toEqual([])
      for (const {id, model} of ended)
        expect({id, model, effects: inOrder(model, effectsOf.get(id) ?? [])}).toEqual({
          id,
          model,
          effects: MODELS[model].effects,
        })

      // Undisturbed, those that never wait are claimed once.
      const busy = new Set(
        ended.flatMap(({id, model}) => (model === 'failing' || model === 'succeeding' ? [id] : [])),
      )
      const takenOver = rows.filter(({id, fence}) => fence > 2 && busy.has(id)).length
      const {kills} = workers.done
      const seconds = (Date.now() - began) / 1000
      console.log(
        `${RUNS} runs in ${seconds.toFixed(0)} s: ${kills} kills, ${postgres.outages()} outages, ` +
          `${takenOver} of ${busy.size} busy runs taken over, ${counter.effects.length} effects, ${counter.found()} found`,
      )
      // Where too little happened, nothing was proved.
      expect(kills).toBeGreaterThanOrEqual(Math.min(100, Math.floor(seconds / 4)))
      expect(kills).toBeGreaterThanOrEqual(3)
      expect(postgres.outages()).toBeGreaterThanOrEqual(LONG ? Math.max(1, Math.floor(seconds / 40)) : 1)
      expect(takenOver).toBeGreaterThan(RUNS / 100)
      expect(counter.found()).toBeGreaterThan(0)
    } finally {
      await workers.close()
      await pool.end()
      await postgres.close()
      await counter.close()
    }
  },
)

function grouped(effects: readonly Counted[]): Map<string, string[]> {
  const byRun = new Map<string, string[]>()
  for (const {run, what} of effects) byRun.set(run, [...(byRun.get(run) ?? []), what])
  return byRun
}

/** Of steps that go side by side either may be the first. */
function inOrder(model: Model, effects: readonly string[]): readonly string[] {
  return model === 'succeeding' ? [...effects].sort() : effects
}
