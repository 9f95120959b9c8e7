import {z} from 'zod'
import {mapLook, openGithubClient, split, type GithubClientOptions} from './client.ts'
import type {
  ChangedFile,
  Comment,
  Commit,
  FullIssue,
  Issue,
  MergedPullRequest,
  PullRequest,
  RepositoryHost,
  Review,
} from './repository-host.ts'

const MOST_FILES = 3000
const MOST_REVIEWS = 1000
const MOST_CHECKS = 300
const MOST_PULLS_OF_COMMIT = 10
/** What GitHub lists of a comparison. */
const MOST_COMPARED_FILES = 300
const MOST_COMMENTS = 500
const MOST_OPEN_ISSUES = 300
const MOST_CHANGED_ISSUES = 500
const MOST_ISSUES = 3000
const MOST_COMMITS_OF_FILE = 20

const id = z.union([z.number(), z.bigint(), z.string()]).transform(String)
const login = z
  .object({login: z.string()})
  .nullish()
  .transform(user => user?.login ?? 'ghost')

const repository = z
  .object({default_branch: z.string(), html_url: z.string()})
  .transform(seen => ({defaultBranch: seen.default_branch, url: seen.html_url}))
const ref = z.object({object: z.object({sha: z.string()})}).transform(seen => seen.object.sha)
const branches = z.array(z.object({name: z.string()})).transform(list => list.map(({name}) => name))
const workflows = z
  .object({workflows: z.array(z.object({path: z.string()}))})
  .transform(seen => seen.workflows.map(({path}) => path.split('/').at(-1) ?? path))
const workflowState = z.object({state: z.string()}).transform(({state}) => state)
const checks = z
  .object({
    check_runs: z.array(
      z.object({
        name: z.string(),
        html_url: z.string().nullish(),
        status: z.string(),
        conclusion: z.string().nullish(),
      }),
    ),
  })
  .transform(seen =>
    seen.check_runs.map(({name, html_url, status, conclusion}) => ({
      name,
      url: html_url ?? '',
      status,
      conclusion: conclusion ?? null,
    })),
  )
const nothing = z.unknown().transform(() => null)
const tree = z.object({
  sha: z.string(),
  truncated: z.boolean(),
  tree: z.array(z.object({path: z.string(), type: z.string(), sha: z.string(), size: z.number().optional()})),
})
const base64 = z
  .object({content: z.string(), encoding: z.literal('base64'), sha: z.string()})
  .transform(seen => ({sha: seen.sha, text: Buffer.from(seen.content, 'base64').toString('utf8')}))

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
const file = z
  .object({
    filename: z.string(),
    status: z.enum(['added', 'removed', 'modified', 'renamed', 'copied', 'changed', 'unchanged']),
    additions: z.number(),
    deletions: z.number(),
    patch: z.string().optional(),
  })
  .transform(({filename, status, additions, deletions, patch}): ChangedFile => ({
    path: filename,
    status,
    additions,
    deletions,
    ...(patch === undefined ? {} : {patch}),
  }))
const review = z
  .object({id, html_url: z.string(), body: z.string().nullish(), user: login, state: z.string()})
  .transform((seen): Review => ({
    id: seen.id,
    url: seen.html_url,
    body: seen.body ?? '',
    author: seen.user,
    state: seen.state,
  }))
const issue = z
  .object({
    number: z.number(),
    html_url: z.string(),
    title: z.string(),
    state: z.enum(['open', 'closed']),
    state_reason: z.string().nullish(),
    // Pull requests are listed among the issues, with this.
    pull_request: z.unknown().optional(),
  })
  .transform((seen): Issue | undefined =>
    (seen.pull_request ?? null) === null
      ? {
          number: seen.number,
          url: seen.html_url,
          title: seen.title,
          state: seen.state,
          reason: seen.state_reason ?? null,
        }
      : undefined,
  )
