import {setTimeout as sleep} from 'node:timers/promises'
import {valueIfAny, valueOf} from '../integrations/github/look.ts'
import type {PullRequest, RepositoryHost} from '../integrations/github/repository-host.ts'
import type {Clock} from '../kernel/clock.ts'
import {unseenRepository} from './commit-refs.ts'

/** Two that write to one branch at the same time: who comes second reads again. */
const MOST_TRIES = 6
const TRY_AGAIN_MS = 150

export interface Edits {
  readonly repository: string
  /** Ours alone; what follows is the commit that the branch began at. */
  readonly branch: string
  readonly title: string
  readonly body: string
  /** Path → the text it should have, from the text that it has; undefined: it stays as it is. */
  readonly files: ReadonlyMap<string, (text: string) => string | undefined>
  readonly signal: AbortSignal
}

/**
 * One draft pull request at a time against the default branch, kept up to date: proposing again writes to the one that
 * is open. Undefined: the default branch needs none of the edits. Any part of it can be done again after a crash.
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
  async function openOne(
    {repository, branch, signal}: Edits,
    base: string,
  ): Promise<PullRequest | undefined> {
    const look = await host.openPullRequests({repository, signal})
    return valueOf(look, unseenRepository(repository), clock).find(
      ({headRef, headRepository, baseRef}) =>
        headRef.startsWith(`${branch}-`) &&
        baseRef === base &&
        headRepository?.toLowerCase() === repository.toLowerCase(),
    )
  }

  async function begin({repository, branch: prefix, signal}: Edits, base: string): Promise<string> {
    const tip = await host.branchHead({repository, branch: base, signal})
    const sha = valueOf(tip, `${repository} has no branch ${base}.`, clock)
    const branch = `${prefix}-${sha.slice(0, 12)}`
    const created = await host.createRef({repository, ref: `refs/heads/${branch}`, sha, signal})
    if (created.kind === 'seen') return branch
    // There already: from the same moment, or from an earlier try whose answer was lost.
    const there = await host.branchHead({repository, branch, signal})
    if (there.kind !== 'seen') valueOf(created, unseenRepository(repository), clock)
    return branch
  }

  async function needed({repository, files, signal}: Edits, ref: string): Promise<readonly string[]> {
    const each = [...files].map(async ([path, edit]) => {
      const before = valueIfAny(await host.file({repository, path, ref, signal}), clock)
      return before && edit(before.text) !== undefined ? [path] : []
    })
    return (await Promise.all(each)).flat()
  }

  async function put({repository, files, title, signal}: Edits, branch: string, path: string): Promise<void> {
    for (let tries = 1; ; tries++) {
      const before = valueIfAny(await host.file({repository, path, ref: branch, signal}), clock)
      const text = before && files.get(path)?.(before.text)
      if (!before || text === undefined) return
      const look = await host.writeFile({
        ...{repository, path, branch, text, signal},
        message: `${title} (${path})`,
        replaces: before.sha,
      })
      if (look.kind === 'seen') return
      if (look.kind !== 'failed' || tries === MOST_TRIES) valueOf(look, unseenRepository(repository), clock)
      await sleep(TRY_AGAIN_MS * tries, undefined, {signal})
    }
  }

  return {
    async propose(
      edits: Edits,
    ): Promise<
      {readonly pull: PullRequest; readonly opened: boolean; readonly files: readonly string[]} | undefined
    > {
      const {repository, title, body, signal} = edits
      const look = await host.repository({repository, signal})
      const base = valueOf(look, unseenRepository(repository), clock).defaultBranch
      const files = await needed(edits, base)
      if (files.length === 0) return undefined
      const open = await openOne(edits, base)
      const branch = open?.headRef ?? (await begin(edits, base))
      for (const path of files) await put(edits, branch, path)
      if (open) return {pull: open, opened: false, files}
      const created = await host.createPullRequest({repository, title, body, head: branch, base, signal})
      if (created.kind === 'seen') return {pull: created.value, opened: true, files}
      // Somebody was faster, or the answer to our own request was lost.
      const meanwhile = await openOne(edits, base)
      return {pull: meanwhile ?? valueOf(created, unseenRepository(repository), clock), opened: true, files}
    },
  }
}
