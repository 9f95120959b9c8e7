import {valueOf} from '../integrations/github/look.ts'
import type {RepositoryHost, Review} from '../integrations/github/repository-host.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import {unseenRepository} from '../pipelines/commit-refs.ts'
import {notConfigured} from '../pipelines/port.ts'
import type {ReviewsPort} from '../sdk/index.ts'
import {MARKER, reviewText, summaryOf} from './report.ts'
import {findingsAtRest, findingsIn, isReadable} from './rules.ts'

const FINDINGS_TOLD = 100
/** Files that are read for an analysis; larger ones are nothing a person wrote. */
const FILES_READ = 100
const LARGEST_FILE = 200_000
const READ_AT_ONCE = 5
/** Reviews with our mark that may be somebody else’s: who copies it can’t make us try for ever. */
const MOST_TRIED = 5

/** Reviews pull requests by rules, and keeps one comment on each of them up to date. */
export function createReviews({
  host,
  clock,
}: {
  readonly host: RepositoryHost | undefined
  readonly clock: Clock
}): ReviewsPort {
  function github(): RepositoryHost {
    if (!host) throw notConfigured()
    return host
  }

  /** Texts in the order of the files, some at a time. */
  async function textsOf(
    repository: string,
    files: readonly {readonly path: string; readonly sha: string}[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, string>> {
    const texts = new Map<string, string>()
    for (let i = 0; i < files.length; i += READ_AT_ONCE) {
      signal.throwIfAborted()
      await Promise.all(
        files.slice(i, i + READ_AT_ONCE).map(async ({path, sha}) => {
          const look = await github().blob({repository, sha, signal})
          texts.set(path, valueOf(look, `${path} is gone.`, clock))
        }),
      )
    }
    return texts
  }

  return {
    async analyse({repository, path, ref, signal}) {
      const at =
        ref ??
        valueOf(await github().repository({repository, signal}), unseenRepository(repository), clock)
          .defaultBranch
      // What is read is one commit, whatever is pushed meanwhile; a tag or a commit is taken as it is.
      const branch = await github().branchHead({repository, branch: at, signal})
      const sha = branch.kind === 'seen' ? branch.value : at
      const missing = `${repository} has no branch, tag or commit ${at}.`
      const tree = valueOf(await github().tree({repository, ref: sha, signal}), missing, clock)
      const under = path?.replace(/\/+$/, '')
      const files = tree.files.filter(
        file =>
          under === undefined || under === '' || file.path === under || file.path.startsWith(`${under}/`),
      )
      if (files.length === 0)
        throw new AppError('NOT_FOUND', `${repository} has nothing at ${path ?? 'its root'} in ${at}.`)
      const readable = files.filter(file => isReadable(file.path) && file.size <= LARGEST_FILE)
      const read = readable.slice(0, FILES_READ)
      const texts = await textsOf(repository, read, signal)
      const findings = findingsAtRest(files.map(file => ({path: file.path, text: texts.get(file.path)})))
      return {
        repository,
        ref: sha,
        files: read.length,
        left: readable.length - read.length,
        findings: findings.slice(0, FINDINGS_TOLD),
        total: findings.length,
      }
    },

    async review({repository, number, signal}) {
      const missing = missingOf({repository, number})
      const query = {repository, number, signal}
      const pull = valueOf(await github().pullRequest(query), missing, clock)
      const {items, complete} = valueOf(await github().pullRequestFiles(query), missing, clock)
      // The files belong to the commit that is the head now: pushed to in between, the verdict would be about two.
      const after = valueOf(await github().pullRequest(query), missing, clock)
      if (after.headSha !== pull.headSha)
        throw new AppError('CONTENDED', `Pull request #${number} was pushed to while it was read.`)
      const findings = findingsIn(items, complete)
      const {url, headSha, headRef, headRepository, baseSha, additions, deletions} = pull
      return {
        ...{repository, number, url, headSha, baseSha},
        headRef: headRepository?.toLowerCase() === repository.toLowerCase() ? headRef : null,
        verdict: findings.some(({severity}) => severity === 'critical') ? 'block' : 'proceed',
        findings: findings.slice(0, FINDINGS_TOLD),
        total: findings.length,
        files: items.length,
        summary: summaryOf({files: items.length, additions, deletions, findings}),
      }
    },

    async headOf(query) {
      return valueOf(await github().pullRequest(query), missingOf(query), clock).headSha
    },

    async publish(review, signal) {
      const {repository, number, headSha} = review
      const missing = missingOf(review)
      const body = reviewText(review, github().htmlUrl)
      const marked = valueOf(await github().reviews({repository, number, signal}), missing, clock)
        .filter(one => one.body.startsWith(MARKER))
        .slice(0, MOST_TRIED)
      for (const one of marked) {
        const ours = await update(one)
        if (ours) return {id: ours.id, url: ours.url}
      }
      const look = await github().createReview({repository, number, sha: headSha, body, signal})
      const {id, url} = valueOf(look, missing, clock)
      return {id, url}

      /** Undefined: it is somebody else’s. */
      async function update(one: Review): Promise<Review | undefined> {
        if (one.body === body) return one
        const updated = await github().updateReview({repository, number, id: one.id, body, signal})
        if (updated.kind === 'refused' || updated.kind === 'missing') return undefined
        return valueOf(updated, missing, clock)
      }
    },
  }
}

function missingOf({repository, number}: {readonly repository: string; readonly number: number}): string {
  return `${repository} has no pull request #${number}, or our token can’t see it.`
}
