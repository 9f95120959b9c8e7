import {createHash} from 'node:crypto'
import {createProposals} from '../proposals/proposals.ts'
import {valueOf} from '../integrations/github/look.ts'
import type {FileContent, RepositoryHost} from '../integrations/github/repository-host.ts'
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

  const proposals = () => createProposals({host: github(), clock})

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

  /** Begins at the newest commit of the default branch. One that an earlier pull request left behind is not touched. */
  async function begin(
    repository: string,
    base: string,
    correlationId: string,
    signal: AbortSignal,
  ): Promise<string> {
    const sha = await proposals().tip({repository, branch: base, signal})
    const today = `${BRANCH}${date(clock())}`
    for (const branch of [today, `${today}-${correlationId.slice(0, 8)}`]) {
      if (await proposals().begin({repository, branch, sha, signal})) return branch
      const of = await github().pullRequestsFrom({repository, branch, signal})
      if (valueOf(of, unseenRepository(repository), clock).every(({state}) => state === 'open')) return branch
    }
    throw new AppError('CONFLICT', `The branches of today in ${repository} are used up. Delete ${today}.`)
  }

  /** The file with the section on top, unless it is there. */
  function withSection(
    before: FileContent | undefined,
    {path: at, markdown, correlationId}: Parameters<SummaryPort['propose']>[0],
  ): string | undefined {
    if (before && holdsSection(before.text, correlationId)) return undefined
    const text = prepended(markdown, before ? textOf(before, at) : '')
    if (Buffer.byteLength(text) > LARGEST)
      throw new AppError('INVALID_INPUT', `${at} is too large. Move old sections elsewhere first.`)
    return text
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

    async propose(draft, signal) {
      const {repository, path: at, correlationId} = draft
      const seen = await github().repository({repository, signal})
      const base = valueOf(seen, unseenRepository(repository), clock).defaultBranch
      const open = await proposals().find({repository, prefix: BRANCH, base, signal})
      const branch = open?.headRef ?? (await begin(repository, base, correlationId, signal))
      const title = `Summary ${date(clock())}`
      const edit = (before: FileContent | undefined) => withSection(before, draft)
      await proposals().write({repository, branch, path: at, message: title, edit, signal})
      const change = {repository, prefix: BRANCH, title, body: BODY, head: branch, base, signal}
      const {url, number} = open ?? (await proposals().open(change))
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
