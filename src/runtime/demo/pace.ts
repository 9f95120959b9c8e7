import {setTimeout as sleep} from 'node:timers/promises'

/** The speed of the tour. Pauses are for people to read; nothing ever depends on one. */
export interface Pace {
  /** Waits so many milliseconds, or until the person wants to go on. */
  pause(ms: number): Promise<void>
  /** Aborted when the person wants no more of the tour. */
  readonly skipped: AbortSignal
}

/** For machines: nobody reads along. */
export const withoutPauses: Pace = {pause: async () => {}, skipped: new AbortController().signal}

/** For people: `next` ends the pause there is, `skip` ends the tour. */
export function createPace(): Pace & {next(): void; skip(): void} {
  let hurry = new AbortController()
  const skipping = new AbortController()
  return {
    async pause(ms) {
      const signal = AbortSignal.any([hurry.signal, skipping.signal])
      await sleep(ms, undefined, {signal}).catch(() => undefined)
    },
    skipped: skipping.signal,
    next() {
      hurry.abort()
      hurry = new AbortController()
    },
    skip: () => skipping.abort(),
  }
}
