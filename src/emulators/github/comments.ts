/** Issues, and the comments on them and on pull requests, which share their numbers, as plain data. */
import type {Ids} from './ids.ts'
import type {RepositoryState} from './repositories.ts'

export interface IssueState {
  readonly number: number
  readonly title: string
  readonly author: string
  labels: readonly string[]
  readonly body: string | null
  readonly createdAt: number
  state: 'open' | 'closed'
  stateReason: 'completed' | 'not_planned' | 'duplicate' | 'reopened' | null
  updatedAt: number
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
  {
    labels = [],
    body = null,
    ...issue
  }: {
    readonly title: string
    readonly author: string
    readonly labels?: readonly string[]
    readonly body?: string | null
  },
  {now}: {readonly now: () => number},
): IssueState {
  const at = now()
  const opened: IssueState = {
    ...issue,
    labels,
    body,
    number: nextNumber(repository),
    ...{createdAt: at, state: 'open', stateReason: null, updatedAt: at},
  }
  repository.issues.push(opened)
  return opened
}

/** @throws Error when there is no issue or pull request of that number. */
export function labelsOf(home: Pick<RepositoryState, 'issues' | 'pulls'>, number: number): readonly string[] {
  return labelled(home, number).labels
}

function labelled({issues, pulls}: Pick<RepositoryState, 'issues' | 'pulls'>, number: number) {
  const found = issues.find(one => one.number === number) ?? pulls.find(one => one.number === number)
  if (!found) throw new Error(`there is no issue or pull request ${number}`)
  return found
}

/** Adds labels to an issue or a pull request, those it has not; whatever the case, a name is one label. */
export function addLabels(
  home: Pick<RepositoryState, 'issues' | 'pulls'>,
  number: number,
  labels: readonly string[],
): readonly string[] {
  const one = labelled(home, number)
  const has = new Set(one.labels.map(name => name.toLowerCase()))
  one.labels = [...one.labels, ...labels.filter(name => !has.has(name.toLowerCase()))]
  return one.labels
}

/** Closes or reopens it. @throws Error when there is no issue of that number. */
export function turnIssue(
  {fullName, issues}: Pick<RepositoryState, 'fullName' | 'issues'>,
  number: number,
  turn: Pick<IssueState, 'state' | 'stateReason'>,
  {now}: {readonly now: () => number},
): void {
  const issue = issues.find(one => one.number === number)
  if (!issue) throw new Error(`${fullName} has no issue ${number}`)
  Object.assign(issue, turn, {updatedAt: now()})
}

/** When it last changed; a pull request of this place does not keep that. */
export function touchedAt(one: {readonly createdAt: number; readonly updatedAt?: number}): number {
  return one.updatedAt ?? one.createdAt
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
