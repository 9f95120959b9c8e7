/**
 * Lets so much of each name go on at a time; the rest waits in line, first come first served. With room, work begins
 * before the call returns.
 */
export function createSlots(capacity: (name: string) => number) {
  const lines = new Map<string, {busy: number; readonly waiting: Set<() => void>}>()

  function lineOf(name: string) {
    let line = lines.get(name)
    if (!line) lines.set(name, (line = {busy: 0, waiting: new Set()}))
    return line
  }

  return {
    /** Answers what the work does. Rejects with the signal's reason if that aborts before it was its turn. */
    async within<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
      const line = lineOf(name)
      if (line.busy < capacity(name)) line.busy++
      else await turnIn(line.waiting, signal)
      try {
        return await work()
      } finally {
        // Handed on, so that nobody who comes now goes before those who wait.
        const [next] = line.waiting
        if (next) next()
        else line.busy--
      }
    },
  }
}

function turnIn(waiting: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      waiting.delete(enter)
      signal.removeEventListener('abort', giveUp)
    }
    const enter = () => {
      end()
      resolve()
    }
    const giveUp = () => {
      end()
      reject(signal.reason as Error)
    }
    if (signal.aborted) return reject(signal.reason as Error)
    waiting.add(enter)
    signal.addEventListener('abort', giveUp)
  })
}
