import {valueIfAny, valueOf} from '../integrations/github/look.ts'
import type {RepositoryHost} from '../integrations/github/repository-host.ts'
import type {Clock} from '../kernel/clock.ts'
import type {PipelinesPort} from '../sdk/index.ts'

/** Names that stand for a commit: GitHub starts workflows at branches and tags only. */
export function createCommitRefs({
  host,
  clock,
}: {
  readonly host: Pick<RepositoryHost, 'branchesAt' | 'tagTarget' | 'createRef'>
  readonly clock: Clock
}): Pick<PipelinesPort, 'refAt' | 'tag'> {
  return {
    async refAt({repository, sha, prefer, signal}) {
      const branches = valueIfAny(await host.branchesAt({repository, sha, signal}), clock) ?? []
      if (prefer !== undefined && branches.includes(prefer)) return prefer
      const [branch] = branches
      if (branch !== undefined) return branch
      const tagged = valueIfAny(await host.tagTarget({repository, tag: tagOf(sha), signal}), clock)
      return tagged === sha ? tagOf(sha) : undefined
    },

    async tag({repository, sha, signal}) {
      const tag = tagOf(sha)
      const look = await host.createRef({repository, ref: `refs/tags/${tag}`, sha, signal})
      if (look.kind === 'seen') return tag
      // It may be there: made by another step, or by this one before its answer was lost.
      const there = await host.tagTarget({repository, tag, signal})
      if (there.kind === 'seen' && there.value === sha) return tag
      valueOf(look, unseenRepository(repository), clock)
      return tag
    },
  }
}

export function unseenRepository(repository: string): string {
  return `${repository} was not found, or our token can’t see it. Check the name, and what the token reaches.`
}

function tagOf(sha: string): string {
  return `signalbox/${sha}`
}
