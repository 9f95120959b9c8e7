import {createHash} from 'node:crypto'
import {AppError} from '../../kernel/errors.ts'
import {canonicalJson, type Json} from '../../kernel/json.ts'
import {parseDuration} from '../../kernel/time.ts'
import {describeIssue} from '../../platform/config/read-file.ts'
import {generatedSchema, type StepDefinition, type WorkflowDefinition} from '../../sdk/workflow.ts'
import type {ActionCall, Plan, Scope, Step, Template, Work} from '../plan.ts'
import {findAction, type Catalogue} from './catalogue.ts'
import {checkDefinition, checkGenerated} from './check.ts'
import {dependentsOf, graphOf} from './graph.ts'
import {definitionError, faultsOf, readDefinition, schemaFaults, type Source} from './parse.ts'
import {atStep, insideStep, outermost, type Surroundings} from './surroundings.ts'
import {compileCondition, compileTemplate} from './template.ts'

const RETRY = {delay: '2s', 'max-delay': '5m'} as const
const MAX_PARALLEL = 10

/**
 * Compiles a definition for what can be called here. Throws an AppError INVALID_INPUT that names everything that is
 * wrong, each with its step: also for a definition that compiled before an agent changed.
 */
export function compile(source: Source, catalogue: Catalogue): Plan {
  const faults = checkDefinition(source, catalogue)
  if (faults.length > 0) throw definitionError(faults)
  return planOf(source.definition, catalogue)
}

/** The same for a definition that no file holds: written in code, planned, or pinned by a run. */
export function compileBody(name: string, body: unknown, catalogue: Catalogue): Plan {
  const parsed = readDefinition(body, name)
  if (!parsed.ok) throw definitionError(parsed.faults)
  return compile(parsed, catalogue)
}

/** The plan of a definition that was checked. */
export function planOf(definition: WorkflowDefinition, catalogue: Catalogue): Plan {
  const {name, steps, result} = definition
  return {
    name,
    hash: hashOf(definition),
    steps: scopeOf(steps, outermost(definition), catalogue),
    ...(result === undefined ? {} : {result: compileTemplate(result)}),
    maxGenerated: generates(steps),
  }
}

/** The same for the same content, however it was written. */
export function hashOf(definition: WorkflowDefinition): string {
  return createHash('sha256').update(canonicalJson(definition)).digest('hex')
}

function generates(steps: readonly StepDefinition[]): number {
  return steps.reduce((sum, step) => sum + (step.generate?.max ?? 0) + generates(step.steps ?? []), 0)
}

function scopeOf(steps: readonly StepDefinition[], outside: Surroundings, catalogue: Catalogue): Scope {
  const graph = graphOf(steps)
  const dependents = dependentsOf(graph.needs)
  const ids = (indexes: readonly number[] = []): string[] => indexes.map(index => steps[index]?.id ?? '')
  const compiled = steps.map((step, index) => {
    const inside = insideStep(atStep(outside, steps, graph, index), step)
    return stepOf(
      step,
      {needs: ids(graph.needs[index]), dependents: ids(dependents[index])},
      inside,
      catalogue,
    )
  })
  const order = graph.order.flatMap(index => compiled[index] ?? [])
  return {order, byId: new Map(order.map(step => [step.id, step]))}
}

