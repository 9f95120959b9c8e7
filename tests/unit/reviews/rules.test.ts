import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import type {ChangedFile} from '../../../src/integrations/github/repository-host.ts'
import {addedLines} from '../../../src/reviews/patch.ts'
import {MARKER, reviewText, summaryOf} from '../../../src/reviews/report.ts'
import {findingsIn} from '../../../src/reviews/rules.ts'

function aFile(
  path: string,
  added: readonly string[] = ['x'],
  changes: Partial<ChangedFile> = {},
): ChangedFile {
  return {
    path,
    status: 'modified',
    additions: added.length,
    deletions: 0,
    patch: ['@@ -0,0 +1,9 @@', ...added.map(line => `+${line}`)].join('\n'),
    ...changes,
  }
}

const rulesOf = (...files: ChangedFile[]) => findingsIn(files, true).map(({rule}) => rule)

describe('the added lines of a patch', () => {
  test('stand where they are afterwards, over several hunks', () => {
    const patch = [
      '@@ -1,3 +1,4 @@ function a',
      ' one',
      '+two',
      '-gone',
      ' three',
      '@@ -10 +20,2 @@',
      '+far',
      '\\ No newline at end of file',
    ]
    expect(addedLines(patch.join('\n'))).toEqual([
      {line: 2, text: 'two'},
      {line: 20, text: 'far'},
    ])
  })
  test('are none in what is no patch, whatever it is', () => {
    fc.assert(fc.property(fc.string(), text => addedLines(text.replaceAll('@@', '')).length === 0))
  })
})

describe('places where a small change can do much', () => {
  test.each([
    ['migrations/0001_a.sql', 'migration'],
    ['db/migrate/2024.rb', 'migration'],
    ['.github/workflows/ci.yml', 'workflow'],
    ['src/auth/login.go', 'access'],
    ['src/permissions.ts', 'access'],
    ['Dockerfile', 'infrastructure'],
    ['infra/main.tf', 'infrastructure'],
    ['.env', 'environment-file'],
    ['apps/web/.env.production', 'environment-file'],
    ['keys/id_rsa', 'private-key'],
  ])('%s', (path, rule) => expect(rulesOf(aFile(path))).toContain(rule))

  test.each(['.env.example', 'src/author.ts', 'docs/authors.md', 'src/deployment.ts', 'README.md'])(
    '%s is none',
    path => expect(rulesOf(aFile(path))).toEqual([]),
  )
  test('taking one away is not putting one there', () =>
    expect(rulesOf(aFile('.env', [], {status: 'removed'}))).toEqual([]))
})

describe('a secret', () => {
  const real = 'a1B2c3D4e5F6g7H8i9J0k1L2'
  test.each([
    ['a GitHub token', `ghp_${real}`],
    ['an AWS key', 'AKIAQ3EGRPLM5KVJ2XYZ'],
    ['a Slack token', `xoxb-${real}`],
    ['a private key', '-----BEGIN RSA PRIVATE KEY-----'],
  ])('is found by its shape: %s', (_what, secret) => {
    const [finding] = findingsIn([aFile('a.ts', ['const a = 1', `const b = '${secret}'`])], true)
    expect(finding).toMatchObject({rule: 'secret', severity: 'critical', line: 2})
    expect(JSON.stringify(finding)).not.toContain(secret)
  })
  test.each([
    ['a placeholder', `ghp_${'x'.repeat(36)}`],
    ['the one of the vendor’s handbook', 'AKIAIOSFODNN7EXAMPLE'],
    ['a name with dashes', 'sk-cube-grid-animation-delay'],
    ['a variable called so', 'const token = process.env.TOKEN'],
    ['a type', 'password: string'],
  ])('is not suspected in %s', (_what, text) => expect(rulesOf(aFile('a.ts', [text]))).toEqual([]))
})

