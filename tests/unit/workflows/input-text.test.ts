import fc from 'fast-check'
import {expect, test} from 'vitest'
import {readInputText} from '../../../src/workflows/input-text.ts'

const declared = {
  pr_number: {type: 'integer'},
  repo_url: {type: 'string'},
  publish: {type: 'boolean'},
  only: {type: 'array'},
} as const

test.each([
  ['', {}],
  [
    'pr_number=7 repo_url=https://github.com/acme/web',
    {pr_number: 7, repo_url: 'https://github.com/acme/web'},
  ],
  ['  repo_url="two words"   publish=true ', {repo_url: 'two words', publish: true}],
  ['repo_url="say \\"hi\\""', {repo_url: 'say "hi"'}],
  ['repo_url=7', {repo_url: '7'}],
  ['repo_url=', {repo_url: ''}],
  ['only=["a","b"]', {only: ['a', 'b']}],
  ['pr_number="7"', {pr_number: 7}],
  ['pr_number=seven', {pr_number: 'seven'}],
  ['other=7', {other: '7'}],
  ['{"pr_number": 7, "only": ["x y"]}', {pr_number: 7, only: ['x y']}],
])('%s', (text, input) => {
  expect(readInputText(text, declared)).toEqual(input)
})

test.each([
  ['pr_number', '"pr_number" is no pair'],
  ['pr_number=7 and more', '"and more" is no pair'],
  ['repo_url="open', '"repo_url="open" is no pair'],
  ['pr_number=7 pr_number=8', 'pr_number is given twice'],
  ['{"pr_number": 7', 'begins like JSON and is none'],
])('refuses %s', (text, why) => {
  expect(() => readInputText(text, declared)).toThrow(why)
})

test('names that objects have by themselves are names like others', () => {
  const input = readInputText('__proto__=1 constructor=2', {})
  expect(JSON.stringify(input)).toBe('{"__proto__":"1","constructor":"2"}')
  expect(Object.getPrototypeOf(input)).toBe(Object.prototype)
})

test('any text is read or refused, and any value quoted as JSON comes back as it was', () => {
  fc.assert(
    fc.property(fc.string(), text => {
      try {
        readInputText(text, declared)
      } catch (error) {
        expect(error).toMatchObject({code: 'INVALID_INPUT'})
      }
    }),
  )
  fc.assert(
    fc.property(fc.string(), value => {
      expect(readInputText(`repo_url=${JSON.stringify(value)}`, declared)).toEqual({repo_url: value})
    }),
  )
})
