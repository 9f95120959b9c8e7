import type {Json} from '../../kernel/json.ts'
import {parseDuration} from '../../kernel/time.ts'
import {didYouMean} from '../../platform/config/faults.ts'
import {WORKFLOW_LIMITS, type StepDefinition, type WorkflowDefinition} from '../../sdk/workflow.ts'
import {ExpressionError} from './bounds.ts'
import {choice, findAction, misfits, type Catalogue, type KnownAction} from './catalogue.ts'
import type {Expression} from './expression.ts'
import type {DefinitionFault} from './fault.ts'
import {graphOf} from './graph.ts'
import {inputSchema, valueSchema} from './input.ts'
import type {FaultAt, Source} from './parse.ts'
import {wrongReference} from './references.ts'
import {afterSteps, atStep, insideStep, knowing, outermost, type Surroundings} from './surroundings.ts'
import {conditionOf, expressionsIn} from './template.ts'
import {kindsOf, type WorkKind} from './work.ts'

type Path = readonly PropertyKey[]
type Call = {
  readonly agent: string
  readonly action: string
  readonly with?: Readonly<Record<string, Json>> | undefined
}

/** Collects what is wrong. `say` takes the path inside the definition. */
interface Examination {
  readonly catalogue: Catalogue
  readonly say: (path: Path, message: string, suggestion?: string) => void
}

const TIMED: readonly WorkKind[] = ['action', 'generate', 'signal', 'approval']
const RETRIED: readonly WorkKind[] = ['action', 'generate']

/** Everything that can be known to be wrong with a definition before it runs, in the order of the file. */
export function checkDefinition({definition, fault}: Source, catalogue: Catalogue): DefinitionFault[] {
  const faults: DefinitionFault[] = []
  const examination = examining(faults, fault, catalogue)
  const outside = outermost(definition)
  checkDeclarations(definition, examination)
  const {steps, nesting} = extent(definition.steps)
  if (steps > WORKFLOW_LIMITS.steps)
    examination.say(
      ['steps'],
      `are ${steps}, over ${WORKFLOW_LIMITS.steps}`,
      'Use for-each, or workflows of their own.',
    )
  if (nesting > WORKFLOW_LIMITS.nesting)
    examination.say(['steps'], `are nested ${nesting} deep, over ${WORKFLOW_LIMITS.nesting}`)
  if (faults.length > 0) return faults
  checkScope(definition.steps, ['steps'], outside, examination)
  const after = afterSteps(outside, definition.steps, graphOf(definition.steps))
  checkExpressions(definition.result, ['result'], after, examination)
  return faults
}

/** The same for steps that an action has just made, which stand inside the step that asked for them. */
export function checkGenerated(
  steps: readonly StepDefinition[],
  inside: Surroundings,
  fault: FaultAt,
  catalogue: Catalogue,
): DefinitionFault[] {
  const faults: DefinitionFault[] = []
  const examination = examining(faults, fault, catalogue)
  const {steps: count, nesting} = extent(steps)
  if (count > WORKFLOW_LIMITS.generated)
    examination.say(['steps'], `are ${count}, over ${WORKFLOW_LIMITS.generated}`)
  if (nesting > WORKFLOW_LIMITS.nesting)
    examination.say(['steps'], `are nested ${nesting} deep, over ${WORKFLOW_LIMITS.nesting}`)
  if (faults.length === 0) checkScope(steps, ['steps'], inside, examination)
  return faults
}

function examining(faults: DefinitionFault[], fault: FaultAt, catalogue: Catalogue): Examination {
  const said = new Set<string>()
  return {
    catalogue,
    say(path, message, suggestion) {
      const one = fault(path, message, suggestion)
      const key = `${one.path} ${message}`
      if (!said.has(key)) faults.push(one)
      said.add(key)
    },
  }
}

/** How many steps there are in all, and how deep groups stand inside groups. */
function extent(steps: readonly StepDefinition[]): {steps: number; nesting: number} {
  let total = 0
  let deepest = 0
  const open = [{steps, depth: 0}]
  for (let scope = open.pop(); scope; scope = open.pop()) {
    total += scope.steps.length
    deepest = Math.max(deepest, scope.depth)
    for (const step of scope.steps) if (step.steps) open.push({steps: step.steps, depth: scope.depth + 1})
  }
  return {steps: total, nesting: deepest}
}

