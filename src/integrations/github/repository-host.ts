import type {Look} from './code-host.ts'

/**
 * What the product asks of a code host about a repository's content and its pull requests. Like the code host, it
 * sends each request once; a change whose outcome is `failed` may have taken effect, so who asks looks again first.
 */
export interface RepositoryHost extends ContentsHost, PullsHost, IssuesHost, WorkflowsHost, SettingsHost {
  /** Where people open it, without a slash at the end: `https://github.com`. */
  readonly htmlUrl: string
}

/** What a repository holds: branches and tags, commits, files. */
export interface ContentsHost {
  /** Its default branch, and where people see it. */
  repository(query: Query): Promise<Look<{readonly defaultBranch: string; readonly url: string}>>
  /** The commit that a branch points at. */
  branchHead(query: Query & {readonly branch: string}): Promise<Look<string>>
  /** Branches whose newest commit this is, at most 10. */
  branchesAt(query: Query & {readonly sha: string}): Promise<Look<readonly string[]>>
  /** `refs/heads/…` or `refs/tags/…`. A reference of that name which is there already is `refused`. */
  createRef(change: Query & {readonly ref: string; readonly sha: string}): Promise<Look<null>>
  /** The commit that a branch, a tag or a (short) commit id means; `missing` or `refused` when it means none. */
  commit(query: Query & {readonly ref: string}): Promise<Look<Commit>>
  /** The last commits of the default branch that changed a file, newest first, at most 20. */
  commitsOfFile(query: Query & {readonly path: string}): Promise<Look<readonly Commit[]>>
  /** From where two commits parted to `head`: GitHub shows 250 commits and 300 files at most. */
  compare(query: Query & {readonly base: string; readonly head: string}): Promise<Look<Comparison>>
  /** The commit that a tag points at. */
  tagTarget(query: Query & {readonly tag: string}): Promise<Look<string>>
  /** All files of a commit or branch. */
  tree(query: Query & {readonly ref: string}): Promise<Look<Tree>>
  /** The text of a blob. */
  blob(query: Query & {readonly sha: string}): Promise<Look<string>>
  /** A file as it is at a branch, tag or commit. */
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
}

/** Pull requests and their reviews. */
export interface PullsHost {
  /** The pull requests that brought a commit, at most 10. */
  pullRequestsOf(query: Query & {readonly sha: string}): Promise<Look<readonly PullRequest[]>>
  /** By its number. */
  pullRequest(query: Query & {readonly number: number}): Promise<Look<PullRequest>>
  /** All pages. GitHub lists 3,000 files at most; `complete` says whether these are all. */
  pullRequestFiles(
    query: Query & {readonly number: number},
  ): Promise<Look<{readonly items: readonly ChangedFile[]; readonly complete: boolean}>>
  /** Open pull requests, newest first, at most 1,000. */
  openPullRequests(query: Query): Promise<Look<readonly PullRequest[]>>
  /** Those of this branch of the repository itself, open or not, newest first, at most 100. */
  pullRequestsFrom(query: Query & {readonly branch: string}): Promise<Look<readonly PullRequest[]>>
  /** What was merged last, newest first, of the 100 pull requests that were closed or talked about last. */
  mergedPullRequests(query: Query & {readonly count: number}): Promise<Look<readonly MergedPullRequest[]>>
  /** Always a draft. */
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
  /** On the whole. A comment, neither an approval nor a request for changes, unless told. */
  createReview(
    change: Query & {
      readonly number: number
      readonly sha: string
      readonly body: string
      readonly event?: ReviewEvent
    },
  ): Promise<Look<Review>>
  /** Replaces the text of a review of ours. */
  updateReview(
    change: Query & {readonly number: number; readonly id: string; readonly body: string},
  ): Promise<Look<Review>>
}

/** Issues, and the comments on them and on pull requests. */
export interface IssuesHost {
  /** Open issues that carry the label, oldest first, without pull requests; at most 300. */
  openIssues(
    query: Query & {readonly label: string},
  ): Promise<Look<{readonly items: readonly Issue[]; readonly complete: boolean}>>
  /** All open issues with their texts, oldest first, without pull requests; of issues and pull requests at most 3,000. */
  issuesInFull(
    query: Query,
  ): Promise<Look<{readonly items: readonly FullIssue[]; readonly complete: boolean}>>
  /** On an issue or a pull request. Those it has stay; those the repository does not know are made. */
  addLabels(
    change: Query & {readonly number: number; readonly labels: readonly string[]},
  ): Promise<Look<null>>
  /** Issues in any state that changed since then, the last change first, without pull requests; at most 500. */
  issuesChanged(query: Query & {readonly since: number}): Promise<Look<readonly Issue[]>>
  /** Comments on any issue or pull request that were written or edited since then, oldest first, at most 500. */
  comments(query: Query & {readonly since: number}): Promise<Look<readonly Comment[]>>
  /** Those on one issue or pull request, as `comments`. */
  commentsOn(
    query: Query & {readonly number: number; readonly since: number},
  ): Promise<Look<readonly Comment[]>>
  /** On an issue or a pull request. */
  createComment(change: Query & {readonly number: number; readonly body: string}): Promise<Look<Comment>>
  /** `refused` where it is not ours. */
  updateComment(change: Query & {readonly id: string; readonly body: string}): Promise<Look<Comment>>
}

