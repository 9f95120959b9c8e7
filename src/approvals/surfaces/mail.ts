import type {People, Person} from '../../access/people.ts'
import {maskedAddress, type Mailbox} from '../../integrations/email/address.ts'
import {renderMail} from '../../integrations/email/document.ts'
import type {Mailed, Mailer} from '../../integrations/email/mailer.ts'
import type {Clock} from '../../kernel/clock.ts'
import type {MailStore} from '../../notifications/mail-store.ts'
import type {Notice, NoticeChannel, Told} from '../../notifications/notice.ts'
import type {Logger} from '../../platform/logger.ts'
import type {Approvals} from '../approvals.ts'
import {entitledRoles} from '../decide.ts'
import type {ApprovalRequest} from '../request.ts'
import type {MailLinks} from './mail-links.ts'
import {asks, noticeMessage, requestMessage, type Message, type Ways} from './mail-messages.ts'

const STORY = /^approval:([\da-f-]{36})$/
/** Trying again soon does not mend credentials, and may lock the account. */
const BLOCKED_PAUSE_MS = 300_000

/** Somebody who gets a mail. `person` is absent for a plain address of the configuration. */
interface Reader {
  readonly mailbox: Mailbox
  readonly person?: Person
  /** Whether they are among those who are to act. */
  readonly acts: boolean
}

/**
 * Mail as a channel of notices: one mail for each reader, because each has links of their own. A mail that went out is
 * not sent again when another one of the same notice has to be.
 */
export function createMailChannel({
  mailer,
  mails,
  links,
  approvals,
  people,
  alwaysTo,
  clock,
  log,
}: {
  readonly mailer: Mailer
  readonly mails: Pick<MailStore, 'begin' | 'end'>
  readonly links: Pick<MailLinks, 'canDecide' | 'issue'>
  readonly approvals: Pick<Approvals, 'find'>
  readonly people: Pick<People, 'find'>
  /** Addresses that get all that goes out by mail, without links. */
  readonly alwaysTo: readonly string[]
  readonly clock: Clock
  readonly log: Logger
}): NoticeChannel {
  async function readersOf({people: acting, watchers}: Notice): Promise<readonly Reader[]> {
    const ids = [...new Set([...acting, ...watchers])]
    const found = await Promise.all(ids.map(async id => people.find(id)))
    const readers = new Map<string, Reader>()
    for (const person of found) {
      const address = person?.accounts.email
      if (!person || address === undefined) continue
      readers.set(address.toLowerCase(), {
        mailbox: {name: person.id, address},
        person,
        acts: acting.includes(person.id),
      })
    }
    for (const address of alwaysTo)
      if (!readers.has(address.toLowerCase()))
        readers.set(address.toLowerCase(), {mailbox: {address}, acts: false})
    return [...readers.values()]
  }

  async function waysOf(notice: Notice, request: ApprovalRequest, reader: Reader): Promise<Ways> {
    const {person, acts, mailbox} = reader
    const done = [request.requester.person, ...request.decisions.map(({principal}) => principal)]
    if (!person || !acts || !asks(notice.event) || done.includes(person.id)) return {kind: 'none'}
    // Who is on call may be somebody who can only call others.
    if (!person.roles.some(role => entitledRoles(request).includes(role))) return {kind: 'none'}
    if (!links.canDecide(request, person)) return {kind: 'elsewhere'}
    return {kind: 'links', ...(await links.issue(request, {person: person.id, address: mailbox.address}))}
  }

  async function sendTo(
    reader: Reader,
    notice: Notice,
    compose: (reader: Reader) => Message | Promise<Message>,
    {key, signal}: {readonly key: string; readonly signal: AbortSignal},
  ): Promise<Mailed> {
    const {address} = reader.mailbox
    const {messageId, thread, status} = await mails.begin({
      key,
      story: notice.story,
      address: address.toLowerCase(),
      domain: mailer.domain,
    })
    if (status === 'sent') return {kind: 'sent'}
    if (status === 'refused') return {kind: 'refused', reason: 'refused before'}
    const {subject, document} = await compose(reader)
    const outcome = await mailer.send(
      {to: reader.mailbox, subject, ...renderMail(document), messageId, thread},
      signal,
    )
    await mails.end(messageId, outcome)
    if (outcome.kind !== 'sent') {
      const fields = {to: maskedAddress(address), messageId, outcome: outcome.kind, reason: outcome.reason}
      if (outcome.kind === 'blocked') log.error(fields, 'the mail server does not let us in')
      else log.warn(fields, 'a mail did not go out')
    }
    return outcome
  }

  return {
    name: 'mail',
    // A single vote is told where the conversation is; a mail for each is noise.
    tells: ({event}) => event !== 'approval_vote' && event !== 'task_completed',

    async tell(notice, how) {
      const [, id] = STORY.exec(notice.story) ?? []
      let compose: (reader: Reader) => Message | Promise<Message> = () => noticeMessage(notice)
      if (id !== undefined && notice.event.startsWith('approval_')) {
        const request = await approvals.find(id)
        if (!request) return {kind: 'refused', reason: 'there is no such request'}
        if (asks(notice.event) && request.status !== 'pending')
          return {kind: 'skipped', reason: 'it was decided meanwhile'}
        compose = async reader =>
          requestMessage(notice, request, await waysOf(notice, request, reader), clock())
      }
      const readers = await readersOf(notice)
      if (readers.length === 0) return {kind: 'skipped', reason: 'nobody concerned has a mail address'}
      return summary(await Promise.all(readers.map(reader => sendTo(reader, notice, compose, how))), how.key)
    },
  }
}

/** One outcome of many: told when everybody who can be reached was; what can be mended is tried again for the rest. */
function summary(outcomes: readonly Mailed[], key: string): Told {
  const missing = outcomes.filter(({kind}) => kind !== 'sent')
  const mendable = missing.filter(({kind}) => kind !== 'refused')
  const [first] = mendable.length > 0 ? mendable : missing
  const reason = `${missing.length} of ${outcomes.length}: ${first && first.kind !== 'sent' ? first.reason : ''}`
  if (mendable.some(({kind}) => kind === 'blocked'))
    return {kind: 'failed', reason, retryAfterMs: BLOCKED_PAUSE_MS}
  if (mendable.length > 0) return {kind: 'failed', reason}
  return missing.length === outcomes.length ? {kind: 'refused', reason} : {kind: 'told', id: key}
}
