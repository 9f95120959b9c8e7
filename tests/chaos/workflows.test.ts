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
import type pg from 'pg'
import {
  chaosLibrary,
  MODELS,
  type ChaosTask,
  type ChaosWord,
  type Counted,
  type Model,
} from '../support/workflow-chaos.ts'
import {compileProgram, type Program} from '../support/workflow-programs.ts'

/** 5,000 runs and Postgres away every 5 to 20 s are the long form: `npm run chaos -- workflows`. */
const LONG = process.env['CHAOS_WORKFLOWS'] !== undefined
const RUNS = Number(process.env['CHAOS_WORKFLOWS'] ?? 150)
const WORKERS = 3
const SPARES = 3
const AT_WORK_MS = 500
/** Between two kills, and between two outages, so that a slow machine gets somewhere too. */
const EFFECTS_BETWEEN = {kills: 3, outages: 10}
const LAST_ONE_TOO = 0.1
const PATIENCE_MS = LONG ? 1_200_000 : 200_000
const AT_ONCE = LONG ? 200 : 40
const LOOK_EVERY_MS = 200
const TELL_EVERY_MS = 10_000
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
  // A connection that it closes under a request would be a failure that nobody ordered.
  server.keepAliveTimeout = 0
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

/**
 * Processes that carry runs on. One that ends, for whatever reason, is replaced at once: others have loaded the program
 * before and wait for their turn, for else there would be more booting than working.
 */