function checkDeclarations({input = {}}: WorkflowDefinition, {say}: Examination): void {
  for (const [name, declaration] of Object.entries(input)) {
    const path = ['input', name]
    if (declaration.required === true && declaration.default !== undefined)
      say(path, 'is required and has a default', 'Leave out one of the two.')
    const whole = valueSchema({type: declaration.type})
    const wrong = declaration.enum?.find(value => !whole.safeParse(value).success)
    if (wrong !== undefined) say([...path, 'enum'], `has ${wrong}, which is no ${declaration.type}`)
    else if (
      declaration.default !== undefined &&
      !valueSchema(declaration).safeParse(declaration.default).success
    )
      say(
        [...path, 'default'],
        `is not of type ${declaration.type}${declaration.enum ? ', or not in enum' : ''}`,
      )
  }
}

// --- the graph ------------------------------------------------------------------------------------------------

function checkScope(
  steps: readonly StepDefinition[],
  path: Path,
  outside: Surroundings,
  examination: Examination,
): void {
  const {say} = examination
  const graph = graphOf(steps)
  steps.forEach((step, index) => {
    const at = [...path, index]
    if (graph.indexOf.get(step.id) !== index)
      say([...at, 'id'], `is ${step.id}, which another step here has too`)
    step.needs?.forEach((need, place) => {
      if (need === step.id) say([...at, 'needs', place], 'is the step itself')
      else if (!graph.indexOf.has(need)) {
        const outer = outside.find(need)
        const message = outer
          ? `is ${need}, which is outside this group: the group as a whole waits for it`
          : `is ${need}, which is no step here`
        say([...at, 'needs', place], message, outer ? '' : didYouMean(need, graph.indexOf.keys()))
      }
    })
  })
  const [first] = graph.circle ?? []
  if (graph.circle && first !== undefined && graph.circle.length > 2)
    say(
      [...path, graph.indexOf.get(first) ?? 0, 'needs'],
      `go round in a circle: ${graph.circle.join(' → ')}`,
    )

  steps.forEach((step, index) => {
    const place = atStep(outside, steps, graph, index)
    const after = afterSteps(outside, steps, graph, index)
    checkStep(step, [...path, index], place, after, examination)
  })
}

// --- one step -------------------------------------------------------------------------------------------------

function checkStep(
  step: StepDefinition,
  path: Path,
  place: Surroundings,
  after: Surroundings,
  examination: Examination,
): void {
  const {catalogue, say} = examination
  const kinds = kindsOf(step)
  const [kind] = kinds
  if (kind === undefined)
    say(
      path,
      'does nothing',
      'Give it agent and action, value, fail, steps, wait, approval, workflow or generate.',
    )
  else if (kinds.length > 1)
    say(path, `is ${kinds.join(' and ')} at once`, 'A step does one thing; make it several.')
  else checkFit(step, kind, path, examination)

  const inside = insideStep(place, step)
  checkCondition(step.if, [...path, 'if'], place, examination, true)
  checkExpressions(step['for-each'], [...path, 'for-each'], place, examination)
  checkExpressions(step.lock?.resource, [...path, 'lock', 'resource'], place, examination)
  checkExpressions(step.value, [...path, 'value'], inside, examination)
  checkExpressions(step.fail, [...path, 'fail'], inside, examination)
  checkExpressions(step.with, [...path, 'with'], inside, examination)
  checkExpressions(step.wait, [...path, 'wait'], inside, examination)
  checkExpressions(step.approval, [...path, 'approval'], inside, examination)
  checkExpressions(step.generate?.with, [...path, 'generate', 'with'], inside, examination)
  const round = knowing(step.steps ? afterSteps(inside, step.steps, graphOf(step.steps)) : inside, 'output')
  checkCondition(step.repeat?.until, [...path, 'repeat', 'until'], round, examination, false)

  const {agent, action} = step
  if (agent !== undefined && action !== undefined)
    checkCall({agent, action, with: step.with}, path, examination)
  if (step.generate) checkCall(step.generate, [...path, 'generate'], examination)
  if (step.workflow !== undefined) {
    const called = catalogue.workflows.get(step.workflow)
    if (called) {
      for (const {path: inner, message, suggestion} of misfits(
        inputSchema(called.input ?? {}),
        step.with ?? {},
      ))
        say([...path, 'with', ...inner], message, suggestion)
    } else {
      const suggestion = choice(step.workflow, [...catalogue.workflows.keys()], 'There are')
      say([...path, 'workflow'], `is ${step.workflow}, which is no workflow here`, suggestion)
    }
  }
  if (step.compensate) {
    const at = [...path, 'compensate']
    const perItem = step['for-each'] === undefined ? [] : (['item', 'index'] as const)
    checkExpressions(step.compensate.with, [...at, 'with'], knowing(after, 'output', ...perItem), examination)
    const undo = checkCall(step.compensate, at, examination)
    if (undo?.pure === true) say(at, 'undoes nothing: its action has no effect outside')
  }
  if (step.steps) checkScope(step.steps, [...path, 'steps'], inside, examination)
}

