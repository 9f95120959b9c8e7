import {isAlias, isCollection, isMap, isScalar, parseDocument, stringify, type Pair, type YAMLMap} from 'yaml'

/** A text with something put into it: the new lines, and the number of the first of them, from 1. */
export interface Edited {
  readonly text: string
  readonly line: number
  readonly added: readonly string[]
}

/**
 * Puts a value into a YAML text at a path of keys, and leaves all other lines as they are, comments, quotes and line
 * ends too: the document only says where. What stood at the path is replaced; a text, list or flow map on the way
 * becomes a block with the same keys. `after` names the key of the root that a new one comes after. Undefined where the
 * text is no block of keys.
 */
export function putIn(
  text: string,
  path: readonly [string, ...string[]],
  value: unknown,
  {after}: {readonly after?: string} = {},
): Edited | undefined {
  const document = parseDocument(text, {version: '1.2'})
  const root: unknown = document.contents
  if (document.errors.length > 0 || !isBlock(root)) return undefined
  const step = indentOf(text, root)
  let map = root
  for (const [depth, key] of path.entries()) {
    const rest = path.slice(depth + 1)
    const pair = pairOf(map, key)
    if (!pair) {
      const neighbour = depth > 0 ? map.items.at(-1) : after === undefined ? undefined : pairOf(map, after)
      const line = neighbour ? lineAfter(text, neighbour) : lineOf(text, startOf(map))
      return replaced(text, line, line, rendered({[key]: nested(rest, value)}, columnOf(text, map), step))
    }
    if (isBlock(pair.value) && rest.length > 0) {
      map = pair.value
      continue
    }
    if (isAlias(pair.value)) return undefined
    const kept = rest.length === 0 ? value : withNested(asKeys(valueOf(pair)), rest, value)
    const [head = '', ...body] = rendered({[key]: kept}, columnOf(text, map), step)
    const comment = isCollection(pair.value) || isScalar(pair.value) ? pair.value.comment : undefined
    const lines = [
      typeof comment === 'string' ? `${head} #${comment.split(/\r?\n/, 1)[0]?.trimEnd() ?? ''}` : head,
      ...body,
    ]
    return replaced(text, lineOf(text, startOfKey(pair)), lineAfter(text, pair), lines)
  }
  return undefined
}

function isBlock(node: unknown): node is YAMLMap<unknown, unknown> {
  return isMap(node) && node.flow !== true && node.items.length > 0
}

function pairOf(map: YAMLMap<unknown, unknown>, name: string): Pair | undefined {
  return map.items.find(({key}) => isScalar(key) && key.value === name)
}

/** What a value stands for as keys: `push`, `[push]` and `{push: }` are the same. */
export function asKeys(value: unknown): Record<string, unknown> {
  if (value === null || value === undefined || value === '') return {}
  if (Array.isArray(value)) return Object.fromEntries(value.map(key => [String(key), null]))
  return typeof value === 'object' ? {...value} : typeof value === 'string' ? {[value]: null} : {}
}

function valueOf({value}: Pair): unknown {
  return isCollection(value) ? (value.toJSON() as unknown) : isScalar(value) ? value.value : null
}

function nested(path: readonly string[], value: unknown): unknown {
  return path.reduceRight((inner, key) => ({[key]: inner}), value)
}

function withNested(
  keys: Record<string, unknown>,
  [key = '', ...rest]: readonly string[],
  value: unknown,
): Record<string, unknown> {
  const inner = keys[key]
  const known = inner !== null && typeof inner === 'object' && !Array.isArray(inner) ? {...inner} : {}
  return {...keys, [key]: rest.length === 0 ? value : withNested(known, rest, value)}
}

function rendered(value: unknown, column: number, step: number): readonly string[] {
  const text = stringify(value, {indent: step, lineWidth: 0, nullStr: ''})
  return text
    .trimEnd()
    .split('\n')
    .map(line => `${' '.repeat(column)}${line}`.trimEnd())
}

/** Lines count from 0 here; `to` is the first one that stays. */
function replaced(text: string, from: number, to: number, added: readonly string[]): Edited {
  const end = text.includes('\r\n') ? '\r' : ''
  const lines = text.split('\n')
  // The last line of a text without a line end gets one, now that something follows it.
  const before = lines.slice(0, from).map((line, index) => (index === lines.length - 1 ? line + end : line))
  const after = lines.slice(to)
  // The line of a key that only gets a value below it is not new.
  const same = added.findIndex(
    (line, index) => from + index >= to || lines[from + index]?.replace(/\r$/, '') !== line,
  )
  return {
    text: [...before, ...added.map(line => line + end), ...(after.length === 0 ? [''] : after)].join('\n'),
    line: from + 1 + same,
    added: added.slice(same),
  }
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length - 1
}

/** The line after the last of its value; comments of their own below it are not part of it. */
function lineAfter(text: string, pair: Pair): number {
  const end = endOf(pair)
  return lineOf(text, end) + (text[end - 1] === '\n' ? 0 : 1)
}

function endOf(pair: Pair): number {
  const {value} = pair
  const keyEnd = rangeOf(pair.key)?.[1] ?? 0
  if (isCollection(value) && value.flow !== true) {
    const last: unknown = value.items.at(-1)
    if (last !== undefined) return isPairLike(last) ? endOf(last) : endOfItem(last)
  }
  const [start = keyEnd, end = keyEnd] = rangeOf(value) ?? []
  // An absent value has a place of no length, somewhere behind the key.
  return start === end ? keyEnd : end
}

function endOfItem(node: unknown): number {
  if (isCollection(node) && node.flow !== true) {
    const last: unknown = node.items.at(-1)
    if (last !== undefined) return isPairLike(last) ? endOf(last) : endOfItem(last)
  }
  return rangeOf(node)?.[1] ?? 0
}

function isPairLike(item: unknown): item is Pair {
  return item !== null && typeof item === 'object' && 'key' in item && 'value' in item
}

function startOf(map: YAMLMap<unknown, unknown>): number {
  const [first] = map.items
  return first ? startOfKey(first) : 0
}

function startOfKey(pair: Pair): number {
  return rangeOf(pair.key)?.[0] ?? 0
}

function columnOf(text: string, map: YAMLMap<unknown, unknown>): number {
  const start = startOf(map)
  return start - (text.lastIndexOf('\n', start - 1) + 1)
}

/** How far the file indents a block within a block. */
function indentOf(text: string, root: YAMLMap<unknown, unknown>): number {
  const inner = root.items.map(({value}) => value).find(isBlock)
  return inner ? Math.max(1, columnOf(text, inner)) : 2
}

function rangeOf(node: unknown): readonly [number, number, number] | undefined {
  return node !== null && typeof node === 'object' && 'range' in node
    ? ((node.range as [number, number, number] | null | undefined) ?? undefined)
    : undefined
}
