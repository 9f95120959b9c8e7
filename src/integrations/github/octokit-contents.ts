import {z} from 'zod'
import {mapLook, split, type GithubClient} from './client.ts'
import {changedFile, nothing} from './octokit-schemas.ts'
import type {Commit, ContentsHost} from './repository-host.ts'

/** What GitHub lists of a comparison. */
const MOST_COMPARED_FILES = 300
const MOST_COMMITS_OF_FILE = 20

const repository = z
  .object({default_branch: z.string(), html_url: z.string()})
  .transform(seen => ({defaultBranch: seen.default_branch, url: seen.html_url}))
const ref = z.object({object: z.object({sha: z.string()})}).transform(seen => seen.object.sha)
const branches = z.array(z.object({name: z.string()})).transform(list => list.map(({name}) => name))
const tree = z.object({
  sha: z.string(),
  truncated: z.boolean(),
  tree: z.array(z.object({path: z.string(), type: z.string(), sha: z.string(), size: z.number().optional()})),
})
const base64 = z
  .object({content: z.string(), encoding: z.literal('base64'), sha: z.string()})
  .transform(seen => ({sha: seen.sha, text: Buffer.from(seen.content, 'base64').toString('utf8')}))
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
    files: z.array(changedFile).default([]),
  })
  .transform(seen => ({
    url: seen.html_url,
    ahead: seen.ahead_by,
    behind: seen.behind_by,
    commits: seen.commits,
    files: seen.files,
    truncated: seen.files.length >= MOST_COMPARED_FILES,
  }))

/** Over GitHub's REST API. */
export function octokitContents(github: GithubClient): ContentsHost {
  return {
    repository: ({repository: name, signal}) =>
      github.read('GET /repos/{owner}/{repo}', split(name), repository, {signal}),

    branchHead: ({repository: name, branch, signal}) =>
      github.read('GET /repos/{owner}/{repo}/git/ref/{ref}', {...split(name), ref: `heads/${branch}`}, ref, {
        signal,
      }),

    branchesAt: ({repository: name, sha, signal}) =>
      github.read(
        'GET /repos/{owner}/{repo}/commits/{commit_sha}/branches-where-head',
        {...split(name), commit_sha: sha},
        branches,
        {signal},
      ),

    tagTarget: ({repository: name, tag, signal}) =>
      github.read('GET /repos/{owner}/{repo}/git/ref/{ref}', {...split(name), ref: `tags/${tag}`}, ref, {
        signal,
      }),

    createRef: ({repository: name, ref: full, sha, signal}) =>
      github.write('POST /repos/{owner}/{repo}/git/refs', {...split(name), ref: full, sha}, nothing, signal),

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
  }
}
