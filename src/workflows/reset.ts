import {divide, layerAt, parentOf, placeIn, scopeIn, type Place} from './place.ts'
import type {Plan, Scope} from './plan.ts'
import type {Run, StepState} from './run.ts'

export interface Reset {
  readonly afresh: readonly string[]
  readonly kept: readonly string[]
}

/** `kept`: some of what is inside is done again, the rest stays. */
type Verdict = 'fine' | 'kept' | 'afresh'

/**
 * What a retry of the run does again: all that failed, was left out or broken off because of that, or was undone, and
 * whatever comes after one of those. With a path, that step as well. Looks at every step once.
 */
export function resetFor(plan: Plan, run: Run, from: string | undefined): Reset {
  const afresh: string[] = []
  const kept: string[] = []
  const inside = childrenOf(run)

  function resetWhole(path: string): void {
    afresh.push(path)
    for (const inner of inside.get(path) ?? []) resetWhole(inner)
  }

  function apply(path: string, verdict: Verdict): Verdict {
    if (verdict === 'afresh') resetWhole(path)
    if (verdict === 'kept') kept.push(path)
    return verdict
  }

  /** Whether anything in the scope is done again. */
  function visit(scope: Scope, outer: Place | undefined): boolean {
    const again = new Set<string>()
    for (const step of scope.order) {
      const place = placeIn(scope, outer, step)
      const verdict = step.needs.some(id => again.has(id)) ? touched(place) : judge(place)
      if (apply(place.path, verdict) !== 'fine') again.add(step.id)
    }
    return again.size > 0
  }

  function touched({path}: Place): Verdict {
    return run.steps.has(path) ? 'afresh' : 'fine'
  }

  function judge(place: Place): Verdict {
    const state = run.steps.get(place.path)
    if (!state || state.status === 'pending') return 'fine'
    if (place.path === from) return 'afresh'
    if (judgeInside(place)) return 'kept'
    return isUndone(state) ? 'afresh' : 'fine'
  }

  function judgeInside(place: Place): boolean {
    const layer = layerAt(place)
    if (layer === undefined) {
      const scope = scopeIn(place, run)
      return scope !== undefined && visit(scope, place)
    }
    let again = false
    const count = inside.get(place.path)?.length ?? 0
    for (let index = 0; index < count; index += 1) {
      const each = divide(place, index)
      const verdict = again && layer !== 'item' ? touched(each) : judge(each)
      if (apply(each.path, verdict) !== 'fine') again = true
    }
    return again
  }

  visit(plan.steps, undefined)
  return {afresh, kept}
}

/** It did not succeed, for want of something or by itself; or it did, and that was undone, or half undone. */
function isUndone({status, cut, error}: StepState): boolean {
  return cut || error !== undefined || status === 'failed' || status === 'compensated'
}

function childrenOf(run: Run): ReadonlyMap<string, readonly string[]> {
  const children = new Map<string, string[]>()
  for (const path of run.steps.keys()) {
    const parent = parentOf(path)
    const known = children.get(parent)
    if (known) known.push(path)
    else children.set(parent, [path])
  }
  return children
}
