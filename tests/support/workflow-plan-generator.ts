import type {Json} from '../../src/kernel/json.ts'
import type {Plan} from '../../src/workflows/plan.ts'
import type {Chance} from './chance.ts'
import {
  action,
  always,
  aPlan,
  approval,
  call,
  child,
  failure,
  forSignal,
  generate,
  group,
  throwing,
  timer,
  value,
  when,
  type StepSketch,
} from './workflow-plans.ts'

/** A plan made of every construct there is, nested up to three deep; the same for the same chance. */
export function randomPlan(chance: Chance): Plan {
  let left = chance.upTo(12) + 1
  const steps = someSteps(0, 's')
  const result = chance.oneIn(6) ? {result: chance.oneIn(3) ? throwing() : () => 'done'} : {}
  return aPlan(steps, {maxGenerated: 6, ...result})

  function someSteps(depth: number, prefix: string): StepSketch[] {
    const steps: StepSketch[] = []
    const count = 1 + chance.upTo(depth === 0 ? 6 : 3)
    for (let index = 0; index < count && (left > 0 || index === 0); index += 1) {
      left -= 1
      steps.push({...aStep(depth, `${prefix}${index}`), ...someNeeds(steps)})
    }
    return steps
  }

  function someNeeds(before: readonly StepSketch[]): Pick<StepSketch, 'needs'> {
    if (chance.oneIn(3)) return {}
    return {needs: before.map(({id}) => id).filter(() => chance.oneIn(2))}
  }

  function aStep(depth: number, id: string): StepSketch {
    return {
      id,
      work: someWork(depth, id),
      retry: {max: chance.oneIn(3) ? chance.upTo(3) : 0, delayMs: 1_000, maxDelayMs: 4_000},
      continueOnError: chance.oneIn(5),
      ...(chance.oneIn(3)
        ? {compensate: call(chance.oneIn(8) ? 'remote' : 'worker', chance.oneIn(12) ? throwing() : undefined)}
        : {}),
      ...(chance.oneIn(4) ? {timeoutMs: 5_000 + chance.upTo(30_000)} : {}),
      ...(chance.oneIn(6)
        ? {
            condition: chance.pick([
              always,
              failure,
              when(() => true),
              when(() => false),
              when(throwing() as never),
            ]),
          }
        : {}),
      ...(chance.oneIn(6)
        ? {lock: {resource: chance.oneIn(12) ? throwing() : () => chance.pick(['red']), kind: 'exclusive'}}
        : {}),
      ...(chance.oneIn(8) ? {checkpoint: `after-${id}`} : {}),
      ...severalTimes(),
    }
  }

  function severalTimes(): Pick<StepSketch, 'forEach' | 'repeat'> {
    const items = Array.from({length: chance.upTo(4)}, (_, index) => index)
    const rounds = chance.upTo(3)
    return {
      ...(chance.oneIn(6)
        ? {
            forEach: {
              items: chance.oneIn(12) ? () => 'no list' : () => items,
              maxParallel: 1 + chance.upTo(3),
            },
          }
        : {}),
      ...(chance.oneIn(8)
        ? {
            repeat: {
              until: when(({index}) => (index ?? 0) >= rounds, 'done'),
              max: 1 + chance.upTo(3),
              delayMs: chance.pick([0, 1_000]),
            },
          }
        : {}),
    }
  }

  function someWork(depth: number, id: string) {
    const kinds = ['action', 'action', 'action', 'value', 'timer', 'signal', 'approval', 'workflow', 'remote']
    switch (chance.pick(depth < 2 ? [...kinds, 'group', 'group', 'generate'] : kinds)) {
      case 'value':
        return value(chance.oneIn(10) ? throwing() : () => id)
      case 'timer':
        return timer(chance.pick([0, 5_000, 60_000]))
      case 'signal':
        return forSignal(chance.pick(['go', 'stop']))
      case 'approval':
        return approval
      case 'workflow':
        return child()
      case 'group':
        return group(...someSteps(depth + 1, 'g'))
      case 'generate': {
        const templates = someSteps(depth + 1, 'n')
        return generate(1 + chance.upTo(2), names =>
          (names as readonly Json[]).map(name => template(templates, name)),
        )
      }
      case 'remote':
        return {...call('remote'), kind: 'action'} as const
      default:
        return action(chance.oneIn(25) ? throwing() : undefined)
    }
  }

  function template(templates: readonly StepSketch[], name: Json): StepSketch {
    const {needs: _needs, ...sketch} = templates[Number(name) % templates.length] as StepSketch
    return {...sketch, id: `x${JSON.stringify(name)}`}
  }
}
