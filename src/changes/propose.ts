import {valueIfAny, valueOf} from '../integrations/github/look.ts'
import type {PullRequest, RepositoryHost} from '../integrations/github/repository-host.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import {ellipsis, plain, visible} from '../kernel/markdown.ts'
import {unseenRepository} from '../pipelines/commit-refs.ts'
import {createProposals, type Edit} from '../proposals/proposals.ts'
import type {ChangesPort, ProposedChange, WrittenChange} from '../sdk/index.ts'
import {faultsIn, writtenOf, type ChangedText} from './checks.ts'

/** What our branches begin with, and nobody else's; what follows is the change's key. */
export const BRANCH = 'signalbox/feature-'
const WRITERS = {model: 'a language model', rules: 'rules, from what others wrote into a log'} as const

/** One branch and one draft pull request for each key. Any part of it can be done again after a crash. */
export function createProposer({host, clock}: {readonly host: RepositoryHost; readonly clock: Clock}) {
  const {begin, write} = createProposals({host, clock})

  async function proposed(
    repository: string,
    key: string,
    signal: AbortSignal,
  ): Promise<ProposedChange | undefined> {
    const branch = branchOf(key)
    const look = await host.pullRequestsFrom({repository, branch, signal})
    const [pull] = valueOf(look, unseenRepository(repository), clock)
    return pull && toProposed(pull, branch)
  }

  /** What was checked is what is proposed: an earlier attempt may have left something else on the branch. */
  async function holdsOnly(
    {sha, files}: WrittenChange,
    repository: string,
    branch: string,
    signal: AbortSignal,
  ): Promise<void> {
    const look = await host.compare({repository, base: sha, head: branch, signal})
    const there = valueOf(look, unseenRepository(repository), clock)
    const ours = new Set(files.map(({path}) => path))
    const foreign = there.files.find(({path}) => !ours.has(path))
    if (foreign)
      throw new AppError(
        'CONFLICT',
        `The branch ${branch} of ${repository} holds another change, too (${visible(foreign.path)}). Delete it, then try again.`,
      )
  }

  const check: ChangesPort['check'] = async ({repository, sha, title, summary, files, signal}) => {
    const texts: ChangedText[] = []
    for (const {path, text} of files) {
      const before = valueIfAny(await host.file({repository, path, ref: sha, signal}), clock)
      texts.push({path, before: before?.text, after: text})
    }
    const [fault] = faultsIn(texts, `${title}\n${summary}`)
    return fault === undefined
      ? writtenOf(texts, {author: 'rules', sha, title, summary})
      : {kind: 'nothing', reason: fault}
  }

  const propose: ChangesPort['propose'] = async ({
    repository,
    key,
    description,
    written,
    base: named,
    signal,
  }) => {
    const known = await proposed(repository, key, signal)
    if (known) return known
    const branch = branchOf(key)
    const missing = unseenRepository(repository)
    const base = named ?? valueOf(await host.repository({repository, signal}), missing, clock).defaultBranch
    await begin({repository, branch, sha: written.sha, signal})
    const title = visible(ellipsis(written.title, 72))
    for (const {path, text} of written.files) {
      const edit: Edit = before => (before?.text === text ? undefined : text)
      await write({repository, branch, path, message: `${title} (${path})`, edit, signal})
    }
    await holdsOnly(written, repository, branch, signal)
    const body = bodyOf(description, written)
    const created = await host.createPullRequest({repository, title, body, head: branch, base, signal})
    if (created.kind === 'seen') return toProposed(created.value, branch)
    // The answer to our own request was lost.
    const meanwhile = await proposed(repository, key, signal)
    return meanwhile ?? toProposed(valueOf<PullRequest>(created, missing, clock), branch)
  }

  const tell: ChangesPort['tell'] = async ({repository, number, key, text, signal}) => {
    const missing = `${repository} has no pull request #${number}, or our token can’t see it.`
    const marker = `<!-- signalbox:tests ${key} -->`
    const before = valueOf(await host.commentsOn({repository, number, since: 0, signal}), missing, clock)
    const said = before.find(({body}) => body.startsWith(marker))
    if (said) return {url: said.url}
    const created = await host.createComment({repository, number, body: `${marker}\n${text}`, signal})
    return {url: valueOf(created, missing, clock).url}
  }

  return {proposed, check, propose, tell}
}

function branchOf(key: string): string {
  if (!/^[a-z0-9]{8,40}$/.test(key)) throw new AppError('INVARIANT_BROKEN', `"${key}" can't name a branch.`)
  return `${BRANCH}${key}`
}

function toProposed({number, url, headSha}: PullRequest, branch: string): ProposedChange {
  return {number, url, branch, headSha}
}

/** The words of others as plain words: nothing in them can ping, link or pretend. */
function bodyOf(description: string, {author, summary, files, added, removed}: WrittenChange): string {
  return [
    plain(summary, 1_500),
    '',
    `Asked for: ${plain(description, 1_000)}`,
    '',
    `${files.length === 1 ? '1 file' : `${files.length} files`}, +${added} −${removed}.`,
    '',
    `_Written by ${WRITERS[author]}, checked by rules for size, places and secrets, read by nobody yet. It is a draft: review it as a stranger’s._`,
  ].join('\n')
}
