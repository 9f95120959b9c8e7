import {toError} from '../kernel/errors.ts'
import type {Audit, AuditEvent, AuditOutcome} from './audit.ts'

/**
 * An effect at a vendor whose every end is a value: also that it did not begin, because its intent could not be written,
 * which `notBegun` says in the vendor's own terms.
 */
export async function recorded<T>(
  audit: Pick<Audit, 'around'>,
  event: AuditEvent,
  how: {
    readonly effect: () => Promise<T>
    readonly outcome: (result: T) => AuditOutcome
    readonly notBegun: (reason: string) => T
  },
): Promise<T> {
  let begun = false
  const effect = () => {
    begun = true
    return how.effect()
  }
  try {
    return await audit.around(event, effect, how.outcome)
  } catch (error) {
    if (begun) throw error
    return how.notBegun(toError(error).message)
  }
}
