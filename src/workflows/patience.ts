import {setTimeout as sleep} from 'node:timers/promises'
import {isTransient} from '../platform/postgres.ts'

const AGAIN_MS = 200

/**
 * Asks Postgres again while it is away, until it is `over`: an outage is nobody's failure. What is asked must bear
 * repeating, for an answer may be lost. Rejects with what went wrong last once it is over.
 */
export async function patiently<T>(over: () => boolean, ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (over() || !isTransient(error)) throw error
      await sleep(AGAIN_MS)
    }
  }
}
