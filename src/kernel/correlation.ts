import {AsyncLocalStorage} from 'node:async_hooks'

const storage = new AsyncLocalStorage<string>()

/**
 * The thread of one request through everything that happens because of it. Whatever runs inside `run` — also
 * after awaits and in callbacks it started — sees the same id, and every log line carries it.
 */
export const correlation = {
  run<T>(id: string, fn: () => T): T {
    return storage.run(id, fn)
  },
  id(): string | undefined {
    return storage.getStore()
  },
}

/** The form people see: the first 8 characters and an ellipsis; the full id sits behind a Copy button. */
export function shortId(id: string): string {
  return `${id.slice(0, 8)}…`
}
