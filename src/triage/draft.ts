import {createHash} from 'node:crypto'
import {BRANCH} from '../changes/propose.ts'
import {valueOf} from '../integrations/github/look.ts'
import type {RepositoryHost} from '../integrations/github/repository-host.ts'
import type {Clock} from '../kernel/clock.ts'
import {visible} from '../kernel/markdown.ts'
import type {ChangesPort, TriagePort, TriageReport} from '../sdk/index.ts'

/**
 * Opens a patch as a draft, through the one door that changes of ours go through. It begins at the commit that fails and
 * is for the branch that ends there: nobody's commits are brought along, and none is overtaken.
 */
export function createDraft({
  host,
  changes,
  clock,
}: {
  readonly host: () => RepositoryHost
  readonly changes: Pick<ChangesPort, 'proposed' | 'check' | 'propose'>
  readonly clock: Clock
}): TriagePort['draft'] {
  /** The pull request's own where it was asked about, else the default one, else any: never one that a try of ours left. */
  async function branchOf(
    {repository, sha, pull}: TriageReport,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const missing = `${repository} shows no commit ${sha}.`
    const all = valueOf(await host().branchesAt({repository, sha, signal}), missing, clock)
    const ending = all.filter(name => !name.startsWith(BRANCH))
    if (pull !== undefined) {
      const {headRef} = valueOf(
        await host().pullRequest({repository, number: pull, signal}),
        `${repository} has no pull request #${pull}.`,
        clock,
      )
      if (all.includes(headRef)) return headRef
    }
    const {defaultBranch} = valueOf(await host().repository({repository, signal}), missing, clock)
    return ending.includes(defaultBranch) ? defaultBranch : ending.sort()[0]
  }

  return async (report, signal) => {
    const {repository, about, sha, fix} = report
    if (!fix?.file)
      return nothing(
        fix?.diff === undefined
          ? 'There is no patch to open: what is proposed is for people to do.'
          : 'The patch is not opened as a draft: what it changes is changed by people alone.',
      )
    const base = await branchOf(report, signal)
    if (base === undefined)
      return nothing(
        `No branch of ${repository} ends at ${sha.slice(0, 7)}: newer commits came, or it is of a fork.`,
      )
    const key = keyOf([repository, base, fix.file.path, fix.file.text])
    const known = await changes.proposed(repository, key, signal)
    if (known) return {kind: 'drafted', number: known.number, url: known.url}
    const title = `${fix.title.slice(0, 1).toUpperCase()}${fix.title.slice(1)}`
    const written = await changes.check({
      ...{repository, sha, title, signal},
      summary: `Mends what fails in ${about}: ${visible(report.failures[0]?.message ?? fix.title)}`,
      files: [fix.file],
    })
    if (written.kind === 'nothing') return nothing(`It is not opened as a draft: ${written.reason}`)
    const description = `the patch that was proposed for ${about}`
    const {number, url} = await changes.propose({repository, key, description, written, base, signal})
    return {kind: 'drafted', number, url}
  }
}

function nothing(reason: string) {
  return {kind: 'nothing', reason} as const
}

/** The same text for the same branch is the same draft, whoever asks for it and however often. */
function keyOf(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16)
}
