/**
 * A map whose every version stays what it was. Writing answers a new version; the one before can still be read.
 *
 * All versions share one table. The newest owns it; an older one knows what differs, and swaps places when it is read.
 * So going on from the newest costs what a plain map costs, and going back costs as much as was changed since.
 */
export interface Versioned<V> {
  readonly size: number
  get(key: string): V | undefined
  has(key: string): boolean
  /** In the order in which keys were written first. No other version may be read or written meanwhile. */
  [Symbol.iterator](): Iterator<readonly [string, V]>
  /** A copy: versions may come and go meanwhile. */
  keys(): readonly string[]
  set(key: string, value: V): Versioned<V>
  delete(key: string): Versioned<V>
}

interface Entry<V> {
  readonly value: V
  /** When its key was written first. */
  readonly order: number
}

interface Table<V> {
  readonly entries: Map<string, Entry<V>>
  written: number
  /** A deletion was taken back: the entry is the last now, where it was not. */
  disordered: boolean
}

interface Version<V> {
  /** Of the newest version only. */
  table: Table<V> | undefined
  /** Of an older one: the version it differs from, in what `key` holds. */
  next: Version<V> | undefined
  key: string
  entry: Entry<V> | undefined
}

type This = Version<unknown>

const methods = {
  // A getter can't declare its `this`.
  get size(): number {
    return tableOf(this as unknown as This).entries.size
  },
  get(this: This, key: string) {
    return tableOf(this).entries.get(key)?.value
  },
  has(this: This, key: string) {
    return tableOf(this).entries.has(key)
  },
  *[Symbol.iterator](this: This) {
    for (const [key, {value}] of inOrder(tableOf(this))) yield [key, value]
  },
  keys(this: This) {
    return [...inOrder(tableOf(this)).keys()]
  },
  set(this: This, key: string, value: unknown) {
    const table = tableOf(this)
    const order = table.entries.get(key)?.order ?? (table.written += 1)
    return write(this, table, key, {value, order})
  },
  delete(this: This, key: string) {
    const table = tableOf(this)
    return table.entries.has(key) ? write(this, table, key, undefined) : this
  },
}

export function emptyVersioned<V>(): Versioned<V> {
  // TypeScript does not see what `__proto__` lends.
  return newest({entries: new Map(), written: 0, disordered: false}) as unknown as Versioned<V>
}

function newest<V>(table: Table<V>): Version<V> {
  const version = {__proto__: methods, table, next: undefined, key: '', entry: undefined}
  return version
}

function write<V>(
  version: Version<V>,
  table: Table<V>,
  key: string,
  entry: Entry<V> | undefined,
): Version<V> {
  const after = newest(table)
  hand(version, after, key, put(table, key, entry))
  return after
}

/** The older version is told what it holds that the newer does not. */
function hand<V>(older: Version<V>, newer: Version<V>, key: string, entry: Entry<V> | undefined): void {
  older.table = undefined
  older.next = newer
  older.key = key
  older.entry = entry
}

/** The shared table, as this version has it. */
function tableOf<V>(version: Version<V>): Table<V> {
  if (version.table) return version.table
  const newer: Version<V>[] = []
  let owner = version
  while (owner.table === undefined) {
    newer.push(owner)
    owner = owner.next as Version<V>
  }
  const {table} = owner
  for (const older of newer.reverse()) {
    const {key, entry} = older
    if (entry && !table.entries.has(key)) table.disordered = true
    hand(owner, older, key, put(table, key, entry))
    older.next = undefined
    older.table = table
    owner = older
  }
  return table
}

/** Answers what was there before. */
function put<V>({entries}: Table<V>, key: string, entry: Entry<V> | undefined): Entry<V> | undefined {
  const before = entries.get(key)
  if (entry) entries.set(key, entry)
  else entries.delete(key)
  return before
}

function inOrder<V>(table: Table<V>): Map<string, Entry<V>> {
  if (table.disordered) {
    const sorted = [...table.entries].sort(([, one], [, other]) => one.order - other.order)
    table.entries.clear()
    for (const [key, entry] of sorted) table.entries.set(key, entry)
    table.disordered = false
  }
  return table.entries
}
