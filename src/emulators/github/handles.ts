/** What tests and the demo hold in their hands: a repository, a workflow, a run that can be steered. */
import type {Ids} from './ids.ts'
import type {NewArtifact} from './artifacts.ts'
import type {CommentShapes} from './comment-shapes.ts'
import {addComment, labelsOf, openIssue, turnIssue, type CommentState} from './comments.ts'
import type {People} from './people.ts'
import {latest, type Conclusion} from './attempt.ts'
import {approve, fail, finish, hold, release} from './progress.ts'
import {headOf, mergePull, openPull, pushTo, type NewPull, type PullState} from './pulls.ts'
import {
  addCommit,
  filesAt,
  findWorkflow,
  resolveRef,
  type FileChanges,
  type RepositoryState,
  type Role,
  type WorkflowState,
} from './repositories.ts'
import type {RunState, Runs} from './runs.ts'
import {defaultJobs, type JobScript} from './script.ts'
import type {PullShapes} from './pull-shapes.ts'
import type {RunShapes} from './run-shapes.ts'
import {readWorkflowFile, renderRunName, writeWorkflowFile, type InputSpec} from './workflow-file.ts'

export interface WorkflowOptions {
  readonly name: string
  /** The file itself; wins over `inputs`, `dispatchable` and `concurrency`, which otherwise describe one. */
  readonly yaml?: string
  /** Default: `correlation_id` and `requester`, both optional. */
  readonly inputs?: Readonly<Record<string, InputSpec>>
  /** Whether `on` has `workflow_dispatch`. Default true. */
  readonly dispatchable?: boolean
  /** A group of which one run works and one waits. */
  readonly concurrency?: string
  /** Default: the file's `run-name`, `<name> — <correlation_id> by <requester>`. */
  readonly runName?: (inputs: Readonly<Record<string, string>>, actor: string) => string
  readonly jobs?: readonly JobScript[]
  /** Chooses the jobs per run and attempt; wins over `jobs`. */
  readonly script?: (inputs: Readonly<Record<string, string>>, attempt: number) => readonly JobScript[]
  /** What its runs have uploaded when they end. */
  readonly artifacts?: (
    inputs: Readonly<Record<string, string>>,
    conclusion: Conclusion,
  ) => readonly NewArtifact[]
  /** Runs stay queued until released, failed or finished by hand. */
  readonly hold?: boolean
  /** False: the file is only on other branches, so GitHub does not know the workflow. */
  readonly onDefaultBranch?: boolean
}

export interface Workflow {
  readonly id: number
  readonly file: string
  disable(): void
  enable(): void
}

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

export interface Comment {
  readonly id: number
  readonly url: string
  /** Of the issue or pull request. */
  readonly number: number
  readonly author: string
  readonly body: string
  /** As its author would on the web page. */
  edit(body: string): void
}

export interface Pull {
  readonly number: number
  readonly url: string
  readonly title: string
  readonly body: string
  readonly state: 'open' | 'closed'
  readonly draft: boolean
  readonly head: string
  readonly headSha: string
  readonly base: string
  /** The repository its branch is in, if that is another one. */
  readonly fork: string | undefined
  readonly reviews: readonly {
    readonly id: number
    readonly author: string
    readonly body: string
    readonly state: string
    readonly commit: string
  }[]
  /** One more commit; answers its sha. */
  push(message: string, files: FileChanges): string
  close(): void
  /** Answers the commit that is then on its base. */
  merge(): string
}

