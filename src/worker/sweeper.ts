import type {Logger} from '../platform/logger.ts'

export interface Sweep {
  readonly name: string
  readonly everyMs: number
  run(): Promise<unknown>
}

/** Runs each sweep now and then, never twice at once, until closed; a sweep that fails is logged and comes again. */
export function startSweeper({sweeps, log}: {readonly sweeps: readonly Sweep[]; readonly log: Logger}): {
  close(): Promise<void>
} {
  const running = new Set<Promise<unknown>>()
  const timers = sweeps.map(sweep => {
    let busy = false
    const timer = setInterval(() => {
      if (busy) return
      busy = true
      const run = sweep
        .run()
        .catch((error: unknown) => log.warn({err: error, sweep: sweep.name}, 'sweep failed'))
        .finally(() => {
          busy = false
          running.delete(run)
        })
      running.add(run)
    }, sweep.everyMs)
    return timer.unref()
  })
  return {
    async close() {
      for (const timer of timers) clearInterval(timer)
      await Promise.all(running)
    },
  }
}
