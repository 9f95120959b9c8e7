import {createArmed} from '../shared/armed.ts'
import type {RouteName} from './route.ts'

/** A way for one REST route to go wrong. Applies to the next `times` requests of it (1 unless told). */
export interface RouteFault {
  readonly route: RouteName | 'any'
  /**
   * `rateLimited` 429, `retryAfterMs` (300). `serverError` answers `status` (502); nothing happened.
   * `latency` the request reaches Discord `ms` late. `slowAnswer` it takes effect at once, the answer takes `ms`.
   * `dropBefore` the connection breaks before anything happened; `dropAfter` after it took effect, so that the
   * answer is lost.
   */
  readonly kind: 'rateLimited' | 'serverError' | 'latency' | 'slowAnswer' | 'dropBefore' | 'dropAfter'
  readonly times?: number
  readonly ms?: number
  readonly retryAfterMs?: number
  readonly global?: boolean
  readonly status?: 500 | 502 | 503 | 504
}

/**
 * A way for the gateway to go wrong, at once, for all connected bots: `drop` breaks the connections without a
 * word, `close` ends them with `code`, `reconnect` is op 7, `invalidSession` op 9 (not resumable), `stopAcks`
 * leaves the heartbeats of the present connections unanswered, `duplicateNextInteraction` delivers the next
 * interaction twice (over HTTP too).
 */
export interface GatewayFault {
  readonly gateway:
    'drop' | 'close' | 'reconnect' | 'invalidSession' | 'stopAcks' | 'duplicateNextInteraction'
  readonly code?: number
}

export type Fault = RouteFault | GatewayFault

export function createFaults() {
  const {add, take} = createArmed<RouteFault>()
  return {
    /** Returns the way to take it back. */
    add,
    /** The fault this request has to suffer, used up by asking. */
    take: (route: RouteName) => take(fault => fault.route === route || fault.route === 'any'),
  }
}

export type Faults = ReturnType<typeof createFaults>
