export interface Changes<C> {
  emit(change: C): void
  /** Answers the way to stop listening. */
  readonly on: (listener: (change: C) => void) => () => void
  /**
   * Resolves with the first truthy answer of the probe, asked now, after each change and, for probes that also look
   * elsewhere, a few times a second. Rejects in time, naming `what` was awaited and with what `describe` says by then;
   * at once where the probe throws.
   */
  readonly eventually: <T>(
    probe: () => T | undefined | null | false,
    options?: {readonly timeoutMs?: number; readonly what?: string; readonly describe?: () => string},
  ) => Promise<T>
}

const LOOK_MS = 50

/** @param dump says how things stand, where an `eventually` that never came does not say it itself. */
export function createChanges<C>(dump: () => string = () => ''): Changes<C> {
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
    eventually(probe, {timeoutMs = 5000, what = 'the awaited state', describe = dump} = {}) {
      return new Promise((resolve, reject) => {
        const finish = (settle: () => void) => {
          clearTimeout(timer)
          clearInterval(tick)
          stop()
          settle()
        }
        const look = () => {
          try {
            const found = probe()
            if (found) finish(() => resolve(found))
          } catch (error) {
            finish(() => reject(error instanceof Error ? error : new Error(String(error))))
          }
        }
        const timer = setTimeout(
          () => finish(() => reject(new Error(`Waited ${timeoutMs} ms for ${what}.\n${describe()}`))),
          timeoutMs,
        )
        const tick = setInterval(look, LOOK_MS)
        const stop = on(look)
        look()
      })
    },
  }
}
