import {createHash} from 'node:crypto'
import {setTimeout as sleep} from 'node:timers/promises'
import {valueIfAny, valueOf} from '../integrations/github/look.ts'
import type {FileContent, PullRequest, RepositoryHost} from '../integrations/github/repository-host.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import {unseenRepository} from '../pipelines/commit-refs.ts'
import {notConfigured} from '../pipelines/port.ts'
import {redactText} from '../platform/redact.ts'
import {holdsSecretShape} from '../platform/secret-text.ts'
import type {OmittedSection, SummaryPort, WorkflowRunsPort} from '../sdk/index.ts'
import {date, holdsSection, prepended, sectionOf, type Deploy} from './section.ts'

/** Ours alone; the day follows on which it was begun. */
const BRANCH = 'signalbox/summary-'
const BODY =
  'Signalbox puts a section on top each time somebody asks for one; what is below stays as it is. Close it to begin anew.'
const MERGED = 5
const DEPLOYS = 3
const NEXT_STEPS = 5
/** What GitHub reads and writes by this route. */
const LARGEST = 1_000_000
/** Two that write to one branch at the same time: who comes second reads again. */
const MOST_TRIES = 6
const TRY_AGAIN_MS = 150

/** Keeps a file of dated summaries, through one pull request at a time. */
export function createSummary({
  host,
  workflowRuns,
  repository: configured,
  path,
  label,
  clock,
}: {
  readonly host: RepositoryHost | undefined
  readonly workflowRuns: Pick<WorkflowRunsPort, 'workflows' | 'recent'>
  /** `owner/name`. */
  readonly repository: string | undefined
  readonly path: string
  /** Open issues that carry it are the next steps. */
  readonly label: string
  readonly clock: Clock
}): SummaryPort {
  function github(): RepositoryHost {
    if (!host) throw notConfigured()
    return host
  }

  async function deploys(signal: AbortSignal): Promise<readonly Deploy[]> {
    const each = workflowRuns.workflows().map(async workflow => {
      const runs = await workflowRuns.recent(workflow, {count: DEPLOYS, signal})
      return runs.map(run => ({workflow: workflow.label, run}))
    })
    return (await Promise.all(each))
      .flat()
      .sort((one, other) => other.run.createdAt - one.run.createdAt)
      .slice(0, DEPLOYS)
  }

  /** Our open pull request, if there is one. */
  async function proposal(
    repository: string,
    base: string,
    signal: AbortSignal,
  ): Promise<PullRequest | undefined> {
    const look = await github().openPullRequests({repository, signal})
    return valueOf(look, unseenRepository(repository), clock).find(
      ({headRef, headRepository, baseRef}) =>
        headRef.startsWith(BRANCH) &&
        baseRef === base &&
        headRepository?.toLowerCase() === repository.toLowerCase(),
    )
  }

  /** Begins at the newest commit of the default branch. One that an earlier pull request left behind is not touched. */
  async function begin(
    repository: string,
    base: string,
    correlationId: string,
    signal: AbortSignal,
  ): Promise<string> {
    const tip = await github().branchHead({repository, branch: base, signal})
    const sha = valueOf(tip, `${repository} has no branch ${base}.`, clock)
    const today = `${BRANCH}${date(clock())}`
    for (const branch of [today, `${today}-${correlationId.slice(0, 8)}`]) {
      const created = await github().createRef({repository, ref: `refs/heads/${branch}`, sha, signal})
      if (created.kind === 'seen') return branch
      // There already, from the same moment or an earlier try; or it was refused.
      const there = await github().branchHead({repository, branch, signal})
      if (there.kind !== 'seen') valueOf(created, unseenRepository(repository), clock)
      const of = await github().pullRequestsFrom({repository, branch, signal})
      if (valueOf(of, unseenRepository(repository), clock).every(({state}) => state === 'open')) return branch
    }
    throw new AppError('CONFLICT', `The branches of today in ${repository} are used up. Delete ${today}.`)
  }

  async function put(change: {
    readonly repository: string
    readonly path: string
    readonly branch: string
    readonly markdown: string
    readonly correlationId: string
    readonly signal: AbortSignal
  }): Promise<void> {
    const {repository, branch, markdown, correlationId, signal} = change
    const message = `Summary ${date(clock())}`
    for (let tries = 1; ; tries++) {
      const look = await github().file({repository, path: change.path, ref: branch, signal})
      const before = valueIfAny(look, clock)
      if (before && holdsSection(before.text, correlationId)) return
      const text = prepended(markdown, before ? textOf(before, change.path) : '')
      if (Buffer.byteLength(text) > LARGEST)
        throw new AppError('INVALID_INPUT', `${change.path} is too large. Move old sections elsewhere first.`)
      const written = await github().writeFile({
        ...{repository, path: change.path, branch, text, message, signal},
        replaces: before?.sha,
      })
      if (written.kind === 'seen') return
      if (written.kind !== 'failed' || tries === MOST_TRIES)
        valueOf(written, unseenRepository(repository), clock)
      await sleep(TRY_AGAIN_MS * tries, undefined, {signal})
    }
  }

  async function pullRequest(
    repository: string,
    head: string,
    base: string,
    signal: AbortSignal,
  ): Promise<PullRequest> {
    const title = `Summary ${date(clock())}`
    const created = await github().createPullRequest({repository, title, body: BODY, head, base, signal})
    if (created.kind === 'seen') return created.value
    // Somebody was faster, or the answer to our own request was lost.
    const meanwhile = await proposal(repository, base, signal)
    return meanwhile ?? valueOf(created, unseenRepository(repository), clock)
  }

  return {
    async compose({correlationId, notes, signal}) {
      if (!host) throw notConfigured()
      const repository = configured
      if (repository === undefined)
        throw new AppError(
          'NOT_CONFIGURED',
          'No repository is named. An operator must set summary.repository or GITHUB_REPOSITORY.',
        )
      if (notes !== undefined && holdsSecretShape(notes))
        throw new AppError('INVALID_INPUT', 'The notes hold a token or a key. Take that out.')
      const omitted: OmittedSection[] = []
      /** What can't be read is left out, whatever the reason. */
      async function readable<T>(
        section: OmittedSection['section'],
        look: Promise<T>,
      ): Promise<T | undefined> {
        try {
          return await look
        } catch (error) {
          if (!(error instanceof AppError)) throw error
          omitted.push({section, reason: error.message})
          return undefined
        }
      }
      const unseen = unseenRepository(repository)
      const [merged, shipped, next] = await Promise.all([
        readable(
          'merged pull requests',
          github()
            .mergedPullRequests({repository, count: MERGED, signal})
            .then(look => valueOf(look, unseen, clock)),
        ),
        readable('deploys', deploys(signal)),
        readable(
          'next steps',
          github()
            .openIssues({repository, label, signal})
            .then(look => valueOf(look, unseen, clock).items.slice(0, NEXT_STEPS)),
        ),
      ])
      const section = sectionOf({correlationId, at: clock(), notes, merged, deploys: shipped, next})
      return {repository, path, markdown: redactText(section), omitted}
    },

    async propose({repository, path: at, markdown, correlationId}, signal) {
      const seen = await github().repository({repository, signal})
      const base = valueOf(seen, unseenRepository(repository), clock).defaultBranch
      const open = await proposal(repository, base, signal)
      const branch = open?.headRef ?? (await begin(repository, base, correlationId, signal))
      await put({repository, path: at, branch, markdown, correlationId, signal})
      const {url, number} = open ?? (await pullRequest(repository, branch, base, signal))
      return {url, number, branch, opened: !open}
    },
  }
}

/** @throws INVALID_INPUT where reading it as text would have changed a byte, and so would writing it. */
function textOf({sha, text}: FileContent, path: string): string {
  const bytes = Buffer.from(text)
  const hash = createHash(sha.length === 64 ? 'sha256' : 'sha1')
  const own = hash.update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
  if (own !== sha)
    throw new AppError('INVALID_INPUT', `${path} is not UTF-8 text, and I won’t change what I can’t read.`)
  return text
}
