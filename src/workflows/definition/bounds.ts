import {Optional} from '@marcbachmann/cel-js'
import type {Json} from '../../kernel/json.ts'

/**
 * What bounds the time and memory of an expression: its own size when it is compiled, and the items that it visits and
 * the size of what it builds when it is evaluated. The bounds are counts, never times: the same view always gives the
 * same answer.
 */
export const EXPRESSION_LIMITS = {
  chars: 2_000,
  nodes: 200,
  depth: 40,
  comprehensions: 4,
  /** Comprehensions inside comprehensions. */
  nesting: 2,
  /** Of one list that a comprehension goes over. */
  items: 1_000,
  /** Items visited in one evaluation, all comprehensions together. */
  visits: 10_000,
  /** Values inside a list that an expression built and goes over, and inside its result. */
  values: 100_000,
  /** Characters of a text that an expression answers. */
  resultChars: 262_144,
} as const

/** The expression is wrong whatever it is evaluated against. `message` continues a sentence: "… is not closed". */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError'
  readonly suggestion: string | undefined

  constructor(message: string, suggestion?: string) {
    super(message)
    this.suggestion = suggestion === '' ? undefined : suggestion
  }
}

/** Counts what one evaluation goes over. Evaluating is synchronous, and no expression evaluates another: one will do. */
export interface Meter {
  /** Before each evaluation. */
  reset(): void
  /** Counts a list that is about to be gone over. */
  readonly visited: (list: unknown) => unknown
  /** For a list that the expression made: a few that double their items would otherwise fill the memory. */
  readonly built: (list: unknown) => unknown
}

export function createMeter(): Meter {
  let visits = 0
  const visited = (list: unknown): unknown => {
    const size = Array.isArray(list) ? list.length : isObject(list) ? Object.keys(list).length : 0
    if (size > EXPRESSION_LIMITS.items)
      throw new ExpressionError(`the list has ${size} items, over ${EXPRESSION_LIMITS.items}`)
    visits += size
    if (visits > EXPRESSION_LIMITS.visits)
      throw new ExpressionError(`it goes over more than ${EXPRESSION_LIMITS.visits} items`)
    return list
  }
  return {
    reset() {
      visits = 0
    },
    visited,
    built(list) {
      weigh(list, {left: EXPRESSION_LIMITS.values})
      return visited(list)
    },
  }
}

/** A result as JSON: whole numbers as numbers, times as ISO text, an absent optional as null. */
export function toJson(value: unknown, budget = {left: EXPRESSION_LIMITS.values as number}): Json {
  if (--budget.left < 0) throw new ExpressionError('its result is too large')
  if (typeof value === 'boolean') return value
  if (typeof value === 'string') {
    if (value.length <= EXPRESSION_LIMITS.resultChars) return value
    throw new ExpressionError(`its result is longer than ${EXPRESSION_LIMITS.resultChars} characters`)
  }
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value
    throw new ExpressionError(`its result is ${value}, which is no number`)
  }
  if (typeof value === 'bigint') {
    if (Number.isSafeInteger(Number(value))) return Number(value)
    throw new ExpressionError('its result is too large a number')
  }
  if (value === null || value === undefined) return null
  if (value instanceof Optional) return value.hasValue() ? toJson(value.value(), budget) : null
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map(inner => toJson(inner, budget))
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, toJson(inner, budget)]))
  throw new ExpressionError('its result is no text, number, list or map', 'Use string() or int().')
}

function weigh(value: unknown, budget: {left: number}): void {
  budget.left -= typeof value === 'string' ? 1 + value.length / 64 : 1
  if (budget.left < 0) throw new ExpressionError('it builds too large a value')
  if (Array.isArray(value)) for (const inner of value) weigh(inner, budget)
  else if (isObject(value)) for (const key of Object.keys(value)) weigh(value[key], budget)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
