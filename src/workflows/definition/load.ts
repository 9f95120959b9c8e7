import {readdir, readFile} from 'node:fs/promises'
import {basename, join} from 'node:path'
import type {Json} from '../../kernel/json.ts'
import type {WorkflowDefinition} from '../../sdk/workflow.ts'
import type {Plan} from '../plan.ts'
import type {Catalogue} from './catalogue.ts'
import {checkDefinition} from './check.ts'
import {compile, hashOf, planOf} from './compile.ts'
import type {DefinitionFault} from './fault.ts'
import {readInput} from './input.ts'
import {definitionError, parseDefinition, readDefinition, type Source} from './parse.ts'

/** The workflows of a folder, and everything that is wrong with its files. */
export interface LoadedWorkflows {
  readonly definitions: ReadonlyMap<string, WorkflowDefinition>
  readonly faults: readonly DefinitionFault[]
}

/** Reads every .yaml file of a folder, whose names are the workflows' names, and checks all against each other. */
export async function loadWorkflows(folder: string, agents: Catalogue['agents']): Promise<LoadedWorkflows> {
  const files = (await readdir(folder)).filter(file => /\.ya?ml$/.test(file)).sort()
  const sources: Source[] = []
  const faults: DefinitionFault[] = []
  for (const file of files) {
    const parsed = parseDefinition(await readFile(join(folder, file), 'utf8'), `${basename(folder)}/${file}`)
    if (!parsed.ok) {
      faults.push(...parsed.faults)
      continue
    }
    const {definition, fault} = parsed
    const expected = file.replace(/\.ya?ml$/, '')
    if (definition.name !== expected)
      faults.push(
        fault(['name'], `is ${definition.name}, and the file's is ${expected}`, 'They must be the same.'),
      )
    sources.push(parsed)
  }
  return checkTogether(sources, agents, faults)
}

function checkTogether(
  sources: readonly Source[],
  agents: Catalogue['agents'],
  faults: DefinitionFault[],
): LoadedWorkflows {
  const definitions = new Map(sources.map(({definition}) => [definition.name, definition]))
  for (const source of sources) {
    faults.push(...checkDefinition(source, {agents, workflows: definitions}))
    const {name} = source.definition
    const circle = circleThrough(name, definitions)
    if (circle) faults.push(source.fault(['steps'], `start itself again: ${circle.join(' → ')}`))
  }
  return {definitions, faults}
}

/** The workflows through which one would start itself, if it would. */
function circleThrough(
  name: string,
  definitions: ReadonlyMap<string, WorkflowDefinition>,
): readonly string[] | undefined {
  const open: (readonly string[])[] = [[name]]
  const seen = new Set<string>()
  for (let path = open.shift(); path; path = open.shift()) {
    for (const called of calledBy(definitions.get(path.at(-1) ?? '')?.steps ?? [])) {
      if (called === name) return [...path, name]
      if (!seen.has(called)) open.push([...path, called])
      seen.add(called)
    }
  }
  return undefined
}

function calledBy(steps: WorkflowDefinition['steps']): string[] {
  return steps.flatMap(({workflow, steps: inner = []}) => [
    ...(workflow === undefined ? [] : [workflow]),
    ...calledBy(inner),
  ])
}

/** The workflows of the checkout, ready to run by name, and any other by its content. */
export interface Library {
  /** The present definition of that name. */
  current(name: string): Present | undefined
  /** The plan of a pinned body. Throws INVALID_INPUT, naming the step, when this version can't carry it on. */
  compile(name: string, body: Json): Plan
  readonly definitions: ReadonlyMap<string, WorkflowDefinition>
}

/** `accept` answers the input as a run of it sees it; it throws INVALID_INPUT, naming everything that is wrong. */
interface Present {
  readonly plan: Plan
  readonly body: Json
  accept(input: Json): Json
}

const PLANS_MAX = 1_000

/** Throws an AppError INVALID_INPUT if anything is wrong with any of them. Each plan is compiled when it is first needed. */
export function createLibrary({definitions, faults}: LoadedWorkflows, agents: Catalogue['agents']): Library {
  if (faults.length > 0) throw definitionError(faults)
  const catalogue: Catalogue = {agents, workflows: definitions}
  const plans = new Map<string, Plan>()
  const present = new Map<string, Present>()

  function planFor(definition: WorkflowDefinition, make: () => Plan): Plan {
    const hash = hashOf(definition)
    const known = plans.get(hash)
    if (known) return known
    const plan = make()
    const [oldest] = plans.keys()
    if (plans.size >= PLANS_MAX && oldest !== undefined) plans.delete(oldest)
    plans.set(hash, plan)
    return plan
  }

  return {
    definitions,
    current(name) {
      const known = present.get(name)
      const definition = definitions.get(name)
      if (known || !definition) return known
      const compiled: Present = {
        plan: planFor(definition, () => planOf(definition, catalogue)),
        body: definition,
        accept: input => readInput(definition, input),
      }
      present.set(name, compiled)
      return compiled
    },
    compile(name, body) {
      const parsed = readDefinition(body, name)
      if (!parsed.ok) throw definitionError(parsed.faults)
      return planFor(parsed.definition, () => compile(parsed, catalogue))
    },
  }
}
