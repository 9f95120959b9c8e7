import {parse, stringify} from 'yaml'

export interface InputSpec {
  readonly required?: boolean
  readonly type?: string
  readonly default?: string
  readonly options?: readonly string[]
}

/** What the emulator understands of a workflow file. */
export interface WorkflowFile {
  readonly yaml: string
  readonly name: string
  readonly inputs: Readonly<Record<string, InputSpec>>
  /** Whether `on` names `workflow_dispatch`. */
  readonly dispatchable: boolean
  readonly runName?: string
  readonly concurrency?: string
}

/** Reads a workflow file the way GitHub does; throws when it is not YAML. */
export function readWorkflowFile(yaml: string, fallbackName: string): WorkflowFile {
  const document = record(parse(yaml))
  const on = document['on']
  const triggers = typeof on === 'string' ? [on] : Array.isArray(on) ? on : Object.keys(record(on))
  const inputs = record(record(record(on)['workflow_dispatch'])['inputs'])
  const concurrency = document['concurrency']
  const group = typeof concurrency === 'string' ? concurrency : record(concurrency)['group']
  return {
    yaml,
    name: text(document['name']) ?? fallbackName,
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, spec]) => [name, readInput(record(spec))])),
    dispatchable: triggers.includes('workflow_dispatch'),
    ...defined('runName', text(document['run-name'])),
    ...defined('concurrency', text(group)),
  }
}

/** A file for people who only care about its name and inputs. */
export function writeWorkflowFile(file: {
  readonly name: string
  readonly inputs: Readonly<Record<string, InputSpec>>
  readonly dispatchable: boolean
  readonly concurrency?: string | undefined
}): string {
  const inputs = Object.fromEntries(
    Object.entries(file.inputs).map(([name, spec]) => [name, {required: false, type: 'string', ...spec}]),
  )
  return stringify({
    name: file.name,
    'run-name': `${file.name} — \${{ inputs.correlation_id }} by \${{ inputs.requester }}`,
    on: {push: {branches: ['main']}, ...(file.dispatchable && {workflow_dispatch: {inputs}})},
    ...(file.concurrency !== undefined && {concurrency: {group: file.concurrency}}),
    jobs: {deploy: {'runs-on': 'ubuntu-latest', steps: [{run: 'npm run deploy'}]}},
  })
}

/** `run-name` with its expressions replaced; only plain `inputs.*` and `github.*` references are understood. */
export function renderRunName(
  template: string,
  context: {
    readonly inputs: Readonly<Record<string, string>>
    readonly github: Readonly<Record<string, string>>
  },
): string {
  return template.replace(/\$\{\{\s*([\w.-]+)\s*\}\}/g, (_all, path: string) => {
    const [, scope, name = ''] = /^(inputs|github\.event\.inputs|github)\.([\w-]+)$/.exec(path) ?? []
    return (scope === 'github' ? context.github[name] : context.inputs[name]) ?? ''
  })
}

function readInput(spec: Record<string, unknown>): InputSpec {
  return {
    required: spec['required'] === true,
    type: text(spec['type']) ?? 'string',
    ...defined('default', text(spec['default'])),
    ...(Array.isArray(spec['options']) && {options: spec['options'].map(String)}),
  }
}

function record(value: unknown): Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {}
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined
}

function defined<K extends string>(key: K, value: string | undefined): Partial<Record<K, string>> {
  return value === undefined ? {} : ({[key]: value} as Record<K, string>)
}
