import type {GlassAlarm} from '../access/break-glass.ts'
import type {People} from '../access/people.ts'
import type {NewNotice, Notices} from '../notifications/notice.ts'
import type {Db} from '../platform/postgres.ts'

/** Tells everybody who may approve that somebody lets themselves through; one story for each window. */
export function createAlarm({
  people,
  notices,
  approverRoles,
}: {
  readonly people: Pick<People, 'holding'>
  readonly notices: Pick<Notices, 'announce'>
  /** Of all levels of risk. */
  readonly approverRoles: readonly string[]
}) {
  return async (db: Db, alarm: GlassAlarm): Promise<void> => {
    const approvers = people.holding(approverRoles)
    await notices.announce(
      db,
      noticeOf(
        alarm,
        approvers.map(({id}) => id),
      ),
    )
  }
}

/** Whoever did it is told nothing new: they watch. */
export function noticeOf(alarm: GlassAlarm, approvers: readonly string[]): NewNotice {
  const {window} = alarm
  const data = {
    kind: alarm.kind,
    person: window.person,
    reason: window.reason,
    endsAt: window.endsAt,
    ...(alarm.kind === 'used' ? {subject: alarm.subject, what: alarm.title} : {}),
  }
  return {
    key: `break-glass:${window.id}:${alarm.kind === 'used' ? `used:${alarm.subject}` : alarm.kind}`,
    story: `break-glass:${window.id}`,
    event: 'break_glass',
    level: 'critical',
    correlationId: window.id,
    people: approvers.filter(id => id !== window.person),
    watchers: [window.person],
    ...(window.channelId === undefined ? {} : {channelId: window.channelId}),
    title: titleOf(alarm),
    data,
  }
}

function titleOf(alarm: GlassAlarm): string {
  const {person, reason} = alarm.window
  switch (alarm.kind) {
    case 'broken':
      return `${person} broke the glass: ${reason}`
    case 'used':
      return `${person} let ${alarm.title} through without approval`
    case 'ended':
      return `${person} ended it: approvals hold again`
    case 'over':
      return `${person}’s time without approvals is up: they hold again`
  }
}
