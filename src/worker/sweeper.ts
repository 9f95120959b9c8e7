import type {Pool} from 'pg'
import type {Logger} from '../platform/logger.ts'

export interface Sweep {
  readonly name: string
  /** About so often: counted in turns of the one that comes most often. */
  readonly everyMs: number
  /** An SQL condition of the feature's store: whether there is anything to do. Left out, it runs each time. */
  readonly when?: string
  run(): Promise<unknown>
}

/**
 * Runs each sweep now and then, never twice at once, until closed; a sweep that fails is logged and comes again. Nearly
 * always nothing is to be done, so all wake in the same turns, and what those of one turn wait for is one question to
 * the database; where that has no answer, all of them look for themselves.
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
  const turnMs = Math.min(...sweeps.map(({everyMs}) => everyMs))
  const running = new Set<Promise<unknown>>()
  const busy = new Set<Sweep>()
  /** Their turn has come, and they have not been asked for yet. */
  const waiting = new Set<Sweep>()
  let turns = 0
  let asking = false

  /** Ends whatever happens, and is waited for at the end. */
  function keep(what: string, work: Promise<unknown>): void {
    const kept = work
      .catch((error: unknown) => log.warn({err: error, sweep: what}, 'sweep failed'))
      .then(() => void running.delete(kept))
    running.add(kept)
  }

  function run(sweep: Sweep): void {
    if (busy.has(sweep)) return
    busy.add(sweep)
    keep(
      sweep.name,
      sweep.run().finally(() => busy.delete(sweep)),
    )
  }

  async function runDue(asked: readonly Sweep[]): Promise<void> {
    // Few of them are ever different: each is prepared once.
    const question = {
      name: `sweeps-${[...new Set(asked.map(({everyMs}) => everyMs))].join('-')}`,
      text: `select array[${asked.map(({when}) => `(${when ?? ''})`).join(', ')}] as due`,
    }
    try {
      const {rows} = await db.query<{due: readonly boolean[]}>(question)
      asked.filter((_, i) => rows[0]?.due[i]).forEach(run)
    } catch (error) {
      // One table that can't be read keeps nobody else waiting.
      log.warn({err: error, sweep: question.name}, 'sweeps run unasked')
      asked.forEach(run)
    }
  }

  const timer = setInterval(() => {
    turns++
    const due = sweeps.filter(({everyMs}) => turns % Math.round(everyMs / turnMs) === 0)
    for (const sweep of due)
      if (sweep.when === undefined) run(sweep)
      else waiting.add(sweep)
    if (asking || waiting.size === 0) return
    asking = true
    // In the order of the list, so that the same ones make the same question.
    const asked = sweeps.filter(sweep => waiting.has(sweep))
    waiting.clear()
    keep(
      'question',
      runDue(asked).finally(() => (asking = false)),
    )
  }, turnMs).unref()

  return {
    async close() {
      clearInterval(timer)
      while (running.size > 0) await Promise.all(running)
    },
  }
}