function openWorkers(program: Program, task: Omit<ChaosTask, 'instance'>) {
  const all = new Set<ChildProcess>()
  const spare: ChildProcess[] = []
  const working = new Set<ChildProcess>()
  /** With when they began to work. */
  const alive = new Map<ChildProcess, number>()
  let kills = 0
  let started = 0
  let closing = false

  function boot(): void {
    const argument = JSON.stringify({...task, instance: `worker-${++started}`} satisfies ChaosTask)
    const child = spawn(process.execPath, [program.path, argument], {
      stdio: ['ignore', 'ignore', process.env['SHOW_LOGS'] === undefined ? 'ignore' : 'inherit', 'ipc'],
    })
    all.add(child)
    child.on('message', (word: ChaosWord) => {
      if (word === 'ready') alive.set(child, Date.now())
      else {
        spare.push(child)
        fill()
      }
    })
    child.once('exit', () => {
      all.delete(child)
      working.delete(child)
      if (spare.includes(child)) spare.splice(spare.indexOf(child), 1)
      alive.delete(child)
      if (closing) return
      fill()
      setTimeout(boot, 100)
    })
  }

  function fill(): void {
    while (working.size < WORKERS) {
      const next = spare.shift()
      if (!next) return
      working.add(next)
      next.send('work')
    }
  }
  for (let n = 0; n < WORKERS + SPARES; n++) boot()

  return {
    kills: () => kills,
    alive: () => alive.size,
    /**
     * Kills one of those that have been at work for a moment; the last one only now and then.
     */
    kill(): void {
      const victims = [...alive].flatMap(([child, since]) => (Date.now() - since > AT_WORK_MS ? [child] : []))
      if (alive.size === 1 && Math.random() > LAST_ONE_TOO) return
      const victim = victims[Math.floor(Math.random() * victims.length)]
      if (victim?.kill('SIGKILL')) kills++
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
async function insist<T>(signal: AbortSignal, say: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await say()
    } catch (error) {
      if (['CONFLICT', 'NOT_FOUND', 'INVALID_INPUT'].includes((error as {code?: string}).code ?? ''))
        throw error
      await sleep(200, undefined, {signal})
    }
  }
}

/** Again and again, after a pause each time; once told to stop, what is under way is ended. */
async function repeatedly(
  signal: AbortSignal,
  pauseMs: (times: number) => number,
  act: () => Promise<void> | void,
): Promise<void> {
  for (let times = 0; ; times++) {
    await sleep(pauseMs(times), undefined, {signal}).catch(() => undefined)
    if (signal.aborted) return
    await act()
  }
}

interface Sight {
  readonly id: string
  readonly over: boolean
  /** For the signal `go`. */
  readonly waits: boolean
}

/** Waits for many runs with one look at all of them: asking after each would be the greater part of the load. */
function openWatch(db: Pick<pg.Pool, 'query'>) {
  const watched = new Map<string, Set<(sight: Sight) => void>>()
  const timer = setInterval(() => void look().catch(() => undefined), LOOK_EVERY_MS)
  let looking = false

  async function look(): Promise<void> {
    if (looking || watched.size === 0) return
    looking = true
    try {
      const {rows} = await db.query<Sight>(
        `select workflow_id as id, completed_at is not null as over,
           coalesce(waiting_for ->> 'id' = 'go', false) as waits
         from workflow_state where workflow_id = any($1)`,
        [[...watched.keys()]],
      )
      for (const sight of rows) for (const tell of watched.get(sight.id) ?? []) tell(sight)
    } finally {
      looking = false
    }
  }

  return {
    until(id: string, holds: (sight: Sight) => boolean): Promise<void> {
      return new Promise(resolve => {
        const told = watched.get(id) ?? new Set()
        const tell = (sight: Sight) => {
          if (!holds(sight)) return
          told.delete(tell)
          if (told.size === 0) watched.delete(id)
          resolve()
        }
        watched.set(id, told.add(tell))
      })
    },
    close: () => clearInterval(timer),
  }
}

test(
  `${RUNS} runs, while workers are killed each second and Postgres goes away: each ends as its model says, no effect twice`,
  {timeout: PATIENCE_MS + 120_000},
  async () => {
    const program = compileProgram('workflow-chaos')
    const counter = await openCounter()
    const postgres = await openPostgres()
    const pool = createPool({connectionString: postgres.url, max: 10, onError: () => undefined})
    const watch = openWatch(pool)
    const stop = new AbortController()
    const {signal} = stop
    const chaos: Promise<void>[] = []
    const workers = openWorkers(program, {databaseUrl: postgres.url, counterUrl: counter.url})
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
        const {id} = await insist(signal, () => workflows.start({workflow: model, input: {}, sourceId}))
        if (model === 'cancelled') await watch.until(id, ({waits}) => waits)
        if (model === 'signalled')
          await insist(signal, () => workflows.signal(id, {id: `go ${n}`, name: 'go'}))
        if (model === 'cancelled')
          await insist(signal, () => workflows.cancel(id, {by: 'ada', id: `stop ${n}`}))
        await watch.until(id, ({over}) => over)
        return {model, id}
      }

      const began = Date.now()
      const secondsPast = () => Math.round((Date.now() - began) / 1000)
      let next = 0
      const ended: {readonly model: Model; readonly id: string}[] = []
      /** Strikes only if so much has happened since it did. */
      function afterEffects(count: number, strike: () => Promise<void> | void): () => Promise<void> | void {
        let seen = 0
        return () => {
          if (counter.effects.length < seen + count) return
          seen = counter.effects.length
          return strike()
        }
      }
      const betweenOutages = () => (LONG ? 5_000 + Math.random() * 15_000 : 12_000)
      chaos.push(
        repeatedly(
          signal,
          () => 500 + Math.random() * 1_000,
          afterEffects(EFFECTS_BETWEEN.kills, () => workers.kill()),
        ),
        repeatedly(
          signal,
          times => (times === 0 ? 4_000 : betweenOutages()),
          afterEffects(EFFECTS_BETWEEN.outages, () => postgres.outage(500 + Math.random() * 1_500)),
        ),
        repeatedly(
          signal,
          () => TELL_EVERY_MS,
          () =>
            console.log(
              `${secondsPast()} s: ${ended.length} of ${RUNS} runs, ${workers.kills()} kills, ` +
                `${postgres.outages()} outages, ${workers.alive()} workers`,
            ),
        ),
      )
      const lives = Array.from({length: AT_ONCE}, async () => {
        while (next < RUNS) ended.push(await live(next++))
      })
      await Promise.race([
        Promise.all(lives),
        sleep(PATIENCE_MS, undefined, {signal}).then(() => {
          throw new Error(
            `${RUNS - ended.length} of ${RUNS} runs are not over after ${PATIENCE_MS / 1000} s.`,
          )
        }),
      ])
      const seconds = secondsPast()
      stop.abort()
      await Promise.all(chaos)

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
      const kills = workers.kills()
      console.log(
        `${RUNS} runs in ${seconds} s: ${kills} kills, ${postgres.outages()} outages, ` +
          `${takenOver} of ${busy.size} busy runs taken over, ${counter.effects.length} effects, ${counter.found()} found`,
      )
      // Where too little happened, nothing was proved.
      expect(kills).toBeGreaterThanOrEqual(Math.min(100, Math.floor(seconds / 6)))
      expect(kills).toBeGreaterThanOrEqual(3)
      expect(postgres.outages()).toBeGreaterThanOrEqual(LONG ? Math.max(1, Math.floor(seconds / 40)) : 1)
      expect(takenOver).toBeGreaterThan(RUNS / 100)
      expect(counter.found()).toBeGreaterThan(0)
    } finally {
      stop.abort()
      await Promise.allSettled(chaos)
      watch.close()
      await workers.close()
      await pool.end()
      await postgres.close()
      await counter.close()
      program.remove()
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
