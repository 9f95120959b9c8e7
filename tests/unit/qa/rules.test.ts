import fc from 'fast-check'
import {readFileSync} from 'node:fs'
import {describe, expect, test} from 'vitest'
import {fits} from '../../../src/qa/glob.ts'
import {readRules, rulesJsonSchema} from '../../../src/qa/rules.ts'
import {cpuMs} from '../../support/cost.ts'

describe('qa.yaml', () => {
  test('is read with what it leaves out', () => {
    const read = readRules(
      'rules:\n  - {id: tests, title: Tests go with it, check: {changed: ["tests/**"]}}\n',
    )
    expect(read).toEqual({
      ok: true,
      rules: [{id: 'tests', title: 'Tests go with it', severity: 'must', check: {changed: ['tests/**']}}],
    })
  })

  test.each([
    ['', 'it: '],
    ['rules: []', 'rules: must have a rule'],
    ['rules: [{id: a, title: A, check: {}}]', 'rules.0.check: must have exactly one of'],
    [
      'rules: [{id: a, title: A, check: {exists: [b], changed: [b]}}]',
      'rules.0.check: must have exactly one of',
    ],
    [
      'rules: [{id: a, title: A, check: {contains: {in: [b]}}}]',
      'rules.0.check.contains: must have all, any',
    ],
    ['rules: [{id: A b, title: A, check: {exists: [b]}}]', 'rules.0.id: must be a short name'],
    [
      'rules: [{id: a, title: A, check: {exists: [/etc]}}]',
      'rules.0.check.exists.0: must be a path from the root',
    ],
    ['rules: [{id: a, title: A, chek: {exists: [b]}}]', 'rules.0'],
    [
      'rules: [{id: a, title: A, check: {exists: [b]}}, {id: a, title: B, check: {exists: [b]}}]',
      'each id once',
    ],
    ['rules: [a', 'line 1: is not valid YAML'],
  ])('with a fault is told with its place: %s', (text, fault) => {
    const read = readRules(text)
    expect(read.ok ? '' : read.faults.join('\n')).toContain(fault)
  })

  test('that is too large, or grows by its aliases, is not read', () => {
    expect(readRules('a'.repeat(100_001))).toEqual({ok: false, faults: ['is larger than 100 kB']})
    const bomb = Array.from(
      {length: 30},
      (_, i) => `a${i}: &a${i} [${i === 0 ? 'x' : `*a${i - 1}, *a${i - 1}`}]`,
    )
    expect(readRules(bomb.join('\n'))).toEqual({ok: false, faults: ['has too many aliases']})
  })

  test('as operations.md shows it is valid', () => {
    const guide = readFileSync('docs/operations.md', 'utf8')
    const [, sample = ''] = /^```yml\n(# qa\.yaml\n[\s\S]*?)^```$/m.exec(guide) ?? []
    expect(readRules(sample)).toMatchObject({
      ok: true,
      rules: [{id: 'tests'}, {id: 'no-secrets'}, {id: 'run-name'}, {id: 'docs', severity: 'should'}],
    })
  })

  test('the published schema is that of the code', () => {
    const published: unknown = JSON.parse(readFileSync('qa.schema.json', 'utf8'))
    expect(published).toEqual(JSON.parse(JSON.stringify(rulesJsonSchema())))
  })
})

describe('a path fits a pattern', () => {
  test.each([
    ['src/**', 'src/a/b.ts', true],
    ['src/**', 'src', true],
    ['src/**', 'srcs/a.ts', false],
    ['**/*.test.*', 'a.test.ts', true],
    ['**/*.test.*', 'x/y/a.test.ts', true],
    ['**/test/**', 'a/test/b/c', true],
    ['*.md', 'docs/a.md', false],
    ['.github/workflows/*deploy*.yml', '.github/workflows/client-deploy.yml', true],
    ['.github/workflows/*deploy*.yml', '.github/workflows/ci.yml', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['a/**/b/**/c', 'a/b/b/x/b/c', true],
    ['a/**/b/**/c', 'a/x/c', false],
    ['a*b*c', 'aXbYbZc', true],
  ])('%s %s: %s', (pattern, path, expected) => expect(fits(pattern, path)).toBe(expected))

  test('as a regular expression would say, for any of them', () => {
    const part = fc.stringMatching(/^[ab*?]{0,4}$/)
    const pattern = fc.array(
      fc.oneof(
        part.filter(text => !text.includes('**')),
        fc.constant('**'),
      ),
      {minLength: 1, maxLength: 4},
    )
    const path = fc.array(fc.stringMatching(/^[ab]{0,4}$/), {minLength: 1, maxLength: 5})
    fc.assert(
      fc.property(pattern, path, (parts, names) => {
        const segment = '[^/]*'
        const source = parts
          .map(one =>
            one === '**' ? `(?:${segment}/)*` : `${one.replaceAll('*', segment).replaceAll('?', '[^/]')}/`,
          )
          .join('')
        expect(fits(parts.join('/'), names.join('/'))).toBe(
          new RegExp(`^${source}$`).test(`${names.join('/')}/`),
        )
      }),
      {numRuns: 500},
    )
  })

  test('in bounded time, whatever the pattern', () => {
    const cost = cpuMs(() => {
      expect(fits(`${'a*'.repeat(49)}b`, 'a'.repeat(5000))).toBe(false)
      expect(fits('**/'.repeat(30) + 'b', 'a/'.repeat(2000))).toBe(false)
    })
    expect(cost).toBeLessThan(1000)
  })
})
