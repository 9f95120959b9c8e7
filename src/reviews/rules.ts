import {holdsSecretShape} from '../platform/secret-text.ts'
import type {ChangedFile} from '../integrations/github/repository-host.ts'
import type {Finding} from '../sdk/index.ts'
import {addedLines, type AddedLine} from './patch.ts'

const LARGE_LINES = 1000
const LARGE_FILES = 50
/** Fewer new lines of code than this need no test of their own. */
const UNTESTED_LINES = 20
const DEBT_SHOWN = 10
/** What a person has to read; longer lines are generated or minified. */
const LONGEST_LINE = 5000

interface Area {
  readonly rule: string
  readonly pattern: RegExp
  readonly severity: Finding['severity']
  readonly message: string
}

/** Places where a small change can do much. The first that fits a path counts. */
const AREAS: readonly Area[] = [
  {
    rule: 'environment-file',
    pattern: /(?:^|\/)\.env(?:\.(?!example$|sample$|template$|dist$)[\w-]+)?$/,
    severity: 'critical',
    message: 'a file of environment variables does not belong into the repository',
  },
  {
    rule: 'private-key',
    pattern: /(?:\.(?:pem|p12|pfx|jks|keystore)|(?:^|\/)id_(?:rsa|ed25519|ecdsa))$/,
    severity: 'critical',
    message: 'a file of keys does not belong into the repository',
  },
  {
    rule: 'workflow',
    pattern: /^\.github\/(?:workflows|actions)\//,
    severity: 'warning',
    message: 'workflows run with the repository’s secrets',
  },
  {
    rule: 'migration',
    pattern: /(?:^|\/)(?:migrations?|db\/migrate|alembic\/versions)\/|\.sql$/,
    severity: 'warning',
    message: 'a migration is hard to take back: check it against the version that runs now',
  },
  {
    rule: 'access',
    pattern:
      /(?:^|\/)(?:auth|authn|authz|security|permissions?|access|crypto|oauth|session)(?:\/|[-_.][^/]*$|\.\w+$)|(?:^|\/)CODEOWNERS$/i,
    severity: 'warning',
    message: 'decides who may do what',
  },
  {
    rule: 'infrastructure',
    pattern:
      /(?:^|\/)(?:Dockerfile[^/]*|(?:docker-)?compose[^/]*\.ya?ml)$|\.tf(?:vars)?$|(?:^|\/)(?:terraform|k8s|kubernetes|helm|charts|infra|deploy)\//,
    severity: 'warning',
    message: 'changes what it runs on',
  },
]

const LOCKFILES: Readonly<Record<string, string>> = {
  'package-lock.json': 'package.json',
  'npm-shrinkwrap.json': 'package.json',
  'yarn.lock': 'package.json',
  'pnpm-lock.yaml': 'package.json',
  'poetry.lock': 'pyproject.toml',
  'uv.lock': 'pyproject.toml',
  'Cargo.lock': 'Cargo.toml',
  'go.sum': 'go.mod',
  'Gemfile.lock': 'Gemfile',
  'composer.lock': 'composer.json',
}

const SOURCE = /\.(?:[cm]?[jt]sx?|py|go|rb|rs|java|kt|cs|php|swift|scala|ex|exs)$/
const TEST =
  /(?:^|\/)(?:tests?|__tests__|spec|specs|e2e)\/|[._-](?:test|spec)\.[^/]+$|(?:^|\/)test_[^/]+\.py$|_test\.(?:go|py|rb)$/i
const TEXT =
  /\.(?:md|mdx|txt|rst|json|jsonc|ya?ml|toml|ini|cfg|conf|properties|env|sh|bash|ps1|sql|html?|css|scss|xml|svg|tf|tfvars|graphql|proto|vue|svelte|c|h|cc|cpp|hpp)$/
const GENERATED =
  /(?:^|\/)(?:dist|build|vendor|node_modules|generated|__snapshots__)\/|\.(?:min\.\w+|map|snap)$/

/** All that the rules find in a change, the gravest first; within one severity by file and line. */
export function findingsIn(files: readonly ChangedFile[], complete: boolean): readonly Finding[] {
  return gravestFirst([
    ...(complete
      ? []
      : [about('critical', 'incomplete', 'GitHub shows 3,000 files at most; the rest was not read')]),
    ...files.flatMap(inFile),
    ...debtIn(files),
    ...sizeOf(files),
    ...lockfilesOf(files),
    ...testsOf(files),
  ])
}

/** What the rules find in files as they stand: nothing of what only a change can do wrong. */
export function findingsAtRest(
  files: readonly {readonly path: string; readonly text: string | undefined}[],
): readonly Finding[] {
  const whole = files.map(({path, text}) => wholeFile(path, text))
  return gravestFirst([
    ...whole.flatMap(inFile).filter(({severity}) => severity === 'critical'),
    ...debtIn(whole),
  ])
}

/** A file as a change that adds all of it. */
function wholeFile(path: string, text: string | undefined): ChangedFile {
  const lines = text === undefined ? [] : text.replace(/\n$/, '').split(/\r?\n/)
  return {
    path,
    status: 'added',
    additions: lines.length,
    deletions: 0,
    patch: [`@@ -0,0 +1,${lines.length} @@`, ...lines.map(line => `+${line}`)].join('\n'),
  }
}

