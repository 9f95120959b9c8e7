import {AppError} from '../kernel/errors.ts'
import type {Json} from '../kernel/json.ts'
import type {Plan} from './plan.ts'
import type {WorkflowStore} from './store.ts'

/** A plan with the body it was compiled from, which a run pins. */
export interface Definition {
  readonly plan: Plan
  readonly body: Json
  /** Answers the input as a run sees it, or throws INVALID_INPUT; without it, anything is accepted as it is. */
  readonly accept?: (input: Json) => Json
}

export interface Definitions {
  /** The present definition of that name. */
  current(name: string): Definition | undefined
  /** The plan of a pinned body. Throws INVALID_INPUT, naming the step, when this version can't carry it on. */
  compile(name: string, body: Json): Plan
}

export type Pins = ReturnType<typeof createPins>

/** The definitions that runs pin, by their hash. Each is written, read and compiled once in a process. */
export function createPins({
  store,
  definitions,
}: {
  readonly store: Pick<WorkflowStore, 'pin' | 'pinned'>
  readonly definitions: Definitions
}) {
  const plans = new Map<string, Plan>()
  const pinned = new Map<string, Promise<void>>()

  return {
    /** Throws INVARIANT_BROKEN for a hash that nobody pinned, and what `compile` throws. */
    async planOf(hash: string): Promise<Plan> {
      const known = plans.get(hash)
      if (known) return known
      const stored = await store.pinned(hash)
      if (!stored) throw new AppError('INVARIANT_BROKEN', `Its definition ${hash} is gone.`)
      const plan = definitions.compile(stored.name, stored.body)
      plans.set(hash, plan)
      return plan
    },

    /** Keeps the definition's body for as long as runs pin it. */
    pin({plan, body}: Definition): Promise<void> {
      let pinning = pinned.get(plan.hash)
      if (!pinning) {
        pinning = store.pin(plan.hash, plan.name, body)
        pinning.catch(() => pinned.delete(plan.hash))
        pinned.set(plan.hash, pinning)
        plans.set(plan.hash, plan)
      }
      return pinning
    },
  }
}
