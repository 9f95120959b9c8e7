import {Environment, Optional} from '@marcbachmann/cel-js'
import {AppError, toError} from '../../kernel/errors.ts'
import type {Json} from '../../kernel/json.ts'
import {didYouMean} from '../../platform/config/faults.ts'
import type {Outcome, View} from '../plan.ts'
import {createMeter, EXPRESSION_LIMITS, ExpressionError, toJson} from './bounds.ts'
import {referenceOf, survey, type Comprehension, type OutcomeFunction, type Reference} from './survey.ts'

/**
 * One expression, compiled. The language is CEL: no side effects, no loops but over lists, nothing of JavaScript in
 * reach, bounded time (see bounds.ts).
 */
export interface Expression {
  readonly source: string
  readonly references: readonly Reference[]
  /** It calls `always()`, `success()`, `failure()` or `cancelled()`. */
  readonly asksOutcome: boolean
  /** Throws an AppError INVALID_INPUT that names the expression; nothing else. */
  evaluate(view: View, outcome?: Outcome): Json
}

const ROOTS = new Set(['input', 'steps', 'run', 'item', 'index', 'previous', 'output'])
const OUTCOMES: Readonly<Record<OutcomeFunction, (outcome: Outcome) => boolean>> = {
  always: () => true,
  success: ({failed, skipped, cancelled}) => !failed && !skipped && cancelled !== true,
  failure: ({failed}) => failed,
  cancelled: ({cancelled}) => cancelled === true,
}
const SUCCESS: Outcome = {failed: false, skipped: false, cancelled: false}

// Names that the compiler puts in.
const VISITED = 'visited_'
const BUILT = 'built_'

const meter = createMeter()
/** Of the one evaluation under way. */
let asked: Outcome = SUCCESS
const environment = createEnvironment()
const compiled = new Map<string, Expression | ExpressionError>()
const COMPILED_MAX = 10_000

/** Compiles an expression, or says what is wrong with it. The same source again costs a lookup. */
export function compileExpression(source: string): Expression | ExpressionError {
  let known = compiled.get(source)
  if (known === undefined) {
    known = attempt(source)
    if (compiled.size >= COMPILED_MAX) compiled.clear()
    compiled.set(source, known)
  }
  return known
}

function attempt(source: string): Expression | ExpressionError {
  try {
    return compile(source)
  } catch (error) {
    if (error instanceof ExpressionError) return error
    return new ExpressionError(`does not parse: ${reason(error)}`)
  }
}

function compile(source: string): Expression {
  if (source === '') throw new ExpressionError('is empty')
  if (source.length > EXPRESSION_LIMITS.chars)
    throw new ExpressionError(`is longer than ${EXPRESSION_LIMITS.chars} characters`)
  const parsed = environment.parse(source)
  const found = survey(parsed.ast)
  for (const {root} of found.references)
    if (!ROOTS.has(root))
      throw new ExpressionError(`refers to ${root}, which is not known`, didYouMean(root, ROOTS).trim())
  const program =
    found.comprehensions.length === 0 ? parsed : environment.parse(counting(source, found.comprehensions))
  const checked = program.check()
  if (!checked.valid) throw new ExpressionError(`makes no sense: ${reason(checked.error)}`)
  // What is only read is JSON already.
  const isReference = referenceOf(parsed.ast) !== undefined

  return {
    source,
    references: found.references,
    asksOutcome: found.asksOutcome,
    evaluate(view, outcome = SUCCESS) {
      asked = outcome
      meter.reset()
      try {
        const value: unknown = program(view)
        return isReference && !(value instanceof Optional) ? (value as Json) : toJson(value)
      } catch (error) {
        throw new AppError('INVALID_INPUT', `\${{ ${source} }} can't be evaluated: ${reason(error)}.`, {
          cause: error,
        })
      }
    },
  }
}

function createEnvironment(): Environment {
  const made = new Environment({
    homogeneousAggregateLiterals: false,
    enableOptionalTypes: true,
    limits: {
      maxAstNodes: EXPRESSION_LIMITS.nodes,
      maxDepth: EXPRESSION_LIMITS.depth,
      maxListElements: 100,
      maxMapEntries: 100,
      maxCallArguments: 8,
    },
  })
  for (const root of ROOTS) made.registerVariable(root, 'dyn')
  const pure = {async: false}
  for (const [name, of] of Object.entries(OUTCOMES))
    made.registerFunction(`${name}(): bool`, () => of(asked), pure)
  made.registerFunction(`dyn.${VISITED}(): dyn`, meter.visited, pure)
  made.registerFunction(`dyn.${BUILT}(): dyn`, meter.built, pure)
  // JSON knows one kind of number, CEL several: what people write as 1 goes with what arrives as 1.
  const arithmetic: readonly (readonly [string, (a: number, b: number) => number])[] = [
    ['+', (a, b) => a + b],
    ['-', (a, b) => a - b],
    ['*', (a, b) => a * b],
    ['/', (a, b) => a / b],
    ['%', (a, b) => a % b],
  ]
  for (const [operator, apply] of arithmetic) {
    const mixed = (a: number | bigint, b: number | bigint): number => apply(Number(a), Number(b))
    made.registerOperator(`double ${operator} int`, mixed)
    made.registerOperator(`int ${operator} double`, mixed)
    if (operator === '%') made.registerOperator('double % double', mixed)
  }
  made.registerOperator('int == double', (a: bigint, b: number) => Number(a) === b)
  return made
}

/** The same expression with every list that it goes over counted before it does. */
function counting(source: string, comprehensions: readonly Comprehension[]): string {
  const inserts = comprehensions.map(({method, receiver, variable}) => {
    const before = source.slice(receiver.end, variable.start)
    const dot = new RegExp(`\\.\\s*${method}\\s*\\([\\s(]*$`).exec(before)
    if (!dot) throw new ExpressionError(`has something between .${method}( and its variable`)
    const how = referenceOf(receiver) ? VISITED : BUILT
    return {at: receiver.end + dot.index, text: `.${how}()`}
  })
  return inserts
    .sort((a, b) => b.at - a.at)
    .reduce((text, {at, text: insert}) => text.slice(0, at) + insert + text.slice(at), source)
}

/** What went wrong in one line, without the picture of the expression that the library draws. */
function reason(error: unknown): string {
  const {summary} = error as {readonly summary?: unknown}
  return typeof summary === 'string' ? summary : toError(error).message
}
