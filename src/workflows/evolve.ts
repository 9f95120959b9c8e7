import {AppError} from '../kernel/errors.ts'
import type {Json} from '../kernel/json.ts'
import {lockToken} from './derive.ts'
import type {Fact} from './fact.ts'
import {parentOf} from './place.ts'
import type {Run, RunStatus, StepState} from './run.ts'
import {doom, end, openScope, put, stateOf, UNTOUCHED} from './tally.ts'
import {emptyVersioned} from './versioned.ts'

export type {Fact} from './fact.ts'

/** A run of which nothing is known but what it was asked to do. */
export function newRun({
  id,
  workflow,
  correlationId,
  input,
}: Pick<Run, 'id' | 'workflow' | 'correlationId' | 'input'>): Run {
  return {
    id,
    workflow,
    correlationId,
    input,
    status: 'pending',
    cancelling: false,
    undoing: false,
    told: undefined,
    steps: emptyVersioned(),
    open: emptyVersioned(),
    scopes: emptyVersioned(),
    signals: [],
    taken: emptyVersioned(),
    generated: emptyVersioned(),
    generatedSteps: 0,
    undo: undefined,
    undone: [],
    counts: {total: 0, completed: 0, failed: 0},
    bound: {attempts: 0, locks: 0},
    result: null,
    error: undefined,
    startedAt: undefined,
    endedAt: undefined,
  }
}

/**
 * The run after one more fact: `decide` is asked once, the journal is folded as often as needed. Facts are trusted, for
 * `decide` wrote them; folding the same ones gives the same run with any later version of `decide`.
 */
export function evolve(run: Run, fact: Fact): Run {
  const {at} = fact
  switch (fact.is) {
    case 'begun':
      return openScope({...run, status: 'running', startedAt: at}, '', fact)

    case 'locking': {
      const before = stateOf(run, fact.path)
      const undoing = before.status === 'succeeded' || before.status === 'compensating'
      return put(run, fact.path, {
        ...(undoing ? beganUndoing(before) : before),
        status: undoing ? 'compensating' : 'locking',
        attempt: fact.n,
        startedAt: before.startedAt ?? at,
        lock: {
          resource: fact.lock,
          kind: fact.kind,
          token: lockToken(run.id, fact.path, fact.n),
          fence: undefined,
        },
        awaits: undefined,
        wakeAt: undefined,
      })
    }

    case 'locked': {
      const before = stateOf(run, fact.path)
      return put(run, fact.path, {...before, lock: before.lock && {...before.lock, fence: fact.fence}})
    }

    case 'unlocked':
      return put(run, fact.path, {...stateOf(run, fact.path), lock: undefined})

    case 'started': {
      const before = stateOf(run, fact.path)
      const undoing = before.status === 'succeeded' || before.status === 'compensating'
      return put(run, fact.path, {
        ...(undoing ? beganUndoing(before) : before),
        status: undoing ? 'compensating' : 'running',
        attempt: fact.n,
        startedAt: before.startedAt ?? at,
        wakeAt: fact.until,
        where: fact.where,
        awaits: undefined,
      })
    }

    case 'opened': {
      if (fact.path === '') return openScope(run, '', fact)
      const before = stateOf(run, fact.path)
      const opened = openScope(run, fact.path, fact)
      return put(opened, fact.path, {
        ...before,
        status: 'running',
        attempt: fact.n,
        startedAt: before.startedAt ?? at,
        wakeAt: undefined,
        where: undefined,
        awaits: undefined,
        items: fact.items ?? before.items,
      })
    }

    case 'waiting': {
      const before = stateOf(run, fact.path)
      return put(run, fact.path, {
        ...before,
        status: 'waiting',
        attempt: fact.n,
        startedAt: before.startedAt ?? at,
        wakeAt: fact.until,
        awaits: {kind: fact.for, id: fact.id},
      })
    }

    case 'retrying': {
      const before = stateOf(run, fact.path)
      return put(run, fact.path, {
        ...before,
        status: before.status === 'compensating' ? 'compensating' : 'waiting',
        error: fact.error,
        wakeAt: fact.until,
        where: undefined,
        awaits: {kind: 'retry', id: fact.path},
      })
    }

    case 'succeeded': {
      const before = stateOf(run, fact.path)
      const output = fact.took === undefined ? gathered(run, fact) : payloadOf(run, fact.took)
      const after = end(fact.took === undefined ? run : use(run, fact.took), fact.path, {
        ...ended(before, 'succeeded', at),
        output,
        error: undefined,
      })
      return fact.undo ? {...after, undo: {path: fact.path, before: after.undo}} : after
    }

    case 'failed': {
      const before = stateOf(run, fact.path)
      const after = end(fact.took === undefined ? run : use(run, fact.took), fact.path, {
        ...ended(before, 'failed', at),
        error: fact.error,
        cut: fact.tolerated !== true,
      })
      return fact.tolerated ? after : doom(after, fact.path, parentOf(fact.path), fact)
    }

    case 'skipped':
      return fact.paths.reduce((known, path) => {
        const state = ended(stateOf(known, path), 'skipped', at)
        return end(known, path, fact.cut ? {...state, cut: true} : state)
      }, run)

    case 'cancelled':
      return end(run, fact.path, {...ended(stateOf(run, fact.path), 'cancelled', at), cut: true})

    case 'compensated': {
      const before = stateOf(run, fact.path)
      const after = put(run, fact.path, {
        ...ended(before, fact.error ? 'succeeded' : 'compensated', before.endedAt ?? at),
        error: fact.error,
      })
      const undone = fact.error ? {path: fact.path, error: fact.error} : {path: fact.path}
      return {...after, undo: run.undo?.before, undone: [...run.undone, undone]}
    }

    case 'broken': {
      const before = stateOf(run, fact.path)
      return doom(put(run, fact.path, {...before, error: fact.error}), fact.path, fact.path, fact)
    }

    case 'undoing':
      return {...run, undoing: true, error: run.error ?? fact.error}

    case 'generated':
      return {
        ...run,
        generated: run.generated.set(fact.path, fact.steps),
        generatedSteps: run.generatedSteps + fact.steps.length,
      }

    case 'signalled':
      return {
        ...run,
        taken: run.taken.set(fact.id, true),
        signals: [...run.signals, {id: fact.id, name: fact.name, payload: fact.payload}],
      }

    case 'paused':
    case 'resumed':
    case 'cancelling':
      return {
        ...run,
        taken: run.taken.set(fact.id, true),
        status: fact.is === 'paused' ? 'paused' : 'running',
        cancelling: run.cancelling || fact.is === 'cancelling',
        told: {how: TOLD[fact.is], id: fact.id},
      }

    case 'retried':
      return retried(run, fact)

    case 'ended': {
      const result = fact.result ?? (fact.status === 'completed' ? outputsOf(run) : null)
      return {
        ...run,
        status: fact.status,
        result,
        error: fact.error ?? run.error,
        endedAt: at,
      }
    }

    default:
      // Of a version to come, or of a past that was forgotten: carrying on without it would be another run.
      throw new AppError(
        'INVARIANT_BROKEN',
        `This version does not know a fact of its journal: ${told(fact)}.`,
      )
  }
}

