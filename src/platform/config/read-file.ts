import {LineCounter, parseDocument, isMap, isNode, isPair, isScalar, type Document} from 'yaml'
import type {z} from 'zod'
import {didYouMean, type Fault} from './faults.ts'
import {fileJsonSchema, fileSchema, type SignalboxFile} from './signalbox-file.ts'

export type ReadFile =
  | {readonly ok: true; readonly file: SignalboxFile; readonly locate: Locate}
  | {readonly ok: false; readonly faults: readonly Fault[]}

/** Names a place in the file as people look for it: `signalbox.yaml:12 targets.client.environment`. */
export type Locate = (path: readonly PropertyKey[]) => string

/** Reads the text of signalbox.yaml. All faults are found at once, each with its line and path. */
export function readSignalboxFile(text: string, name: string): ReadFile {
  const lines = new LineCounter()
  const document = parseDocument(text, {lineCounter: lines, prettyErrors: false})
  const broken = [...document.errors, ...document.warnings].map(({code, pos}) => {
    const at = `${name}:${lines.linePos(pos[0]).line}`
    return {path: at, message: `${at} is not valid YAML: ${code.toLowerCase().replaceAll('_', ' ')}.`}
  })
  // The parser often stumbles twice over the same stone.
  const faults = broken.filter(({message}, i) => broken.findIndex(other => other.message === message) === i)
  if (faults.length > 0) return {ok: false, faults}
  const locate: Locate = path =>
    `${name}:${positionOf(document, path, lines).line} ${pathText(path)}`.trimEnd()
  const content = toPlain(document)
  if (content === undefined) {
    return {ok: false, faults: [{path: name, message: `${name} refers to itself too often to be read.`}]}
  }
  const parsed = fileSchema.safeParse(withoutEmptySections(content), {error: describeIssue})
  if (parsed.success) return {ok: true, file: parsed.data, locate}
  return {ok: false, faults: parsed.error.issues.flatMap(issue => issueFaults(issue, locate))}
}

/** Where a setting is, without the line: `principals[1].discord`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i > 0 ? '.' : ''}${String(part)}`))
    .join('')
}

/** The content as plain values, or undefined for a document that unfolds into something enormous. */
export function toPlain(document: Document): unknown {
  try {
    return document.toJS({maxAliasCount: 100})
  } catch {
    return undefined
  }
}

/** A section with nothing under its name, as it remains when all its lines are commented out, is one left out. */
function withoutEmptySections(content: unknown): unknown {
  if (content === null || content === undefined) return {}
  if (typeof content !== 'object' || Array.isArray(content)) return content
  return Object.fromEntries(Object.entries(content).filter(([, section]) => section !== null))
}

/** Where the setting is, its name when it is the name that is wrong, or the nearest thing around it. Both from 1. */
export function positionOf(
  document: Document,
  path: readonly PropertyKey[],
  lines: LineCounter,
): {readonly line: number; readonly col: number} {
  for (let length = path.length; length > 0; length--) {
    const parent: unknown = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true)
    const last = path[length - 1]
    const pair = isMap(parent)
      ? parent.items.find(({key}) => (isScalar(key) ? String(key.value) : undefined) === String(last))
      : undefined
    const node: unknown = pair && isPair(pair) ? pair.key : document.getIn(path.slice(0, length), true)
    if (isNode(node) && node.range) return lines.linePos(node.range[0])
  }
  return {line: 1, col: 1}
}

function issueFaults(issue: z.core.$ZodIssue, locate: Locate): Fault[] {
  if (issue.code !== 'unrecognized_keys') {
    return [{path: pathText(issue.path), message: `${locate(issue.path) || 'The file'} ${issue.message}.`}]
  }
  return issue.keys.map(key => {
    const path = [...issue.path, key]
    return {
      path: pathText(path),
      message: `${locate(path)} is not a known setting.${didYouMean(key, knownKeys(issue.path))}`,
    }
  })
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly additionalProperties?: SchemaNode
  readonly items?: SchemaNode
}

/** The settings that exist at a path, found by walking the published schema. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let node: SchemaNode | undefined = fileJsonSchema()
  for (const part of path) {
    node =
      typeof part === 'number'
        ? node?.items
        : (node?.properties?.[String(part)] ?? node?.additionalProperties)
  }
  return Object.keys(node?.properties ?? {})
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of settings',
  record: 'a group of settings',
}

/** Zod's findings in our words, for what has no words of its own; each continues "<where it is> …". */
export function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is missing' : `must be ${KINDS[issue.expected] ?? issue.expected}`
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`
    case 'invalid_key':
      return issue.issues[0]?.message ?? 'has a name that is not allowed'
    case 'too_small':
      return issue.origin === 'string' ? 'must not be empty' : `must be at least ${issue.minimum}`
    case 'too_big':
      return `must be at most ${issue.maximum}`
    default:
      return undefined
  }
}
