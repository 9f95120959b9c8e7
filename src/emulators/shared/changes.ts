export interface Changes<C> {
  emit(change: C): void
  readonly on: (listener: (change: C) => void) => () => void
  /** Resolves with the first truthy answer of the probe, asked now and after each change; rejects in time. */
  readonly eventually: <T>(
    probe: () => T | undefined | null | false,
    options?: {readonly timeoutMs?: number; readonly what?: string},
  ) => Promise<T>
}

/** @param dump says how things stand, for the error of an `eventually` that never came. */
export function createChanges<C>(dump: () => string): Changes<C> {
  const listeners = new Set<(change: C) => void>()
  const on = (listener: (change: C) => void) => {
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }
  return {
    on,
    emit(change) {
      for (const listener of [...listeners]) listener(change)
    },
    eventually(probe, {timeoutMs = 5000, what = 'the awaited state'} = {}) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          stop()
          reject(new Error(`Waited ${timeoutMs} ms for ${what}.\n${dump()}`))
        }, timeoutMs)
        const look = () => {
          try {
            const found = probe()
            if (found === undefined || found === null || found === false) return
            resolve(found)
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)))
          }
          clearTimeout(timer)
          stop()
        }
        const stop = on(look)
        look()
      })
    },
  }
}
