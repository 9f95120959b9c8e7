import {isDeepStrictEqual} from 'node:util'
import {parse} from 'yaml'
import {asKeys, putIn, type Edited} from './workflow-edit.ts'
import {carriesInput, readWorkflow, type WorkflowFile} from './workflow-file.ts'

/** What we send when we start a workflow: its side of the contract is to take it, and to show the correlation id. */
export interface ContractExpectation {
  /** Inputs that are sent each time. */
  readonly always: readonly string[]
  /** Inputs that are sent when the command has what they are made from. */
  readonly sometimes: readonly string[]
}

export interface ContractFault {
  readonly kind: 'unreadable' | 'no-trigger' | 'missing-input' | 'unsent-input' | 'wrong-type' | 'run-name'
  /** What the file does, as the rest of a sentence about it: `takes no input requester`. */
  readonly what: string
  /** Of the file, from 1; where there are `lines`, of the mended file: where the first of them stands. */
  readonly line?: number
  /** The exact lines that the mended file has and this one does not. */
  readonly lines?: readonly string[]
  /** What to do where no line of the file would mend it. */
  readonly next?: string
}

export interface ContractVerdict {
  readonly faults: readonly ContractFault[]
  /** The file with all `lines` in it, every other line as it was; undefined where there are none. */
  readonly patched: string | undefined
}

const ADDED_INPUT = {required: false, type: 'string'}
const ABOUT: Readonly<Record<string, string>> = {
  correlation_id: 'Finds this run again; sent by Signalbox',
  requester: 'Who asked for it; sent by Signalbox',
}

/** Judges a workflow's file. Total: what can't be read is a fault, what can't be mended has no lines. */
export function checkContract(text: string, expectation: ContractExpectation): ContractVerdict {
  const reading = readWorkflow(text)
  if (!reading.ok) {
    const {problem, line} = reading
    return {
      faults: [
        {
          kind: 'unreadable',
          what: problem,
          ...(line === undefined ? {} : {line}),
          next: 'mend the file first',
        },
      ],
      patched: undefined,
    }
  }
  const {mendable, others} = faultsOf(reading.file, expectation)
  let patched = text
  const faults: ContractFault[] = []
  for (const {edit, ...fault} of mendable) {
    const edited = edit(patched)
    if (!edited) return {faults: [...withoutLines(mendable), ...others], patched: undefined}
    patched = edited.text
    faults.push({...fault, line: edited.line, lines: edited.added})
  }
  if (mendable.length > 0 && !isMended(text, patched, expectation))
    return {faults: [...withoutLines(mendable), ...others], patched: undefined}
  return {faults: [...faults, ...others], patched: mendable.length === 0 ? undefined : patched}
}

type Mendable = ContractFault & {readonly edit: (text: string) => Edited | undefined}

function faultsOf(
  file: WorkflowFile,
  {always, sometimes}: ContractExpectation,
): {readonly mendable: readonly Mendable[]; readonly others: readonly ContractFault[]} {
  const mendable: Mendable[] = []
  const others: ContractFault[] = []
  const {inputs, runName} = file
  const sent = [...new Set([...always, ...sometimes])]
  if (!runName || !carriesInput(runName.text, 'correlation_id'))
    mendable.push({
      kind: 'run-name',
      what: runName
        ? 'has a run name without the correlation id, so its runs are not found for certain'
        : 'has no run name with the correlation id, so its runs are not found for certain',
      edit: text => putIn(text, ['run-name'], runNameFor(file), {after: 'name'}),
    })
  if (!inputs)
    mendable.push({
      kind: 'no-trigger',
      what: 'can’t be started: it has no workflow_dispatch',
      edit: text =>
        putIn(
          text,
          ['on', 'workflow_dispatch', 'inputs'],
          Object.fromEntries(sent.map(name => [name, newInput(name)])),
          {after: 'run-name'},
        ),
    })
  else {
    for (const name of sent) {
      const input = inputs.get(name)
      if (!input)
        mendable.push({
          kind: 'missing-input',
          what: `takes no input ${name}, so GitHub refuses to start it`,
          edit: text => putIn(text, ['on', 'workflow_dispatch', 'inputs', name], newInput(name)),
        })
      else if (input.type !== 'string' && ['correlation_id', 'requester'].includes(name))
        others.push({
          kind: 'wrong-type',
          what: `takes ${name} as a ${input.type}, and we send a text`,
          line: input.line,
          next: 'set its type to string',
        })
    }
    for (const [name, {required, line}] of inputs)
      if (required && !always.includes(name))
        others.push({
          kind: 'unsent-input',
          what: `demands the input ${name}, which ${sometimes.includes(name) ? 'is sent only when the command was given it' : 'we do not send'}`,
          line,
          next: `give it a default there, or set it under inputs of the target in signalbox.yaml`,
        })
  }
  return {mendable, others}
}

/** Reads the patched file again, as somebody who does not know how it came about. */
function isMended(text: string, patched: string, expectation: ContractExpectation): boolean {
  const reading = readWorkflow(patched)
  if (!reading.ok || faultsOf(reading.file, expectation).mendable.length > 0) return false
  try {
    const before = parse(text) as Record<string, unknown>
    const after = parse(patched) as Record<string, unknown>
    const {on: _on, 'run-name': _name, ...rest} = before
    const {on: _newOn, 'run-name': _newName, ...newRest} = after
    return isDeepStrictEqual(rest, newRest) && isWithin(triggersOf(before), triggersOf(after))
  } catch {
    return false
  }
}

/** The events of `on`, and the inputs of `workflow_dispatch` in place of its own. */
function triggersOf(workflow: Record<string, unknown>): Record<string, unknown> {
  const {workflow_dispatch: dispatch, ...events} = asKeys(workflow['on'])
  return {events, ...asKeys(asKeys(dispatch)['inputs'])}
}

function isWithin(before: Record<string, unknown>, after: Record<string, unknown>): boolean {
  return Object.entries(before).every(([key, value]) => isDeepStrictEqual(value, after[key]))
}

function withoutLines(faults: readonly Mendable[]): readonly ContractFault[] {
  return faults.map(({edit: _, ...fault}) => ({...fault, next: 'it is written in a way that we don’t edit'}))
}

function newInput(name: string): Readonly<Record<string, unknown>> {
  const about = ABOUT[name]
  return {...(about === undefined ? {} : {description: about}), ...ADDED_INPUT}
}

/** `<Workflow name> — <correlation id> by <requester>`, after the words that it has already. */
function runNameFor({name, runName}: WorkflowFile): string {
  const words =
    runName && runName.text.trim() !== '' ? runName.text.trim() : (name ?? '${{ github.workflow }}')
  const by = carriesInput(words, 'requester') ? '' : ' by ${{ inputs.requester }}'
  return `${words} — \${{ inputs.correlation_id }}${by}`
}
