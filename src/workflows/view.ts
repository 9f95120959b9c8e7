import type {Json} from '../kernel/json.ts'
import {layersOf, wholeOf, type Place} from './place.ts'
import type {Scope, StepView, View} from './plan.ts'
import type {Run, StepState} from './run.ts'
import {stateOf} from './tally.ts'

/**
 * What the expressions of a place see. Made when it is asked for, piece by piece: a step that looks at one of a thousand
 * others does not pay for them all.
 */
export function viewAt(run: Run, place: Place, output?: Json): View {
  const {scope, outer} = place
  return {
    ...surroundings(run, place),
    ...stepsOf(run, {scope, outer}),
    ...(output === undefined ? {} : {output}),
  }
}

/** What the condition of a `repeat` sees of a round that has ended: besides the rest, the steps inside of it. */
export function viewOfRound(run: Run, round: Place, output: Json): View {
  const {work} = round.step
  const inside =
    work.kind === 'group' && layersOf(round.step).length === round.indexes.length
      ? {scope: work.steps, outer: round}
      : round
  return {...surroundings(run, round), ...stepsOf(run, inside), output}
}

/** What the result of the run sees. */
export function viewOfRun(run: Run, scope: Scope): View {
  return {...identity(run), ...stepsOf(run, {scope, outer: undefined})}
}

function identity(run: Run): Pick<View, 'input' | 'run'> {
  const {id, correlationId, workflow, input} = run
  return {input, run: {id, correlation_id: correlationId, workflow}}
}

function surroundings(run: Run, place: Place): Omit<View, 'steps' | 'output'> {
  const item = itemAt(run, place)
  const numbered = numberedAt(place)
  const index = numbered?.indexes.at(-1)
  return {
    ...identity(run),
    ...(item === undefined ? {} : {item}),
    ...(index === undefined ? {} : {index}),
    ...(numbered ? {previous: previousOf(run, numbered)} : {}),
  }
}

/** The nearest place around that is one of several. */
function numberedAt(place: Place): Place | undefined {
  for (let at: Place | undefined = place; at; at = at.outer) if (at.indexes.length > 0) return at
  return undefined
}

function itemAt(run: Run, place: Place): Json | undefined {
  for (let at: Place | undefined = place; at; at = at.outer) {
    const [index] = at.indexes
    if (at.step.forEach && index !== undefined) return stateOf(run, wholeOf(at).path).items?.[index]
  }
  return undefined
}

function previousOf(run: Run, place: Place): Json {
  const index = place.indexes.at(-1) ?? 0
  const last = layersOf(place.step)[place.indexes.length - 1]
  if (index === 0 || last === 'item') return null
  const {path} = place
  return stateOf(run, `${path.slice(0, path.lastIndexOf('['))}[${index - 1}]`).output
}

function stepsOf(
  run: Run,
  inside: {readonly scope: Scope; readonly outer: Place | undefined},
): Pick<View, 'steps'> {
  const find = (id: string): StepView | undefined => {
    let {scope, outer}: {scope: Scope; outer: Place | undefined} = inside
    for (;;) {
      if (scope.byId.has(id)) return stepView(stateOf(run, outer ? `${outer.path}/${id}` : id))
      if (!outer) return undefined
      ;({scope, outer} = outer)
    }
  }
  const ids = (): string[] => {
    const all = new Set<string>(inside.scope.byId.keys())
    for (let at = inside.outer; at; at = at.outer) for (const id of at.scope.byId.keys()) all.add(id)
    return [...all]
  }
  const steps = new Proxy<Record<string, StepView>>(
    {},
    {
      get: (target, id): unknown =>
        (typeof id === 'string' ? find(id) : undefined) ?? Reflect.get(target, id),
      has: (_target, id) => typeof id === 'string' && find(id) !== undefined,
      ownKeys: ids,
      getOwnPropertyDescriptor(_target, id) {
        const value = typeof id === 'string' ? find(id) : undefined
        return value && {value, enumerable: true, configurable: true, writable: false}
      },
    },
  )
  return {steps}
}

function stepView({status, output, error}: StepState): StepView {
  return {status: SHOWN[status], output, error: error ?? null}
}

const SHOWN = {
  pending: 'pending',
  locking: 'running',
  running: 'running',
  waiting: 'running',
  succeeded: 'succeeded',
  failed: 'failed',
  skipped: 'skipped',
  cancelled: 'skipped',
  compensating: 'succeeded',
  compensated: 'succeeded',
} as const satisfies Record<StepState['status'], StepView['status']>
