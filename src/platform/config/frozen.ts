type Optional<T> = {[K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>}
type Required<T> = {[K in keyof T as undefined extends T[K] ? never : K]: T[K]}

/** The same object without the fields that are undefined: absent and undefined are one thing to our readers. */
export function present<T extends object>(value: T): Required<T> & Optional<T> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Required<T> &
    Optional<T>
}

/** A set that throws when changed; Object.freeze leaves a set's content open. */
export function frozenSet<T>(items: Iterable<T>): ReadonlySet<T> {
  return locked(new Set(items))
}

/** A map that throws when changed. */
export function frozenMap<K, V>(entries: Iterable<readonly [K, V]>): ReadonlyMap<K, V> {
  return locked(new Map(entries))
}

/** Freezes everything reachable; sets and maps must come from `frozenSet` and `frozenMap`. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  const inner = value instanceof Map ? (value as Map<unknown, unknown>).values() : Object.values(value)
  for (const field of inner) deepFreeze(field)
  return value
}

function locked<T extends object>(collection: T): T {
  const refuse = (): never => {
    throw new TypeError('The configuration can not be changed.')
  }
  for (const change of ['set', 'add', 'delete', 'clear']) {
    if (change in collection) Object.defineProperty(collection, change, {value: refuse})
  }
  return collection
}
