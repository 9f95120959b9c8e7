import type {ASTNode} from '@marcbachmann/cel-js'
import {EXPRESSION_LIMITS, ExpressionError} from './bounds.ts'

/** A name with the fields read from it, as far as they are known without evaluating: `steps.test.output`. */
export interface Reference {
  readonly root: string
  readonly fields: readonly string[]
}

/** Asked in conditions: how things stand for the run and for what the step needs. */
const OUTCOME_FUNCTIONS = ['always', 'success', 'failure', 'cancelled'] as const
export type OutcomeFunction = (typeof OUTCOME_FUNCTIONS)[number]
const COMPREHENSIONS = new Set(['all', 'exists', 'exists_one', 'filter', 'map'])
/** What the language has and no expression may use, with what to do instead. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  // A pattern can take for ever on a text made for it.
  ['matches', 'Use contains, startsWith, endsWith or ==.'],
  ['bind', 'Use a step with value.'],
])

export interface Comprehension {
  readonly method: string
  readonly receiver: ASTNode
  readonly variable: ASTNode
}

export interface Survey {
  readonly references: Reference[]
  readonly comprehensions: Comprehension[]
  asksOutcome: boolean
}

/** What an expression refers to, and the lists it goes over. Throws an ExpressionError for what no expression may do. */
export function survey(root: ASTNode): Survey {
  const found: Survey = {references: [], comprehensions: [], asksOutcome: false}
  visit(root, new Set(), 0, found)
  if (found.comprehensions.length > EXPRESSION_LIMITS.comprehensions)
    throw new ExpressionError(
      `goes over lists more than ${EXPRESSION_LIMITS.comprehensions} times`,
      'Split it over steps with value.',
    )
  return found
}

function visit(node: ASTNode, bound: ReadonlySet<string>, nesting: number, found: Survey): void {
  const down = (inner: ASTNode): void => visit(inner, bound, nesting, found)
  switch (node.op) {
    case 'value':
      return
    case 'id':
      if (!bound.has(node.args)) found.references.push({root: node.args, fields: []})
      return
    case '.':
    case '.?':
    case '[]':
    case '[?]': {
      const reference = referenceOf(node)
      if (!reference) {
        const [from, field] = node.args
        down(from)
        if (typeof field !== 'string') down(field)
      } else if (!bound.has(reference.root)) found.references.push(reference)
      return
    }
    case 'call': {
      const [name, args] = node.args
      if ((OUTCOME_FUNCTIONS as readonly string[]).includes(name)) found.asksOutcome = true
      args.forEach(down)
      return
    }
    case 'rcall': {
      const [method, receiver, args] = node.args
      const suggestion = REFUSED.get(method)
      if (suggestion !== undefined) throw new ExpressionError(`may not use ${method}()`, suggestion)
      const [variable] = args
      if (!COMPREHENSIONS.has(method) || variable?.op !== 'id') {
        for (const inner of [receiver, ...args]) down(inner)
        return
      }
      if (nesting >= EXPRESSION_LIMITS.nesting)
        throw new ExpressionError(
          `nests more than ${EXPRESSION_LIMITS.nesting} of ${[...COMPREHENSIONS].join(', ')}`,
          'Split it over steps with value.',
        )
      found.comprehensions.push({method, receiver, variable})
      down(receiver)
      const inside = new Set(bound).add(variable.args)
      for (const inner of args.slice(1)) visit(inner, inside, nesting + 1, found)
      return
    }
    case 'map':
      for (const [key, value] of node.args) {
        down(key)
        down(value)
      }
      return
    case '!_':
    case '-_':
      down(node.args)
      return
    default:
      node.args.forEach(down)
  }
}

/** The chain of plain field reads that the node is, if it is one. */
export function referenceOf(node: ASTNode): Reference | undefined {
  const fields: string[] = []
  let at = node
  while (at.op !== 'id') {
    if (at.op !== '.' && at.op !== '.?' && at.op !== '[]' && at.op !== '[?]') return undefined
    const [from, field]: [ASTNode, ASTNode | string] = at.args
    const name = typeof field === 'string' ? field : field.op === 'value' ? field.args : undefined
    if (typeof name !== 'string' && typeof name !== 'bigint') return undefined
    fields.unshift(String(name))
    at = from
  }
  return {root: at.args, fields}
}
