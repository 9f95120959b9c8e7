import type {CodeHost, Look, RunSummary} from '../integrations/github/code-host.ts'
import type {RepositoryHost} from '../integrations/github/repository-host.ts'
import {cardOf, failingOf, verdictOf} from './card.ts'
import type {ReleaseCard} from './request.ts'

/** All that is read for one card, together. */
const CARD_WITHIN_MS = 12_000
/** Each costs a request. */
const MOST_COMMITS_ASKED = 15
const HISTORY = 50

/** How the checks of a commit stand. */
export interface Checks {
  readonly verdict: ReleaseCard['checks']
  /** The names of those that fail. */
  readonly failing: readonly string[]
  /** What could not be read, for people. */
  readonly missing: readonly string[]
  /** Why not, where looking again may read it. */
  readonly unread?: Unread
}

type Unread = Extract<Look<never>, {readonly kind: 'failed' | 'slow-down'}>

/**
 * What fails. That nothing does is said only once all was read that may be: what our token is not let see stays
 * unknown, and stands on the card.
 */
export function failingIn({failing, unread}: Pick<Checks, 'failing' | 'unread'>): Look<readonly string[]> {
  return failing.length === 0 && unread ? unread : {kind: 'seen', value: failing}
}

/** Exactly what would be shipped: this commit, by the workflow's file as it is there. */
export interface Release {
  readonly sha: string
  /** The blob of the workflow's file at that commit. */
  readonly workflowSha: string
}

export interface ReleaseQuery {
  /** `owner/name`. */
  readonly repository: string
  /** The workflow's file name. */
  readonly workflow: string
}

interface TargetQuery extends ReleaseQuery {
  /** Its name. */
  readonly target: string
}

export type Releases = ReturnType<typeof createReleases>

