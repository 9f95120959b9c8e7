/** What a holder means to do. `exclusive`, the default, suits whatever is neither of the others. */
export const LOCK_KINDS = ['exclusive', 'deploy', 'migration', 'backfill'] as const
export type LockKind = (typeof LOCK_KINDS)[number]

/** The kinds that may hold one resource together; every other pair excludes each other, each kind itself first. */
const AGREEING: readonly (readonly [LockKind, LockKind])[] = [['deploy', 'backfill']]

/** Whether two kinds may hold one resource at the same time. The same table as `lock_kinds_agree` in the database. */
export function agree(a: LockKind, b: LockKind): boolean {
  return AGREEING.some(([one, other]) => (a === one && b === other) || (a === other && b === one))
}

const RESOURCE_TYPES = ['file', 'config', 'deployment', 'repo', 'infrastructure', 'database'] as const
export type ResourceType = (typeof RESOURCE_TYPES)[number] | 'unknown'

/** Every value of the metrics' label `resource_type`. */
export const RESOURCE_TYPE_LABELS: readonly ResourceType[] = [...RESOURCE_TYPES, 'unknown']

/** What a resource id such as `deployment:production:web` is about: a closed set, since it becomes a label. */
export function resourceType(resource: string): ResourceType {
  const prefix = resource.slice(0, Math.max(0, resource.indexOf(':')))
  return RESOURCE_TYPES.find(type => type === prefix) ?? 'unknown'
}

export interface HolderFact {
  readonly token: string
  readonly resource: string
  readonly kind: LockKind
}

export interface WaiterFact extends HolderFact {
  readonly owner: string
  readonly priority: number
  /** Milliseconds since the epoch. */
  readonly since: number
  /** The locks that will not be released before this one is had. */
  readonly holding: readonly string[]
}

/** One circle of waiters, each waiting for the next, and the one of them that is to be told. */
export interface Deadlock {
  readonly victim: WaiterFact
  readonly circle: readonly WaiterFact[]
}

/**
 * The circles in who waits for whom. A waiter waits for every holder of its resource whose kind excludes its own,
 * and for every such waiter ahead of it; a holder can't let go while a waiter whose `holding` names it waits. Once
 * each victim, the youngest of its circle, has left the line, no circle is left.
 */
export function findDeadlocks(
  holders: readonly HolderFact[],
  waiters: readonly WaiterFact[],
): readonly Deadlock[] {
  const found: Deadlock[] = []
  let left = waiters
  for (;;) {
    const circle = findCircle(holders, left)
    if (!circle) return found
    const victim = circle.reduce((youngest, other) => (isAhead(youngest, other) ? other : youngest))
    found.push({victim, circle})
    left = left.filter(waiter => waiter !== victim)
  }
}

function findCircle(
  holders: readonly HolderFact[],
  waiters: readonly WaiterFact[],
): readonly WaiterFact[] | undefined {
  const innocent = new Set<WaiterFact>()
  const path: WaiterFact[] = []

  function visit(waiter: WaiterFact): readonly WaiterFact[] | undefined {
    const seenAt = path.indexOf(waiter)
    if (seenAt >= 0) return path.slice(seenAt)
    if (innocent.has(waiter)) return undefined
    path.push(waiter)
    for (const next of waitedFor(waiter, holders, waiters)) {
      const circle = visit(next)
      if (circle) return circle
    }
    path.pop()
    innocent.add(waiter)
    return undefined
  }

  for (const waiter of waiters) {
    const circle = visit(waiter)
    if (circle) return circle
  }
  return undefined
}

/** The waiters that must be served before this one can be. */
function waitedFor(
  waiter: WaiterFact,
  holders: readonly HolderFact[],
  waiters: readonly WaiterFact[],
): readonly WaiterFact[] {
  const inTheWay = new Set(
    holders
      .filter(holder => holder.resource === waiter.resource && !agree(holder.kind, waiter.kind))
      .map(holder => holder.token),
  )
  return waiters.filter(
    other =>
      other.holding.some(token => inTheWay.has(token)) ||
      (other.resource === waiter.resource &&
        other !== waiter &&
        !agree(other.kind, waiter.kind) &&
        comesFirst(other, waiter)),
  )
}

/** The order of a line: priority, then age; the token settles ties, as in the database. */
function comesFirst(a: WaiterFact, b: WaiterFact): boolean {
  return a.priority === b.priority ? isAhead(a, b) : a.priority > b.priority
}

function isAhead(a: WaiterFact, b: WaiterFact): boolean {
  return a.since === b.since ? a.token < b.token : a.since < b.since
}
