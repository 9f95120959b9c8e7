/** Comments on issues and pull requests, which share their numbers, as plain data. */
import type {Ids} from './ids.ts'
import type {RepositoryState} from './repositories.ts'

export interface IssueState {
  readonly number: number
  readonly title: string
  readonly author: string
  readonly createdAt: number
}

export interface CommentState {
  readonly id: number
  /** Of the issue or pull request. */
  readonly number: number
  readonly author: string
  body: string
  readonly at: number
  editedAt: number
}

/** The next free number of issues and pull requests. */
export function nextNumber({issues, pulls}: Pick<RepositoryState, 'issues' | 'pulls'>): number {
  return Math.max(0, ...[...issues, ...pulls].map(({number}) => number)) + 1
}

/** The issue or pull request of that number. */
export function discussionOf(
  repository: RepositoryState,
  number: number,
): {readonly kind: 'issue' | 'pull'; readonly title: string; readonly author: string} | undefined {
  const pull = repository.pulls.find(one => one.number === number)
  if (pull) return {kind: 'pull', title: pull.title, author: pull.author}
  const issue = repository.issues.find(one => one.number === number)
  return issue && {kind: 'issue', title: issue.title, author: issue.author}
}

export function openIssue(
  repository: RepositoryState,
  issue: {readonly title: string; readonly author: string},
  {now}: {readonly now: () => number},
): IssueState {
  const opened: IssueState = {...issue, number: nextNumber(repository), createdAt: now()}
  repository.issues.push(opened)
  return opened
}

/** @throws Error when there is no issue or pull request of that number. */
export function addComment(
  repository: RepositoryState,
  comment: {readonly number: number; readonly author: string; readonly body: string},
  {ids, now}: {readonly ids: Ids; readonly now: () => number},
): CommentState {
  if (!discussionOf(repository, comment.number))
    throw new Error(`${repository.fullName} has no issue or pull request ${comment.number}`)
  const at = now()
  const added: CommentState = {...comment, id: ids.next(), at, editedAt: at}
  repository.comments.push(added)
  return added
}
