/** What broke, as a log tells it; the order is that in which one explains the others. */
export const FAILURE_KINDS = [
  'missing_dependency',
  'memory',
  'test_failure',
  'code_error',
  'lint',
  'configuration',
  'timeout',
  'permission',
  'network',
  'job_failure',
] as const
export type FailureKind = (typeof FAILURE_KINDS)[number]

/** For people. */
export const WHAT_FAILS: Readonly<Record<FailureKind, string>> = {
  missing_dependency: 'a dependency is missing',
  memory: 'out of memory',
  test_failure: 'a test fails',
  code_error: 'an error in the code',
  lint: 'the linter objects',
  configuration: 'configuration is missing',
  timeout: 'it took too long',
  permission: 'not permitted',
  network: 'the network failed',
  job_failure: 'a job fails',
}

/** One failure found in a log. All of its words are the log's own: foreign, and free of secrets only once redacted. */
export interface Failure {
  readonly kind: FailureKind
  /** Whose format it was told in: `tsc`, `pytest`, `npm`, … */
  readonly tool: string
  readonly message: string
  /** The error's own name where it has one: `TS2339`, `TypeError`, `ERESOLVE`. */
  readonly code?: string
  /** As the repository names it, where it can be told. */
  readonly file?: string
  readonly line?: number
  /** The module that is missing, or the test that fails. */
  readonly subject?: string
  /** What the tool says was meant. */
  readonly meant?: {readonly wrong: string; readonly right: string}
  /** The lines it was read from, at most 12. */
  readonly evidence: readonly string[]
}

/** A format: everything it finds in the lines of one job's log. */
export type Parser = (lines: readonly string[]) => readonly Failure[]

const MOST_EVIDENCE = 12

/** These lines without the runner's own marks; of more than fit, the first. */
export function evidenceAt(lines: readonly string[], from: number, to: number): readonly string[] {
  return lines
    .slice(Math.max(from, 0), to + 1)
    .filter(line => line !== '' && !/^##\[(?:end)?group\]/.test(line))
    .slice(0, MOST_EVIDENCE)
}

/** A path as the repository names it: runners check out below a folder of their own. */
export function repositoryPath(path: string): string {
  return path
    .replace(/^file:\/\//, '')
    .replace(/^(?:\/home\/runner\/work|\/__w|[A-Z]:[\\/]a)[\\/][^\\/]+[\\/][^\\/]+[\\/]/, '')
    .replaceAll('\\', '/')
    .replace(/^\.\//, '')
}

/** Code of others: not where a failure is to be mended. */
export function isForeign(path: string): boolean {
  return /(?:^|\/)(?:node_modules|site-packages|dist-packages|hostedtoolcache)\/|^node:|^internal\/|\/lib\/python[\d.]*\/|^<|^\//.test(
    repositoryPath(path),
  )
}

export function isTestFile(path: string): boolean {
  return /(?:^|\/)(?:tests?|__tests__|specs?)\/|[._-](?:test|spec)\.[a-z]+$|(?:^|\/)test_[^/]*\.py$/i.test(
    path,
  )
}
