import {AppError} from '../../kernel/errors.ts'
import type {Json} from '../../kernel/json.ts'
import type {Condition, Template, View} from '../plan.ts'
import {EXPRESSION_LIMITS, ExpressionError} from './bounds.ts'
import {compileExpression, type Expression} from './expression.ts'

/** An expression where it stands: `path` leads to its text inside the value. */
export interface Placed {
  readonly path: readonly PropertyKey[]
  readonly expression: Expression | ExpressionError
}

/** Every expression of a value, however deep, compiled; those that can't be, as their errors. */
export function expressionsIn(value: Json | undefined): Placed[] {
  const found: Placed[] = []
  collect(value, [], found)
  return found
}

function collect(value: Json | undefined, path: readonly PropertyKey[], found: Placed[]): void {
  if (typeof value === 'string') {
    for (const part of partsOf(value)) if (typeof part !== 'string') found.push({path, expression: part})
  } else if (Array.isArray(value)) {
    value.forEach((inner: Json, index) => collect(inner, [...path, index], found))
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) collect(inner, [...path, key], found)
  }
}

/**
 * Compiles a value with `${{ expressions }}` in its texts. A text that is one expression keeps the type of what it
 * evaluates to; within a text, what it evaluates to becomes text: null nothing, lists and maps JSON. A value without
 * expressions is answered as it is. Throws the first ExpressionError.
 */
export function compileTemplate(value: Json): Template {
  return changing(value) ?? (() => value)
}

/** The template of a value that isn't always the same. */
function changing(value: Json): Template | undefined {
  if (typeof value === 'string') return value.includes('${{') ? compileText(value) : undefined
  if (typeof value !== 'object' || value === null) return undefined
  if (Array.isArray(value)) {
    const items = value.map((inner: Json) => ({inner, template: changing(inner)}))
    if (items.every(({template}) => template === undefined)) return undefined
    return view => items.map(({inner, template}) => (template ? template(view) : inner))
  }
  const fields = Object.entries(value).map(([key, inner = null]) => ({key, inner, template: changing(inner)}))
  if (fields.every(({template}) => template === undefined)) return undefined
  return view =>
    Object.fromEntries(fields.map(({key, inner, template}) => [key, template ? template(view) : inner]))
}

function compileText(text: string): Template {
  const parts = partsOf(text).map(part => {
    if (part instanceof ExpressionError) throw part
    return part
  })
  const [only] = parts
  if (parts.length === 1 && only !== undefined && typeof only !== 'string') return view => only.evaluate(view)
  return view => {
    const whole = parts.map(part => (typeof part === 'string' ? part : asText(part.evaluate(view)))).join('')
    if (whole.length > EXPRESSION_LIMITS.resultChars)
      throw new AppError(
        'INVALID_INPUT',
        `A text grew longer than ${EXPRESSION_LIMITS.resultChars} characters.`,
      )
    return whole
  }
}

function asText(value: Json): string {
  if (value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** Compiles what is asked before a step, or after a round. The braces around it may be left out. */
export function compileCondition(text: string): Condition {
  const expression = conditionOf(text)
  if (expression instanceof ExpressionError) throw expression
  const {source, asksOutcome} = expression
  return {
    source,
    asksOutcome,
    test(view: View, outcome) {
      const answer = expression.evaluate(view, outcome)
      if (typeof answer === 'boolean') return answer
      throw new AppError(
        'INVALID_INPUT',
        `\${{ ${source} }} must be true or false; it is ${asText(answer) || 'null'}.`,
      )
    },
  }
}

/** The expression of a condition, or what is wrong with it. */
export function conditionOf(text: string): Expression | ExpressionError {
  const parts = partsOf(text.trim())
  const [only] = parts
  if (parts.length === 1 && only !== undefined && typeof only !== 'string') return only
  if (parts.some(part => typeof part !== 'string'))
    return new ExpressionError('must be one expression', 'Put ${{ }} around all of it, or leave it out.')
  return compileExpression(text.trim())
}

/** A text's plain parts and expressions in turn. */
function partsOf(text: string): (string | Expression | ExpressionError)[] {
  const parts: (string | Expression | ExpressionError)[] = []
  let at = 0
  for (let open = text.indexOf('${{'); open >= 0; open = text.indexOf('${{', at)) {
    if (open > at) parts.push(text.slice(at, open))
    const close = endOf(text, open + 3)
    if (close === undefined) {
      parts.push(new ExpressionError('is not closed', 'Write }} at its end.'))
      return parts
    }
    parts.push(compileExpression(text.slice(open + 3, close).trim()))
    at = close + 2
  }
  if (at < text.length) parts.push(text.slice(at))
  return parts
}

/** Where the `}}` is that ends the expression: not one inside its own texts and maps. */
function endOf(text: string, from: number): number | undefined {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    const char = text[at]
    if (char === '"' || char === "'") {
      const quote = text.startsWith(char.repeat(3), at) ? char.repeat(3) : char
      at += quote.length
      while (at < text.length && !text.startsWith(quote, at)) at += text[at] === '\\' ? 2 : 1
      at += quote.length - 1
    } else if (char === '{') depth++
    else if (char === '}') {
      if (depth > 0) depth--
      else if (text[at + 1] === '}') return at
      else return undefined
    }
  }
  return undefined
}
