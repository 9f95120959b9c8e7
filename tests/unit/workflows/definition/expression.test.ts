import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {AppError} from '../../../../src/kernel/errors.ts'
import type {Json} from '../../../../src/kernel/json.ts'
import {EXPRESSION_LIMITS, ExpressionError} from '../../../../src/workflows/definition/bounds.ts'
import {compileExpression} from '../../../../src/workflows/definition/expression.ts'
import type {Outcome, View} from '../../../../src/workflows/plan.ts'
import {cpuMs} from '../../../support/cost.ts'

const view: View = {
  input: {
    n: 2,
    half: 0.5,
    text: 'x',
    list: [1, 2, 3],
    words: ['a', 'b'],
    mixed: [1, 'a', null],
    nothing: null,
    map: {a: 1, b: {c: [true]}},
    thousand: Array.from({length: 1_000}, (_, i) => i),
  },
  steps: {
    test: {status: 'succeeded', output: {conclusion: 'success', count: 3}, error: null},
    docs: {status: 'failed', output: null, error: {code: 'TIMEOUT', message: 'took too long'}},
  },
  run: {id: 'wf-1', correlation_id: 'c', workflow: 'w'},
}

function evaluate(source: string, outcome?: Outcome, at: View = view): Json {
  const expression = compileExpression(source)
  if (expression instanceof ExpressionError) throw expression
  return expression.evaluate(at, outcome)
}

function refusal(source: string): ExpressionError {
  const expression = compileExpression(source)
  if (expression instanceof ExpressionError) return expression
  throw new Error(`${source} compiled`)
}

test.each<[string, Json]>([
  // A JSON number goes with a written one, whole or not.
  ['input.n > 1', true],
  ['input.n == 2', true],
  ['input.n + 1', 3],
  ['1 + input.n', 3],
  ['input.n * 2 - 1', 3],
  ['input.n / 4', 0.5],
  ['input.n % 2 == 0', true],
  ['5 / 2', 2],
  ['input.half + 1', 1.5],
  ['-input.n', -2],
  ['1 == 1.0', true],
  ['1.5 != 1', true],
  ['size(input.words) == input.n', true],
  ['input.n == size(input.words)', true],
  ['size(input.words) != input.n', false],
  ['input.n in [1, 2]', true],
  ['2 in input.list', true],
  ['size(input.list) - 1', 2],
  ['input.list[input.n]', 3],
  ['input.n > size(input.words)', false],
  ['input.list.map(x, x + 1)', [2, 3, 4]],
  ['input.list.filter(x, x > 1)', [2, 3]],
  ['input.list.exists(x, x == 2)', true],
  ['input.list.all(x, input.list.exists(y, y >= x))', true],
  ['((input.words) + (["c"])).map(x, x + "!")', ['a!', 'b!', 'c!']],
  ['input.words.join(", ")', 'a, b'],
  ['{"n": input.n, "list": [1, "x"]}', {n: 2, list: [1, 'x']}],
  ['input.nothing == null', true],
  ['input.map != null', true],
  ['input.map == {"a": 1, "b": {"c": [true]}}', true],
  ['{"a": 1} in [{"a": 1}]', true],
  ['has(input.absent)', false],
  ['steps.test.output.?conclusion', 'success'],
  ['steps.docs.output.?count', null],
  ['steps.docs.output.?count.orValue(7)', 7],
  ['steps.docs.error.message', 'took too long'],
  ['steps.test', {status: 'succeeded', output: {conclusion: 'success', count: 3}, error: null}],
  ['timestamp("2026-01-01T00:00:00Z")', '2026-01-01T00:00:00.000Z'],
  ['steps.docs.status == "failed" || steps.docs.output.count > 1', true],
])('%s is %j', (source, expected) => {
  expect(evaluate(source)).toEqual(expected)
})

test.each<[string, Outcome, boolean]>([
  ['always()', {failed: true, skipped: true, cancelled: true}, true],
  ['success()', {failed: false, skipped: false}, true],
  ['success()', {failed: false, skipped: true}, false],
  ['success()', {failed: false, skipped: false, cancelled: true}, false],
  ['failure()', {failed: true, skipped: false}, true],
  ['failure()', {failed: false, skipped: true}, false],
  ['cancelled()', {failed: false, skipped: false, cancelled: true}, true],
  ['failure() && input.n == 2', {failed: true, skipped: false}, true],
])('%s after %j is %s', (source, outcome, expected) => {
  expect(compileExpression(source)).toMatchObject({asksOutcome: true})
  expect(evaluate(source, outcome)).toBe(expected)
})

