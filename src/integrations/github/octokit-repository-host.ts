import {z} from 'zod'
import {mapLook, openGithubClient, split, type GithubClientOptions} from './client.ts'
import type {ChangedFile, Comment, Commit, PullRequest, RepositoryHost, Review} from './repository-host.ts'

const MOST_FILES = 3000
const MOST_REVIEWS = 1000
const MOST_CHECKS = 300
const MOST_PULLS_OF_COMMIT = 10
/** What GitHub lists of a comparison. */
const MOST_COMPARED_FILES = 300
const MOST_COMMENTS = 500

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

    createReview: ({repository: name, number, sha, body, signal}) =>
      github.write(
        'POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews',
        {...split(name), pull_number: number, commit_id: sha, body, event: 'COMMENT'},
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
  }
}
