/** What tests and the demo hold in their hands: a repository, and from there a workflow, a run that can be steered. */
import type {Conclusion} from '../attempt.ts'
import type {CommentShapes} from '../comment-shapes.ts'
import {addComment, labelsOf, openIssue, turnIssue} from '../comments.ts'
import type {Ids} from '../ids.ts'
import type {People} from '../people.ts'
import type {PullShapes} from '../pull-shapes.ts'
import {openPull, type NewPull} from '../pulls.ts'
import {
  addCommit,
  filesAt,
  findWorkflow,
  resolveRef,
  type FileChanges,
  type RepositoryState,
  type Role,
} from '../repositories.ts'
import type {RunShapes} from '../run-shapes.ts'
import type {RunState, Runs} from '../runs.ts'
import {createCommentHandles, type Comment, type TellOfComment} from './comment.ts'
import {createPullHandles, type Pull} from './pull.ts'
import {createRunHandles, type Run} from './run.ts'
import {createWorkflow, workflowHandle, type Workflow, type WorkflowOptions} from './workflow.ts'

export interface Repository {
  readonly id: number
  readonly fullName: string
  /** Newest first. */
  readonly runs: readonly Run[]
  branch(name: string, sha?: string): string
  tag(name: string, sha?: string): string
  /** A new commit on a branch (the default one by default); answers its sha. */
  commit(
    message: string,
    options?: {
      readonly branch?: string
      readonly author?: string
      readonly sha?: string
      readonly files?: FileChanges
    },
  ): string
  /** A file as of a branch, tag or commit; the default branch unless told. */
  file(path: string, ref?: string): string | undefined
  branches(): ReadonlyMap<string, string>
  tags(): ReadonlyMap<string, string>
  variables(): ReadonlyMap<string, string>
  /** What its workflows would see of its secrets, by name. */
  secrets(): ReadonlyMap<string, string>
  /** Newest first. */
  readonly pulls: readonly Pull[]
  /** A pull request of one commit with these changes, on a branch of its own. */
  pullRequest(options: NewPull): Pull
  /** An issue; answers its number. */
  issue(title: string, author?: string, labels?: readonly string[], body?: string): number
  /** Of an issue or a pull request. */
  labels(number: number): readonly string[]
  /** Somebody closes an issue; webhooks tell of it. */
  closeIssue(number: number, reason?: 'completed' | 'not_planned'): void
  reopenIssue(number: number): void
  /** Comments on issues and pull requests, oldest first. */
  readonly comments: readonly Comment[]
  /** Somebody comments on an issue or a pull request, the newest issue unless told; webhooks tell of it. */
  comment(options: {readonly author: string; readonly body: string; readonly on?: number}): Comment
  collaborator(login: string, role: Role): void
  workflow(file: string, options: WorkflowOptions): Workflow
  /** A run nobody dispatched. With a conclusion it lies in the past, `ageMs` ago, and no webhook tells of it. */
  startRun(options: {
    readonly workflow: string
    readonly event?: string
    readonly branch?: string
    readonly actor?: string
    readonly title?: string
    readonly inputs?: Readonly<Record<string, string>>
    readonly ageMs?: number
    /** Of a past run. Default two minutes. */
    readonly durationMs?: number
    readonly conclusion?: Conclusion
  }): Run
}

