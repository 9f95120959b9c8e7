import type {Look} from '../integrations/github/code-host.ts'
import {valueIfAny, valueOf} from '../integrations/github/look.ts'
import type {
  ChangedFile,
  RepositoryHost,
  Review,
  ReviewEvent,
} from '../integrations/github/repository-host.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import {notConfigured} from '../pipelines/port.ts'
import type {QaCheck, QaEvidence, QaPort, QaReport} from '../sdk/index.ts'
import {DEFAULT_RULES} from './default-rules.ts'
import {asksForPaths, judge, pathsToRead, verdictOf} from './judge.ts'
import {reportText} from './report.ts'
import {readRules, RULES_FILE, type Rule} from './rules.ts'

/** Whether and how reports are said on pull requests: `decide` approves or requests changes. */
export type PostReviews = 'off' | 'comment' | 'decide'

/** By it our review is found again. People don’t see it. */
const MARKER = '<!-- signalbox:qa -->'
const READ_AT_ONCE = 5
/** Of a file whose text a rule asks for. */
const LARGEST = 500_000
/** What judging may take: rules and paths come from strangers. */
const JUDGED_WITHIN_MS = 2000
const LONGEST_ADDRESS = 400
/** Reviews with our mark that may be somebody else’s: who copies it can’t make us try for ever. */
const MOST_TRIED = 5

/** Checks pull requests by the rules of the branch they are merged into, and keeps one review of each up to date. */
export function createQa({
  host,
  postReviews,
  clock,
}: {
  readonly host: RepositoryHost | undefined
  readonly postReviews: PostReviews
  readonly clock: Clock
}): QaPort {
  function github(): RepositoryHost {
    if (!host) throw notConfigured()
    return host
  }

  /** The repository's own rules as its base branch has them: a pull request can't weaken what it is checked by. */
  async function rulesOf(repository: string, baseRef: string, signal: AbortSignal) {
    const look = await github().file({repository, path: RULES_FILE, ref: baseRef, signal})
    const file = valueIfAny(look, clock)
    return file ? readRules(file.text) : undefined
  }

  async function read(
    repository: string,
    sha: string,
    rules: readonly Rule[],
    files: readonly ChangedFile[],
    signal: AbortSignal,
  ): Promise<{readonly paths: readonly string[] | undefined; readonly texts: ReadonlyMap<string, string>}> {
    const needsPaths = asksForPaths(rules, files)
    if (!needsPaths && pathsToRead(rules, files, []).length === 0) return {paths: [], texts: new Map()}
    const missing = `${repository} shows no files at ${sha}.`
    const tree = valueOf(await github().tree({repository, ref: sha, signal}), missing, clock)
    const blobs = new Map(tree.files.map(file => [file.path, file]))
    const wanted = pathsToRead(rules, files, needsPaths ? [...blobs.keys()] : [])
    const texts = new Map<string, string>()
    for (let i = 0; i < wanted.length; i += READ_AT_ONCE) {
      signal.throwIfAborted()
      const some = wanted.slice(i, i + READ_AT_ONCE).map(async path => {
        const blob = blobs.get(path)
        if (!blob || blob.size > LARGEST) return
        texts.set(path, valueOf(await github().blob({repository, sha: blob.sha, signal}), missing, clock))
      })
      await Promise.all(some)
    }
    return {paths: tree.truncated ? undefined : [...blobs.keys()], texts}
  }

  async function check({
    repository,
    number,
    signal,
  }: {
    readonly repository: string
    readonly number: number
    readonly signal: AbortSignal
  }): Promise<QaReport> {
    const query = {repository, number, signal}
    const pull = valueIfAny(await github().pullRequest(query), clock)
    if (!pull) return absent(repository, number)
    const {url, title, headSha, baseRef} = pull
    const given = await rulesOf(repository, baseRef, signal)
    const listed = valueOf(await github().pullRequestFiles(query), `#${number} is gone.`, clock)
    const about = {
      repository,
      number,
      pull: {url, title, headSha, baseRef, files: listed.items.length},
      rules: given ? ('qa.yaml' as const) : ('default' as const),
    }
    if (given?.ok === false) return {...about, ...unreadable(given.faults)}
    const rules = given?.rules ?? DEFAULT_RULES
    const {paths, texts} = await read(repository, headSha, rules, listed.items, signal)
    // What was read belongs to one commit: pushed to in between, the verdict would be about two.
    const after = valueOf(await github().pullRequest(query), `#${number} is gone.`, clock)
    if (after.headSha !== headSha)
      throw new AppError('CONTENDED', `Pull request #${number} was pushed to while it was read.`)
    const until = clock() + JUDGED_WITHIN_MS
    const judged = judge(rules, {files: listed, paths, texts}, () => clock() > until)
    const address = fileAddress(`${url.slice(0, url.lastIndexOf('/pull/'))}/blob/${headSha}`)
    return {
      ...about,
      ...judged,
      checks: judged.checks.map(one => ({...one, evidence: one.evidence.map(address)})),
    }
  }

  async function publish(report: QaReport, signal: AbortSignal): Promise<{url: string; refused?: string}> {
    const {repository, number, pull, verdict} = report
    if (!pull) throw new AppError('NOT_FOUND', `${repository} has no pull request #${number} to comment on.`)
    const missing = `${repository} has no pull request #${number}, or our token can’t see it.`
    const body = `${MARKER}\n${reportText(report)}`
    const event: ReviewEvent =
      postReviews !== 'decide' ? 'COMMENT' : verdict === 'pass' ? 'APPROVE' : 'REQUEST_CHANGES'
    const marked = valueOf(await github().reviews({repository, number, signal}), missing, clock)
      .filter(one => one.body.startsWith(MARKER))
      .slice(-MOST_TRIED)
      .reverse()
    const [ours] = await firstOf(marked, one => update(one))
    if (ours && STATES[event] === ours.state) return {url: ours.url}
    const created = await create(event)
    if (created.kind !== 'refused' || event === 'COMMENT') return {url: valueOf(created, missing, clock).url}
    // GitHub takes no decision on one's own pull request.
    const {reason} = created
    if (ours?.state === 'COMMENTED') return {url: ours.url, refused: reason}
    return {url: valueOf(await create('COMMENT'), missing, clock).url, refused: reason}

    function create(kind: ReviewEvent): Promise<Look<Review>> {
      return github().createReview({repository, number, sha: pull?.headSha ?? '', body, event: kind, signal})
    }

    /** Undefined: it is somebody else’s. */
    async function update(one: Review): Promise<Review | undefined> {
      if (one.body === body) return one
      const updated = await github().updateReview({repository, number, id: one.id, body, signal})
      if (updated.kind === 'refused' || updated.kind === 'missing') return undefined
      return valueOf(updated, missing, clock)
    }
  }

  return {
    posts: postReviews !== 'off',
    check,
    publish,
  }
}

