import type {Pool} from 'pg'
import type {People} from '../access/people.ts'
import type {Approvals} from '../approvals/approvals.ts'
import {createMailChannel} from '../approvals/surfaces/mail.ts'
import {createMailLinkStore} from '../approvals/surfaces/mail-link-store.ts'
import {createMailLinks, type MailLinks} from '../approvals/surfaces/mail-links.ts'
import {createPrivateCode} from '../approvals/surfaces/private-code.ts'
import type {DiscordApi} from '../integrations/discord/api.ts'
import type {Mailer} from '../integrations/email/mailer.ts'
import type {Clock} from '../kernel/clock.ts'
import {createMailStore} from '../notifications/mail-store.ts'
import type {NoticeChannel} from '../notifications/notice.ts'
import type {Logger} from '../platform/logger.ts'

export interface HouseMail {
  readonly channel: NoticeChannel
  /** What the links in approval mails lead to. */
  readonly links: MailLinks
  /** Removes links and records of mails that nobody can come back to. */
  forgetOld(): Promise<void>
}

/** Everything about mail that needs the requests. */
export function openMail({
  mailer,
  alwaysTo,
  pool,
  approvals,
  people,
  discord,
  publicUrl,
  clock,
  log,
}: {
  readonly mailer: Mailer
  readonly alwaysTo: readonly string[]
  readonly pool: Pool
  readonly approvals: Pick<Approvals, 'find' | 'vote' | 'turnAway'>
  readonly people: People
  readonly discord: DiscordApi | undefined
  readonly publicUrl: () => string
  readonly clock: Clock
  readonly log: Logger
}): HouseMail {
  const mails = createMailStore({pool})
  const links = createMailLinks({
    store: createMailLinkStore({pool}),
    approvals,
    people,
    publicUrl,
    tellPrivately: discord && createPrivateCode({discord}),
    clock,
    log,
  })
  return {
    channel: createMailChannel({mailer, mails, links, approvals, people, alwaysTo, clock, log}),
    links,
    async forgetOld() {
      await links.forgetOld()
      await mails.forgetOld()
    },
  }
}
