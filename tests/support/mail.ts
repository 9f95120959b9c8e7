import {randomUUID} from 'node:crypto'
import {createApi} from '../../src/api/server.ts'
import {approvalPageRoutes} from '../../src/api/approval-page.ts'
import type {Person as Approver} from '../../src/access/people.ts'
import type {ApprovalRequest} from '../../src/approvals/request.ts'
import {startDiscordEmulator, type DiscordEmulator} from '../../src/emulators/discord/index.ts'
import {startMailbox, type Mailbox} from '../../src/emulators/mailbox/index.ts'
import {createDiscordApi} from '../../src/integrations/discord/api.ts'
import {createMailer, type Mailer} from '../../src/integrations/email/mailer.ts'
import type {NewNotice, Notice, NoticeChannel, Told} from '../../src/notifications/notice.ts'
import {createLogger} from '../../src/platform/logger.ts'
import {createRedactor} from '../../src/platform/redact.ts'
import {openMail, type HouseMail} from '../../src/runtime/mail.ts'
import {anAsk, openApprovals, peopleOf, type OpenApprovals} from './approvals.ts'

export interface MailWorld extends OpenApprovals {
  readonly mailbox: Mailbox
  readonly mailer: Mailer
  readonly discord: DiscordEmulator
  readonly channel: NoticeChannel
  readonly mail: HouseMail
  /** Where the pages are. */
  readonly url: string
  readonly logs: readonly string[]
  /** Milliseconds that the page's clock is ahead. */
  ahead: number
  /** Asks and has the mails of it sent; the requester is ada. */
  asks(request?: Parameters<typeof anAsk>[0]): Promise<ApprovalRequest>
  /** Tells, as the dispatcher would, the latest notice of the request. */
  tells(id: string, how?: {readonly key?: string; readonly signal?: AbortSignal}): Promise<Told>
  /** The newest mail to this person. */
  newest(person: string): ReturnType<Mailbox['inbox']>[number]
  /** The address behind a button of the newest mail to this person. */
  link(person: string, decision: 'approve' | 'reject'): string
}

/**
 * The approvals, the mail channel and the page as production builds them, on a database, a mail server and a Discord
 * of the test's own: ada asks; grace and lin are tech leads, cleo is the CTO, tom is a team lead without Discord.
 */
export async function openMailWorld(databaseUrl: string): Promise<MailWorld> {
  const mailbox = await startMailbox()
  const discord = await startDiscordEmulator()
  const member = (id: string, roles: readonly string[]): Approver => ({
    id,
    roles,
    accounts: {discord: discord.person(id).id, email: `${id}@example.test`},
  })
  const persons: Approver[] = [
    member('ada', ['tech_lead']),
    member('grace', ['tech_lead']),
    member('lin', ['tech_lead']),
    member('cleo', ['cto']),
    {id: 'tom', roles: ['team_lead'], accounts: {email: 'tom@example.test'}},
  ]
  // The requests of all tests of a file wait side by side, and each is to call everybody.
  const approvals = openApprovals(databaseUrl, {persons, limits: new Map()})
  const mailer = createMailer({
    smtp: {host: mailbox.host, port: mailbox.port, tls: false},
    from: 'Signalbox <bot@signalbox.test>',
    patience: {connectMs: 1000, silenceMs: 1000},
  })
  const logs: string[] = []
  const log = createLogger({
    level: 'debug',
    redactor: createRedactor([]),
    destination: {write: line => void logs.push(line)},
  })
  const clock = () => Date.now() + world.ahead
  let url = ''
  const mail = openMail({
    mailer,
    alwaysTo: ['watch@example.test'],
    pool: approvals.pool,
    approvals: approvals.approvals,
    people: peopleOf(persons),
    discord: createDiscordApi({
      apiUrl: discord.url,
      applicationId: discord.applicationId,
      token: discord.botToken,
    }),
    publicUrl: () => url,
    clock,
    log,
  })
  const api = await createApi({
    apiToken: 'token',
    metricsToken: undefined,
    log,
    routes: [approvalPageRoutes({links: mail.links, publicUrl: () => url, clock})],
  })
  url = await api.listen({host: '127.0.0.1', port: 0})

  const newest = (person: string) => {
    const found = mailbox.inbox(`${person}@example.test`).at(-1)
    if (!found) throw new Error(`no mail for ${person}`)
    return found
  }
  const tells: MailWorld['tells'] = (id, {key, signal = new AbortController().signal} = {}) => {
    const told = approvals.notices.filter(notice => notice.story === `approval:${id}`)
    const notice = told.at(-1)
    if (!notice) throw new Error('nothing to tell')
    return mail.channel.tell(asTold(notice, told.length), {
      key: key ?? `${notice.key} mail`,
      thread: undefined,
      signal,
    })
  }
  const world: MailWorld = {
    ...approvals,
    mailbox,
    mailer,
    discord,
    channel: mail.channel,
    mail,
    url,
    logs,
    ahead: 0,
    async asks(request) {
      const asked = await approvals.ask(anAsk(request))
      const told = await tells(asked.id)
      if (told.kind !== 'told')
        throw new Error(`no mails: ${told.kind === 'refused' ? told.reason : told.kind}`)
      return asked
    },
    tells,
    newest,
    link(person, decision) {
      const label = `Look and ${decision}`
      const found = newest(person).links.find(each => each.label === label)
      if (!found) throw new Error(`no button ${label} for ${person}`)
      return found.url
    },
    async close() {
      await api.close()
      mailer.close()
      await approvals.close()
      await mailbox.close()
      await discord.close()
    },
  }
  return world
}

/** What a whole product needs in its environment to send its mail there. */
export function mailEnvironment({host, port}: Mailbox): Readonly<Record<string, string>> {
  return {
    SMTP_HOST: host,
    SMTP_PORT: String(port),
    SMTP_TLS: 'false',
    NOTIFICATION_EMAIL_FROM: 'Signalbox <bot@signalbox.test>',
    NOTIFICATION_EMAIL_TO: 'watch@example.test',
  }
}

/** A notice as the dispatcher hands it to a channel. */
export function asTold(notice: NewNotice, seq = 1): Notice {
  return {...notice, id: randomUUID(), seq, at: Date.now()}
}
