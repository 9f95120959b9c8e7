import type {People} from '../../access/people.ts'
import {PRIORITY} from '../../approvals/surfaces/linear-text.ts'
import type {Linear} from '../../integrations/linear/linear.ts'
import {ellipsis} from '../../kernel/markdown.ts'
import type {Notice, NoticeChannel, Told} from '../notice.ts'
import {taskText, toTold} from './linear-project.ts'

/**
 * What somebody did without approval is followed up: an issue of its own below the hub, which stays open until people
 * close it. What comes later is said there.
 */
export function createFollowUpNotices({
  linear,
  hubIssue,
  people,
}: {
  readonly linear: Pick<Linear, 'issue' | 'createIssue' | 'createComment' | 'users'>
  /** By id or identifier. */
  readonly hubIssue: string
  readonly people: Pick<People, 'find'>
}): NoticeChannel {
  /** Addresses that, written plainly, mention those who are to look into it. */
  async function mentionsOf(notice: Notice, signal: AbortSignal): Promise<readonly string[]> {
    const persons = await Promise.all(notice.people.map(id => people.find(id)))
    const ids = persons.flatMap(person => person?.accounts.linear ?? [])
    if (ids.length === 0) return []
    const users = await linear.users(ids, signal)
    // An alarm without a name is better than none.
    return users.kind === 'ok' ? users.value.map(({url}) => url) : []
  }

  return {
    name: 'linear',
    tells: ({event}) => event === 'break_glass',

    async tell(notice, {key: id, thread, signal}): Promise<Told> {
      const mentions = await mentionsOf(notice, signal)
      const body = [taskText(notice), ...(mentions.length > 0 ? ['', mentions.join(' ')] : [])].join('\n')
      if (thread !== undefined) return toTold(await linear.createComment({id, issueId: thread, body}, signal))
      const hub = await linear.issue(hubIssue, signal)
      if (hub.kind !== 'ok')
        return hub.kind === 'missing' ? {kind: 'refused', reason: 'Linear does not show us the hub'} : hub
      const {id: parentId, teamId} = hub.value
      const title = `Follow up: ${ellipsis(notice.title.replace(/[\p{Cc}\p{Cf}]+/gu, ' ').trim(), 120)}`
      const priority = PRIORITY[notice.level]
      return toTold(
        await linear.createIssue({id, teamId, parentId, title, description: body, priority}, signal),
      )
    },
  }
}