const fullIssue = z
  .object({
    number: z.number(),
    html_url: z.string(),
    title: z.string(),
    state: z.enum(['open', 'closed']),
    state_reason: z.string().nullish(),
    body: z.string().nullish(),
    user: login,
    labels: z.array(z.union([z.string(), z.object({name: z.string().nullish()})])),
    pull_request: z.unknown().optional(),
  })
  .transform((seen): FullIssue | undefined =>
    (seen.pull_request ?? null) === null
      ? {
          number: seen.number,
          url: seen.html_url,
          title: seen.title,
          state: seen.state,
          reason: seen.state_reason ?? null,
          body: seen.body ?? '',
          author: seen.user,
          labels: seen.labels.flatMap(label => (typeof label === 'string' ? label : (label.name ?? []))),
        }
      : undefined,
  )
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
const commit = z
  .object({
    sha: z.string(),
    commit: z.object({message: z.string(), author: z.object({name: z.string()}).nullish()}),
    // Null where the mail address belongs to no account; an empty object has been seen, too.
    author: z.object({login: z.string().optional()}).nullish(),
  })
  .transform((seen): Commit => ({
    sha: seen.sha,
    message: seen.commit.message,
    author: seen.author?.login ?? seen.commit.author?.name ?? 'unknown',
  }))
const comparison = z
  .object({
    html_url: z.string(),
    ahead_by: z.number(),
    behind_by: z.number(),
    commits: z.array(commit),
    files: z.array(file).default([]),
  })
  .transform(seen => ({
    url: seen.html_url,
    ahead: seen.ahead_by,
    behind: seen.behind_by,
    commits: seen.commits,
    files: seen.files,
    truncated: seen.files.length >= MOST_COMPARED_FILES,
  }))
const variable = z.object({value: z.string()}).transform(({value}) => value)
const secret = z
  .object({updated_at: z.iso.datetime({offset: true})})
  .transform(seen => ({updatedAt: Date.parse(seen.updated_at)}))
const secretsKey = z
  .object({key_id: z.string(), key: z.string()})
  .transform(({key_id, key}) => ({keyId: key_id, key}))