const STATES: Readonly<Record<ReviewEvent, string>> = {
  COMMENT: 'COMMENTED',
  APPROVE: 'APPROVED',
  REQUEST_CHANGES: 'CHANGES_REQUESTED',
}

async function firstOf<T, U>(
  items: readonly T[],
  find: (item: T) => Promise<U | undefined>,
): Promise<readonly U[]> {
  for (const item of items) {
    const found = await find(item)
    if (found !== undefined) return [found]
  }
  return []
}

/** A place with its address, where that is not too long to be one. */
function fileAddress(base: string): (place: QaEvidence) => QaEvidence {
  return place => {
    const path = place.file.split('/').map(encodeURIComponent).join('/')
    const line = place.line === undefined ? '' : `#L${place.line}`
    const url = `${base}/${path}${line}`.replace(/[()]/g, mark => (mark === '(' ? '%28' : '%29'))
    return url.length > LONGEST_ADDRESS ? place : {...place, url}
  }
}

function absent(repository: string, number: number): QaReport {
  const check: QaCheck = {
    id: 'pr-exists',
    title: 'the pull request exists',
    severity: 'must',
    outcome: 'failed',
    reason: `${repository} has no pull request #${number}, or our token can’t see it`,
    fix: 'check the number and the repository',
    evidence: [],
  }
  return {repository, number, verdict: 'fail', checks: [check], unread: [], pull: undefined, rules: 'default'}
}

/** Rules that nobody can read let nothing pass. */
function unreadable(faults: readonly string[]): Pick<QaReport, 'verdict' | 'checks' | 'unread'> {
  const checks: QaCheck[] = [
    {
      id: 'rules',
      title: 'the rules can be read',
      severity: 'must',
      outcome: 'failed',
      reason: faults.slice(0, 5).join('; '),
      fix: `mend ${RULES_FILE} on the branch that is merged into`,
      evidence: [{file: RULES_FILE}],
    },
  ]
  return {verdict: verdictOf(checks), checks, unread: []}
}
