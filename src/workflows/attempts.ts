import {AppError} from '../kernel/errors.ts'
import type {Clock} from '../kernel/clock.ts'
import {correlation} from '../kernel/correlation.ts'
import {failed, succeeded, type Actions, type AttemptEnd} from './actions.ts'
import {effectsOf} from './effects.ts'
import {attemptKey, type Live} from './live.ts'
import type {Ownership} from './owner.ts'
import type {Effect} from './run.ts'
import {createSlots} from './slots.ts'
import type {WorkflowStore} from './store.ts'

/**
 * Carries out attempts of the runs that this instance owns. Of an agent's, as many go on at a time as of its queue's; the
 * time that an attempt waits for its turn is its own.
 */
export function createAttempts({
  store,
  instance,
  actions,
  ownership,
  clock,
}: {
  readonly store: Pick<WorkflowStore, 'beginEffect' | 'finishEffect'>
  readonly instance: string
  readonly actions: Actions
  readonly ownership: Pick<Ownership, 'valid' | 'regained'>
  readonly clock: Clock
}) {
  const slots = createSlots(agent => actions.capacity(agent))

  return {
    /** Begins it, unless it is under way; `onEnd` is told what it came to, also after it was aborted. */
    begin(
      live: Live,
      {path, attempt, agent, action, input, compensation}: Extract<Effect, {kind: 'perform'}>,
      onEnd: (end: AttemptEnd) => void,
    ): void {
      const key = attemptKey({path, attempt})
      if (live.attempts.has(key)) return
      const controller = new AbortController()
      const {signal} = controller
      live.attempts.set(key, controller)
      const {workflow, correlationId} = live.run
      let interrupted = false
      const effect = effectsOf(store, {
        run: live.id,
        path,
        attempt,
        compensation,
        by: {kind: 'owner', instance, fence: live.fence},
        right: ownership,
        signal,
        onInterrupted: () => (interrupted = true),
      })
      const end = (message: AttemptEnd): void => {
        if (live.attempts.get(key) === controller) live.attempts.delete(key)
        onEnd(interrupted ? {kind: 'attempt-interrupted', path, attempt, at: clock()} : message)
      }
      const act = () =>
        correlation.run(correlationId, async () =>
          actions.run(
            {agent, action, input, correlationId, workflow},
            {signal, effect, step: {run: live.id, path, undoes: compensation}},
          ),
        )
      slots.within(agent, signal, act).then(
        output => end(succeeded(path, attempt, output, clock())),
        (error: unknown) => end(failed(path, attempt, error, clock())),
      )
    },

    abort(live: Live, effect: Extract<Effect, {kind: 'abort'}>): void {
      const key = attemptKey(effect)
      live.attempts.get(key)?.abort(new AppError('CONFLICT', `The step ${effect.path} was stopped.`))
      live.attempts.delete(key)
    },

    /** Ends all of the run's that are under way: another instance carries it on. */
    abandon(live: Live): void {
      for (const attempt of live.attempts.values())
        attempt.abort(new AppError('CONFLICT', 'The run is carried on elsewhere.'))
    },
  }
}
