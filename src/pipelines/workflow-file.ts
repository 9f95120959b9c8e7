import {isMap, isScalar, isSeq, LineCounter, parseDocument, type YAMLMap} from 'yaml'

/** A workflow's file as far as starting it by hand goes. Lines count from 1. */
export interface WorkflowFile {
  readonly name: string | undefined
  readonly runName: {readonly text: string; readonly line: number} | undefined
  /** The events of `on`, with the lines that name them. */
  readonly triggers: ReadonlyMap<string, number>
  /** What `workflow_dispatch` takes; undefined: there is no such trigger. */
  readonly inputs: ReadonlyMap<string, WorkflowInput> | undefined
}

export interface WorkflowInput {
  readonly line: number
  /** GitHub refuses to start the workflow without it. */
  readonly required: boolean
  /** `string` where the file does not say. */
  readonly type: string
}

export type WorkflowReading =
  | {readonly ok: true; readonly file: WorkflowFile}
  | {readonly ok: false; readonly problem: string; readonly line: number | undefined}

/** GitHub takes no larger ones. */
const LARGEST = 512 * 1024

/** Reads a workflow's file as YAML, not as text: what stands in a comment or in a script counts for nothing. */
export function readWorkflow(text: string): WorkflowReading {
  if (text.length > LARGEST) return {ok: false, problem: 'is too large', line: undefined}
  const lines = new LineCounter()
  const document = parseDocument(text, {lineCounter: lines, version: '1.2'})
  const [error] = document.errors
  if (error)
    return {
      ok: false,
      problem: 'is not valid YAML',
      line: error.linePos?.[0].line,
    }
  const root: unknown = document.contents
  if (!isMap(root)) return {ok: false, problem: 'is no workflow: it has no keys', line: undefined}
  const lineOf = (node: unknown) => lines.linePos(rangeOf(node)?.[0] ?? 0).line

  const runName = pairOf(root, 'run-name')
  const on = pairOf(root, 'on')
  const triggers = new Map(
    isMap(on?.value)
      ? on.value.items.map(({key}) => [textOf(key) ?? '', lineOf(key)])
      : (isSeq(on?.value) ? on.value.items : [on?.value]).flatMap((item): [string, number][] => {
          const event = textOf(item)
          return event === undefined ? [] : [[event, lineOf(item)]]
        }),
  )
  const dispatch = isMap(on?.value) ? pairOf(on.value, 'workflow_dispatch')?.value : undefined
  const inputs = isMap(dispatch) ? pairOf(dispatch, 'inputs')?.value : undefined
  return {
    ok: true,
    file: {
      name: textOf(pairOf(root, 'name')?.value),
      runName: runName && {text: textOf(runName.value) ?? '', line: lineOf(runName.key)},
      triggers,
      inputs: triggers.has('workflow_dispatch')
        ? new Map(isMap(inputs) ? inputs.items.map(({key, value}) => inputOf(key, value, lineOf(key))) : [])
        : undefined,
    },
  }
}

/** Whether an expression of a run name holds that input. */
export function carriesInput(runName: string, input: string): boolean {
  return expressionsIn(runName).some(expression =>
    expression
      .split(/[^\w.[\]'-]+/)
      .some(word =>
        [`inputs.${input}`, `inputs['${input}']`].some(
          path => word === path || word === `github.event.${path}`,
        ),
      ),
  )
}

/** What stands between `${{` and `}}`. */
function expressionsIn(text: string): readonly string[] {
  return text
    .split('${{')
    .slice(1)
    .map(rest => rest.split('}}', 1)[0] ?? '')
}

function inputOf(key: unknown, value: unknown, line: number): [string, WorkflowInput] {
  const of = (name: string) => (isMap(value) ? textOf(pairOf(value, name)?.value) : undefined)
  return [
    textOf(key) ?? '',
    {line, required: of('required') === 'true' && of('default') === undefined, type: of('type') ?? 'string'},
  ]
}

function pairOf(map: YAMLMap, name: string) {
  return map.items.find(({key}) => textOf(key) === name)
}

function textOf(node: unknown): string | undefined {
  const value = isScalar(node) ? node.value : undefined
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined
}

function rangeOf(node: unknown): readonly [number, number, number] | undefined {
  return node !== null && typeof node === 'object' && 'range' in node
    ? ((node.range as [number, number, number] | undefined) ?? undefined)
    : undefined
}
