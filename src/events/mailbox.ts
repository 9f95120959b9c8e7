import {PRIORITIES, type Priority} from './priority.ts'

export interface Mailbox {
  /**
   * Answers what `work` answers, once its turn has come: urgent before high before normal before low, equals in
   * order. When `signal` aborts it rejects at once and its place goes to the next, whatever `work` still does: it
   * was handed the same signal and should have stopped.
   */
  run<T>(priority: Priority, work: () => Promise<T>, signal?: AbortSignal): Promise<T>
  /** How many wait for their turn. */
  waiting(): number
}

/** At most `concurrency` pieces of work at a time; what waits is served by priority. */
export function createMailbox({concurrency}: {readonly concurrency: number}): Mailbox {
  const lines = PRIORITIES.map(() => [] as (() => void)[])
  let running = 0

  function next(): void {
    while (running < concurrency) {
      const start = lines.find(line => line.length > 0)?.shift()
      if (!start) return
      running++
      start()
    }
  }

  return {
    run: (priority, work, signal) =>
      new Promise((resolve, reject) => {
        lines[PRIORITIES.indexOf(priority)]?.push(() => {
          void unlessAborted(work, signal)
            .then(resolve, reject)
            .finally(() => {
              running--
              next()
            })
        })
        next()
      }),
    waiting: () => lines.reduce((sum, line) => sum + line.length, 0),
  }
}

async function unlessAborted<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work()
  signal.throwIfAborted()
  let stop!: () => void
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason as Error)
    signal.addEventListener('abort', stop)
  })
  try {
    return await Promise.race([work(), aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
