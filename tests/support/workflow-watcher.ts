import {strict as assert} from 'node:assert'
import type {Decision} from '../../src/workflows/decide.ts'
import {evolve, isOver} from '../../src/workflows/evolve.ts'
import type {Fact} from '../../src/workflows/fact.ts'
import {layerAt, parentOf, placeAt, type Place} from '../../src/workflows/place.ts'
import type {Plan} from '../../src/workflows/plan.ts'
import {parked, progress, TRANSITIONS, waitingFor} from '../../src/workflows/progress.ts'
import type {Message, Run} from '../../src/workflows/run.ts'
import {hasEnded, stateOf} from '../../src/workflows/tally.ts'

/** Looks at every decision about a run and holds it to the promises, by the facts and the plan alone. */
export function createWatcher(plan: Plan) {
  /** Leaf places with something to undo, in the order in which they succeeded since the last retry. */
  let successes: string[] = []
  /** In the order in which their compensation began. */
  let undone: string[] = []
  const used = new Set<string>()

  return {
    decided(before: Run, message: Message, {facts, effects, run}: Decision): void {
      if (isOver(before.status) && message.kind !== 'retry')
        assert.deepEqual(facts, [], 'terminal is not terminal')
      let known = before
      for (const fact of facts) {
        const after = evolve(known, fact)
        watch(known, fact, after)
        known = after
      }
      for (const effect of effects) {
        if (effect.kind !== 'perform') continue
        assert(before.status !== 'paused' || facts.length > 0, 'a paused run performs')
        if (run.cancelling) assert(effect.compensation || !before.cancelling, 'a cancelled run performs')
      }
      if (waitingFor(run) && run.status !== 'paused') assert(parked(plan, run), 'it waits but is not parked')
    },

    committed(before: Run, facts: readonly Fact[], after: Run): void {
      let known = before
      for (const fact of facts) {
        record(known, fact)
        known = evolve(known, fact)
      }
      const [was, is] = [progress(plan, before), progress(plan, after)]
      assert(
        is.completed + is.failed <= is.total,
        `progress counts more than there is: ${JSON.stringify(is)}`,
      )
      if (facts.some(({is: kind}) => kind === 'retried')) return
      const rises = was.total <= is.total && was.completed <= is.completed && was.percentage <= is.percentage
      assert(rises, `progress falls: ${JSON.stringify([was, is])}`)
    },

    ended(run: Run): void {
      assert(isOver(run.status), 'it has not ended')
      assert.equal(run.open.size, 0, 'something is under way after the end')
      for (const {id} of plan.steps.order) assert(hasEnded(stateOf(run, id)), `${id} was forgotten`)
      const expected = run.status === 'completed' ? [] : successes.toReversed()
      assert.deepEqual(undone, expected, 'not undone in the reverse of the order in which it succeeded')
    },
  }

  /** Only what is committed happened. */
  function record(known: Run, fact: Fact): void {
    if (fact.is === 'retried') {
      successes = []
      undone = []
    }
    if ('took' in fact && fact.took !== undefined) {
      assert(!used.has(fact.took), `the signal ${fact.took} was used twice`)
      used.add(fact.took)
    }
    if (!('path' in fact) || fact.path === '') return
    const place = placeAt(plan, known, fact.path) as Place
    const isLeaf = layerAt(place) === undefined
    if (fact.is === 'succeeded' && isLeaf && place.step.compensate) successes.push(fact.path)
    const begins = fact.is === 'started' || fact.is === 'locking' || fact.is === 'compensated'
    if (begins && stateOf(known, fact.path).status === 'succeeded') undone.push(fact.path)
  }

  function watch(known: Run, fact: Fact, after: Run): void {
    const moved = known.status !== after.status
    assert(
      !moved || TRANSITIONS[known.status].includes(after.status),
      `${known.status} became ${after.status}`,
    )
    assertItsOwnAnswer(known, fact)
    if (!STARTS.includes(fact.is) || !('path' in fact) || fact.path === '') return
    const {path} = fact
    const place = placeAt(plan, known, path) as Place
    const state = stateOf(known, path)
    const undoing = state.status === 'succeeded' || state.status === 'compensating'
    // What was to be generated may arrive in a pause; nothing of it starts.
    const answered = fact.is === 'opened' && known.generated.has(path)
    assert(known.status !== 'paused' || answered, `${fact.is} ${path} while paused`)
    const moreTime = fact.is === 'started' && fact.n === state.attempt && state.where !== undefined
    if (known.cancelling) assert(undoing || moreTime, `${fact.is} ${path} after a cancel`)
    if (undoing) assert(known.undoing && known.open.size <= 1, `${path} is undone beside something else`)
    if ('n' in fact && !moreTime) {
      const counted = fact.n > state.attempt || state.status === 'locking' || (undoing && state.lock)
      assert(counted || fact.is === 'waiting', `${path} does attempt ${fact.n} again`)
    }
    const alone = !place.outer || !isLocked(place.outer)
    if (place.step.lock && place.indexes.length === 0 && fact.is !== 'locking' && !undoing && alone)
      assert(state.lock?.fence !== undefined, `${path} starts without its lock`)
    const isNew = !known.steps.has(path) || state.status === 'pending'
    if (isNew && place.indexes.length === 0) assertItsTurn(known, place)
    if (place.indexes.length === 1 && place.step.forEach) assertRoom(after, place)
  }

  /** In the simulation every answer names the attempt that gave it. */
  function assertItsOwnAnswer(known: Run, fact: Fact): void {
    if (!('path' in fact)) return
    const key = `${fact.path}#${stateOf(known, fact.path).attempt}`
    const place = placeAt(plan, known, fact.path)
    const acted = place?.step.work.kind === 'action' && layerAt(place) === undefined
    if (fact.is === 'succeeded' && acted) assert.equal(fact.out, key, 'the answer of another attempt')
    const failure = fact.is === 'retrying' || (fact.is === 'failed' && acted) ? fact.error : undefined
    if (failure?.code === 'BROKEN') assert.equal(failure.message, key, 'the failure of another attempt')
  }

  function assertItsTurn(known: Run, {path, step, outer}: Place): void {
    const asks = step.condition?.asksOutcome === true
    for (const id of step.needs) {
      const need = stateOf(known, outer ? `${outer.path}/${id}` : id)
      assert(hasEnded(need), `${path} started before ${id} ended`)
      const well = need.status === 'succeeded' || (need.status === 'failed' && !need.cut)
      assert(asks || well, `${path} started though ${id} ${need.status}`)
    }
    if (!outer) assert(asks || known.scopes.get('')?.failing === false, `${path} started after a failure`)
  }

  function assertRoom(after: Run, {path, step}: Place): void {
    const container = parentOf(path)
    const size = after.scopes.get(container)?.size ?? 0
    const states = Array.from({length: size}, (_, index) => after.steps.get(`${container}[${index}]`))
    const underWay = states.filter(state => state && !hasEnded(state) && state.status !== 'pending')
    assert(underWay.length <= (step.forEach?.maxParallel ?? 0), `${container} has too many items under way`)
  }
}

function isLocked({step, outer}: Place): boolean {
  return step.lock !== undefined || (outer !== undefined && isLocked(outer))
}

const STARTS: readonly Fact['is'][] = ['started', 'locking', 'opened', 'waiting']

/** A run as plain data, to compare. */
export function plain(run: Run): unknown {
  const {steps, open, scopes, taken, generated, ...rest} = run
  const sorted = [steps, open, scopes, taken, generated].map(map => Object.fromEntries(map as never))
  return {...rest, sorted}
}