/** What a deploy would ship, read from GitHub: bounded in time and in requests. */
export function createReleases({
  hosts: {code, repository: host},
  targets,
  recorded,
}: {
  readonly hosts: {
    readonly code: Pick<CodeHost, 'recentRuns' | 'runsOf'>
    readonly repository: Pick<RepositoryHost, 'commit' | 'compare' | 'file' | 'pullRequestsOf' | 'checks'>
  }
  readonly targets: readonly (ReleaseQuery & {readonly name: string})[]
  /** Whether a commit went well at a target, by our own record: it tells where GitHub’s history does not. */
  readonly recorded: (target: string, sha: string) => Promise<boolean>
}) {
  /** The files of a repository's workflows that deploy, whatever they deploy. */
  function deploysOf(repository: string): ReadonlySet<string> {
    return new Set(targets.filter(each => each.repository === repository).map(({workflow}) => workflow))
  }

  /** Deploys that went well, newest first; `shared`: the history does not tell which target they went to. */
  async function goodDeploysOf({
    target,
    repository,
    workflow,
    signal,
  }: TargetQuery & {readonly signal?: AbortSignal | undefined}): Promise<
    Look<readonly RunSummary[]> | {kind: 'shared'}
  > {
    const shared = targets.some(
      other => other.name !== target && other.repository === repository && other.workflow === workflow,
    )
    if (shared) return {kind: 'shared'}
    const look = await code.recentRuns({repository, workflow, count: HISTORY, ...(signal ? {signal} : {})})
    if (look.kind !== 'seen') return look
    const good = look.value.filter(
      run => run.conclusion === 'success' && !run.event.startsWith('pull_request'),
    )
    return {kind: 'seen', value: good}
  }

  return {
    /** What the ref stands for now; `refused`, with the reason, where there is no such ref or no such workflow in it. */
    async at({repository, workflow, ref}: ReleaseQuery & {readonly ref: string}): Promise<Look<Release>> {
      const commit = await host.commit({repository, ref})
      if (commit.kind === 'missing')
        return {kind: 'refused', reason: `${repository} has no ${ref}, or our token can’t see it.`}
      if (commit.kind !== 'seen') return commit
      const {sha} = commit.value
      const file = await host.file({repository, path: `.github/workflows/${workflow}`, ref: sha})
      if (file.kind === 'missing')
        return {
          kind: 'refused',
          reason: `There is no workflow ${workflow} in ${repository} at ${sha.slice(0, 7)}.`,
        }
      return file.kind === 'seen' ? {kind: 'seen', value: {sha, workflowSha: file.value.sha}} : file
    },

    /** The commit that a branch, a tag or a commit id stands for now, and what of it fails. */
    async failingAt({
      repository,
      ref,
    }: Pick<ReleaseQuery, 'repository'> & {readonly ref: string}): Promise<
      Look<{readonly sha: string; readonly failing: readonly string[]}>
    > {
      const commit = await host.commit({repository, ref})
      if (commit.kind !== 'seen') return commit
      const {sha} = commit.value
      const failing = failingIn(await this.checksOf({repository, sha}))
      return failing.kind === 'seen' ? {kind: 'seen', value: {sha, failing: failing.value}} : failing
    },

    /** Whether a commit went well at a target before. Where neither history nor our record tells, that is a no. */
    async wentWell({sha, ...query}: TargetQuery & Pick<AtCommit, 'sha'>): Promise<Look<boolean>> {
      const look = await goodDeploysOf(query)
      if (look.kind === 'shared') return {kind: 'seen', value: await recorded(query.target, sha)}
      return look.kind === 'seen'
        ? {kind: 'seen', value: look.value.some(({headSha}) => headSha === sha)}
        : look
    },

    /** How the checks of a commit stand. */
    async checksOf({repository, sha, signal}: Pick<ReleaseQuery, 'repository'> & AtCommit): Promise<Checks> {
      const [runs, checks] = await Promise.all([
        code.runsOf({repository, sha, ...(signal ? {signal} : {})}),
        host.checks({repository, sha, signal}),
      ])
      const seen = <T>(look: Look<T>) => (look.kind === 'seen' ? look.value : undefined)
      const checked = {runs: seen(runs), checks: seen(checks), deploys: deploysOf(repository)}
      const unread = [runs, checks].find(look => look.kind === 'failed' || look.kind === 'slow-down')
      return {
        verdict: verdictOf(checked),
        failing: failingOf(checked),
        missing: [
          ...(runs.kind === 'seen' ? [] : ['runs of its tests']),
          ...(checks.kind === 'seen' ? [] : ['checks by other apps']),
        ],
        ...(unread ? {unread} : {}),
      }
    },

    /** The release card of a commit that would be shipped to a target. Never fails: it says what is missing. */
    async card({
      target,
      repository,
      workflow,
      sha,
    }: TargetQuery & {readonly sha: string}): Promise<ReleaseCard> {
      const signal = AbortSignal.timeout(CARD_WITHIN_MS)
      const missing: string[] = []
      const [deploys, head, checks] = await Promise.all([
        goodDeploysOf({target, repository, workflow, signal}),
        host.commit({repository, ref: sha, signal}),
        this.checksOf({repository, sha, signal}),
      ])
      missing.push(...checks.missing)
      if (deploys.kind === 'shared')
        missing.push('the last deploy: another target ships through the same workflow')
      else if (deploys.kind !== 'seen') missing.push('the last deploy')
      const before = deploys.kind === 'seen' ? deploys.value[0] : undefined
      const compared = before && (await host.compare({repository, base: before.headSha, head: sha, signal}))
      if (compared && compared.kind !== 'seen') missing.push('what changed since the last deploy')
      if (deploys.kind === 'seen' && !before) missing.push('what changed: nothing was deployed there before')
      const comparison = compared?.kind === 'seen' ? compared.value : undefined
      const newest = (comparison?.commits.toReversed().map(commit => commit.sha) ?? [sha]).slice(
        0,
        MOST_COMMITS_ASKED,
      )
      const looks = await Promise.all(
        newest.map(commit => host.pullRequestsOf({repository, sha: commit, signal})),
      )
      if (looks.some(({kind}) => kind !== 'seen')) missing.push('pull requests')
      if (comparison && comparison.ahead > newest.length)
        missing.push(`pull requests of ${comparison.ahead - newest.length} older commits`)
      const pulls = new Map(
        looks.flatMap(look => (look.kind === 'seen' ? look.value.map(pull => [pull.number, pull]) : [])),
      )
      return cardOf({
        sha,
        comparison,
        head: head.kind === 'seen' ? head.value : undefined,
        pullRequests: [...pulls.values()],
        lastDeploy: before && {
          sha: before.headSha,
          at: before.updatedAt,
          url: before.url,
          ...authorOf(before),
        },
        checks: checks.verdict,
        failing: checks.failing,
        missing,
      })
    },
  }
}

interface AtCommit {
  readonly sha: string
  readonly signal?: AbortSignal | undefined
}

/** Who asked for a run of ours, by its name: `Client Deploy — <correlation id> by grace`. */
function authorOf({displayTitle}: RunSummary): {readonly by?: string} {
  const by = /\bby (\S.{0,59})$/.exec(displayTitle)?.[1]
  return by === undefined ? {} : {by}
}