/** Whether a person wrote it and could read it, by its path: no image, no archive, nothing generated. */
export function isReadable(path: string): boolean {
  return (
    (SOURCE.test(path) || TEXT.test(path) || !nameOf(path).slice(1).includes('.')) &&
    !GENERATED.test(path) &&
    !isLockfile(path)
  )
}

function gravestFirst(findings: Finding[]): readonly Finding[] {
  return findings.sort(
    (a, b) =>
      RANK[a.severity] - RANK[b.severity] ||
      (a.file ?? '').localeCompare(b.file ?? '') ||
      (a.line ?? 0) - (b.line ?? 0),
  )
}

const RANK = {critical: 0, warning: 1, note: 2} as const

function inFile(file: ChangedFile): readonly Finding[] {
  const {path, status, patch} = file
  const area = status === 'removed' ? undefined : AREAS.find(({pattern}) => pattern.test(path))
  const removedTest = status === 'removed' && TEST.test(path)
  const hidden = patch === undefined && file.additions > 0 && !GENERATED.test(path) && !isLockfile(path)
  return [
    ...(area ? [at(area.severity, area.rule, path, null, area.message)] : []),
    ...(removedTest ? [at('warning', 'removed-test', path, null, 'a test was taken away')] : []),
    ...(hidden
      ? [
          at(
            'warning',
            'unread',
            path,
            null,
            `too large for GitHub to show: ${file.additions} new lines were not read`,
          ),
        ]
      : []),
    ...addedLines(patch ?? '').flatMap(line => inLine(path, line)),
  ]
}

function inLine(path: string, {line, text}: AddedLine): readonly Finding[] {
  if (text.length > LONGEST_LINE) return []
  const found: Finding[] = []
  // A row of equal signs alone also underlines a heading.
  if (/^(?:<{7}|>{7}|\|{7})(?: |$)/.test(text))
    found.push(at('critical', 'conflict-marker', path, line, 'a merge conflict was not resolved'))
  if (holdsSecretShape(text))
    found.push(
      at(
        'critical',
        'secret',
        path,
        line,
        'this looks like a secret: revoke it, then take it out of the history',
      ),
    )
  return found
}

function debtIn(files: readonly ChangedFile[]): readonly Finding[] {
  const debt = files.flatMap(({path, patch = ''}) =>
    addedLines(patch)
      .filter(({text}) => text.length <= LONGEST_LINE && /\b(?:TODO|FIXME|XXX|HACK)\b/.test(text))
      .map(({line, text}) => {
        const [word = 'TODO'] = /\b(?:TODO|FIXME|XXX|HACK)\b/.exec(text) ?? []
        return at('note', 'debt', path, line, `leaves a ${word}`)
      }),
  )
  const more = debt.length - DEBT_SHOWN
  return more > 0
    ? [...debt.slice(0, DEBT_SHOWN), about('note', 'debt', `leaves ${more} more of the kind`)]
    : debt
}

function sizeOf(files: readonly ChangedFile[]): readonly Finding[] {
  const read = files.filter(({path}) => !GENERATED.test(path) && !isLockfile(path))
  const lines = read.reduce((sum, {additions, deletions}) => sum + additions + deletions, 0)
  return lines > LARGE_LINES || read.length > LARGE_FILES
    ? [
        about(
          'warning',
          'size',
          `${lines} lines in ${read.length} files are much to review at once; smaller ones are read better`,
        ),
      ]
    : []
}

function lockfilesOf(files: readonly ChangedFile[]): readonly Finding[] {
  const paths = new Set(files.map(({path}) => path))
  return files.flatMap(({path, status}) => {
    const manifest = LOCKFILES[nameOf(path)]
    if (manifest === undefined || status === 'removed') return []
    const beside = path.slice(0, path.length - nameOf(path).length) + manifest
    return paths.has(beside)
      ? []
      : [
          at(
            'warning',
            'lockfile',
            path,
            null,
            `changes without ${manifest}: what is installed changes unasked`,
          ),
        ]
  })
}

function testsOf(files: readonly ChangedFile[]): readonly Finding[] {
  const isSource = ({path, status}: ChangedFile) =>
    status !== 'removed' && SOURCE.test(path) && !TEST.test(path) && !GENERATED.test(path)
  const code = files.filter(isSource).reduce((sum, {additions}) => sum + additions, 0)
  const tested = files.some(({path, status}) => TEST.test(path) && status !== 'removed')
  return code >= UNTESTED_LINES && !tested
    ? [about('warning', 'tests', `${code} new lines of code, and no test changes`)]
    : []
}

function isLockfile(path: string): boolean {
  return Object.hasOwn(LOCKFILES, nameOf(path))
}

function nameOf(path: string): string {
  return path.split('/').at(-1) ?? path
}

function at(
  severity: Finding['severity'],
  rule: string,
  file: string | null,
  line: number | null,
  message: string,
): Finding {
  return {severity, rule, file, line, message}
}

function about(severity: Finding['severity'], rule: string, message: string): Finding {
  return at(severity, rule, null, null, message)
}
