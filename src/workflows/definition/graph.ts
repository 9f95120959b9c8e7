import type {StepDefinition} from '../../sdk/workflow.ts'

/** How the steps of one scope depend on each other, by their place in the file. */
export interface Graph {
  /** Each step's needs: those it names, or the step before it. Names that no step has are left out. */
  readonly needs: readonly (readonly number[])[]
  /** Every step after those it needs; empty if there is a circle. */
  readonly order: readonly number[]
  /** Ids of steps that wait for each other, the first again at the end. */
  readonly circle: readonly string[] | undefined
  readonly indexOf: ReadonlyMap<string, number>
  /** Whether the second step has ended, one way or another, before the first is looked at. */
  isUpstream(of: number, step: number): boolean
}

export function graphOf(steps: readonly StepDefinition[]): Graph {
  const indexOf = new Map<string, number>()
  steps.forEach(({id}, index) => {
    if (!indexOf.has(id)) indexOf.set(id, index)
  })
  const needs = steps.map((step, index) => {
    if (step.needs === undefined) return index === 0 ? [] : [index - 1]
    return [...new Set(step.needs)].flatMap(id => indexOf.get(id) ?? [])
  })
  const order = ordered(needs)
  const upstream = upstreamSets(needs, order)
  return {
    needs,
    order: order.length === steps.length ? order : [],
    circle: order.length === steps.length ? undefined : circleAmong(steps, needs, order),
    indexOf,
    isUpstream: (of, step) => (((upstream[of]?.[step >> 5] ?? 0) >> (step & 31)) & 1) === 1,
  }
}

/** Kahn's algorithm: what comes first in the file comes first. Steps in a circle, or behind one, are missing. */
function ordered(needs: readonly (readonly number[])[]): number[] {
  const dependents = dependentsOf(needs)
  const open = needs.map(of => of.length)
  const order = open.flatMap((count, step) => (count === 0 ? [step] : []))
  for (const step of order) {
    for (const dependent of dependents[step] ?? []) {
      const left = (open[dependent] ?? 0) - 1
      open[dependent] = left
      if (left === 0) order.push(dependent)
    }
  }
  return order
}

/** For each step those that need it, in the order of the file. */
export function dependentsOf(needs: readonly (readonly number[])[]): number[][] {
  const dependents: number[][] = needs.map(() => [])
  needs.forEach((of, step) => {
    for (const need of of) dependents[need]?.push(step)
  })
  return dependents
}

/** One bit per step: thousands of steps that all refer to each other still cost little. */
function upstreamSets(needs: readonly (readonly number[])[], order: readonly number[]): Uint32Array[] {
  const words = (needs.length + 31) >> 5
  const sets = needs.map(() => new Uint32Array(words))
  for (const step of order) {
    const set = sets[step] ?? new Uint32Array(words)
    for (const need of needs[step] ?? []) {
      sets[need]?.forEach((bits, word) => (set[word] = (set[word] ?? 0) | bits))
      set[need >> 5] = (set[need >> 5] ?? 0) | (1 << (need & 31))
    }
  }
  return sets
}

/** Follows needs from any step that could not be ordered until one comes up again. */
function circleAmong(
  steps: readonly StepDefinition[],
  needs: readonly (readonly number[])[],
  order: readonly number[],
): string[] {
  const done = new Set(order)
  const path: number[] = []
  let at = needs.findIndex((_, step) => !done.has(step))
  while (!path.includes(at)) {
    path.push(at)
    at = needs[at]?.find(need => !done.has(need)) ?? at
  }
  return [...path.slice(path.indexOf(at)), at].map(step => steps[step]?.id ?? '')
}
