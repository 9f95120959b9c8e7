import type {InputDeclaration, StepDefinition, WorkflowDefinition} from '../../sdk/workflow.ts'
import type {Graph} from './graph.ts'

/** A name that expressions know only in some places. */
export type LocalName = 'item' | 'index' | 'previous' | 'output'

/** What an expression may refer to in its place. */
export interface Surroundings {
  readonly inputs: Readonly<Record<string, InputDeclaration>>
  readonly names: ReadonlySet<LocalName>
  /** The step of that id, the inner scope's first, and whether it has ended by then. */
  find(id: string): {readonly step: StepDefinition; readonly ended: boolean} | undefined
  /** Those that have ended by then. */
  ended(): readonly string[]
}

/** Outside of all steps: where the workflow begins. */
export function outermost({input = {}}: Pick<WorkflowDefinition, 'input'>): Surroundings {
  return {inputs: input, names: new Set(), find: () => undefined, ended: () => []}
}

/** Where a step of a scope stands. */
export function atStep(
  outside: Surroundings,
  steps: readonly StepDefinition[],
  graph: Graph,
  index: number,
): Surroundings {
  return scoped(outside, steps, graph, other => graph.isUpstream(index, other))
}

/** Where all steps of a scope have ended, or this one and those it needed. */
export function afterSteps(
  outside: Surroundings,
  steps: readonly StepDefinition[],
  graph: Graph,
  index?: number,
): Surroundings {
  return scoped(
    outside,
    steps,
    graph,
    other => index === undefined || other === index || graph.isUpstream(index, other),
  )
}

function scoped(
  outside: Surroundings,
  steps: readonly StepDefinition[],
  graph: Graph,
  hasEnded: (index: number) => boolean,
): Surroundings {
  return {
    ...outside,
    find(id) {
      const index = graph.indexOf.get(id)
      const step = index === undefined ? undefined : steps[index]
      if (index === undefined || step === undefined) return outside.find(id)
      return {step, ended: hasEnded(index)}
    },
    ended: () => [
      ...[...graph.indexOf].filter(([, index]) => hasEnded(index)).map(([id]) => id),
      ...outside.ended(),
    ],
  }
}

/** The same place with further names. */
export function knowing(place: Surroundings, ...names: readonly LocalName[]): Surroundings {
  return names.length === 0 ? place : {...place, names: new Set([...place.names, ...names])}
}

/** Inside a step: what it performs, once or in rounds. */
export function insideStep(place: Surroundings, step: StepDefinition): Surroundings {
  const names: LocalName[] = []
  if (step['for-each'] !== undefined) names.push('item', 'index')
  if (step.repeat || step.generate) names.push('index', 'previous')
  return knowing(place, ...names)
}
