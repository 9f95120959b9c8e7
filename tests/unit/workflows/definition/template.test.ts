import {expect, test} from 'vitest'
import type {Json} from '../../../../src/kernel/json.ts'
import {ExpressionError} from '../../../../src/workflows/definition/bounds.ts'
import {
  compileCondition,
  compileTemplate,
  expressionsIn,
} from '../../../../src/workflows/definition/template.ts'
import type {View} from '../../../../src/workflows/plan.ts'

const view: View = {
  input: {n: 2, text: 'x', nothing: null, list: [1, 2], map: {a: 1}},
  steps: {},
  run: {id: 'wf-1', correlation_id: 'c', workflow: 'w'},
}

test.each<[Json, Json]>([
  ['plain', 'plain'],
  [null, null],
  ['${{ input.n }}', 2],
  ['${{input.list}}', [1, 2]],
  ['n is ${{ input.n }}', 'n is 2'],
  ['${{ input.n }}${{ input.text }}', '2x'],
  ['<${{ input.nothing }}>', '<>'],
  ['${{ input.map }} and ${{ input.list }}', '{"a":1} and [1,2]'],
  ['${{ {"a": {"b": input.n}} }}', {a: {b: 2}}],
  ['${{ "}}" + input.text }}!', '}}x!'],
  ['${{ "a\\"}}" }}', 'a"}}'],
  ['${{ """a}}"b""" }}', 'a}}"b'],
  [
    {deep: ['${{ input.n }}', {more: '-${{ input.text }}'}], same: 1},
    {deep: [2, {more: '-x'}], same: 1},
  ],
  ['costs $5 {{ not ours }}', 'costs $5 {{ not ours }}'],
])('%j becomes %j', (value, expected) => {
  expect(compileTemplate(value)(view)).toEqual(expected)
})

test('what has no expressions is answered as it is, not copied', () => {
  const value = {deep: {list: [1, 2, 3]}, text: 'plain'}
  expect(compileTemplate(value)(view)).toBe(value)
})

test.each([
  ['${{ input.n', 'is not closed'],
  ['${{ }}', 'is empty'],
  ['a ${{ input.n } b', 'is not closed'],
])('%s is wrong: it %s', (text, message) => {
  expect(() => compileTemplate(text)).toThrow(message)
  expect(expressionsIn({a: [text]})).toMatchObject([{path: ['a', 0], expression: {message}}])
})

test.each([
  ['input.n == 2', true],
  ['${{ input.n == 3 }}', false],
  ['  ${{ input.text == "x" }} ', true],
])('the condition %s is %s', (text, expected) => {
  expect(compileCondition(text).test(view, {failed: false, skipped: false})).toBe(expected)
})

test('a condition is one expression, and true or false', () => {
  expect(() => compileCondition('${{ input.n }} == 2')).toThrow(ExpressionError)
  expect(() => compileCondition('input.n').test(view, {failed: false, skipped: false})).toThrow(
    '${{ input.n }} must be true or false; it is 2.',
  )
})