/** What runs for a commit, and by which workflows. */
export interface WorkflowsHost {
  /** Of a workflow that GitHub knows: `active`, or how it is disabled. */
  workflowState(query: Query & {readonly workflow: string}): Promise<Look<string>>
  /** The workflows GitHub knows, by their files' names: those on the default branch. */
  workflows(query: Query): Promise<Look<readonly string[]>>
  /** What any app checked of a commit, at most 300. */
  checks(query: Query & {readonly sha: string}): Promise<Look<readonly Check[]>>
}

/** Variables and secrets of the workflows. */
export interface SettingsHost {
  /** A variable of the repository's workflows; `missing` when there is none of that name. */
  variable(query: Query & {readonly name: string}): Promise<Look<string>>
  /** Under a name that no variable has yet. */
  createVariable(change: Query & {readonly name: string; readonly value: string}): Promise<Look<null>>
  /** Of a variable that there is. */
  updateVariable(change: Query & {readonly name: string; readonly value: string}): Promise<Look<null>>
  /** Of a variable that there is. */
  deleteVariable(change: Query & {readonly name: string}): Promise<Look<null>>
  /** What GitHub shows of a secret of the repository's workflows; `missing` when there is none of that name. */
  secret(query: Query & {readonly name: string}): Promise<Look<{readonly updatedAt: number}>>
  /** What secrets of this repository are sealed with: see sealed-box.ts. */
  secretsKey(query: Query): Promise<Look<{readonly keyId: string; readonly key: string}>>
  /** Creates or replaces it. */
  putSecret(
    change: Query & {readonly name: string; readonly keyId: string; readonly encrypted: string},
  ): Promise<Look<null>>
}

/** Which repository is meant. */
export interface Query {
  /** `owner/name`. */
  readonly repository: string
  readonly signal?: AbortSignal | undefined
}

/** A commit, without its files. */
export interface Commit {
  readonly sha: string
  /** The first line is its title. */
  readonly message: string
  /** The login; the name written into the commit where GitHub knows no account for it. */
  readonly author: string
}

/** What one commit has that another has not. */
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

/** What an app checked of a commit. */
export interface Check {
  readonly name: string
  readonly url: string
  readonly status: string
  readonly conclusion: string | null
}

/** The files of a commit, without their content. */
export interface Tree {
  readonly sha: string
  readonly files: readonly {readonly path: string; readonly sha: string; readonly size: number}[]
  /** GitHub cut the list off: more than 100,000 entries or 7 MB. */
  readonly truncated: boolean
}

/** A file that is text. */
export interface FileContent {
  /** Of the blob. */
  readonly sha: string
  readonly text: string
}

/** A pull request, without its files. */
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

/** A pull request that was merged. */
export interface MergedPullRequest {
  readonly number: number
  readonly url: string
  readonly title: string
  readonly author: string
  /** Milliseconds since the epoch. */
  readonly mergedAt: number
}

/** A file as a pull request or comparison changes it. */
export interface ChangedFile {
  readonly path: string
  readonly status: 'added' | 'removed' | 'modified' | 'renamed' | 'copied' | 'changed' | 'unchanged'
  readonly additions: number
  readonly deletions: number
  /** Unified diff without its head; absent for binary and very large changes. */
  readonly patch?: string
}

/** An issue in a list. */
export interface Issue {
  readonly number: number
  readonly url: string
  readonly title: string
  readonly state: 'open' | 'closed'
  /** Why it is closed, such as `completed` or `not_planned`; null where GitHub does not say. */
  readonly reason: string | null
}

/** An issue with its text. */
export interface FullIssue extends Issue {
  readonly body: string
  /** The login; `ghost` where the account is gone. */
  readonly author: string
  readonly labels: readonly string[]
}

/** A comment on an issue or a pull request. */
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

/** What a review says besides its text. */
export type ReviewEvent = 'COMMENT' | 'APPROVE' | 'REQUEST_CHANGES'

/** A review that was submitted. */
export interface Review {
  readonly id: string
  readonly url: string
  readonly body: string
  readonly author: string
  readonly state: string
}
