import {setTimeout as sleep} from 'node:timers/promises'
import {valueIfAny, valueOf} from '../integrations/github/look.ts'
import type {FileContent, PullRequest, RepositoryHost} from '../integrations/github/repository-host.ts'
import type {Clock} from '../kernel/clock.ts'
import {unseenRepository} from '../pipelines/commit-refs.ts'

/** Two that write to one branch at the same time: who comes second reads again. */
const MOST_TRIES = 6
const TRY_AGAIN_MS = 150

interface At {
  /** `owner/name`. */
  readonly repository: string
  readonly signal: AbortSignal
}

/** A file's new text, from what is there; undefined: it stays as it is. Asked again whenever that has changed. */
export type Edit = (before: FileContent | undefined) => string | undefined

/** A draft pull request that is kept up to date while it is open, and begun anew after it was closed or merged. */
export interface KeptProposal extends At {
  /** Of its branch's name, and of no others; what follows is the commit that the branch began at. */
  readonly prefix: string
  readonly title: string
  readonly body: string
  readonly message: (path: string) => string
  /** By path. */
  readonly edits: ReadonlyMap<string, Edit>
}

export interface Kept {
  readonly pull: PullRequest
  readonly opened: boolean
  /** The paths whose text on the default branch is another one. */
  readonly files: readonly string[]
}

/**
 * Branches of our own, and the draft pull request that stands on one. Each part may be done again after a crash, and by
 * two at the same time: what is there already is taken as done. What GitHub declines or does not answer is thrown, as
 * `valueOf` does.
 */
export function createProposals({
  host,
  clock,
}: {
  readonly host: Pick<
    RepositoryHost,
    | 'repository'
    | 'file'
    | 'openPullRequests'
    | 'branchHead'
    | 'createRef'
    | 'writeFile'
    | 'createPullRequest'
  >
  readonly clock: Clock
}) {
  /** The open one from a branch of that prefix, which is the repository's own. */
  async function find({
    repository,
    prefix,
    base,
    signal,
  }: At & {readonly prefix: string; readonly base: string}): Promise<PullRequest | undefined> {
    const look = await host.openPullRequests({repository, signal})
    return valueOf(look, unseenRepository(repository), clock).find(
      ({headRef, headRepository, baseRef}) =>
        headRef.startsWith(prefix) &&
        baseRef === base &&
        headRepository?.toLowerCase() === repository.toLowerCase(),
    )
  }

  /** The newest commit of a branch. */
  async function tip({repository, branch, signal}: At & {readonly branch: string}): Promise<string> {
    const look = await host.branchHead({repository, branch, signal})
    return valueOf(look, `${repository} has no branch ${branch}.`, clock)
  }

  /** Begins a branch at a commit. False: it was there. */
  async function begin({
    repository,
    branch,
    sha,
    signal,
  }: At & {readonly branch: string; readonly sha: string}): Promise<boolean> {
    const created = await host.createRef({repository, ref: `refs/heads/${branch}`, sha, signal})
    if (created.kind === 'seen') return true
    // From the same moment, or from an earlier try whose answer was lost.
    const there = await host.branchHead({repository, branch, signal})
    if (there.kind !== 'seen') valueOf(created, unseenRepository(repository), clock)
    return false
  }

  /** Brings a file on a branch to what the edit says. */
  async function write({
    repository,
    branch,
    path,
    message,
    edit,
    signal,
  }: At & {
    readonly branch: string
    readonly path: string
    readonly message: string
    readonly edit: Edit
  }): Promise<void> {
    for (let tries = 1; ; tries++) {
      const before = valueIfAny(await host.file({repository, path, ref: branch, signal}), clock)
      const text = edit(before)
      if (text === undefined) return
      const change = {repository, branch, path, text, message, signal}
      const look = await host.writeFile({...change, replaces: before?.sha})
      if (look.kind === 'seen') return
      // Whether an answer that was lost had an effect is read by the next try of the whole.
      const raced = look.kind === 'failed' && look.reason === 'conflict'
      if (!raced || tries === MOST_TRIES) valueOf(look, unseenRepository(repository), clock)
      await sleep(TRY_AGAIN_MS * tries, undefined, {signal})
    }
  }

  /** Opens a draft from a branch, unless one of that prefix is open. */
  async function open({
    prefix,
    ...change
  }: At & {
    readonly prefix: string
    readonly title: string
    readonly body: string
    readonly head: string
    readonly base: string
  }): Promise<PullRequest> {
    const created = await host.createPullRequest(change)
    if (created.kind === 'seen') return created.value
    // Somebody was faster, or the answer to our own request was lost.
    return (await find({...change, prefix})) ?? valueOf(created, unseenRepository(change.repository), clock)
  }

  /** Undefined: the default branch needs none of the edits. */
  async function keep({edits, message, title, body, ...proposal}: KeptProposal): Promise<Kept | undefined> {
    const {repository, prefix, signal} = proposal
    const seen = await host.repository({repository, signal})
    const base = valueOf(seen, unseenRepository(repository), clock).defaultBranch
    const needed = [...edits].map(async ([path, edit]) => {
      const before = valueIfAny(await host.file({repository, path, ref: base, signal}), clock)
      return edit(before) === undefined ? [] : [{path, edit}]
    })
    const wanted = (await Promise.all(needed)).flat()
    if (wanted.length === 0) return undefined
    const known = await find({...proposal, base})
    const branch = known?.headRef ?? (await branchAtTip())
    for (const {path, edit} of wanted)
      await write({repository, branch, path, message: message(path), edit, signal})
    return {
      pull: known ?? (await open({...proposal, title, body, head: branch, base})),
      opened: !known,
      files: wanted.map(({path}) => path),
    }

    async function branchAtTip(): Promise<string> {
      const sha = await tip({repository, branch: base, signal})
      const name = `${prefix}${sha.slice(0, 12)}`
      await begin({repository, branch: name, sha, signal})
      return name
    }
  }

  return {find, tip, begin, write, open, keep}
}
