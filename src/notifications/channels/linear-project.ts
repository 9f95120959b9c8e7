import {foreign, PRIORITY} from '../../approvals/surfaces/linear-text.ts'
import type {LinearAnswer} from '../../integrations/linear/linear.ts'
import {shortId} from '../../kernel/correlation.ts'
import {toError} from '../../kernel/errors.ts'
import {code, ellipsis} from '../../kernel/markdown.ts'
import type {ProjectNotices} from '../../platform/config/config.ts'
import {REPLY_STATES} from '../../sdk/index.ts'
import type {NewNotice, Notice, NoticeChannel, Told} from '../notice.ts'
import type {ProjectClient, Projects} from '../projects.ts'
import {noteOf, STATES, urlOf} from './wording.ts'

const TASKS = new Set<NewNotice['event']>(['task_completed', 'task_failed', 'agent_error'])
const DEFAULTS: ProjectNotices = {updateIssues: true, createIssues: false}

/** How tasks ended, on the issue of the project that they are about; where there is none, in a new one if so wanted. */
export function createProjectNotices({
  projects,
  rules,
}: {
  readonly projects: Projects
  /** By the project's name. */
  readonly rules: ReadonlyMap<string, ProjectNotices>
}): NoticeChannel {
  async function tellWith(client: ProjectClient, notice: Notice, how: How): Promise<Told> {
    const {key: id, thread, signal} = how
    const {updateIssues, createIssues} = rules.get(notice.project ?? '') ?? DEFAULTS
    // Where the story began with a new issue, that is its issue.
    const issue = issueOf(notice) ?? (createIssues ? thread : undefined)
    if (issue !== undefined) {
      if (!updateIssues) return {kind: 'skipped', reason: 'issues of this project are not commented on'}
      return toTold(await client.comment({id, issue, body: taskText(notice)}, signal))
    }
    if (!createIssues || notice.event === 'task_completed')
      return {kind: 'skipped', reason: 'it is about no issue'}
    return toTold(
      await client.createIssue(
        {
          id,
          title: ellipsis(notice.title.replace(/[\p{Cc}\p{Cf}]+/gu, ' ').trim(), 120),
          description: taskText(notice),
          priority: PRIORITY[notice.level],
        },
        signal,
      ),
    )
  }

  return {
    name: 'linear',
    tells: ({event, project}) => TASKS.has(event) && project !== undefined && projects.has(project),
    async tell(notice, how) {
      try {
        return await tellWith(await projects.of(notice.project), notice, how)
      } catch (error) {
        return {kind: 'failed', reason: toError(error).message}
      }
    },
  }
}

type How = Parameters<NoticeChannel['tell']>[1]

function issueOf({data}: Notice): string | undefined {
  const {issue} = data
  return typeof issue === 'string' ? issue : undefined
}

/** What Linear shows; foreign words are escaped, and mention nobody. */
export function taskText(notice: Notice): string {
  const note = noteOf(notice)
  const url = urlOf(notice)
  return [
    `${REPLY_STATES[STATES[notice.event]].glyph} **${foreign(notice.title, 150)}**`,
    ...(note === undefined ? [] : ['', `> ${foreign(note, 1000)}`]),
    '',
    `${code(shortId(notice.correlationId))}${url === undefined ? '' : ` · <${url}>`}`,
  ].join('\n')
}

export function toTold(answer: LinearAnswer<{readonly id: string}>): Told {
  switch (answer.kind) {
    case 'ok':
      return {kind: 'told', id: answer.value.id}
    case 'missing':
      return {kind: 'refused', reason: 'Linear does not show us the issue'}
    case 'refused':
    case 'failed':
      return answer
  }
}
