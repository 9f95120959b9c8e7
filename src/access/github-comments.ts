import type {RepositoryHost} from '../integrations/github/repository-host.ts'
import type {Logger} from '../platform/logger.ts'
import type {PostedComment} from './links.ts'

/** The comments of all our repositories since a moment, each repository read at once; those that can't be read are named. */
export function createGithubComments({
  host,
  repositories,
  log,
}: {
  readonly host: Pick<RepositoryHost, 'comments'>
  readonly repositories: readonly string[]
  readonly log: Logger
}) {
  return async (
    since: number,
    signal: AbortSignal,
  ): Promise<{readonly comments: readonly PostedComment[]; readonly unread: readonly string[]}> => {
    const looks = await Promise.all(
      repositories.map(async repository => ({
        repository,
        look: await host.comments({repository, since, signal}),
      })),
    )
    for (const {repository, look} of looks) {
      if (look.kind !== 'seen')
        log.warn({repository, how: look.kind}, 'comments could not be read; a code in them waits')
    }
    return {
      comments: looks.flatMap(({look}) => (look.kind === 'seen' ? look.value : [])),
      unread: looks.flatMap(({repository, look}) => (look.kind === 'seen' ? [] : [repository])),
    }
  }
}
