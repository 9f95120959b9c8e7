/** Pull requests as plain data: what they change is the difference between two commits' files. */
import {nextNumber} from './comments.ts'
import {changedLines, unifiedDiff} from './diff.ts'
import type {Ids} from './ids.ts'
import {
  addCommit,
  addCommitOn,
  filesAt,
  historyOf,
  type FileChanges,
  type RepositoryState,
} from './repositories.ts'

export interface ReviewState {
  readonly id: number
  readonly author: string
  body: string
  readonly state: 'COMMENTED' | 'APPROVED' | 'CHANGES_REQUESTED' | 'PENDING'
  readonly commit: string
  readonly at: number
}

export interface PullState {
  readonly id: number
  readonly number: number
  title: string
  body: string
  state: 'open' | 'closed'
  readonly draft: boolean
  readonly author: string
  labels: readonly string[]
  /** A branch of the repository, or of the fork. */
  readonly head: string
  /** `owner/name`; its commits are reached by no branch of the repository. */
  readonly fork: string | undefined
  /** Of a fork's branch, or of one that is gone since. */
  lastHead: string
  readonly base: string
  /** Where the branches parted. */
  readonly baseSha: string
  readonly createdAt: number
  closedAt: number | undefined
  mergedAt: number | undefined
  readonly reviews: ReviewState[]
}

export interface NewPull {
  readonly title: string
  /** The next free one unless told. */
  readonly number?: number
  readonly body?: string
  readonly author?: string
  readonly draft?: boolean
  readonly labels?: readonly string[]
  /** Created with `files`, unless it is there. */
  readonly head: string
  readonly base?: string
  readonly files?: FileChanges
  /** The branch is in this repository. */
  readonly fork?: string
}

export interface FileDifference {
  readonly filename: string
  readonly status: 'added' | 'removed' | 'modified'
  readonly additions: number
  readonly deletions: number
  /** Absent for very large changes, as at GitHub. */
  readonly patch?: string
  readonly text: string
}

const LONGEST_PATCH = 400_000

export function openPull(
  repository: RepositoryState,
  options: NewPull,
  {ids, now}: {readonly ids: Ids; readonly now: () => number},
): PullState {
  const {base = repository.defaultBranch, author = repository.owner, head, fork, files} = options
  const baseSha = repository.branches.get(base)
  if (baseSha === undefined) throw new Error(`${repository.fullName} has no branch ${base}`)
  const commit = {sha: ids.sha(), message: options.title, author, at: now()}
  if (fork !== undefined) addCommitOn(repository, baseSha, commit, files ?? {})
  else {
    if (!repository.branches.has(head)) repository.branches.set(head, baseSha)
    if (files) addCommit(repository, head, commit, files)
  }
  const pull: PullState = {
    id: ids.next(),
    number: options.number ?? nextNumber(repository),
    title: options.title,
    body: options.body ?? '',
    state: 'open',
    draft: options.draft ?? false,
    author,
    labels: options.labels ?? [],
    head,
    fork,
    lastHead: commit.sha,
    base,
    baseSha,
    createdAt: now(),
    closedAt: undefined,
    mergedAt: undefined,
    reviews: [],
  }
  repository.pulls.unshift(pull)
  return pull
}

export function headOf(repository: RepositoryState, pull: PullState): string {
  if (pull.fork === undefined) pull.lastHead = repository.branches.get(pull.head) ?? pull.lastHead
  return pull.lastHead
}

export function pushTo(
  repository: RepositoryState,
  pull: PullState,
  {message, files, sha, at}: {message: string; files: FileChanges; sha: string; at: number},
): string {
  const commit = {sha, message, author: pull.author, at}
  if (pull.fork === undefined) addCommit(repository, pull.head, commit, files)
  else addCommitOn(repository, pull.lastHead, commit, files)
  pull.lastHead = sha
  return sha
}

/** As somebody would on the web page: what it changes is in its base from then on, as one commit. */
export function mergePull(
  repository: RepositoryState,
  pull: PullState,
  {sha, at}: {readonly sha: string; readonly at: number},
): void {
  if (pull.state !== 'open') throw new Error(`Pull request ${pull.number} is closed`)
  const files = Object.fromEntries(
    differences(repository, pull).map(({filename, status, text}) => [
      filename,
      status === 'removed' ? null : text,
    ]),
  )
  const message = `${pull.title} (#${pull.number})`
  addCommit(repository, pull.base, {sha, message, author: pull.author, at}, files)
  pull.state = 'closed'
  pull.closedAt = at
  pull.mergedAt = at
}

/** Whether it is this pull request that has the commit, or brought it: its branch leads to it, and its base did not. */
export function brings(repository: RepositoryState, pull: PullState, sha: string): boolean {
  const own = headOf(repository, pull)
  return historyOf(repository, own).includes(sha) && !historyOf(repository, pull.baseSha).includes(sha)
}

/** What a pull request changes, in order of the paths. */
export function differences(repository: RepositoryState, pull: PullState): FileDifference[] {
  return differencesBetween(repository, pull.baseSha, headOf(repository, pull))
}

export function differencesBetween(
  repository: RepositoryState,
  base: string,
  head: string,
): FileDifference[] {
  const before = filesAt(repository, base)
  const after = filesAt(repository, head)
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((filename): FileDifference[] => {
    const old = before.get(filename)
    const text = after.get(filename)
    if (old === text) return []
    const {additions, deletions} = changedLines(old ?? '', text ?? '')
    const patch = unifiedDiff(old ?? '', text ?? '')
    return [
      {
        filename,
        status: old === undefined ? 'added' : text === undefined ? 'removed' : 'modified',
        additions,
        deletions,
        text: text ?? '',
        ...(patch.length <= LONGEST_PATCH && {patch}),
      },
    ]
  })
}
