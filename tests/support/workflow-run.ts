import type {Json} from '../../src/kernel/json.ts'
import {decide} from '../../src/workflows/decide.ts'
import {newRun} from '../../src/workflows/evolve.ts'
import type {Fact} from '../../src/workflows/fact.ts'
import type {Plan} from '../../src/workflows/plan.ts'
import type {Effect, Message, Run, StepState} from '../../src/workflows/run.ts'

export const STARTED_AT = 1_000_000

type Untimed = Message extends infer M ? (M extends Message ? Omit<M, 'at'> : never) : never

/** A run in the hands of a test, which plays all the others: it has begun, and goes on as it is told. */
export function aRun(plan: Plan, {input = null, hosts = true}: {input?: Json; hosts?: boolean} = {}) {
  let run: Run = newRun({id: 'wf-1', workflow: 'test', correlationId: 'c-1', input})
  let now = STARTED_AT
  let orders = 0
  const facts: Fact[] = []
  const effects: Effect[] = []

  const told = {
    get run() {
      return run
    },
    facts,
    /** All that was asked for so far. */
    effects,
    /** Answers what this message alone asked for. */
    tell(message: Untimed): readonly Effect[] {
      const decision = decide(plan, run, {...message, at: now}, {hosts: () => hosts})
      run = decision.run
      facts.push(...decision.facts)
      effects.push(...decision.effects)
      return decision.effects
    },
    succeeds(path: string, output: Json = null) {
      return told.tell({kind: 'attempt-succeeded', path, attempt: told.step(path).attempt, output})
    },
    fails(
      path: string,
      {retryable = false, retryAfterMs}: {retryable?: boolean; retryAfterMs?: number} = {},
    ) {
      const attempt = told.step(path).attempt
      const error = {code: 'BROKEN', message: `${path} broke`}
      const after = retryAfterMs === undefined ? {} : {retryAfterMs}
      return told.tell({kind: 'attempt-failed', path, attempt, error, retryable, ...after})
    },
    signal(name: string, payload: Json = null, id = `signal-${(orders += 1)}`) {
      return told.tell({kind: 'signal', id, name, payload})
    },
    order(kind: 'pause' | 'resume' | 'cancel' | 'retry', path?: string) {
      orders += 1
      return told.tell({
        kind,
        id: `order-${orders}`,
        by: 'ada',
        ...(path === undefined ? {} : {path}),
      })
    },
    passes(ms: number) {
      now += ms
      return told.tell({kind: 'clock'})
    },
    step(path: string): StepState {
      const state = run.steps.get(path)
      if (!state) throw new Error(`Nothing is known of ${path}; only of ${run.steps.keys().join(', ')}.`)
      return state
    },
    /** Everything known of the steps: path → state. */
    get states(): Record<string, string> {
      return Object.fromEntries([...run.steps].map(([path, {status}]) => [path, status]))
    },
    /** The paths of the attempts asked for so far, in order. */
    get performed(): string[] {
      return effects.flatMap(effect => (effect.kind === 'perform' ? [effect.path] : []))
    },
  }
  told.tell({kind: 'begin'})
  return told
}
