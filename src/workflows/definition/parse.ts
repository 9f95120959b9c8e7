import {LineCounter, parseDocument, type Document} from 'yaml'
import type {z} from 'zod'
import {AppError} from '../../kernel/errors.ts'
import {didYouMean} from '../../platform/config/faults.ts'
import {describeIssue, pathText, positionOf, toPlain} from '../../platform/config/read-file.ts'
import {workflowJsonSchema, workflowSchema, type WorkflowDefinition} from '../../sdk/workflow.ts'
import {describeFault, type DefinitionFault} from './fault.ts'

/** A definition and where it stands, so that what is wrong with it can be shown in its place. */
export interface Source {
  readonly definition: WorkflowDefinition
  readonly fault: FaultAt
}

/** Makes a fault of what is wrong at a path. */
export type FaultAt = (path: readonly PropertyKey[], message: string, suggestion?: string) => DefinitionFault

export type Parsed =
  ({readonly ok: true} & Source) | {readonly ok: false; readonly faults: readonly DefinitionFault[]}

const MAX_CHARS = 1_000_000
const MAX_DEPTH = 64

/** Reads the YAML of a definition, or JSON, which is YAML too. All faults of its form are found at once. */
export function parseDefinition(text: string, file: string): Parsed {
  const nowhere = faultsOf(file, undefined)
  if (text.length > MAX_CHARS)
    return {ok: false, faults: [nowhere([], `is longer than ${MAX_CHARS} characters`)]}
  const lines = new LineCounter()
  let document: Document
  try {
    document = parseDocument(text, {lineCounter: lines, prettyErrors: false})
  } catch (error) {
    if (error instanceof RangeError)
      return {ok: false, faults: [nowhere([], 'is nested too deeply to be read')]}
    throw error
  }
  const broken = [...document.errors, ...document.warnings].map(({code, pos}): DefinitionFault => {
    const {line, col} = lines.linePos(pos[0])
    const message = `is not valid YAML: ${code.toLowerCase().replaceAll('_', ' ')}`
    return {file, line, column: col, path: '', step: undefined, field: '', message, suggestion: undefined}
  })
  if (broken.length > 0) return {ok: false, faults: broken}
  const content = toPlain(document)
  if (content === undefined)
    return {ok: false, faults: [nowhere([], 'refers to itself too often to be read')]}
  return validate(
    content,
    faultsOf(file, content, path => positionOf(document, path, lines)),
  )
}

/** A definition that no file holds: written in code, planned, or pinned by a run. `name` stands for the file. */
export function readDefinition(content: unknown, name: string): Parsed {
  return validate(content, faultsOf(name, content))
}

/** Faults of one file, whose content tells the steps' names; the suggestion may be empty. */
export function faultsOf(
  file: string,
  content: unknown,
  positionAt: (path: readonly PropertyKey[]) => {readonly line?: number; readonly col?: number} = () => ({}),
): FaultAt {
  return (path, message, suggestion = '') => {
    const {line, col} = positionAt(path)
    const advice = suggestion.trim() === '' ? undefined : suggestion.trim()
    return {
      file,
      line,
      column: col,
      path: pathText(path),
      ...stepAt(content, path),
      message,
      suggestion: advice,
    }
  }
}

function stepAt(content: unknown, path: readonly PropertyKey[]): Pick<DefinitionFault, 'step' | 'field'> {
  const names: string[] = []
  let scope = content as {readonly id?: unknown; readonly steps?: unknown} | undefined
  let depth = 0
  for (; path[depth] === 'steps' && typeof path[depth + 1] === 'number'; depth += 2) {
    const index = path[depth + 1] as number
    scope = Array.isArray(scope?.steps) ? (scope.steps[index] as typeof scope) : undefined
    names.push(typeof scope?.id === 'string' ? scope.id : `[${index}]`)
  }
  return {step: names.length === 0 ? undefined : names.join('/'), field: pathText(path.slice(depth))}
}

/** All that is wrong, as one error for whoever gave the definition. */
export function definitionError(faults: readonly DefinitionFault[]): AppError {
  const sentences = faults.slice(0, 20).map(describeFault)
  const more = faults.length > sentences.length ? [`And ${faults.length - sentences.length} more.`] : []
  return new AppError('INVALID_INPUT', [...sentences, ...more].join('\n'), {details: {faults}})
}

function validate(content: unknown, fault: FaultAt): Parsed {
  if (deeperThan(content, MAX_DEPTH))
    return {ok: false, faults: [fault([], `is nested more than ${MAX_DEPTH} deep`)]}
  const parsed = workflowSchema.safeParse(content, {error: describeIssue})
  if (parsed.success) return {ok: true, definition: parsed.data, fault}
  return {ok: false, faults: schemaFaults(parsed.error, fault)}
}

/** Zod's findings as faults, each unknown key one of its own. */
export function schemaFaults(error: z.ZodError, fault: FaultAt): DefinitionFault[] {
  return error.issues.flatMap(issue =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map(key =>
          fault([...issue.path, key], 'is not known here', didYouMean(key, knownKeys(issue.path))),
        )
      : [fault(issue.path, issue.message)],
  )
}

function deeperThan(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return depth === 0 || Object.values(value).some(inner => deeperThan(inner, depth - 1))
}

interface SchemaNode {
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, SchemaNode>>
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly additionalProperties?: SchemaNode
  readonly items?: SchemaNode
}

let schema: SchemaNode | undefined

/** The keys that exist at a path, found by walking the published schema. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  const root: SchemaNode = (schema ??= workflowJsonSchema())
  const follow = (node: SchemaNode | undefined): SchemaNode | undefined =>
    node?.$ref === undefined ? node : root.$defs?.[node.$ref.replace('#/$defs/', '')]
  let node: SchemaNode | undefined = root
  for (const part of path) {
    node = follow(
      typeof part === 'number'
        ? node?.items
        : (node?.properties?.[String(part)] ?? node?.additionalProperties),
    )
  }
  return Object.keys(node?.properties ?? {})
}
