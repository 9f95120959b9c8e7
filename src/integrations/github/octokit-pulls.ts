import {z} from 'zod'
import {mapLook, split, type GithubClient} from './client.ts'
import {changedFile, id, login} from './octokit-schemas.ts'
import type {MergedPullRequest, PullRequest, PullsHost, Review} from './repository-host.ts'

const MOST_FILES = 3000
const MOST_REVIEWS = 1000
const MOST_OPEN_PULLS = 1000
const MOST_PULLS_OF_COMMIT = 10

const side = z.object({
  sha: z.string(),
  ref: z.string(),
  repo: z.object({full_name: z.string()}).nullish(),
})
const pull = z
  .object({
    number: z.number(),
    html_url: z.string(),
    title: z.string(),
    state: z.enum(['open', 'closed']),
    draft: z.boolean().nullish(),
    user: login,
    head: side,
    base: side,
    // Lists leave these out.
    additions: z.number().default(0),
    deletions: z.number().default(0),
    changed_files: z.number().default(0),
  })
  .transform((seen): PullRequest => ({
    number: seen.number,
    url: seen.html_url,
    title: seen.title,
    state: seen.state,
    draft: seen.draft ?? false,
    author: seen.user,
    headSha: seen.head.sha,
    headRef: seen.head.ref,
    headRepository: seen.head.repo?.full_name,
    baseSha: seen.base.sha,
    baseRef: seen.base.ref,
    additions: seen.additions,
    deletions: seen.deletions,
    changedFiles: seen.changed_files,
  }))
const closedPull = z
  .object({
    number: z.number(),
    html_url: z.string(),
    title: z.string(),
    user: login,
    merged_at: z.string().nullish(),
  })
  .transform(({merged_at, html_url, user, ...seen}): MergedPullRequest | undefined =>
    typeof merged_at === 'string'
      ? {...seen, url: html_url, author: user, mergedAt: Date.parse(merged_at)}
      : undefined,
  )
const review = z
  .object({id, html_url: z.string(), body: z.string().nullish(), user: login, state: z.string()})
  .transform((seen): Review => ({
    id: seen.id,
    url: seen.html_url,
    body: seen.body ?? '',
    author: seen.user,
    state: seen.state,
  }))

/** Over GitHub's REST API. */
export function octokitPulls(github: GithubClient): PullsHost {
  return {
    pullRequest: ({repository: name, number, signal}) =>
      github.read(
        'GET /repos/{owner}/{repo}/pulls/{pull_number}',
        {...split(name), pull_number: number},
        pull,
        {
          signal,
        },
      ),

    pullRequestFiles: ({repository: name, number, signal}) =>
      github.readAll(
        'GET /repos/{owner}/{repo}/pulls/{pull_number}/files',
        {...split(name), pull_number: number},
        z.array(changedFile),
        {signal, most: MOST_FILES, remember: false},
      ),

    async openPullRequests({repository: name, signal}) {
      const look = await github.readAll(
        'GET /repos/{owner}/{repo}/pulls',
        {...split(name), state: 'open'},
        z.array(pull),
        {signal, most: MOST_OPEN_PULLS, remember: false},
      )
      return mapLook(look, ({items}) => items)
    },

    pullRequestsOf: ({repository: name, sha, signal}) =>
      github.read(
        'GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls',
        {...split(name), commit_sha: sha, per_page: MOST_PULLS_OF_COMMIT},
        z.array(pull),
        {signal},
      ),

    pullRequestsFrom: ({repository: name, branch, signal}) =>
      github.read(
        'GET /repos/{owner}/{repo}/pulls',
        {...split(name), state: 'all', head: `${split(name).owner}:${branch}`, per_page: 100},
        z.array(pull),
        {signal},
      ),

    async mergedPullRequests({repository: name, count, signal}) {
      const look = await github.read(
        'GET /repos/{owner}/{repo}/pulls',
        {...split(name), state: 'closed', sort: 'updated', direction: 'desc', per_page: 100},
        z.array(closedPull),
        {signal, remember: false},
      )
      return mapLook(look, seen =>
        seen
          .filter(one => one !== undefined)
          .sort((one, other) => other.mergedAt - one.mergedAt)
          .slice(0, count),
      )
    },

    createPullRequest: ({repository: name, title, body, head, base, signal}) =>
      github.write(
        'POST /repos/{owner}/{repo}/pulls',
        {...split(name), title, body, head, base, draft: true},
        pull,
        signal,
      ),

    async reviews({repository: name, number, signal}) {
      const look = await github.readAll(
        'GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews',
        {...split(name), pull_number: number},
        z.array(review),
        {signal, most: MOST_REVIEWS, remember: false},
      )
      return mapLook(look, ({items}) => items)
    },

    createReview: ({repository: name, number, sha, body, event = 'COMMENT', signal}) =>
      github.write(
        'POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews',
        {...split(name), pull_number: number, commit_id: sha, body, event},
        review,
        signal,
      ),

    updateReview: ({repository: name, number, id: of, body, signal}) =>
      github.write(
        'PUT /repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}',
        {...split(name), pull_number: number, review_id: Number(of), body},
        review,
        signal,
      ),
  }
}
