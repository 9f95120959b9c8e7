import {z} from 'zod'
import {mapLook, split, type GithubClient} from './client.ts'
import {id, login, nothing} from './octokit-schemas.ts'
import type {Comment, FullIssue, Issue, IssuesHost} from './repository-host.ts'

const MOST_COMMENTS = 500
const MOST_OPEN_ISSUES = 300
const MOST_CHANGED_ISSUES = 500
const MOST_ISSUES = 3000

const shown = z.object({
  number: z.number(),
  html_url: z.string(),
  title: z.string(),
  state: z.enum(['open', 'closed']),
  state_reason: z.string().nullish(),
  pull_request: z.unknown().optional(),
})
const issue = shown.transform(issueOf)
const fullIssue = shown
  .extend({
    body: z.string().nullish(),
    user: login,
    labels: z.array(z.union([z.string(), z.object({name: z.string().nullish()})])),
  })
  .transform((seen): FullIssue | undefined => {
    const plain = issueOf(seen)
    return (
      plain && {
        ...plain,
        body: seen.body ?? '',
        author: seen.user,
        labels: seen.labels.flatMap(label => (typeof label === 'string' ? label : (label.name ?? []))),
      }
    )
  })
const comment = z
  .object({
    id,
    html_url: z.string(),
    body: z.string().nullish(),
    user: z.object({login: z.string(), type: z.string()}).nullish(),
    performed_via_github_app: z.unknown(),
    created_at: z.string(),
    updated_at: z.string(),
  })
  .transform((seen): Comment => {
    const isPerson = seen.user?.type === 'User' && (seen.performed_via_github_app ?? null) === null
    return {
      id: seen.id,
      url: seen.html_url,
      body: seen.body ?? '',
      person: isPerson ? seen.user?.login : undefined,
      createdAt: Date.parse(seen.created_at),
      edited: seen.updated_at !== seen.created_at,
    }
  })

/** Over GitHub's REST API. */
export function octokitIssues(github: GithubClient): IssuesHost {
  return {
    async openIssues({repository: name, label, signal}) {
      const look = await github.readAll(
        'GET /repos/{owner}/{repo}/issues',
        {...split(name), state: 'open', labels: label, sort: 'created', direction: 'asc'},
        z.array(issue),
        {signal, most: MOST_OPEN_ISSUES, remember: false},
      )
      return mapLook(look, ({items, complete}) => ({
        items: items.filter(one => one !== undefined),
        complete,
      }))
    },

    async issuesInFull({repository: name, signal}) {
      const look = await github.readAll(
        'GET /repos/{owner}/{repo}/issues',
        {...split(name), state: 'open', sort: 'created', direction: 'asc'},
        z.array(fullIssue),
        {signal, most: MOST_ISSUES, remember: false},
      )
      return mapLook(look, ({items, complete}) => ({
        items: items.filter(one => one !== undefined),
        complete,
      }))
    },

    async issuesChanged({repository: name, since, signal}) {
      const look = await github.readAll(
        'GET /repos/{owner}/{repo}/issues',
        {
          ...split(name),
          state: 'all',
          since: new Date(since).toISOString(),
          sort: 'updated',
          direction: 'desc',
        },
        z.array(issue),
        {signal, most: MOST_CHANGED_ISSUES},
      )
      return mapLook(look, ({items}) => items.filter(one => one !== undefined))
    },

    addLabels: ({repository: name, number, labels, signal}) =>
      github.write(
        'POST /repos/{owner}/{repo}/issues/{issue_number}/labels',
        {...split(name), issue_number: number, labels},
        nothing,
        signal,
      ),

    async comments({repository: name, since, signal}) {
      const look = await github.readAll(
        'GET /repos/{owner}/{repo}/issues/comments',
        {...split(name), since: new Date(since).toISOString(), sort: 'created', direction: 'asc'},
        z.array(comment),
        {signal, most: MOST_COMMENTS, remember: false},
      )
      return mapLook(look, ({items}) => items)
    },

    async commentsOn({repository: name, number, since, signal}) {
      const look = await github.readAll(
        'GET /repos/{owner}/{repo}/issues/{issue_number}/comments',
        {...split(name), issue_number: number, since: new Date(since).toISOString()},
        z.array(comment),
        {signal, most: MOST_COMMENTS, remember: false},
      )
      return mapLook(look, ({items}) => items)
    },

    createComment: ({repository: name, number, body, signal}) =>
      github.write(
        'POST /repos/{owner}/{repo}/issues/{issue_number}/comments',
        {...split(name), issue_number: number, body},
        comment,
        signal,
      ),

    updateComment: ({repository: name, id: of, body, signal}) =>
      github.write(
        'PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}',
        {...split(name), comment_id: Number(of), body},
        comment,
        signal,
      ),
  }
}

/** Undefined: a pull request, which GitHub lists among the issues. */
function issueOf({
  number,
  html_url: url,
  title,
  state,
  state_reason: reason,
  pull_request: pull,
}: z.output<typeof shown>): Issue | undefined {
  return (pull ?? null) === null ? {number, url, title, state, reason: reason ?? null} : undefined
}