/** The repository host over GitHub's REST API, by token or as an installed GitHub App. */
export async function createOctokitRepositoryHost(options: GithubClientOptions): Promise<RepositoryHost> {
  const github = await openGithubClient(options)

  return {
    htmlUrl: github.htmlUrl,

    repository: ({repository: name, signal}) =>
      github.read('GET /repos/{owner}/{repo}', split(name), repository, {signal}),

    branchHead: ({repository: name, branch, signal}) =>
      github.read('GET /repos/{owner}/{repo}/git/ref/{ref}', {...split(name), ref: `heads/${branch}`}, ref, {
        signal,
      }),

    commit: ({repository: name, ref: of, signal}) =>
      github.read('GET /repos/{owner}/{repo}/commits/{ref}', {...split(name), ref: of}, commit, {signal}),

    commitsOfFile: ({repository: name, path, signal}) =>
      github.read(
        'GET /repos/{owner}/{repo}/commits',
        {...split(name), path, per_page: MOST_COMMITS_OF_FILE},
        z.array(commit),
        {signal},
      ),

    compare: ({repository: name, base, head, signal}) =>
      github.read(
        'GET /repos/{owner}/{repo}/compare/{basehead}',
        {...split(name), basehead: `${base}...${head}`},
        comparison,
        {signal, remember: false},
      ),

    pullRequestsOf: ({repository: name, sha, signal}) =>
      github.read(
        'GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls',
        {...split(name), commit_sha: sha, per_page: MOST_PULLS_OF_COMMIT},
        z.array(pull),
        {signal},
      ),

    tagTarget: ({repository: name, tag, signal}) =>
      github.read('GET /repos/{owner}/{repo}/git/ref/{ref}', {...split(name), ref: `tags/${tag}`}, ref, {
        signal,
      }),

    branchesAt: ({repository: name, sha, signal}) =>
      github.read(
        'GET /repos/{owner}/{repo}/commits/{commit_sha}/branches-where-head',
        {...split(name), commit_sha: sha},
        branches,
        {signal},
      ),

    createRef: ({repository: name, ref: full, sha, signal}) =>
      github.write('POST /repos/{owner}/{repo}/git/refs', {...split(name), ref: full, sha}, nothing, signal),

    workflowState: ({repository: name, workflow, signal}) =>
      github.read(
        'GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}',
        {...split(name), workflow_id: workflow},
        workflowState,
        {signal},
      ),

    workflows: ({repository: name, signal}) =>
      github.read('GET /repos/{owner}/{repo}/actions/workflows', {...split(name), per_page: 100}, workflows, {
        signal,
      }),

    async checks({repository: name, sha, signal}) {
      const look = await github.readAll(
        'GET /repos/{owner}/{repo}/commits/{ref}/check-runs',
        {...split(name), ref: sha, filter: 'latest'},
        checks,
        {signal, most: MOST_CHECKS},
      )
      return mapLook(look, ({items}) => items)
    },

    async tree({repository: name, ref: of, signal}) {
      const look = await github.read(
        'GET /repos/{owner}/{repo}/git/trees/{tree_sha}',
        {...split(name), tree_sha: of, recursive: '1'},
        tree,
        {signal, remember: false},
      )
      return mapLook(look, seen => ({
        sha: seen.sha,
        truncated: seen.truncated,
        files: seen.tree.flatMap(({path, type, sha, size}) =>
          type === 'blob' ? [{path, sha, size: size ?? 0}] : [],
        ),
      }))
    },

    async blob({repository: name, sha, signal}) {
      const look = await github.read(
        'GET /repos/{owner}/{repo}/git/blobs/{file_sha}',
        {...split(name), file_sha: sha},
        base64,
        {signal, remember: false},
      )
      return mapLook(look, ({text}) => text)
    },

    file: ({repository: name, path, ref: at, signal}) =>
      github.read('GET /repos/{owner}/{repo}/contents/{path}', {...split(name), path, ref: at}, base64, {
        signal,
        remember: false,
      }),

    writeFile: ({repository: name, path, branch, text, message, replaces, signal}) =>
      github.write(
        'PUT /repos/{owner}/{repo}/contents/{path}',
        {
          ...split(name),
          path,
          branch,
          message,
          content: Buffer.from(text).toString('base64'),
          ...(replaces === undefined ? {} : {sha: replaces}),
        },
        nothing,
        signal,
      ),

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
        z.array(file),
        {signal, most: MOST_FILES, remember: false},
      ),

    openPullRequests: ({repository: name, signal}) =>
      github.read(
        'GET /repos/{owner}/{repo}/pulls',
        {...split(name), state: 'open', per_page: 100},
        z.array(pull),
        {
          signal,
        },
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

    addLabels: ({repository: name, number, labels, signal}) =>
      github.write(
        'POST /repos/{owner}/{repo}/issues/{issue_number}/labels',
        {...split(name), issue_number: number, labels},
        nothing,
        signal,
      ),

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

    variable: ({repository: name, name: of, signal}) =>
      github.read(
        'GET /repos/{owner}/{repo}/actions/variables/{name}',
        {...split(name), name: of},
        variable,
        {
          signal,
        },
      ),

    createVariable: ({repository: name, name: of, value, signal}) =>
      github.write(
        'POST /repos/{owner}/{repo}/actions/variables',
        {...split(name), name: of, value},
        nothing,
        signal,
      ),

    updateVariable: ({repository: name, name: of, value, signal}) =>
      github.write(
        'PATCH /repos/{owner}/{repo}/actions/variables/{name}',
        {...split(name), name: of, value},
        nothing,
        signal,
      ),

    deleteVariable: ({repository: name, name: of, signal}) =>
      github.write(
        'DELETE /repos/{owner}/{repo}/actions/variables/{name}',
        {...split(name), name: of},
        nothing,
        signal,
      ),

    secret: ({repository: name, name: of, signal}) =>
      github.read(
        'GET /repos/{owner}/{repo}/actions/secrets/{secret_name}',
        {...split(name), secret_name: of},
        secret,
        {signal, remember: false},
      ),

    secretsKey: ({repository: name, signal}) =>
      github.read('GET /repos/{owner}/{repo}/actions/secrets/public-key', split(name), secretsKey, {
        signal,
        remember: false,
      }),

    putSecret: ({repository: name, name: of, keyId, encrypted, signal}) =>
      github.write(
        'PUT /repos/{owner}/{repo}/actions/secrets/{secret_name}',
        {...split(name), secret_name: of, encrypted_value: encrypted, key_id: keyId},
        nothing,
        signal,
      ),
  }
}
