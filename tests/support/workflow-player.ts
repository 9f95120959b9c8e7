import {decide} from '../../src/workflows/decide.ts'
import type {Fact} from '../../src/workflows/fact.ts'
import {outstanding} from '../../src/workflows/outstanding.ts'
import type {Json} from '../../src/kernel/json.ts'
import type {Plan} from '../../src/workflows/plan.ts'
import {wakeAt} from '../../src/workflows/progress.ts'
import type {Effect, Message, Run} from '../../src/workflows/run.ts'

type Perform = Extract<Effect, {kind: 'perform'}>

/** What everybody outside of a run does with it. An effect that is not answered stays owed. */
export interface World {
  /** Throws to fail the attempt for good. */
  answer(perform: Perform): Json
  /** Whether this effect is answered, or this wait ended; otherwise it stays as it is. */
  readonly goesOn: (effect: Effect | 'clock') => boolean
}

/** Plays a run in memory from where it stands for as long as the world goes on. Answers the facts of each commit. */
export function play(
  plan: Plan,
  from: Run,
  first: Message,
  {answer, goesOn}: World,
): {readonly run: Run; readonly commits: readonly (readonly Fact[])[]} {
  let run = from
  let at = first.at
  const commits: (readonly Fact[])[] = []
  const queue: Message[] = [first]
  for (let turns = 0; turns < 1_000; turns++) {
    const message = queue.shift() ?? clock()
    if (!message) return {run, commits}
    const decision = decide(plan, run, message, {hosts: () => true})
    run = decision.run
    if (decision.facts.length > 0) commits.push(decision.facts)
    for (const effect of message.kind === 'taken-over' ? outstanding(plan, run) : decision.effects)
      if (goesOn(effect)) queue.push(...answersTo(effect))
    for (const [, {status, awaits}] of message.kind === 'taken-over' || decision.facts.length > 0
      ? run.open
      : [])
      if (status === 'waiting' && awaits?.kind === 'signal' && !queue.some(other => other.kind === 'signal'))
        queue.push(...signalled(awaits.id))
  }
  throw new Error('the run does not come to an end')

  function clock(): Message | undefined {
    const due = wakeAt(run)
    if (due === undefined || !goesOn('clock')) return undefined
    at = Math.max(at, due)
    return {kind: 'clock', at}
  }

  function signalled(name: string): Message[] {
    if (!goesOn('clock')) return []
    return [{kind: 'signal', id: `signal ${name}`, name, payload: {by: 'ada'}, at: (at += 1)}]
  }

  function answersTo(effect: Effect): Message[] {
    at += 1
    switch (effect.kind) {
      case 'perform':
        return [attempted(effect)]
      case 'lock':
        return [{kind: 'lock-granted', path: effect.path, token: effect.token, fence: 1, at}]
      case 'start-child':
        return [
          {kind: 'child-ended', path: effect.path, id: effect.id, status: 'completed', result: 'child', at},
        ]
      case 'request-approval':
        return [{kind: 'signal', id: effect.signal, name: effect.signal, payload: {approved: true}, at}]
      default:
        return []
    }
  }

  function attempted(effect: Perform): Message {
    const {path, attempt} = effect
    try {
      return {kind: 'attempt-succeeded', path, attempt, output: answer(effect), at}
    } catch (error) {
      const fault = {code: 'INVALID_INPUT', message: (error as Error).message}
      return {kind: 'attempt-failed', path, attempt, error: fault, retryable: false, at}
    }
  }
}
