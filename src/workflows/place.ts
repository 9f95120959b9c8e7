import {AppError, toError} from '../kernel/errors.ts'
import type {Plan, Scope, Step} from './plan.ts'
import type {Run} from './run.ts'

/** Where in a run a step is: the step, and as what. `build[2]/test` is the step `test` inside the third `build`. */
export interface Place {
  readonly path: string
  readonly step: Step
  /** The steps it stands among. */
  readonly scope: Scope
  /** The place whose inside that scope is; absent on the top level. */
  readonly outer: Place | undefined
  /** Which item, which round: as many as there are brackets in the last part of the path. */
  readonly indexes: readonly number[]
}

/** How a step is done several times: once for each item, round after round, or as often as it is told what to do. */
export type Layer = 'item' | 'round' | 'generation'

/** From the outside in. Each adds an index to the path; at the last of them the work is done. */
export function layersOf({forEach, repeat, work}: Step): readonly Layer[] {
  const plain = !forEach && !repeat
  if (plain) return work.kind === 'generate' ? GENERATION : NONE
  const layers: Layer[] = []
  if (forEach) layers.push('item')
  if (repeat) layers.push('round')
  if (work.kind === 'generate') layers.push('generation')
  return layers
}

const NONE: readonly Layer[] = []
const GENERATION: readonly Layer[] = ['generation']

/** What the place is divided into; `undefined`: the work itself is done here. */
export function layerAt({step, indexes}: Place): Layer | undefined {
  return layersOf(step)[indexes.length]
}

/** The path of what the path is inside of; empty for the steps of the top level. */
export function parentOf(path: string): string {
  const end = path.endsWith(']') ? path.lastIndexOf('[') : path.lastIndexOf('/')
  return end < 0 ? '' : path.slice(0, end)
}

export function placeIn(scope: Scope, outer: Place | undefined, step: Step): Place {
  return {path: outer ? `${outer.path}/${step.id}` : step.id, step, scope, outer, indexes: NO_INDEXES}
}

const NO_INDEXES: readonly number[] = []

/** One of those that the place is divided into. */
export function divide(place: Place, index: number): Place {
  return {...place, path: `${place.path}[${index}]`, indexes: [...place.indexes, index]}
}

/** What the place is inside of: the step it is an item or a round of, or whatever its scope is in. */
export function containerOf(place: Place): Place | undefined {
  if (place.indexes.length === 0) return place.outer
  return {...place, path: parentOf(place.path), indexes: place.indexes.slice(0, -1)}
}

/** The step as a whole, without its items and rounds. */
export function wholeOf(place: Place): Place {
  let whole = place
  while (whole.indexes.length > 0) whole = containerOf(whole) as Place
  return whole
}

/** The steps inside of it; absent where there are none, or none yet. */
export function scopeIn(place: Place, run: Run): Scope | undefined {
  const {work} = place.step
  if (layerAt(place) !== undefined) return undefined
  if (work.kind === 'group') return work.steps
  if (work.kind !== 'generate') return undefined
  const steps = run.generated.get(place.path)
  return steps === undefined ? undefined : work.expand(steps)
}

/** Answers nothing for a path that the plan does not lead to. */
export function placeAt(plan: Plan, run: Run, path: string): Place | undefined {
  let scope: Scope | undefined = plan.steps
  let place: Place | undefined
  for (const part of path.split('/')) {
    const bracket = part.indexOf('[')
    const step: Step | undefined = scope?.byId.get(bracket < 0 ? part : part.slice(0, bracket))
    if (!scope || !step) return undefined
    place = placeIn(scope, place, step)
    if (bracket >= 0) {
      for (const index of part.slice(bracket + 1, -1).split('][')) place = divide(place, Number(index))
    }
    scope = scopeIn(place, run)
  }
  return place
}

/**
 * Before a run is carried on by another version: throws INVALID_INPUT, naming the step, when the plan does not lead to a step
 * that the run has touched, or steps that were generated for it do not compile any more. `decide` relies on it.
 */
export function checkSteps(plan: Plan, run: Run): void {
  for (const path of run.generated.keys()) {
    try {
      placeAt(plan, run, `${path}/`)
    } catch (error) {
      throw new AppError(
        'INVALID_INPUT',
        `Step ${path} has steps that this version can't do: ${toError(error).message}`,
        {
          cause: error,
        },
      )
    }
  }
  for (const path of run.steps.keys()) {
    if (!placeAt(plan, run, path))
      throw new AppError('INVALID_INPUT', `Step ${path} is under way, and its definition has no such step.`)
  }
}
