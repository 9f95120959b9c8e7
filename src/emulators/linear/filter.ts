/**
 * Whether an object is what a filter of Linear's asks for: comparators on its fields, other objects' and collections',
 * `and`, `or`, `null`.
 */
export function matches(subject: unknown, filter: unknown): boolean {
  if (!isRecord(filter)) return true
  return Object.entries(filter).every(([key, wanted]) => {
    if (wanted === undefined || wanted === null) return true
    if (key === 'and') return list(wanted).every(each => matches(subject, each))
    if (key === 'or') return list(wanted).some(each => matches(subject, each))
    if (key === 'null') return (subject === undefined || subject === null) === wanted
    if (!isRecord(subject)) return false
    const value = subject[key]
    if (Array.isArray(value)) return matchesCollection(value, wanted)
    return isRecord(value) || value === undefined || value === null
      ? matchesObject(value, wanted)
      : compares(value, wanted)
  })
}

function matchesCollection(members: readonly unknown[], wanted: unknown): boolean {
  if (!isRecord(wanted)) return true
  const {some, every} = wanted
  return (
    (!isRecord(some) || members.some(member => matches(member, some))) &&
    (!isRecord(every) || members.every(member => matches(member, every)))
  )
}

function matchesObject(value: unknown, wanted: unknown): boolean {
  if (isRecord(value)) return matches(value, wanted)
  return isRecord(wanted) && wanted['null'] === true
}

function compares(value: unknown, comparator: unknown): boolean {
  if (!isRecord(comparator)) return true
  return Object.entries(comparator).every(([operator, wanted]) => {
    switch (operator) {
      case 'eq':
        return value === wanted
      case 'neq':
        return value !== wanted
      case 'in':
        return list(wanted).includes(value)
      case 'nin':
        return !list(wanted).includes(value)
      default:
        return inOrder(Number(value), operator, Date.parse(String(wanted)))
    }
  })
}

function inOrder(value: number, operator: string, wanted: number): boolean {
  switch (operator) {
    case 'gt':
      return value > wanted
    case 'gte':
      return value >= wanted
    case 'lt':
      return value < wanted
    case 'lte':
      return value <= wanted
    default:
      return false
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : []
}
