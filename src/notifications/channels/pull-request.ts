import type {Clock} from '../../kernel/clock.ts'
import {shortId} from '../../kernel/correlation.ts'
import {code, plain} from '../../kernel/markdown.ts'
import type {RepositoryHost} from '../../integrations/github/repository-host.ts'
import {REPLY_STATES} from '../../sdk/index.ts'
import type {Notice, NoticeChannel, Told} from '../notice.ts'
import {noteOf, STATES, urlOf} from './wording.ts'

/** GitHub's clock and ours may differ this much. */
const CLOCK_SKEW_MS = 60_000

/** A comment on the pull request that a notice is about. GitHub has no key for comments: a mark inside it is ours. */
export function createPullRequestNotices({
  host,
  repositories,
  clock,
}: {
  readonly host: Pick<RepositoryHost, 'commentsOn' | 'createComment'>
  /** Those of this installation, as `owner/name`: what our token can see is not what people may reach through it. */
  readonly repositories: readonly string[]
  readonly clock: Clock
}): NoticeChannel {
  const ours = new Set(repositories.map(name => name.toLowerCase()))
  return {
    name: 'pull-request',
    tells: ({pullRequest}) => pullRequest !== undefined && ours.has(pullRequest.repository.toLowerCase()),

    async tell(notice, {key, signal}): Promise<Told> {
      if (!notice.pullRequest) return {kind: 'skipped', reason: 'it is about no pull request'}
      const about = {...notice.pullRequest, signal}
      // An earlier try may have left it, its answer lost: a look costs less than a second comment.
      const look = await host.commentsOn({...about, since: notice.at - CLOCK_SKEW_MS})
      if (look.kind !== 'seen') return untold(look, clock())
      const mark = `<!-- signalbox:notice:${key} -->`
      const earlier = look.value.find(({body}) => body.startsWith(mark))
      if (earlier) return {kind: 'told', id: earlier.id}
      const posted = await host.createComment({...about, body: commentText(notice, mark)})
      return posted.kind === 'seen' ? {kind: 'told', id: posted.value.id} : untold(posted, clock())
    },
  }
}

/** What the comment says; foreign words are escaped. */
function commentText(notice: Notice, mark: string): string {
  const note = noteOf(notice)
  const url = urlOf(notice)
  return [
    mark,
    `${REPLY_STATES[STATES[notice.event]].glyph} **${plain(notice.title, 150)}**`,
    ...(note === undefined ? [] : ['', `> ${plain(note, 1000)}`]),
    '',
    `${code(shortId(notice.correlationId))}${url === undefined ? '' : ` · <${url}>`}`,
  ].join('\n')
}

function untold(
  look:
    | {readonly kind: 'missing'}
    | {readonly kind: 'refused' | 'failed'; readonly reason: string}
    | {readonly kind: 'slow-down'; readonly until: number},
  now: number,
): Told {
  switch (look.kind) {
    case 'missing':
      return {kind: 'refused', reason: 'GitHub does not show us the pull request'}
    case 'slow-down':
      return {
        kind: 'failed',
        reason: 'GitHub asks us to slow down',
        retryAfterMs: Math.max(0, look.until - now),
      }
    case 'refused':
    case 'failed':
      return look
  }
}
