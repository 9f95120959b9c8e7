import {types} from 'node:util'
import {isSecretName, MASK, redactText} from './secret-text.ts'

export {redactText}

/** Takes the secrets out of texts and values before anyone else may read them. */
export interface Redactor {
  text(text: string): string
  value(value: unknown): unknown
}

/**
 * A redactor that, besides everything that looks like a secret, knows these: each occurrence of a given text of at
 * least 6 characters vanishes, also where it is escaped for a URL or a JSON text. Shorter ones are ignored, or
 * ordinary words would disappear.
 */
export function createRedactor(secrets: readonly string[]): Redactor {
  const known = literalPattern(secrets)
  const text = (input: string): string => redactText(known ? input.replace(known, MASK) : input)
  return {text, value: input => copy(input, text)}
}

/**
 * A deep copy that is safe to write down: fields named like a secret become `***`, texts pass `redactText`, errors
 * keep name, message, code, status, details, cause and stack and nothing else a library hung on them, bytes are
 * counted instead of shown. Total: cycles, depth, size, throwing getters and bigints all have an answer.
 */
export function redactValue(value: unknown): unknown {
  return copy(value, redactText)
}

function literalPattern(secrets: readonly string[]): RegExp | undefined {
  const forms = secrets
    .filter(secret => secret.length >= 6)
    .flatMap(secret => [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)])
  const longestFirst = [...new Set(forms)].sort((a, b) => b.length - a.length)
  if (longestFirst.length === 0) return undefined
  return new RegExp(longestFirst.map(form => form.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|'), 'g')
}

const MAX_DEPTH = 8
const MAX_ENTRIES = 200
const MAX_NODES = 5_000
const MAX_TEXT = 32_768
/** Longer texts are cut before they are searched; the piece at the cut, half a secret perhaps, is thrown away. */
const MAX_SEARCHED = 1_000_000
const CUT_MARGIN = 4_096

function copy(root: unknown, text: (text: string) => string): unknown {
  const ancestors = new Set<object>()
  let nodes = 0

  function visit(value: unknown, depth: number): unknown {
    switch (typeof value) {
      case 'string':
        return boundedText(value, text)
      case 'bigint':
        return String(value)
      case 'symbol':
        return text(String(value))
      case 'function':
        return '[function]'
      case 'object':
        return value === null ? null : visitObject(value, depth)
      default:
        return value
    }
  }

  function visitObject(value: object, depth: number): unknown {
    if (ancestors.has(value)) return '[circular]'
    if (depth >= MAX_DEPTH || ++nodes > MAX_NODES) return '[…]'
    ancestors.add(value)
    try {
      return describe(value, depth + 1)
    } catch {
      // A getter or a proxy threw. Whatever it threw is not ours to show.
      return '[unreadable]'
    } finally {
      ancestors.delete(value)
    }
  }

  function describe(value: object, depth: number): unknown {
    if (value instanceof Error || types.isNativeError(value)) return fields(errorFields(value), depth)
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
    if (value instanceof URL || value instanceof RegExp) return boundedText(String(value), text)
    if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return `[${value.byteLength} bytes]`
    if (Array.isArray(value)) return list(value, depth)
    if (value instanceof Set) return list([...(value as Set<unknown>)], depth)
    if (value instanceof Map) {
      const entries = [...(value as Map<unknown, unknown>)]
      return fields(
        entries.map(([key, held], i) => [typeof key === 'string' ? key : `entry ${i}`, held]),
        depth,
      )
    }
    return fields(Object.entries(value), depth)
  }

  function list(items: readonly unknown[], depth: number): unknown[] {
    const shown = items.slice(0, MAX_ENTRIES).map(item => visit(item, depth))
    return items.length > MAX_ENTRIES ? [...shown, `[${items.length - MAX_ENTRIES} more]`] : shown
  }

  function fields(entries: readonly (readonly [string, unknown])[], depth: number): Record<string, unknown> {
    const shown = entries.slice(0, MAX_ENTRIES).map(([key, value]): [string, unknown] => {
      // {name: 'password', value: 'x'} says the same as {password: 'x'}.
      const secret =
        holdsSecret(key, value) || (key === 'value' && entries.some(isSecretLabel) && isFilled(value))
      return [boundedText(key, text), secret ? MASK : visit(value, depth)]
    })
    if (entries.length > MAX_ENTRIES) shown.push(['…', `${entries.length - MAX_ENTRIES} more`])
    return Object.fromEntries(shown)
  }

  return visit(root, 0)
}

function isSecretLabel([key, value]: readonly [string, unknown]): boolean {
  return (key === 'name' || key === 'key') && typeof value === 'string' && isSecretName(value)
}

function holdsSecret(key: string, value: unknown): boolean {
  const holds = typeof value === 'string' ? 'text' : typeof value === 'object' ? 'object' : 'number'
  return isFilled(value) && isSecretName(key, holds)
}

function isFilled(value: unknown): boolean {
  return value !== null && value !== undefined && value !== '' && typeof value !== 'boolean'
}

function errorFields(error: Error): [string, unknown][] {
  const {name, message, code, status, details, errors, cause, stack} = error as Error &
    Record<string, unknown>
  const inner = error instanceof AggregateError ? errors : undefined
  const kept = {name, message, code, status, details, errors: inner, cause, stack}
  return Object.entries(kept).filter(([, value]) => value !== undefined)
}

function boundedText(input: string, text: (text: string) => string): string {
  const cut = input.length > MAX_SEARCHED
  const clean = text(cut ? input.slice(0, MAX_SEARCHED) : input)
  const kept = Math.max(0, Math.min(MAX_TEXT, cut ? clean.length - CUT_MARGIN : clean.length))
  return kept < clean.length ? `${clean.slice(0, kept)}… (${input.length} characters)` : clean
}
