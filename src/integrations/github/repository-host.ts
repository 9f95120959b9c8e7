import type {Look} from './code-host.ts'

/**
 * What the product asks of a code host about a repository's content and its pull requests. Like the code host, it
 * sends each request once; a change whose outcome is `failed` may have taken effect, so who asks looks again first.
 */
export interface RepositoryHost {
  repository(query: Query): Promise<Look<{readonly defaultBranch: string; readonly url: string}>>
  /** The commit that a branch points at. */
  branchHead(query: Query & {readonly branch: string}): Promise<Look<string>>
  /** Branches whose newest commit this is, at most 10. */
  branchesAt(query: Query & {readonly sha: string}): Promise<Look<readonly string[]>>
  /** `refs/heads/…` or `refs/tags/…`. A reference of that name which is there already is `refused`. */
  createRef(change: Query & {readonly ref: string; readonly sha: string}): Promise<Look<null>>
  /** The commit that a branch, a tag or a (short) commit id means; `missing` or `refused` when it means none. */
  commit(query: Query & {readonly ref: string}): Promise<Look<Commit>>
  /** From where two commits parted to `head`: GitHub shows 250 commits and 300 files at most. */
  compare(query: Query & {readonly base: string; readonly head: string}): Promise<Look<Comparison>>
  /** The pull requests that brought a commit, at most 10. */
  pullRequestsOf(query: Query & {readonly sha: string}): Promise<Look<readonly PullRequest[]>>
  /** The commit that a tag points at. */
  tagTarget(query: Query & {readonly tag: string}): Promise<Look<string>>

  /** The workflows GitHub knows, by their files' names: those on the default branch. */
  workflows(query: Query): Promise<Look<readonly string[]>>
  /** What any app checked of a commit, at most 300. */
  checks(query: Query & {readonly sha: string}): Promise<Look<readonly Check[]>>

  /** All files of a commit or branch. */
  tree(query: Query & {readonly ref: string}): Promise<Look<Tree>>
  blob(query: Query & {readonly sha: string}): Promise<Look<string>>
  file(query: Query & {readonly path: string; readonly ref: string}): Promise<Look<FileContent>>
  /** One commit on a branch. `replaces` is the blob that stands there now; another one is a `failed` conflict. */
  writeFile(
    change: Query & {
      readonly path: string
      readonly branch: string
      readonly text: string
      readonly message: string
      readonly replaces?: string | undefined
    },
  ): Promise<Look<null>>

  pullRequest(query: Query & {readonly number: number}): Promise<Look<PullRequest>>
  /** All pages. GitHub lists 3,000 files at most; `complete` says whether these are all. */
  pullRequestFiles(
    query: Query & {readonly number: number},
  ): Promise<Look<{readonly items: readonly ChangedFile[]; readonly complete: boolean}>>
  /** Open pull requests, newest first, at most 100. */
  openPullRequests(query: Query): Promise<Look<readonly PullRequest[]>>
  createPullRequest(
    change: Query & {
      readonly title: string
      readonly body: string
      readonly head: string
      readonly base: string
    },
  ): Promise<Look<PullRequest>>

  /** Submitted reviews, oldest first. */
  reviews(query: Query & {readonly number: number}): Promise<Look<readonly Review[]>>
  /** A comment on the whole: neither an approval nor a request for changes. */
  createReview(
    change: Query & {readonly number: number; readonly sha: string; readonly body: string},
  ): Promise<Look<Review>>
  updateReview(
    change: Query & {readonly number: number; readonly id: string; readonly body: string},
  ): Promise<Look<Review>>

  /** Comments on any issue or pull request that were written or edited since then, oldest first, at most 500. */
  comments(query: Query & {readonly since: number}): Promise<Look<readonly Comment[]>>
  /** Those on one issue or pull request, as `comments`. */
  commentsOn(
    query: Query & {readonly number: number; readonly since: number},
  ): Promise<Look<readonly Comment[]>>
  /** On an issue or a pull request. */
  createComment(change: Query & {readonly number: number; readonly body: string}): Promise<Look<Comment>>

  /** A variable of the repository's workflows; `missing` when there is none of that name. */
  variable(query: Query & {readonly name: string}): Promise<Look<string>>
  createVariable(change: Query & {readonly name: string; readonly value: string}): Promise<Look<null>>
  updateVariable(change: Query & {readonly name: string; readonly value: string}): Promise<Look<null>>

  /** Where people open it, without a slash at the end: `https://github.com`. */
  readonly htmlUrl: string
}

export interface Query {
  /** `owner/name`. */
  readonly repository: string
  readonly signal?: AbortSignal | undefined
}

export interface Commit {
  readonly sha: string
  /** The first line is its title. */
  readonly message: string
  /** The login; the name written into the commit where GitHub knows no account for it. */
  readonly author: string
}

export interface Comparison {
  readonly url: string
  /** How many commits `head` has that `base` has not, and the reverse. */
  readonly ahead: number
  readonly behind: number
  /** Those that `head` has, oldest first. */
  readonly commits: readonly Commit[]
  readonly files: readonly ChangedFile[]
  /** There may be more files than these. */
  readonly truncated: boolean
}

export interface Check {
  readonly name: string
  readonly url: string
  readonly status: string
  readonly conclusion: string | null
}

export interface Tree {
  readonly sha: string
  readonly files: readonly {readonly path: string; readonly sha: string; readonly size: number}[]
  /** GitHub cut the list off: more than 100,000 entries or 7 MB. */
  readonly truncated: boolean
}

export interface FileContent {
  /** Of the blob. */
  readonly sha: string
  readonly text: string
}

export interface PullRequest {
  readonly number: number
  readonly url: string
  readonly title: string
  readonly state: 'open' | 'closed'
  readonly draft: boolean
  readonly author: string
  readonly headSha: string
  readonly headRef: string
  /** The repository the branch is in; none when that was deleted. A fork's is another one. */
  readonly headRepository: string | undefined
  readonly baseSha: string
  readonly baseRef: string
  readonly additions: number
  readonly deletions: number
  readonly changedFiles: number
}

export interface ChangedFile {
  readonly path: string
  readonly status: 'added' | 'removed' | 'modified' | 'renamed' | 'copied' | 'changed' | 'unchanged'
  readonly additions: number
  readonly deletions: number
  /** Unified diff without its head; absent for binary and very large changes. */
  readonly patch?: string
}

export interface Comment {
  readonly id: string
  readonly url: string
  readonly body: string
  /** The login of whoever wrote it; undefined where no person did: an app, a bot, or an account that is gone. */
  readonly person: string | undefined
  /** Milliseconds since the epoch, to the second. */
  readonly createdAt: number
  /** It is not what its author wrote at first. */
  readonly edited: boolean
}

export interface Review {
  readonly id: string
  readonly url: string
  readonly body: string
  readonly author: string
  readonly state: string
}
