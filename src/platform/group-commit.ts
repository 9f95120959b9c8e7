const MAX_BATCH = 500

/**
 * Turns many small writes that happen at once into few statements, without a timer: whatever arrives while a
 * flush is under way goes together in the next one. Each caller still waits for its own commit, so durability is
 * unchanged; alone, a write is flushed at once.
 *
 * `flush` answers one result per item, in order. If it fails for a batch of several, each is tried alone, so one
 * bad item can't sink its neighbours.
 */
export function groupCommit<T, R>(
  flush: (items: readonly T[]) => Promise<readonly R[]>,
  {lanes = 2}: {readonly lanes?: number} = {},
): (item: T) => Promise<R> {
  interface Pending {
    readonly item: T
    readonly resolve: (result: R) => void
    readonly reject: (error: unknown) => void
  }
  const waiting: Pending[] = []
  let flying = 0

  function start(): void {
    while (flying < lanes && waiting.length > 0) {
      const batch = waiting.splice(0, MAX_BATCH)
      flying++
      void commit(batch).finally(() => {
        flying--
        start()
      })
    }
  }

  async function commit(batch: readonly Pending[]): Promise<void> {
    try {
      const results = await flush(batch.map(pending => pending.item))
      batch.forEach((pending, index) => pending.resolve(results[index] as R))
    } catch (error) {
      if (batch.length === 1) batch[0]?.reject(error)
      else for (const pending of batch) await commit([pending])
    }
  }

  return item =>
    new Promise<R>((resolve, reject) => {
      waiting.push({item, resolve, reject})
      // A turn later, so that writes of the same event-loop turn share a statement.
      if (flying < lanes && waiting.length === 1) queueMicrotask(start)
    })
}
