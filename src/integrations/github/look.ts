import {setTimeout as sleep} from 'node:timers/promises'
import type {Clock} from '../../kernel/clock.ts'
import {AppError} from '../../kernel/errors.ts'
import type {Look} from './code-host.ts'

/**
 * What was seen. Anything else becomes an AppError: UPSTREAM_REFUSED for what asking again won't change (`missing` is
 * the sentence for what is not there), UPSTREAM_RATE_LIMITED and UPSTREAM_UNAVAILABLE for what may pass.
 */
export function valueOf<T>(look: Look<T>, missing: string, clock: Clock): T {
  switch (look.kind) {
    case 'seen':
      return look.value
    case 'missing':
      throw new AppError('UPSTREAM_REFUSED', missing)
    case 'refused':
      throw new AppError('UPSTREAM_REFUSED', look.reason)
    case 'slow-down':
      throw new AppError('UPSTREAM_RATE_LIMITED', 'GitHub asks us to slow down.', {
        retryAfterMs: Math.max(0, look.until - clock()),
      })
    case 'failed':
      throw new AppError('UPSTREAM_UNAVAILABLE', sentenceFor(look.reason), {details: {reason: look.reason}})
  }
}

const TRIES = 3
const AGAIN_MS = 1000

/** The same of a look that is repeated, a second later, while what keeps it from being seen may pass: three looks in all. */
export async function valueInTime<T>(
  read: () => Promise<Look<T>>,
  missing: string,
  clock: Clock,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    const look = await read()
    if ((look.kind !== 'failed' && look.kind !== 'slow-down') || tries === TRIES)
      return valueOf(look, missing, clock)
    await sleep(AGAIN_MS)
  }
}

/** A reason is a status, a fault in an answer, or the code of a connection that failed, which tells people nothing. */
function sentenceFor(reason: string): string {
  if (/^GitHub answered \d+$/.test(reason)) return `${reason}.`
  if (reason === 'conflict')
    return 'GitHub answered 409: the repository is empty, or somebody changed the same at that moment.'
  if (reason.startsWith('an unexpected answer')) return 'GitHub answered in a way that we don’t understand.'
  return reason === 'timeout' ? 'GitHub did not answer in time.' : 'GitHub did not answer.'
}

/** The same where nothing being there is an answer, too. */
export function valueIfAny<T>(look: Look<T>, clock: Clock): T | undefined {
  return look.kind === 'missing' ? undefined : valueOf(look, '', clock)
}
