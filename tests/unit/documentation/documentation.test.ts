import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {outlineOf, routesIn} from '../../../src/documentation/outline.ts'
import {sourcesFor, withSection, writeDocument, type Source} from '../../../src/documentation/write.ts'

const write = (kind: Parameters<typeof writeDocument>[0], sources: readonly Source[], left = 0) =>
  writeDocument(kind, {repository: 'acme/web', sha: 'c0ffee1234', sources, left})

describe('the outline of a file', () => {
  test('in TypeScript', () => {
    const text = [
      '#!/usr/bin/env node',
      '/* All about it. */',
      '',
      "import {a} from './a.ts'",
      "import type {B} from 'b'",
      '// Counts',
      '// upwards.',
      'export async function count(): Promise<void> {}',
      'export const one = 1',
      'const hidden = 2',
      '/**',
      ' * A thing.',
      ' *',
      ' * More of it.',
      ' */',
      'export interface Thing {}',
    ].join('\n')
    expect(outlineOf('a.ts', text)).toEqual({
      language: 'TypeScript',
      lines: 16,
      about: 'All about it.',
      imports: ['./a.ts', 'b'],
      exports: [
        {kind: 'function', name: 'count', line: 8, about: 'Counts upwards.'},
        {kind: 'const', name: 'one', line: 9, about: undefined},
        {kind: 'interface', name: 'Thing', line: 16, about: 'A thing.'},
      ],
    })
  })
  test('in Python', () => {
    const text =
      '"""All about it.\n\nMore."""\nimport os\nfrom a.b import c\n\ndef run(x):\n    """Runs."""\n\ndef _hidden(): pass\n'
    expect(outlineOf('a.py', text)).toMatchObject({
      language: 'Python',
      about: 'All about it.',
      imports: ['os', 'a.b'],
      exports: [{kind: 'def', name: 'run', line: 7, about: 'Runs.'}],
    })
  })
  test('in Go', () =>
    expect(outlineOf('a.go', '// Run runs.\nfunc Run() {}\nfunc hidden() {}\n').exports).toEqual([
      {kind: 'func', name: 'Run', line: 2, about: 'Run runs.'},
    ]))
  test('is total', () => {
    const path = fc.constantFrom('a.ts', 'a.js', 'a.py', 'a.go', 'a.bin')
    fc.assert(
      fc.property(path, fc.string({maxLength: 500}), (name, text) => outlineOf(name, text).lines >= 0),
    )
  })
  test('tells its routes', () =>
    expect(routesIn("app.get('/a', x); router.post(`/b/:id`, y); map.get('key'); app.get('/a', z)")).toEqual([
      {method: 'GET', path: '/a'},
      {method: 'POST', path: '/b/:id'},
    ]))
})

test('sources are chosen by their kind and place, not too large, and not too many', () => {
  const files = [
    'src/a/b.ts',
    'src/z.ts',
    'tests/a.test.ts',
    'dist/a.js',
    'README.md',
    '.env.example',
    '.env',
  ].map(path => ({
    path,
    size: 10,
  }))
  expect(sourcesFor('api_reference', files)).toEqual(['src/z.ts', 'src/a/b.ts'])
  expect(sourcesFor('user_guide', files)).toEqual(['.env.example', 'README.md'])
  expect(sourcesFor('api_reference', [{path: 'huge.ts', size: 1e7}])).toEqual([])
  const many = Array.from({length: 100}, (_, i) => ({path: `src/${i}.ts`, size: 1}))
  expect(sourcesFor('api_reference', many)).toHaveLength(40)
})

describe('a document', () => {
  test('says where it comes from, and what was not read', () => {
    const text = write('api_reference', [{path: 'a.ts', text: 'export const a = 1'}], 3)
    expect(text).toMatch(/^# API reference: acme\/web\n\nWritten from the files of `acme\/web` at `c0ffee1`/)
    expect(text).toContain('_3 more files were not read._')
  })
  test('says so when there is nothing to say', () =>
    expect(write('deployment_guide', [])).toContain('Nothing in the repository says anything about it.'))
  test('takes inputs and secrets from workflows, by name only', () => {
    const text = write('deployment_guide', [
      {
        path: '.github/workflows/d.yml',
        text: 'name: D\non:\n  workflow_dispatch:\n    inputs:\n      a: {required: true, description: which}\njobs:\n  go: {env: {T: "${{ secrets.DEPLOY_KEY }}"}}\n',
      },
    ])
    expect(text).toContain('- input `a` (required): which')
    expect(text).toContain('- needs the secrets `DEPLOY_KEY`')
    expect(text).toContain('- jobs: `go`')
  })
  test.each([
    [
      'a bomb of aliases',
      'a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: &d [*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d]',
    ],
    ['no YAML', '{{{'],
    ['a list', '- a'],
  ])('survives %s', (_what, text) =>
    expect(write('deployment_guide', [{path: '.github/workflows/x.yml', text}])).toContain('# '),
  )
  test('never loads, links or pings what a stranger wrote', () => {
    fc.assert(
      fc.property(fc.string({maxLength: 200}), text => {
        const nasty = `Hi ${text} ![x](https://evil.example/x.png) <img src=x> @ada`
        const written = write('user_guide', [{path: 'README.md', text: nasty}])
        expect(written).not.toMatch(/!\[x\]\(|(?<!\\)<img|@ada|https:\/\/evil/)
      }),
    )
  })
})

test('the README’s section is put at its end once, then replaced where it is', () => {
  const documents = [{title: 'User guide', path: 'docs/generated/user-guide.md'}]
  const once = withSection('# Web\n', documents)
  expect(once).toMatch(/^# Web\n\n<!-- signalbox:docs -->\n## Documentation\n\n- \[User guide\]/)
  expect(withSection(once, documents)).toBe(once)
  expect(withSection(`${once}after\n`, [])).toMatch(
    /^# Web\n\n<!-- signalbox:docs -->\n## Documentation\n\n<!-- \/signalbox:docs -->\nafter\n$/,
  )
})