function stepOf(
  step: StepDefinition,
  links: Pick<Step, 'needs' | 'dependents'>,
  inside: Surroundings,
  catalogue: Catalogue,
): Step {
  const {id, repeat, retry = {max: 0}, lock, checkpoint} = step
  const delayMs = ms(retry.delay ?? RETRY.delay)
  return {
    id,
    ...links,
    work: workOf(step, inside, catalogue),
    retry: {
      max: retry.max,
      delayMs,
      maxDelayMs: Math.max(delayMs, ms(retry['max-delay'] ?? RETRY['max-delay'])),
    },
    continueOnError: step['continue-on-error'] ?? false,
    ...(step.if === undefined ? {} : {condition: compileCondition(step.if)}),
    ...(step['for-each'] === undefined
      ? {}
      : {
          forEach: {
            items: compileTemplate(step['for-each']),
            maxParallel: step['max-parallel'] ?? MAX_PARALLEL,
          },
        }),
    ...(repeat
      ? {
          repeat: {
            until: compileCondition(repeat.until),
            max: repeat.max,
            delayMs: repeat.delay === undefined ? 0 : ms(repeat.delay),
          },
        }
      : {}),
    ...(step.timeout === undefined ? {} : {timeoutMs: ms(step.timeout)}),
    ...(step.compensate ? {compensate: callOf(step.compensate, catalogue)} : {}),
    ...(lock ? {lock: {resource: compileTemplate(lock.resource), kind: lock.kind ?? 'exclusive'}} : {}),
    ...(checkpoint === undefined ? {} : {checkpoint}),
  }
}

function workOf(step: StepDefinition, inside: Surroundings, catalogue: Catalogue): Work {
  const {agent, action, value, fail, steps, wait, approval, workflow, generate} = step
  if (steps) return {kind: 'group', steps: scopeOf(steps, inside, catalogue)}
  if (wait?.for !== undefined) return {kind: 'timer', ms: timeOf(wait.for)}
  if (wait?.signal !== undefined) return {kind: 'signal', name: compileTemplate(wait.signal)}
  if (approval) return {kind: 'approval', request: compileTemplate(approval)}
  if (workflow !== undefined)
    return {kind: 'workflow', name: workflow, with: compileTemplate(step.with ?? {})}
  if (generate) {
    const expand = expansion(step.id, inside, catalogue)
    return {kind: 'generate', max: generate.max, expand, ...callOf(generate, catalogue)}
  }
  if (agent !== undefined && action !== undefined)
    return {kind: 'action', ...callOf({agent, action, with: step.with}, catalogue)}
  if (fail !== undefined) return {kind: 'value', value: failureOf(fail)}
  return {kind: 'value', value: compileTemplate(value ?? null)}
}

function callOf(
  call: {
    readonly agent: string
    readonly action: string
    readonly with?: Readonly<Record<string, Json>> | undefined
  },
  catalogue: Catalogue,
): ActionCall {
  const {agent, action} = call
  const pure = findAction(catalogue, call).found?.pure ?? false
  return {agent, action, with: compileTemplate(call.with ?? {}), pure}
}

/** A value that there is none of: what a step is that is there to fail. */
function failureOf(message: string): Template {
  const text = compileTemplate(message)
  return view => {
    const said = text(view)
    throw new AppError('INVALID_INPUT', typeof said === 'string' ? said : JSON.stringify(said))
  }
}

function timeOf(given: string): Template {
  const text = compileTemplate(given)
  return view => {
    const time = text(view)
    const length = typeof time === 'string' ? parseDuration(time) : undefined
    if (length === undefined)
      throw new AppError(
        'INVALID_INPUT',
        `wait needs a duration such as 90s or 10m; ${given} is ${JSON.stringify(time)}.`,
      )
    return length
  }
}

/** Compiles what a `generate` step was told to do: once for each answer, however often it is asked. */
function expansion(id: string, inside: Surroundings, catalogue: Catalogue): (steps: Json) => Scope {
  const known = new WeakMap<object, Scope>()
  return given => {
    const before = typeof given === 'object' && given !== null ? known.get(given) : undefined
    if (before) return before
    const fault = faultsOf(`generated by ${id}:`, {steps: given})
    const parsed = generatedSchema.safeParse({steps: given}, {error: describeIssue})
    if (!parsed.success) throw definitionError(schemaFaults(parsed.error, fault))
    const {steps} = parsed.data
    const faults = checkGenerated(steps, inside, fault, catalogue)
    if (faults.length > 0) throw definitionError(faults)
    const scope = scopeOf(steps, inside, catalogue)
    if (typeof given === 'object' && given !== null) known.set(given, scope)
    return scope
  }
}

function ms(duration: string): number {
  return parseDuration(duration) ?? 0
}
