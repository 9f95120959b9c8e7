import {createHash, randomUUID} from 'node:crypto'
import {AppError} from '../kernel/errors.ts'
import type {Json} from '../kernel/json.ts'
import type {EffectSteps} from '../sdk/agent.ts'
import {effectKey, type Performer} from './effect-store.ts'
import type {Ownership} from './owner.ts'
import {patiently} from './patience.ts'
import type {WorkflowStore} from './store.ts'

/** One attempt, as its effects need to know it. */
export interface EffectfulAttempt {
  readonly run: string
  readonly path: string
  readonly attempt: number
  readonly compensation: boolean
  readonly by: Performer
  /** Whether this process may begin effects of it, by its own clock alone; what is frozen for long loses its lease. */
  readonly right: Pick<Ownership, 'valid' | 'regained'>
  readonly signal: AbortSignal
  /** Told when an effect met a pause: whatever the action makes of that, its attempt is to go on after it. */
  readonly onInterrupted: () => void
}

/**
 * The `effect` of an action's context. Each effect has a row in Postgres that is inserted before it begins, under the
 * condition that its run is not stopped and its attempt still the one that counts, and completed with what it answered.
 * While Postgres is away both wait, for as long as the attempt has time.
 *
 * Throws CONFLICT when the run is paused or was cancelled, or the attempt is over, and EFFECT_UNCERTAIN when an earlier
 * try began it and did not say how it ended, unless `find` knows.
 */
export function effectsOf(
  store: Pick<WorkflowStore, 'beginEffect' | 'finishEffect'>,
  {run, path, attempt, compensation, by, right, signal, onInterrupted}: EffectfulAttempt,
): <T extends Json>(name: string, how: EffectSteps<T>) => Promise<T> {
  const used = new Set<string>()
  const over = () => signal.aborted

  return async function effect<T extends Json>(name: string, how: EffectSteps<T>): Promise<T> {
    if (!/^[a-z0-9][a-z0-9 ._-]{0,63}$/i.test(name))
      throw new AppError('INVARIANT_BROKEN', `"${name}" can't be the name of an effect.`)
    if (used.has(name))
      throw new AppError('INVARIANT_BROKEN', `The effect "${name}" is begun twice in one attempt of ${path}.`)
    used.add(name)
    const key = {run, path, attempt, name}
    const mark = randomUUID()
    let looked = false
    const id = createHash('sha256').update(effectKey(key)).digest('hex').slice(0, 24)
    for (;;) {
      await right.regained()
      signal.throwIfAborted()
      const permit = await patiently(over, () => store.beginEffect(key, by, {compensation, mark}))
      signal.throwIfAborted()
      // The answer came too late to be relied on: another may be at it by now.
      if ((permit.kind === 'begun' || permit.kind === 'uncertain') && !right.valid()) continue
      switch (permit.kind) {
        case 'done':
          return permit.result as T
        case 'paused':
          onInterrupted()
          throw new AppError('CONFLICT', `The run was paused before "${name}" of the step ${path} began.`)
        case 'refused':
          throw new AppError('CONFLICT', `The step ${path} was stopped before "${name}" began.`)
        case 'begun':
          break
        case 'uncertain': {
          if (looked) break
          const found = await how.find?.(id)
          if (found !== undefined) return await finish(found)
          if (!how.find) {
            throw new AppError(
              'EFFECT_UNCERTAIN',
              `"${name}" of the step ${path} was begun before, and nobody knows whether it happened. Look, then retry.`,
              {details: {run, path, attempt, name}},
            )
          }
          // It did not happen: begun anew, if that is still permitted after the time it took to look.
          looked = true
          continue
        }
      }
      return await finish(await how.run(id))
    }

    async function finish(result: T): Promise<T> {
      await patiently(over, () => store.finishEffect(key, result))
      return result
    }
  }
}