/** What else a step of this kind may say. Whatever would be ignored is a fault: somebody relies on it. */
function checkFit(step: StepDefinition, kind: WorkKind, path: Path, {catalogue, say}: Examination): void {
  const {agent, action, retry} = step
  if (kind === 'action' && (agent === undefined || action === undefined))
    say(path, `has ${agent === undefined ? 'an action without its agent' : 'an agent without an action'}`)
  if (step.with && kind !== 'action' && kind !== 'workflow')
    say([...path, 'with'], 'belongs to an action or a workflow')
  if (step.timeout !== undefined && !TIMED.includes(kind))
    say([...path, 'timeout'], 'belongs to an action or a wait for people or signals')
  if (retry && !RETRIED.includes(kind)) say([...path, 'retry'], 'belongs to an action')
  if (retry && ms(retry.delay ?? '1s') > ms(retry['max-delay'] ?? '9999d'))
    say([...path, 'retry', 'max-delay'], 'is shorter than delay')
  if (step['max-parallel'] !== undefined && step['for-each'] === undefined)
    say([...path, 'max-parallel'], 'belongs to for-each')
  if (typeof step['for-each'] === 'string' && expressionsIn(step['for-each']).length === 0)
    say([...path, 'for-each'], 'is a text', 'Write a list, or an expression: ${{ input.services }}.')
  if (kind === 'timer' && isConstantText(step.wait?.for) && parseDuration(step.wait?.for ?? '') === undefined)
    say([...path, 'wait', 'for'], 'must be a duration such as 90s, 10m, 2h or 14d')
  if (step.compensate && kind !== 'action' && kind !== 'workflow')
    say([...path, 'compensate'], 'has nothing to undo: the step is no action and no workflow')
  else if (step.compensate && agent !== undefined && action !== undefined) {
    if (findAction(catalogue, {agent, action}).found?.pure === true)
      say([...path, 'compensate'], `has nothing to undo: ${agent}.${action} has no effect outside`)
  }
}

function checkCall(call: Call, path: Path, {catalogue, say}: Examination): KnownAction | undefined {
  const lookup = findAction(catalogue, call)
  if (!lookup.found) {
    say([...path, lookup.at], lookup.message, lookup.suggestion)
    return undefined
  }
  for (const {path: inner, message, suggestion} of misfits(lookup.found.input, call.with ?? {}))
    say([...path, 'with', ...inner], message, suggestion)
  return lookup.found
}

function ms(duration: string): number {
  return parseDuration(duration) ?? 0
}

function isConstantText(text: string | undefined): boolean {
  return text !== undefined && expressionsIn(text).length === 0
}

// --- expressions ----------------------------------------------------------------------------------------------

function checkExpressions(value: unknown, path: Path, place: Surroundings, examination: Examination): void {
  if (value === undefined) return
  for (const {path: inner, expression} of expressionsIn(value as Json))
    checkExpression(expression, [...path, ...inner], place, examination, false)
}

function checkCondition(
  text: string | undefined,
  path: Path,
  place: Surroundings,
  examination: Examination,
  mayAskOutcome: boolean,
): void {
  if (text !== undefined) checkExpression(conditionOf(text), path, place, examination, mayAskOutcome)
}

function checkExpression(
  expression: Expression | ExpressionError,
  path: Path,
  place: Surroundings,
  examination: Examination,
  mayAskOutcome: boolean,
): void {
  const {say} = examination
  if (expression instanceof ExpressionError) {
    say(path, `has an expression that ${expression.message}`, expression.suggestion)
    return
  }
  if (expression.asksOutcome && !mayAskOutcome)
    say(path, 'asks always(), success(), failure() or cancelled()', 'Only if can be asked that.')
  for (const reference of expression.references) {
    const wrong = wrongReference(reference, place, examination.catalogue)
    if (wrong) say(path, `refers to ${wrong.message}`, wrong.suggestion)
  }
}