describe('nothing of JavaScript is in reach', () => {
  test.each([
    'input.constructor',
    'input["constructor"]',
    'input.list.constructor',
    'input.list.length',
    'input.map["__proto__"]',
    'input.map.hasOwnProperty',
    'steps.test["constructor"]',
    'run["toString"]',
  ])('%s does not exist', source => {
    expect(() => evaluate(source)).toThrow(/No such key/)
  })

  test.each([
    '"x".constructor',
    'constructor',
    'globalThis',
    'process.env',
    'this',
    'eval("1")',
    'input.n.toFixed(1)',
  ])('%s is refused or fails', source => {
    expect(() => evaluate(source)).toThrow()
  })

  test('a map built with the names of prototypes changes none', () => {
    expect(evaluate('{"__proto__": {"admin": true}, "a": 1}')).toEqual({a: 1})
    expect(({} as {admin?: boolean}).admin).toBeUndefined()
  })

  test('whatever text is compiled and evaluated, only our two errors come of it', () => {
    const piece = fc.constantFrom(
      ...[
        'input',
        'steps',
        '.',
        'n',
        'list',
        '[',
        ']',
        '(',
        ')',
        '+',
        '"',
        "'",
        '1',
        '{',
        '}',
        ':',
        ',',
        '?',
        'map',
      ],
      ...[
        'constructor',
        '__proto__',
        '&&',
        '!',
        ' ',
        'x',
        '\\',
        'r"',
        'b"',
        'null',
        '9223372036854775807',
        '-',
      ],
    )
    fc.assert(
      fc.property(fc.array(piece, {maxLength: 14}), pieces => {
        try {
          evaluate(pieces.join(''))
        } catch (error) {
          if (
            !(error instanceof ExpressionError) &&
            !(error instanceof AppError && error.code === 'INVALID_INPUT')
          )
            throw error
        }
      }),
      {numRuns: 3_000},
    )
  })
})

describe('its time and memory are bounded', () => {
  test.each([
    [`"${'x'.repeat(EXPRESSION_LIMITS.chars)}"`, /longer than/],
    [Array.from({length: EXPRESSION_LIMITS.nodes}, () => '1').join(' + '), /does not parse/],
    [`${'('.repeat(100)}1${')'.repeat(100)}`, /does not parse/],
    ['input.list.map(a, input.list.map(b, input.list.map(c, c)))', /nests more than 2/],
    ['[[1]].map(x, x).map(x, x).map(x, x).map(x, x).map(x, x)', /goes over lists more than 4 times/],
    ['"aaaa".matches("(a+)+$")', /may not use matches/],
    ['cel.bind(x, [1], x + x)', /may not use bind/],
  ])('%.40s is refused when compiled', (source, message) => {
    expect(refusal(source).message).toMatch(message)
  })

  test('a list over the limit, or too many visits in all, ends the evaluation', () => {
    const long: View = {...view, input: {list: Array.from({length: EXPRESSION_LIMITS.items + 1}, () => 1)}}
    expect(() => evaluate('input.list.map(x, x)', undefined, long)).toThrow(/1001 items, over 1000/)
    expect(() => evaluate('input.thousand.map(x, input.thousand.map(y, y))')).toThrow(/more than 10000 items/)
    expect(evaluate('input.thousand.map(x, x)')).toHaveLength(1_000)
  })

  test('a chain that multiplies its items is cut short before it fills the memory', () => {
    const times = (n: number): string => Array.from({length: n}, () => 'x').join(' + ')
    const chain = `[[1]].map(x, ${times(22)}).map(x, ${times(22)}).map(x, ${times(22)}).map(x, ${times(22)})`
    const longer = `[input.thousand].map(x, ${times(22)}).map(x, ${times(22)}).map(x, ${times(22)}).map(x, size(x))`
    const cost = cpuMs(() => {
      expect(() => evaluate(chain)).toThrow(/too large/)
      expect(() => evaluate(longer)).toThrow(/builds too large a value/)
    })
    // Not cut short, the longer one would go over ten million values.
    expect(cost).toBeLessThan(2_000)
    const text: View = {...view, input: {text: 'x'.repeat(100_000)}}
    expect(() => evaluate('input.text + input.text + input.text', undefined, text)).toThrow(/longer than/)
  })

  test('an evaluation costs microseconds', () => {
    const expression = compileExpression('steps.test.output.count > 1 && input.n == 2')
    if (expression instanceof ExpressionError) throw expression
    const cost = cpuMs(() => {
      for (let i = 0; i < 10_000; i++) expression.evaluate(view)
    })
    expect(cost / 10_000).toBeLessThan(0.05)
  })
})

describe('what can’t be evaluated says why, and names the expression', () => {
  test.each([
    [
      'steps.docs.output.count',
      /\$\{\{ steps\.docs\.output\.count }} can't be evaluated: No such key: count/,
    ],
    ['input.text + 1', /no such overload/],
    ['1 / 0', /division by zero/],
    ['1.0 / 0.0', /Infinity, which is no number/],
    ['9007199254740993', /too large a number/],
    ['duration("1m")', /no text, number, list or map/],
    ['input.words[5]', /out of bounds/],
    ['item', /item/],
  ])('%s', (source, message) => {
    expect(() => evaluate(source)).toThrow(message)
    expect(() => evaluate(source)).toThrow(AppError)
  })

  test.each([
    ['input.n ==', 'does not parse'],
    ['"a" + 1', 'makes no sense'],
    ['sise(input.list)', 'makes no sense'],
    ['', 'is empty'],
  ])('%j can’t be compiled', (source, message) => {
    expect(refusal(source).message).toContain(message)
  })

  test('a name that is nearly right is put right', () => {
    expect(refusal('step.test.output')).toMatchObject({
      message: 'refers to step, which is not known',
      suggestion: 'Did you mean "steps"?',
    })
  })
})

test('it knows what it refers to, but for its own variables', () => {
  const expression = compileExpression(
    'steps.a.output["b"].exists(x, x.id == input.n && steps["c"].status == "failed") || has(item.q.r)',
  )
  expect(expression).toMatchObject({
    references: [
      {root: 'steps', fields: ['a', 'output', 'b']},
      {root: 'input', fields: ['n']},
      {root: 'steps', fields: ['c', 'status']},
      {root: 'item', fields: ['q', 'r']},
    ],
  })
})
