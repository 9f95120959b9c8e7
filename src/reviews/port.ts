import {valueOf} from '../integrations/github/look.ts'
import type {RepositoryHost, Review} from '../integrations/github/repository-host.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import {notConfigured} from '../pipelines/port.ts'
import type {ReviewsPort} from '../sdk/index.ts'
import {MARKER, reviewText, summaryOf} from './report.ts'
import {findingsIn} from './rules.ts'

const FINDINGS_TOLD = 100
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

  return {
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
