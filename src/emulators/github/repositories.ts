import type {NewArtifact} from './artifacts.ts'
import type {Conclusion} from './attempt.ts'
import type {CommentState, IssueState} from './comments.ts'
import type {Ids} from './ids.ts'
import type {PullState} from './pulls.ts'
import type {RunState} from './runs.ts'
import type {JobScript} from './script.ts'
import type {WorkflowFile} from './workflow-file.ts'

export interface Commit {
  readonly sha: string
  readonly message: string
  /** Login. */
  readonly author: string
  readonly at: number
  readonly parent?: string
  /** Everything that is there as of this commit, by path; workflow files are kept with their workflows. */
  readonly files: ReadonlyMap<string, string>
}

/** Texts by path; null takes the file away. */
export type FileChanges = Readonly<Record<string, string | null>>

export type Role = 'admin' | 'maintain' | 'write' | 'triage' | 'read'

export interface WorkflowState {
  readonly id: number
  /** `deploy.yml`. */
  readonly file: string
  definition: WorkflowFile
  state: 'active' | 'disabled_manually'
  /** GitHub knows only workflows whose file is on the default branch. */
  readonly onDefaultBranch: boolean
  readonly createdAt: number
  /** Its runs start held (see `Progress.heldAt`). */
  readonly startHeld: boolean
  jobs(inputs: Readonly<Record<string, string>>, attempt: number): readonly JobScript[]
  /** What its runs have uploaded when they end. */
  artifacts(inputs: Readonly<Record<string, string>>, conclusion: Conclusion): readonly NewArtifact[]
  runName(inputs: Readonly<Record<string, string>>, actor: string, ref: string): string | undefined
  runCount: number
}

export interface SecretState {
  readonly value: string
  readonly createdAt: number
  readonly updatedAt: number
}

export interface RepositoryState {
  readonly id: number
  readonly owner: string
  readonly name: string
  readonly fullName: string
  readonly private: boolean
  readonly defaultBranch: string
  readonly createdAt: number
  /** Name → sha. */
  readonly branches: Map<string, string>
  readonly tags: Map<string, string>
  readonly commits: Map<string, Commit>
  /** Login → role. */
  readonly collaborators: Map<string, Role>
  readonly workflows: WorkflowState[]
  /** Newest first. */
  readonly runs: RunState[]
  /** Newest first. */
  readonly pulls: PullState[]
  readonly issues: IssueState[]
  /** On issues and pull requests, oldest first. */
  readonly comments: CommentState[]
  /** Of its workflows: name in capitals → value. */
  readonly variables: Map<string, string>
  /** Of its workflows, as opened with the repository's own key. */
  readonly secrets: Map<string, SecretState>
}

export interface Repositories {
  all(): readonly RepositoryState[]
  /** By `owner/name`, whatever the case. */
  find(fullName: string): RepositoryState | undefined
  /** The existing one, or a new one with one commit on its default branch. */
  open(
    fullName: string,
    options?: {readonly private?: boolean; readonly defaultBranch?: string},
  ): RepositoryState
}

export function createRepositories({
  ids,
  now,
}: {
  readonly ids: Ids
  readonly now: () => number
}): Repositories {
  const repositories = new Map<string, RepositoryState>()
  return {
    all: () => [...repositories.values()],
    find: fullName => repositories.get(fullName.toLowerCase()),
    open(fullName, {private: isPrivate = false, defaultBranch = 'main'} = {}) {
      const known = repositories.get(fullName.toLowerCase())
      if (known) return known
      const [owner, name, ...rest] = fullName.split('/')
      if (!owner || !name || rest.length > 0)
        throw new Error(`A repository is named owner/name, not "${fullName}"`)
      const repository: RepositoryState = {
        id: ids.next(),
        owner,
        name,
        fullName,
        private: isPrivate,
        defaultBranch,
        createdAt: now(),
        branches: new Map(),
        tags: new Map(),
        commits: new Map(),
        collaborators: new Map([[owner, 'admin']]),
        workflows: [],
        runs: [],
        pulls: [],
        issues: [],
        comments: [],
        variables: new Map(),
        secrets: new Map(),
      }
      repositories.set(fullName.toLowerCase(), repository)
      addCommit(repository, defaultBranch, {
        sha: ids.sha(),
        message: 'Initial commit',
        author: owner,
        at: now(),
      })
      return repository
    },
  }
}

/** Puts a commit on a branch, which is created if need be. */
export function addCommit(
  repository: RepositoryState,
  branch: string,
  commit: Omit<Commit, 'parent' | 'files'>,
  changes: FileChanges = {},
): void {
  addCommitOn(repository, repository.branches.get(branch), commit, changes)
  repository.branches.set(branch, commit.sha)
}

/** A commit that no branch of the repository leads to, as those of forks. */
export function addCommitOn(
  repository: RepositoryState,
  parent: string | undefined,
  commit: Omit<Commit, 'parent' | 'files'>,
  changes: FileChanges,
): void {
  const files = new Map(parent === undefined ? [] : repository.commits.get(parent)?.files)
  for (const [path, text] of Object.entries(changes)) {
    if (text === null) files.delete(path)
    else files.set(path, text)
  }
  repository.commits.set(commit.sha, {...commit, files, ...(parent !== undefined && {parent})})
}

/** The files of a commit, workflow files among them, in order of their paths. */
export function filesAt(repository: RepositoryState, sha: string): ReadonlyMap<string, string> {
  const onDefault = sha === repository.branches.get(repository.defaultBranch)
  const workflows = repository.workflows
    .filter(({onDefaultBranch}) => onDefaultBranch || !onDefault)
    .map(({file, definition}) => [`.github/workflows/${file}`, definition.yaml] as const)
  const own = repository.commits.get(sha)?.files ?? new Map<string, string>()
  return new Map([...workflows, ...own].sort(([one], [other]) => (one < other ? -1 : 1)))
}

/** A commit and all before it, the newest first. */
export function historyOf(repository: RepositoryState, sha: string): readonly string[] {
  const history: string[] = []
  for (let at: string | undefined = sha; at !== undefined; at = repository.commits.get(at)?.parent)
    history.push(at)
  return history
}

/** A branch, a tag (each also as `refs/…`), or a commit sha (also abbreviated), as the commit it means. */
export function resolveRef(
  repository: RepositoryState,
  ref: string,
): {readonly name: string; readonly sha: string} | undefined {
  const branch = ref.replace(/^(refs\/)?heads\//, '')
  const tag = ref.replace(/^(refs\/)?tags\//, '')
  const onBranch = repository.branches.get(branch)
  if (onBranch !== undefined) return {name: branch, sha: onBranch}
  const onTag = repository.tags.get(tag)
  if (onTag !== undefined) return {name: tag, sha: onTag}
  if (!/^[0-9a-f]{7,40}$/.test(ref)) return undefined
  const sha = [...repository.commits.keys()].find(known => known.startsWith(ref))
  return sha === undefined ? undefined : {name: ref, sha}
}

/** By file name or numeric id; undefined too while the file is not on the default branch. */
export function findWorkflow(repository: RepositoryState, idOrFile: string): WorkflowState | undefined {
  return repository.workflows.find(
    workflow => workflow.onDefaultBranch && (workflow.file === idOrFile || String(workflow.id) === idOrFile),
  )
}
