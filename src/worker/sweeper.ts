import type {Pool} from 'pg'
import type {Logger} from '../platform/logger.ts'

export interface Sweep {
  readonly name: string
  readonly everyMs: number
  /** An SQL condition of the feature's store: whether there is anything to do. Left out, it runs each time. */
  readonly when?: string
  run(): Promise<unknown>
}

/**
 * Runs each sweep now and then, never twice at once, until closed; a sweep that fails is logged and comes again. Nearly
 * always nothing is to be done, so those of one rhythm wake together, and what they wait for is one question to the
 * database; where that has no answer, all of them look for themselves.
 */
export function startSweeper({
  sweeps,
  db,
  log,
}: {
  readonly sweeps: readonly Sweep[]
  readonly db: Pick<Pool, 'query'>
  readonly log: Pick<Logger, 'warn'>
}): {close(): Promise<void>} {
  const running = new Set<Promise<unknown>>()
  const busy = new Set<Sweep>()

  /** Ends whatever happens, and is waited for at the end. */
  function keep(what: string, work: Promise<unknown>): Promise<void> {
    const kept = work
      .catch((error: unknown) => log.warn({err: error, sweep: what}, 'sweep failed'))
      .then(() => void running.delete(kept))
    running.add(kept)
    return kept
  }

  function run(sweep: Sweep): void {
    if (busy.has(sweep)) return
    busy.add(sweep)
    void keep(
      sweep.name,
      sweep.run().finally(() => busy.delete(sweep)),
    )
  }

  function rhythmOf(everyMs: number): NodeJS.Timeout {
    const all = sweeps.filter(sweep => sweep.everyMs === everyMs)
    const waiting = all.filter(({when}) => when !== undefined)
    const question = {
      name: `sweeps-${everyMs}`,
      text: `select array[${waiting.map(({when}) => `(${when ?? ''})`).join(', ')}] as due`,
    }
    let asking = false

    async function runDue(): Promise<void> {
      try {
        const {rows} = await db.query<{due: readonly boolean[]}>(question)
        waiting.filter((_, i) => rows[0]?.due[i]).forEach(run)
      } catch (error) {
        // One table that can't be read keeps nobody else waiting.
        log.warn({err: error, sweep: question.name}, 'sweeps run unasked')
        waiting.forEach(run)
      }
    }

    return setInterval(() => {
      all.filter(({when}) => when === undefined).forEach(run)
      if (asking || waiting.length === 0) return
      asking = true
      void keep(
        waiting.map(({name}) => name).join(', '),
        runDue().finally(() => (asking = false)),
      )
    }, everyMs).unref()
  }

  const timers = [...new Set(sweeps.map(({everyMs}) => everyMs))].map(rhythmOf)
  return {
    async close() {
      for (const timer of timers) clearInterval(timer)
      while (running.size > 0) await Promise.all(running)
    },
  }
}
