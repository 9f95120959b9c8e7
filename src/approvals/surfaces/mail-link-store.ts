import type {Pool} from 'pg'

export interface NewLink {
  readonly tokenHash: Buffer
  readonly approvalId: string
  readonly digest: string
  readonly decision: 'approve' | 'reject'
  readonly person: string
  readonly address: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

/** A link that lives, used or not. Times are milliseconds since the epoch. */
export interface StoredLink extends NewLink {
  readonly usedAt: number | undefined
  readonly codesSent: number
  /** Until when a code of it can be typed in; undefined when there is none, or its tries are used up. */
  readonly codeUntil: number | undefined
}

interface LinkRow {
  token_hash: Buffer
  approval_id: string
  digest: string
  decision: 'approve' | 'reject'
  person: string
  address: string
  expires_at: Date
  used_at: Date | null
  codes_sent: number
  code_until: Date | null
}

/** How often a code may be typed in before it is dead. */
const CODE_TRIES = 5
/** How many codes one link may ask for. */
export const CODES_PER_LINK = 3

export type MailLinkStore = ReturnType<typeof createMailLinkStore>

/** The SQL of links in mails. The database's clock says what has expired. */
export function createMailLinkStore({pool}: {readonly pool: Pool}) {
  return {
    async add(links: readonly NewLink[]): Promise<void> {
      await pool.query(
        `insert into approval_links (token_hash, approval_id, digest, decision, person, address, expires_at)
         select decode(hash, 'hex'), approval_id, decode(digest, 'hex'), decision, person, address, expires_at
         from jsonb_to_recordset($1::jsonb) as l(
           hash text, approval_id uuid, digest text, decision text, person text, address text, expires_at timestamptz)`,
        [
          JSON.stringify(
            links.map(link => ({
              hash: link.tokenHash.toString('hex'),
              approval_id: link.approvalId,
              digest: link.digest,
              decision: link.decision,
              person: link.person,
              address: link.address,
              expires_at: new Date(link.expiresAt).toISOString(),
            })),
          ),
        ],
      )
    },

    /** Unless it is unknown or has expired. */
    async find(tokenHash: Buffer): Promise<StoredLink | undefined> {
      const {rows} = await pool.query<LinkRow>(
        `select token_hash, approval_id, encode(digest, 'hex') as digest, decision, person, address, expires_at, used_at, codes_sent,
                case when code_tries < $2 and code_expires_at > now() then code_expires_at end as code_until
         from approval_links where token_hash = $1 and expires_at > now()`,
        [tokenHash, CODE_TRIES],
      )
      return rows[0] && toLink(rows[0])
    },

    /** The person's decision counts: none of their links to this request decides again. */
    async useUp(approvalId: string, person: string): Promise<void> {
      await pool.query(
        `update approval_links set used_at = now(), code_hash = null
         where approval_id = $1 and person = $2 and used_at is null`,
        [approvalId, person],
      )
    },

    /** Puts a code in the place of the one before; false when the link had its share, or the last one is too fresh. */
    async putCode(
      tokenHash: Buffer,
      code: {readonly hash: Buffer; readonly validMs: number; readonly pauseMs: number},
    ): Promise<boolean> {
      const {rowCount} = await pool.query(
        `update approval_links set code_hash = $2, code_tries = 0, codes_sent = codes_sent + 1, code_sent_at = now(),
           code_expires_at = now() + $3 * interval '1 millisecond'
         where token_hash = $1 and used_at is null and expires_at > now() and codes_sent < $5
           and (code_sent_at is null or code_sent_at < now() - $4 * interval '1 millisecond')`,
        [tokenHash, code.hash, code.validMs, code.pauseMs, CODES_PER_LINK],
      )
      return rowCount === 1
    },

    /**
     * The hash of the present code, for one try of it, which is counted first; undefined when there is none to try. No
     * two tries of a link have both numbers in common.
     */
    async takeTry(
      tokenHash: Buffer,
    ): Promise<{readonly hash: Buffer; readonly codesSent: number; readonly triesLeft: number} | undefined> {
      const {rows} = await pool.query<{code_hash: Buffer; codes_sent: number; code_tries: number}>(
        `update approval_links set code_tries = code_tries + 1
         where token_hash = $1 and used_at is null and expires_at > now()
           and code_hash is not null and code_expires_at > now() and code_tries < $2
         returning code_hash, codes_sent, code_tries`,
        [tokenHash, CODE_TRIES],
      )
      const [row] = rows
      return row && {hash: row.code_hash, codesSent: row.codes_sent, triesLeft: CODE_TRIES - row.code_tries}
    },

    /** Removes what nobody can open any more. */
    async forgetOld(): Promise<void> {
      await pool.query(`delete from approval_links where expires_at < now() - interval '1 day'`)
    },
  }
}

function toLink(row: LinkRow): StoredLink {
  return {
    tokenHash: row.token_hash,
    approvalId: row.approval_id,
    digest: row.digest,
    decision: row.decision,
    person: row.person,
    address: row.address,
    expiresAt: row.expires_at.getTime(),
    usedAt: row.used_at?.getTime(),
    codesSent: row.codes_sent,
    codeUntil: row.code_until?.getTime(),
  }
}
