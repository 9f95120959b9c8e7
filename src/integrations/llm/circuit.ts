import type {Clock} from '../../kernel/clock.ts'

/** Spares a service that fails again and again, and everybody the wait for it. */
export interface Circuit {
  /** Whether a call may be made now. Who is let through says how it ended, exactly once. */
  admit(): boolean
  succeeded(): void
  failed(): void
  /** It ended without saying anything about the service. */
  abandoned(): void
}

const MOST_FAILURES = 5
const REST_MS = 60_000

/** After so many failures in a row nobody is let through for a minute; then one at a time, until one succeeds. */
export function createCircuit({clock}: {readonly clock: Clock}): Circuit {
  let inARow = 0
  let closedUntil = 0
  let probing = false
  return {
    admit() {
      if (inARow < MOST_FAILURES) return true
      if (probing || clock() < closedUntil) return false
      return (probing = true)
    },
    succeeded() {
      inARow = 0
      probing = false
    },
    failed() {
      probing = false
      if (++inARow >= MOST_FAILURES) closedUntil = clock() + REST_MS
    },
    abandoned() {
      probing = false
    },
  }
}
