import {createHash} from 'node:crypto'
import type {LocksPort, LockSummary} from '../sdk/index.ts'
import type {Locks} from './service.ts'
import type {LockView} from './store.ts'
import type {TakeOvers} from './take-over.ts'

/** What commands and agents may ask about locks. */
export function createLocksPort({
  locks,
  takeOvers,
}: {
  readonly locks: Pick<Locks, 'list'>
  readonly takeOvers: Pick<TakeOvers, 'asked' | 'takeOver' | 'answer' | 'follow'>
}): LocksPort {
  return {
    held: async () => (await locks.list()).map(summaryOf),

    async takeOver({lock, reason, ...request}) {
      const wanted = (await locks.list()).find(view => view.resource === lock || holdId(view) === lock)
      if (!wanted) return {kind: 'not-held'}
      return takeOvers.takeOver({...request, reason, hold: {...wanted, holder: holderOf(wanted)}})
    },

    asked: id => takeOvers.asked(id),
    answer: request => takeOvers.answer(request),
    follow: id => takeOvers.follow(id),
  }
}

function summaryOf(view: LockView): LockSummary {
  const {resource, owner, kind, reason, acquiredAt, waiters} = view
  return {
    id: holdId(view),
    resource,
    owner,
    kind,
    reason: reason ?? undefined,
    since: acquiredAt,
    line: waiters.map(waiter => ({owner: waiter.owner, since: waiter.since})),
  }
}

/** Short enough for a button: a digest of the resource, and the fence of this very hold. */
function holdId({resource, fence}: Pick<LockView, 'resource' | 'fence'>): string {
  return `${createHash('sha256').update(resource).digest('base64url').slice(0, 22)}-${fence}`
}

/** The person behind a lock, where whoever took it said so in its metadata. */
function holderOf({metadata}: LockView): string | undefined {
  const {holder} = metadata
  if (typeof holder !== 'object' || holder === null || Array.isArray(holder)) return undefined
  const {kind, id} = holder as {readonly kind?: unknown; readonly id?: unknown}
  return kind === 'discord' && typeof id === 'string' && /^\d{1,20}$/.test(id) ? id : undefined
}
