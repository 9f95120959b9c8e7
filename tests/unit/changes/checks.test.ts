import {describe, expect, test} from 'vitest'
import {faultsIn, linesChanged, refusePath} from '../../../src/changes/checks.ts'
import {applyEdits} from '../../../src/changes/edits.ts'

const token = `ghp_${'a1B2c3D4'.repeat(4)}`
const many = (count: number, word = 'line') =>
  Array.from({length: count}, (_, i) => `${word} ${i}\n`).join('')
const file = (path: string, after: string, before?: string) => ({path, before, after})

describe('where a change may reach', () => {
  test.each([
    'src/a.ts',
    'README.md',
    'app/routes/[id].tsx',
    'src/hooks/use-it.ts',
    'tests/test_a.py',
    'LICENSE',
  ])('%s', path => expect(refusePath(path)).toBeUndefined())

  test.each([
    '.github/workflows/test.yml',
    '.github/CODEOWNERS',
    '.env',
    '.env.example',
    '.husky/pre-commit',
    'src/.hidden/a.ts',
    '../a.ts',
    'src/../../a.ts',
    '/etc/passwd',
    'src//a.ts',
    'src/a\n.ts',
    'package.json',
    'web/package-lock.json',
    'Dockerfile',
    'docker-compose.yml',
    'vite.config.ts',
    'migrations/1.sql',
    'infra/main.tf',
    'scripts/release.ts',
    'dist/a.js',
    'logo.png',
    'server.pem',
    `src/${'a'.repeat(200)}.ts`,
  ])('not %j', path => expect(refusePath(path)).toBeDefined())
})

describe('how large it may be', () => {
  test('lines are counted as a set: moving one is free', () => {
    expect(linesChanged(file('a', 'b\na\n', 'a\nb\n'))).toEqual({added: 0, removed: 0})
    expect(linesChanged(file('a', 'a\nb\nb\n', 'a\nb\nc\n'))).toEqual({added: 1, removed: 1})
    expect(linesChanged(file('a', 'a\nb\n'))).toEqual({added: 2, removed: 0})
  })
  test('500 lines, not 501', () => {
    expect(faultsIn([file('src/a.ts', many(500))], '')).toEqual([])
    expect(faultsIn([file('src/a.ts', many(501))], '')).toEqual(['It changes 501 lines; 500 are allowed.'])
    expect(faultsIn([file('src/a.ts', many(250, 'new'), many(251, 'old'))], '')).toHaveLength(1)
  })
  test('10 files, not 11', () => {
    const files = (count: number) => Array.from({length: count}, (_, i) => file(`src/${i}.ts`, 'a\n'))
    expect(faultsIn(files(10), '')).toEqual([])
    expect(faultsIn(files(11), '')).toEqual(['It changes 11 files; 10 are allowed.'])
  })
  test('nothing is no change', () => {
    expect(faultsIn([file('src/a.ts', 'a\n', 'a\n')], '')).toEqual(['It changes nothing.'])
  })
})

describe('what it may hold', () => {
  test.each([
    ['a secret', `const key = '${token}'\n`, 'secret: src/a.ts:1.'],
    ['a conflict', '<<<<<<< HEAD\n', 'conflict-marker: src/a.ts:1.'],
    ['what the model was not shown', 'const key = ***\n', expect.stringContaining('***')],
    ['no text', 'a\0b', 'src/a.ts would be no text.'],
    ['text of another encoding', 'Gr\uFFFD\uFFFDe\n', 'src/a.ts is no UTF-8 text.'],
  ])('not %s', (_what, text, fault) => {
    expect(faultsIn([file('src/a.ts', text)], '')).toEqual([fault])
  })
  test('nor a secret in the words of the pull request', () => {
    expect(faultsIn([file('src/a.ts', 'a\n')], `use ${token}`)).toEqual(['Its description holds a secret.'])
  })
})

describe('edits', () => {
  const texts = new Map([['a.ts', 'one\ntwo\ntwo\n']])
  test('replace what stands there once, one after the other, a $ meaning itself', () => {
    const {files, faults} = applyEdits(
      [
        {path: 'a.ts', find: 'one', replace: '$& three'},
        {path: 'a.ts', find: 'three', replace: 'four'},
        {path: 'b.ts', find: null, replace: 'new\n'},
      ],
      texts,
    )
    expect(faults).toEqual([])
    expect(files).toEqual([
      {path: 'a.ts', before: 'one\ntwo\ntwo\n', after: '$& four\ntwo\ntwo\n'},
      {path: 'b.ts', before: undefined, after: 'new\n'},
    ])
  })
  test.each([
    [{path: 'a.ts', find: 'two', replace: ''}, '2 times'],
    [{path: 'a.ts', find: 'gone', replace: ''}, '0 times'],
    [{path: 'c.ts', find: 'one', replace: ''}, 'was not shown'],
    [{path: 'a.ts', find: null, replace: 'all new'}, 'is there already'],
  ])('%j is a fault', (edit, fault) => {
    expect(applyEdits([edit], texts).faults).toEqual([expect.stringContaining(fault)])
  })
})
