import type {Check, Commit, Comparison, PullRequest} from '../integrations/github/repository-host.ts'
import type {RunSummary} from '../integrations/github/code-host.ts'
import type {ReleaseCard} from './request.ts'

const SHOWN = 20

/** Words of the same form that name no issue. */
const NO_TEAMS = new Set(['UTF', 'SHA', 'ISO', 'RFC', 'CVE', 'HTTP', 'TLS', 'ES', 'AES', 'RSA', 'IPV', 'MD'])

/** What was read of a release. What is undefined could not be read, and `missing` says so. */
export interface ReleaseFacts {
  readonly sha: string
  /** Against the last deploy; undefined too when there was none. */
  readonly comparison: Comparison | undefined
  /** The commit itself, for when there is nothing to compare it with. */
  readonly head: Commit | undefined
  readonly pullRequests: readonly PullRequest[]
  readonly lastDeploy: ReleaseCard['lastDeploy'] | undefined
  readonly checks: ReleaseCard['checks']
  readonly failing: readonly string[]
  readonly missing: readonly string[]
}

/** The release as an approver is to see it before deciding: the newest first, and no list without an end. */
export function cardOf(facts: ReleaseFacts): ReleaseCard {
  const {comparison, head, pullRequests, lastDeploy, checks, failing, missing} = facts
  const commits = comparison ? comparison.commits.toReversed() : head ? [head] : []
  const files = comparison?.files ?? []
  const sum = (of: 'additions' | 'deletions') => files.reduce((total, file) => total + file[of], 0)
  return {
    commits: commits
      .slice(0, SHOWN)
      .map(({sha, message, author}) => ({sha, author, title: titleOf(message)})),
    commitCount: comparison?.ahead ?? commits.length,
    pullRequests: pullRequests
      .slice(0, SHOWN)
      .map(({number, title, author, url}) => ({number, title, author, url})),
    issues: issuesIn([
      ...commits.map(({message}) => titleOf(message)),
      ...pullRequests.map(({title}) => title),
    ]).slice(0, SHOWN),
    migrations: files
      .map(({path}) => path)
      .filter(isMigration)
      .slice(0, SHOWN),
    diff: {files: files.length, additions: sum('additions'), deletions: sum('deletions')},
    ...(comparison ? {compareUrl: comparison.url} : {}),
    ...(lastDeploy ? {lastDeploy} : {}),
    checks,
    ...(failing.length > 0 ? {failing: failing.slice(0, SHOWN)} : {}),
    missing: [
      ...missing,
      ...(comparison?.truncated ? [`files beyond the first ${files.length}`] : []),
      ...(comparison && comparison.behind > 0
        ? [`what it takes back: it lacks ${comparison.behind} commits of the last deploy`]
        : []),
    ],
  }
}

/** Identifiers such as `OPS-12`, each once, in the order in which they are named. */
export function issuesIn(texts: readonly string[]): readonly string[] {
  const named = texts.flatMap(text => [
    ...text.matchAll(/(?<![\w/.-])([A-Z][A-Z0-9]{0,9})-(\d{1,6})(?![\w-])/g),
  ])
  return [...new Set(named.flatMap(([whole, team = '']) => (NO_TEAMS.has(team) ? [] : [whole])))]
}

/** A file in a folder of migrations, or one of SQL. */
export function isMigration(path: string): boolean {
  return /(^|\/)migrations?\//i.test(path) || /\.sql$/i.test(path)
}

/** What was read of the checks of a commit. */
interface Checked {
  /** Newest first; undefined: not readable. */
  readonly runs: readonly RunSummary[] | undefined
  readonly checks: readonly Check[] | undefined
  /** File names of workflows that deploy. */
  readonly deploys: ReadonlySet<string>
}

/**
 * What the checks of a commit say together: of each workflow the newest run that came to an end by itself, of other apps
 * each check, a scanner's findings among them. How deploying the commit went is no test of it, so those runs are left
 * out. `unknown`: there are none, some can't be seen, or one was only ever broken off.
 */
export function verdictOf(checked: Checked): ReleaseCard['checks'] {
  const {runs, checks} = checked
  const judged = judgedOf(checked)
  const ended = judged.filter(isOver)
  if (failingOf(checked).length > 0) return 'failure'
  if (ended.length < judged.length || isUnderWay(checked)) return 'pending'
  const broken = ended.some(({conclusion}) => BROKEN_OFF.has(conclusion ?? ''))
  if (!runs || !checks || broken || !ended.some(({conclusion}) => conclusion === 'success')) return 'unknown'
  return 'success'
}

/**
 * The names of those that fail. A failure stands until a later run of its workflow ends otherwise: neither a run that was
 * broken off or skipped, nor one that is under way, takes it back. A run that is tried again counts as failing until then,
 * since what it said before can't be seen any more.
 */
export function failingOf(checked: Checked): readonly string[] {
  return judgedOf(checked).flatMap(one => {
    const name = one.name || ('path' in one ? fileOf(one) : 'a check without a name')
    if (isOver(one)) return FAILURES.has(one.conclusion ?? '') ? [name] : []
    return 'attempt' in one && one.attempt > 1 ? [`${name} (tried again, not over yet)`] : []
  })
}

function judgedOf(checked: Checked): readonly (RunSummary | Check)[] {
  return [
    ...[...runsByFile(checked).values()].flatMap(
      runs => runs.find(run => isOver(run) && SAYS_SOMETHING.has(run.conclusion ?? '')) ?? runs.slice(0, 1),
    ),
    // A job of a workflow is judged with its run.
    ...(checked.checks ?? []).filter(({url}) => !/\/actions\/runs\/\d+/.test(url)),
  ]
}

/** Whether a workflow's newest run has not ended. */
function isUnderWay(checked: Checked): boolean {
  return [...runsByFile(checked).values()].some(([newest]) => newest && !isOver(newest))
}

/** Each newest first, without those that deploy. */
function runsByFile({runs = [], deploys}: Checked): ReadonlyMap<string, readonly RunSummary[]> {
  const files = new Map<string, RunSummary[]>()
  for (const run of runs) {
    const file = fileOf(run)
    if (deploys.has(file)) continue
    files.set(file, [...(files.get(file) ?? []), run])
  }
  return files
}

function isOver({status}: {readonly status: string}): boolean {
  return status === 'completed'
}

const FAILURES = new Set(['failure', 'timed_out', 'startup_failure', 'action_required'])
const SAYS_SOMETHING = new Set([...FAILURES, 'success'])
const BROKEN_OFF = new Set(['cancelled', 'stale'])

/** `path` names the ref too where the file comes from another one: `ci.yml@refs/heads/main`. */
function fileOf({path}: RunSummary): string {
  return (path.split('@')[0] ?? path).split('/').at(-1) ?? path
}

function titleOf(message: string): string {
  return message.split('\n')[0] ?? ''
}
