import {createHash} from 'node:crypto'
import {setTimeout as sleep} from 'node:timers/promises'
import {AppError} from '../kernel/errors.ts'
import type {Json} from '../kernel/json.ts'
import {isTransient} from '../platform/postgres.ts'
import type {EffectSteps} from '../sdk/agent.ts'
import {effectKey, type Performer, type WorkflowStore} from './store.ts'

/** One attempt, as its effects need to know it. */
export interface EffectfulAttempt {
  readonly run: string
  readonly path: string
  readonly attempt: number
  readonly compensation: boolean
  readonly by: Performer
  readonly signal: AbortSignal
  /** Told when an effect met a pause: whatever the action makes of that, its attempt is to go on after it. */
  readonly onInterrupted: () => void
}

const FINISH_AGAIN_MS = 200

/**
 * The `effect` of an action's context. Each effect has a row in Postgres that is inserted before it begins, under the
 * condition that its run is not stopped and its attempt still the one that counts, and completed with what it answered.
 * Throws CONFLICT when the run is paused or was cancelled, or the attempt is over, and EFFECT_UNCERTAIN when an earlier
 * try began it and did not say how it ended, unless `find` knows.
 */
export function effectsOf(
  store: Pick<WorkflowStore, 'beginEffect' | 'finishEffect'>,
  {run, path, attempt, compensation, by, signal, onInterrupted}: EffectfulAttempt,
): <T extends Json>(name: string, how: EffectSteps<T>) => Promise<T> {
  const used = new Set<string>()

  return async function effect<T extends Json>(name: string, how: EffectSteps<T>): Promise<T> {
    if (!/^[a-z0-9][a-z0-9 ._-]{0,63}$/i.test(name))
      throw new AppError('INVARIANT_BROKEN', `"${name}" can't be the name of an effect.`)
    if (used.has(name))
      throw new AppError('INVARIANT_BROKEN', `The effect "${name}" is begun twice in one attempt of ${path}.`)
    used.add(name)
    const key = {run, path, attempt, name}
    let looked = false
    const id = createHash('sha256').update(effectKey(key)).digest('hex').slice(0, 24)
    for (;;) {
      signal.throwIfAborted()
      const permit = await store.beginEffect(key, by, compensation)
      signal.throwIfAborted()
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

    /** It happened: while Postgres is away its record waits, for another attempt would do it again. */
    async function finish(result: T): Promise<T> {
      for (;;) {
        try {
          await store.finishEffect(key, result)
          return result
        } catch (error) {
          if (signal.aborted || !isTransient(error)) throw error
          await sleep(FINISH_AGAIN_MS)
        }
      }
    }
  }
}
