import {createHash} from 'node:crypto'
import type {Pool} from 'pg'
import type {Mailed} from '../integrations/email/mailer.ts'
import {groupCommit} from '../platform/group-commit.ts'

/** A mail to one address, about to be sent. */
export interface NoticeMail {
  readonly messageId: string
  /** The Message-ID of the story's first mail to this address; its own for the first. */
  readonly thread: string
  /** How the last try ended; undefined before the first. */
  readonly status: Mailed['kind'] | undefined
}

export type MailStore = ReturnType<typeof createMailStore>

interface Begun {
  readonly messageId: string
  readonly story: string
  readonly address: string
}

/** The SQL of mails sent: what went to whom, so that a repeated notice repeats no mail that went out. */
export function createMailStore({pool}: {readonly pool: Pool}) {
  // Those of one notice come at once, and those of several while the channel is busy.
  const begin = groupCommit(async (mails: readonly Begun[]): Promise<readonly NoticeMail[]> => {
    // The statement does not see what it inserts itself: then there is no status, and the mail is its own thread.
    const {rows} = await pool.query<{messageId: string; thread: string; status: string | null}>(
      `with given as (
         select * from unnest($1::text[], $2::text[], $3::text[]) with ordinality as g (message_id, story, address, n)
       ), begun as (
         insert into notice_mails (message_id, story, address) select message_id, story, address from given order by n
         on conflict (message_id) do nothing)
       select g.message_id as "messageId", m.status, coalesce((
           select first.message_id from notice_mails first
           where first.story = g.story and first.address = g.address order by first.seq limit 1
         ), g.message_id) as thread
       from given g left join notice_mails m using (message_id) order by g.n`,
      [
        mails.map(({messageId}) => messageId),
        mails.map(({story}) => story),
        mails.map(({address}) => address),
      ],
    )
    return rows.map(({status, ...mail}) => ({
      ...mail,
      status: status === null || status === 'sending' ? undefined : (status as Mailed['kind']),
    }))
  })
  const end = groupCommit(
    async (mails: readonly {readonly messageId: string; readonly outcome: Mailed}[]) => {
      await pool.query(
        `update notice_mails m set status = g.status, reason = g.reason, tries = tries + 1, tried_at = now()
         from unnest($1::text[], $2::text[], $3::text[]) as g (message_id, status, reason)
         where m.message_id = g.message_id`,
        [
          mails.map(({messageId}) => messageId),
          mails.map(({outcome}) => outcome.kind),
          mails.map(({outcome}) => (outcome.kind === 'sent' ? null : outcome.reason)),
        ],
      )
      return mails.map(() => undefined)
    },
  )

  return {
    /** Notes that the notice of this delivery key is to go to this address; again, it answers how that stands. */
    begin({
      key,
      story,
      address,
      domain,
    }: {
      readonly key: string
      readonly story: string
      readonly address: string
      readonly domain: string
    }): Promise<NoticeMail> {
      return begin({messageId: messageIdOf({key, address, domain}), story, address})
    },

    end: (messageId: string, outcome: Mailed): Promise<void> => end({messageId, outcome}),

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