test.each([
  ['<<<<<<< HEAD', true],
  ['>>>>>>> main', true],
  ['=======', false],
  ['a <<<<<<< b', false],
  ['>>>>>>>>>', false],
])('%s is a conflict marker: %s', (line, is) =>
  expect(rulesOf(aFile('a.md', [line])).includes('conflict-marker')).toBe(is),
)

describe('of the whole', () => {
  const code = Array.from({length: 30}, (_, i) => `line ${i}`)
  test('code without tests', () => {
    expect(rulesOf(aFile('src/a.ts', code))).toEqual(['tests'])
    expect(rulesOf(aFile('src/a.ts', code), aFile('tests/a.test.ts'))).toEqual([])
    expect(rulesOf(aFile('src/a.ts', code), aFile('tests/a.test.ts', [], {status: 'removed'}))).toEqual([
      'tests',
      'removed-test',
    ])
    expect(rulesOf(aFile('src/a.ts'))).toEqual([])
  })
  test('a lockfile without its manifest', () => {
    expect(rulesOf(aFile('web/package-lock.json'), aFile('package.json'))).toEqual(['lockfile'])
    expect(rulesOf(aFile('web/package-lock.json'), aFile('web/package.json'))).toEqual([])
  })
  test('its size, without what nobody reads', () => {
    const large = {additions: 2000, patch: ''}
    expect(rulesOf(aFile('docs/a.md', [], large))).toContain('size')
    expect(
      rulesOf(aFile('dist/a.js', [], large), aFile('package.json'), aFile('package-lock.json', [], large)),
    ).toEqual([])
  })
  test('what GitHub does not show was not read, and more than it lists blocks', () => {
    const {patch: _, ...hidden} = aFile('data.csv', ['x'])
    expect(rulesOf(hidden)).toEqual(['unread'])
    expect(findingsIn([], false)[0]).toMatchObject({severity: 'critical', rule: 'incomplete'})
  })
  test('debt is noted, and not endlessly', () => {
    const found = findingsIn(
      [
        aFile(
          'a.md',
          Array.from({length: 40}, () => '// TODO later'),
        ),
      ],
      true,
    )
    expect(found).toHaveLength(11)
    expect(found.some(({message}) => message === 'leaves 30 more of the kind')).toBe(true)
  })
})

test('the gravest comes first, then by file and line', () => {
  const found = findingsIn(
    [aFile('b.md', ['TODO', '<<<<<<< a']), aFile('a.sql', ['TODO']), aFile('a.md', ['', '>>>>>>> b'])],
    true,
  )
  expect(found.map(({file, line}) => `${file}:${line}`)).toEqual([
    'a.md:2',
    'b.md:2',
    'a.sql:null',
    'a.sql:1',
    'b.md:1',
  ])
})

test('the text of a review stays within what GitHub takes, and no path breaks out of its code', () => {
  fc.assert(
    fc.property(fc.array(fc.string({maxLength: 400}), {maxLength: 120}), paths => {
      const findings = findingsIn(
        paths.map(path => aFile(path, ['<<<<<<< a'])),
        true,
      )
      const review = {
        ...({
          repository: 'acme/web',
          number: 1,
          url: '',
          verdict: 'block',
          headRef: null,
          baseSha: '',
        } as const),
        ...{
          findings: findings.slice(0, 100),
          total: findings.length,
          headSha: 'a'.repeat(40),
          files: paths.length,
        },
        summary: summaryOf({files: paths.length, additions: 1, deletions: 0, findings}),
      }
      const text = reviewText(review, 'https://github.com')
      expect(text.length).toBeLessThan(65_536)
      expect(text.startsWith(MARKER)).toBe(true)
      for (const line of text.split('\n').filter(row => row.startsWith('- [')))
        expect(line).toMatch(/^- \[`[^`]*`\]\(https:\/\/github\.com\/acme\/web\/blob\/a{40}\/[^()\s]*\) /)
    }),
  )
})
