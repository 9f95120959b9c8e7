import fc from 'fast-check'
import {expect, test} from 'vitest'
import {canonicalJson} from '../../../src/kernel/json.ts'

/** The same content with the keys of every object the other way round. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, reversed(inner)]),
  )
}

test('the order of keys makes no difference, at any depth', () => {
  fc.assert(
    fc.property(fc.jsonValue(), value => {
      expect(canonicalJson(reversed(value))).toBe(canonicalJson(value))
    }),
  )
})

test('nothing is lost', () => {
  fc.assert(
    fc.property(fc.jsonValue(), value => {
      expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('the order of lists and the type of values do make a difference', () => {
  expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]))
  expect(canonicalJson({wait: true})).not.toBe(canonicalJson({wait: 'true'}))
  expect(canonicalJson({a: {b: 1}})).not.toBe(canonicalJson({a: {b: 2}}))
})
