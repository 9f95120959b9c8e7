import {randomUUID} from 'node:crypto'
import type {NewNotice, Notice, NoticeChannel, Told} from '../../src/notifications/notice.ts'
import type {NotificationRules} from '../../src/platform/config/config.ts'

export const noRules: NotificationRules = {
  levels: new Map(),
  events: new Map(),
  people: new Map(),
  projects: new Map(),
}

export function aNotice(more: Partial<NewNotice> = {}): NewNotice {
  return {
    key: randomUUID(),
    story: 'approval:1',
    event: 'approval_required',
    level: 'high',
    correlationId: '9f3c21aa-0000-4000-8000-000000000000',
    people: [],
    watchers: [],
    title: 'client → production',
    data: {},
    ...more,
  }
}

/** What a channel of tests was told, in order. */
export interface Heard {
  readonly notice: Notice
  readonly key: string
  readonly thread: string | undefined
}

/**
 * A channel that keeps what it is told by key, like a service that takes our id for a comment: `shown` has each key once,
 * `heard` every try. It answers as told to, and otherwise takes it.
 */
export function aChannel(
  name: NoticeChannel['name'],
  answer: (heard: Heard, signal: AbortSignal) => Promise<Told | undefined> | Told | undefined = () =>
    undefined,
  tells: NoticeChannel['tells'] = () => true,
) {
  const heard: Heard[] = []
  const shown = new Map<string, Notice>()
  const channel: NoticeChannel = {
    name,
    tells,
    async tell(notice, {key, thread, signal}) {
      const it = {notice, key, thread}
      heard.push(it)
      const told = await answer(it, signal)
      if (told && told.kind !== 'told') return told
      shown.set(key, notice)
      return told ?? {kind: 'told', id: `${name}-${notice.seq}`}
    },
  }
  return {...channel, heard, shown}
}
