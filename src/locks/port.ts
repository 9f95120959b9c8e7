import type {LocksPort} from '../sdk/index.ts'
import type {Locks} from './service.ts'

/** What commands and agents may ask about locks. */
export function createLocksPort({locks}: {readonly locks: Pick<Locks, 'list'>}): LocksPort {
  return {
    async held() {
      return (await locks.list()).map(({resource, owner, kind, reason, acquiredAt, waiters}) => ({
        resource,
        owner,
        kind,
        reason: reason ?? undefined,
        since: acquiredAt,
        line: waiters.map(waiter => ({owner: waiter.owner, since: waiter.since})),
      }))
    },
  }
}