export interface Run {
  readonly id: number
  readonly url: string
  readonly workflow: string
  readonly displayTitle: string
  readonly event: string
  readonly branch: string
  readonly headSha: string
  readonly actor: string
  readonly inputs: Readonly<Record<string, string>>
  readonly status: string
  readonly conclusion: Conclusion | null
  readonly attempt: number
  readonly createdAt: number
  readonly jobs: readonly {
    readonly id: number
    readonly name: string
    readonly status: string
    readonly conclusion: Conclusion | null
    readonly steps: readonly {
      readonly name: string
      readonly status: string
      readonly conclusion: Conclusion | null
    }[]
  }[]
  /** As a job of the run would. */
  upload(made: NewArtifact): void
  /** Freezes the script until `release()`; cancellation and the other acts below still work. */
  hold(): void
  release(): void
  /** Ends the run now. */
  finish(conclusion?: Conclusion): void
  /** Makes a step fail now; the job fails, what needs it is skipped, other jobs go on as scripted. */
  fail(job: string, step: string, log?: readonly string[], exitCode?: number): void
  /** As somebody would on the web page. */
  cancel(options?: {readonly force?: boolean}): void
  /** Lets jobs that wait for an environment go on. */
  approve(): void
  rerun(which?: 'all' | 'failed', actor?: string): void
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
  readonly tellOfComment: (home: RepositoryState, comment: CommentState, action: 'created' | 'edited') => void
  readonly tellOfIssue: (home: RepositoryState, number: number, action: 'closed' | 'reopened') => void
  readonly people: People
  readonly ids: Ids
  readonly now: () => number
}): {
  readonly repository: (state: RepositoryState) => Repository
  readonly run: (state: RunState) => Run
} {
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
        return state.pulls.map(pull => pullHandle(state, pull))
      },
      pullRequest(options) {
        people.meet(options.author ?? state.owner)
        return pullHandle(state, openPull(state, options, {ids, now}))
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
        return state.comments.map(comment => commentHandle(state, comment))
      },
      comment({author, body, on}) {
        const number =
          on ?? state.issues.at(-1)?.number ?? openIssue(state, {title: 'Talk', author}, {now}).number
        const comment = addComment(state, {number, author: people.meet(author).login, body}, {ids, now})
        tellOfComment(state, comment, 'created')
        return commentHandle(state, comment)
      },
      collaborator(login, role) {
        state.collaborators.set(people.meet(login).login, role)
      },
      workflow(file, options) {
        const workflow = createWorkflow(file, options, ids, now())
        const index = state.workflows.findIndex(known => known.file === file)
        if (index === -1) state.workflows.push(workflow)
        else state.workflows[index] = workflow
        return {
          id: workflow.id,
          file,
          disable: () => void (workflow.state = 'disabled_manually'),
          enable: () => void (workflow.state = 'active'),
        }
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

  function commentHandle(home: RepositoryState, state: CommentState): Comment {
    return {
      id: state.id,
      url: shapes.comment(home, state).html_url,
      number: state.number,
      author: state.author,
      get body() {
        return state.body
      },
      edit(body) {
        state.body = body
        state.editedAt = now()
        tellOfComment(home, state, 'edited')
      },
    }
  }

  function pullHandle(home: RepositoryState, state: PullState): Pull {
    return {
      number: state.number,
      url: shapes.pullPage(home, state),
      head: state.head,
      base: state.base,
      fork: state.fork,
      draft: state.draft,
      get title() {
        return state.title
      },
      get body() {
        return state.body
      },
      get state() {
        return state.state
      },
      get headSha() {
        return headOf(home, state)
      },
      get reviews() {
        return state.reviews.map(({id, author, body, state: kind, commit}) => ({
          id,
          author,
          body,
          state: kind,
          commit,
        }))
      },
      push: (message, files) => pushTo(home, state, {message, files, sha: ids.sha(), at: now()}),
      close() {
        state.state = 'closed'
        state.closedAt = now()
      },
      merge() {
        const sha = ids.sha()
        mergePull(home, state, {sha, at: now()})
        return sha
      },
    }
  }

  function run(state: RunState): Run {
    return {
      id: state.id,
      url: shapes.runPage(state),
      workflow: state.workflow.file,
      displayTitle: state.displayTitle,
      event: state.event,
      branch: state.branch,
      headSha: state.headSha,
      actor: state.actor,
      inputs: state.inputs,
      createdAt: state.createdAt,
      get status() {
        runs.settle()
        return state.status
      },
      get conclusion() {
        runs.settle()
        return state.conclusion
      },
      get attempt() {
        return latest(state).number
      },
      get jobs() {
        runs.settle()
        return latest(state).jobs.map(({id, script, status, conclusion, steps}) => ({
          id,
          name: script.name,
          status,
          conclusion,
          steps: steps.map(step => ({
            name: step.script.name,
            status: step.status,
            conclusion: step.conclusion,
          })),
        }))
      },
      upload: made => runs.upload(state, made),
      hold: () => runs.act(state, hold),
      release: () => runs.act(state, release),
      finish: (conclusion = 'success') =>
        runs.act(state, (current, time) => finish(current, conclusion, time)),
      fail(job, step, log, exitCode) {
        const failure = {job, step, ...(log && {log}), ...(exitCode !== undefined && {exitCode})}
        runs.act(state, (current, time) => fail(current, time, failure))
      },
      cancel: ({force = false} = {}) => runs.cancel(state, force),
      approve: () => runs.act(state, approve),
      rerun(which = 'all', actor = state.actor) {
        runs.settle()
        if (state.status !== 'completed') throw new Error('Only a finished run can be run again')
        runs.rerun(state, people.meet(actor).login, which)
      },
    }
  }

  return {repository, run}
}

function createWorkflow(file: string, options: WorkflowOptions, ids: Ids, createdAt: number): WorkflowState {
  const {
    name,
    inputs = {correlation_id: {}, requester: {}},
    dispatchable = true,
    concurrency,
    jobs = defaultJobs,
  } = options
  const yaml = options.yaml ?? writeWorkflowFile({name, inputs, dispatchable, concurrency})
  const definition = readWorkflowFile(yaml, name)
  return {
    id: ids.next() % 2 ** 31,
    file,
    definition,
    state: 'active',
    onDefaultBranch: options.onDefaultBranch ?? true,
    createdAt,
    startHeld: options.hold ?? false,
    jobs: (given, attempt) => options.script?.(given, attempt) ?? jobs,
    artifacts: (given, conclusion) => options.artifacts?.(given, conclusion) ?? [],
    runName(given, actor, ref) {
      if (options.runName) return options.runName(given, actor)
      const github = {actor, ref_name: ref, ref, workflow: definition.name}
      return definition.runName && renderRunName(definition.runName, {inputs: given, github})
    },
    runCount: 0,
  }
}