function told(fact: never): string {
  const {is, path} = fact as {readonly is?: unknown; readonly path?: unknown}
  return typeof path === 'string' ? `"${String(is)}" of step ${path}` : `"${String(is)}"`
}

const TOLD = {paused: 'pause', resumed: 'resume', cancelling: 'cancel'} as const

/** Whether a run of that state is over, until somebody retries it. */
export function isOver(status: RunStatus): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled'
}

function beganUndoing(before: StepState): StepState {
  return before.status === 'compensating' ? before : {...before, attemptsBefore: before.attempt}
}

function ended(before: StepState, status: StepState['status'], at: number): StepState {
  return {
    ...before,
    status,
    endedAt: at,
    wakeAt: undefined,
    where: undefined,
  }
}

function gathered(run: Run, fact: Extract<Fact, {is: 'succeeded'}>): Json {
  const {path, gather} = fact
  if (gather === undefined) return fact.out ?? null
  const count = run.scopes.get(path)?.ended ?? 0
  const output = (inner: string) => stateOf(run, inner).output
  if (gather === 'last') return output(`${path}[${count - 1}]`)
  if (gather === 'list') {
    const inner = Array.from({length: count}, (_, index) => stateOf(run, `${path}[${index}]`))
    return inner.filter(({status}) => status !== 'skipped').map(state => state.output)
  }
  return Object.fromEntries(gather.map(id => [id, output(`${path}/${id}`)]))
}

function outputsOf(run: Run): Json {
  const top = [...run.steps].filter(([path]) => parentOf(path) === '')
  return Object.fromEntries(top.map(([path, {output}]) => [path, output]))
}

function payloadOf(run: Run, id: string): Json {
  return run.signals.find(signal => signal.id === id)?.payload ?? null
}

function use(run: Run, id: string): Run {
  return {...run, signals: run.signals.filter(signal => signal.id !== id)}
}

function retried(run: Run, fact: Extract<Fact, {is: 'retried'}>): Run {
  const again: Run = {
    ...run,
    status: 'running',
    cancelling: false,
    undoing: false,
    told: undefined,
    taken: run.taken.set(fact.id, true),
    undo: undefined,
    undone: [],
    result: null,
    error: undefined,
    endedAt: undefined,
  }
  const kept = fact.kept.reduce((known, path) => {
    const {attempt, items} = stateOf(known, path)
    return put(known, path, {...UNTOUCHED, attempt, attemptsBefore: attempt, items})
  }, again)
  return fact.afresh.reduce((known, path) => {
    const {attempt} = stateOf(known, path)
    const reset = put(known, path, {...UNTOUCHED, attempt, attemptsBefore: attempt})
    const steps = reset.generated.get(path)
    if (steps === undefined) return reset
    const forgotten = Array.isArray(steps) ? steps.length : 0
    return {
      ...reset,
      generated: reset.generated.delete(path),
      generatedSteps: reset.generatedSteps - forgotten,
    }
  }, kept)
}
