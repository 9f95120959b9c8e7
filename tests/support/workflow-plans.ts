import type {Json} from '../../src/kernel/json.ts'
import type {
  ActionCall,
  Condition,
  Plan,
  Scope,
  Step,
  Template,
  View,
  Work,
} from '../../src/workflows/plan.ts'

/** A step as a test writes it: everything but `id` has a default, and it needs the one before it. */
export type StepSketch = {readonly id: string} & Partial<Omit<Step, 'id' | 'dependents'>>

const NO_RETRY = {max: 0, delayMs: 1_000, maxDelayMs: 60_000}

export function aPlan(steps: readonly StepSketch[], rest: Partial<Plan> = {}): Plan {
  return {name: 'test', hash: 'hash', steps: aScope(steps), maxGenerated: 200, ...rest}
}

/** The steps in the order given, which has to be one in which every step comes after those it needs. */
export function aScope(sketches: readonly StepSketch[]): Scope {
  const withNeeds = sketches.map((sketch, index) => ({
    ...sketch,
    needs: sketch.needs ?? sketches.slice(Math.max(0, index - 1), index).map(({id}) => id),
  }))
  const dependents = new Map<string, string[]>(withNeeds.map(({id}) => [id, []]))
  for (const {id, needs} of withNeeds) for (const need of needs) dependents.get(need)?.push(id)
  const order = withNeeds.map((sketch): Step => ({
    work: action(),
    retry: NO_RETRY,
    continueOnError: false,
    ...sketch,
    dependents: dependents.get(sketch.id) ?? [],
  }))
  return {order, byId: new Map(order.map(step => [step.id, step]))}
}

export function call(agent = 'worker', input: Template = () => null): ActionCall {
  return {agent, action: 'do', with: input, pure: false}
}

export function action(input?: Template): Work {
  return {kind: 'action', ...call('worker', input)}
}

export function value(template: Template): Work {
  return {kind: 'value', value: template}
}

export function group(...steps: readonly StepSketch[]): Work {
  return {kind: 'group', steps: aScope(steps)}
}

export function timer(ms: number): Work {
  return {kind: 'timer', ms: () => ms}
}

export function forSignal(name: string): Work {
  return {kind: 'signal', name: () => name}
}

export const approval: Work = {kind: 'approval', request: () => ({title: 'Go?'})}

export function child(name = 'inner', input: Template = () => null): Work {
  return {kind: 'workflow', name, with: input}
}

/** `sketches` turns what the action answered into steps. */
export function generate(max: number, sketches: (steps: Json) => readonly StepSketch[]): Work {
  const scopes = new Map<string, Scope>()
  return {
    kind: 'generate',
    ...call(),
    max,
    expand(steps) {
      const key = JSON.stringify(steps)
      const scope = scopes.get(key) ?? aScope(sketches(steps))
      scopes.set(key, scope)
      return scope
    },
  }
}

export function when(test: (view: View) => boolean, source = 'when'): Condition {
  return {test, asksOutcome: false, source}
}

export const always: Condition = {test: () => true, asksOutcome: true, source: 'always()'}
export const failure: Condition = {
  test: (_view, {failed}) => failed,
  asksOutcome: true,
  source: 'failure()',
}

export function throwing(message = 'no such thing'): Template {
  return () => {
    throw new TypeError(message)
  }
}
