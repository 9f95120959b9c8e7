import {createHash} from 'node:crypto'
import type {Pool} from 'pg'
import type {Mailed} from '../integrations/email/mailer.ts'

/** A mail to one address, about to be sent. */
export interface NoticeMail {
  readonly messageId: string
  /** The Message-ID of the story's first mail to this address; its own for the first. */
  readonly thread: string
  /** How the last try ended; undefined before the first. */
  readonly status: Mailed['kind'] | undefined
}

export type MailStore = ReturnType<typeof createMailStore>

/** The SQL of mails sent: what went to whom, so that a repeated notice repeats no mail that went out. */
export function createMailStore({pool}: {readonly pool: Pool}) {
  return {
    /** Notes that the notice of this delivery key is to go to this address; again, it answers how that stands. */
    async begin(mail: {
      readonly key: string
      readonly story: string
      readonly address: string
      readonly domain: string
    }): Promise<NoticeMail> {
      const {story, address} = mail
      const messageId = messageIdOf(mail)
      // The statement does not see what it inserts itself: then there is no status, and the mail is its own thread.
      const {rows} = await pool.query<{status: string | null; thread: string}>({
        name: 'notice-mails-begin',
        text: `
          with begun as (
            insert into notice_mails (message_id, story, address) values ($1, $2, $3)
            on conflict (message_id) do nothing)
          select (select status from notice_mails where message_id = $1) as status,
                 coalesce((select message_id from notice_mails where story = $2 and address = $3
                           order by seq limit 1), $1) as thread`,
        values: [messageId, story, address],
      })
      const status = rows[0]?.status ?? 'sending'
      return {
        messageId,
        thread: rows[0]?.thread ?? messageId,
        status: status === 'sending' ? undefined : (status as Mailed['kind']),
      }
    },

    async end(messageId: string, outcome: Mailed): Promise<void> {
      await pool.query(
        'update notice_mails set status = $2, reason = $3, tries = tries + 1, tried_at = now() where message_id = $1',
        [messageId, outcome.kind, outcome.kind === 'sent' ? null : outcome.reason],
      )
    },

    /** Removes what nobody will ask for again. */
    async forgetOld(): Promise<void> {
      await pool.query(`delete from notice_mails where created_at < now() - interval '90 days'`)
    },
  }
}

/** The same for the same delivery and reader, whoever sends it and however often. */
function messageIdOf(mail: {
  readonly key: string
  readonly address: string
  readonly domain: string
}): string {
  const digest = createHash('sha256').update(`${mail.key}\n${mail.address}`).digest('hex')
  return `${digest.slice(0, 40)}@${mail.domain}`
}