export function createHandles({
  runs,
  shapes,
  tellOfComment,
  tellOfIssue,
  people,
  ids,
  now,
}: {
  readonly runs: Runs
  readonly shapes: Pick<RunShapes, 'runPage'> & Pick<PullShapes, 'pullPage'> & Pick<CommentShapes, 'comment'>
  readonly tellOfComment: TellOfComment
  readonly tellOfIssue: (home: RepositoryState, number: number, action: 'closed' | 'reopened') => void
  readonly people: People
  readonly ids: Ids
  readonly now: () => number
}): {
  readonly repository: (state: RepositoryState) => Repository
  readonly run: (state: RunState) => Run
} {
  const comment = createCommentHandles({shapes, tell: tellOfComment, now})
  const pull = createPullHandles({shapes, ids, now})
  const run = createRunHandles({runs, shapes, people})

  function repository(state: RepositoryState): Repository {
    const head = () => state.branches.get(state.defaultBranch) ?? ''
    return {
      id: state.id,
      fullName: state.fullName,
      get runs() {
        runs.settle()
        return state.runs.map(run)
      },
      branch(name, sha = head()) {
        state.branches.set(name, sha)
        if (!state.commits.has(sha))
          state.commits.set(sha, {
            sha,
            message: `Head of ${name}`,
            author: state.owner,
            at: now(),
            files: new Map(),
          })
        return sha
      },
      tag(name, sha = head()) {
        state.tags.set(name, sha)
        return sha
      },
      commit(message, {branch = state.defaultBranch, author = state.owner, sha = ids.sha(), files} = {}) {
        addCommit(state, branch, {sha, message, author, at: now()}, files)
        return sha
      },
      file: (path, ref = state.defaultBranch) => filesAt(state, resolveRef(state, ref)?.sha ?? '').get(path),
      branches: () => new Map(state.branches),
      tags: () => new Map(state.tags),
      variables: () => new Map(state.variables),
      secrets: () => new Map([...state.secrets].map(([name, {value}]) => [name, value])),
      get pulls() {
        return state.pulls.map(one => pull(state, one))
      },
      pullRequest(options) {
        people.meet(options.author ?? state.owner)
        return pull(state, openPull(state, options, {ids, now}))
      },
      issue: (title, author = state.owner, labels = [], body) =>
        openIssue(state, {title, author: people.meet(author).login, labels, body: body ?? null}, {now})
          .number,
      labels: number => labelsOf(state, number),
      closeIssue(number, reason = 'completed') {
        turnIssue(state, number, {state: 'closed', stateReason: reason}, {now})
        tellOfIssue(state, number, 'closed')
      },
      reopenIssue(number) {
        turnIssue(state, number, {state: 'open', stateReason: 'reopened'}, {now})
        tellOfIssue(state, number, 'reopened')
      },
      get comments() {
        return state.comments.map(one => comment(state, one))
      },
      comment({author, body, on}) {
        const number =
          on ?? state.issues.at(-1)?.number ?? openIssue(state, {title: 'Talk', author}, {now}).number
        const added = addComment(state, {number, author: people.meet(author).login, body}, {ids, now})
        tellOfComment(state, added, 'created')
        return comment(state, added)
      },
      collaborator(login, role) {
        state.collaborators.set(people.meet(login).login, role)
      },
      workflow(file, options) {
        const workflow = createWorkflow(file, options, ids, now())
        const index = state.workflows.findIndex(known => known.file === file)
        if (index === -1) state.workflows.push(workflow)
        else state.workflows[index] = workflow
        return workflowHandle(workflow)
      },
      startRun(options) {
        const {
          event = 'push',
          branch = state.defaultBranch,
          actor = state.owner,
          ageMs = 0,
          durationMs = 120_000,
          conclusion,
        } = options
        const workflow = findWorkflow(state, options.workflow)
        const ref = resolveRef(state, branch)
        if (!workflow || !ref)
          throw new Error(`${state.fullName} has no workflow ${options.workflow} or no ref ${branch}`)
        const createdAt = now() - ageMs
        const {title, inputs} = options
        const start = {
          repository: state,
          workflow,
          event,
          ref,
          actor,
          createdAt,
          ...(title !== undefined && {title}),
          ...(inputs && {inputs}),
        }
        return run(
          conclusion === undefined
            ? runs.start(start)
            : runs.seed({...start, conclusion, endedAt: Math.min(createdAt + durationMs, now())}),
        )
      },
    }
  }

  return {repository, run}
}
