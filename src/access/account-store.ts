import type {Pool} from 'pg'
import type {Db} from '../platform/postgres.ts'
import type {Account} from './people.ts'

/** What can be proved by a code. */
export type ProvableKind = 'github' | 'linear' | 'email'

export type AccountEvent =
  | 'code_shown'
  | 'code_mailed'
  | 'code_wrong'
  | 'linked'
  | 'link_refused'
  | 'unlinked'
  | 'token_made'
  | 'token_revoked'
  | 'glass_broken'
  | 'glass_used'
  | 'glass_ended'

export interface ProvedAccount {
  readonly principal: string
  readonly kind: ProvableKind
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly linkedAt: number
}

/** A person's newest code for a kind of account. */
export interface CodeRecord {
  readonly principal: string
  readonly hash: string
  /** Where it was mailed, or who posted it. */
  readonly accountId: string | undefined
  readonly wrongTries: number
  readonly outcome: 'linked' | 'taken' | undefined
  readonly expiresAt: number
}

interface CodeRow {
  principal: string
  hash: string
  account_id: string | null
  wrong_tries: number
  outcome: 'linked' | 'taken' | null
  expires_at: Date
}

interface ProvedRow {
  principal: string
  kind: ProvableKind
  id: string
  linked_at: Date
}

/** The owner of a token who proved nothing. */
interface NothingProved {
  principal: string
  id: null
}

const PROVED = 'a.kind, a.account_id as id, a.linked_at'
const OLDEST_FIRST = 'order by a.linked_at, a.account_id'
const CODE = 'principal, hash, account_id, wrong_tries, outcome, expires_at'

export type AccountStore = ReturnType<typeof createAccountStore>

/** The SQL of accounts, codes, tokens and their history. Times are the database's. */
export function createAccountStore({pool}: {readonly pool: Pool}) {
  return {
    /** Whose account it is by proof, or whose valid token, and all that they proved; canonical accounts only. */
    async ownerOf(
      {kind, id}: Account,
      db: Db = pool,
    ): Promise<{readonly principal: string; readonly accounts: readonly ProvedAccount[]} | undefined> {
      const {rows} = await db.query<ProvedRow | NothingProved>(
        kind === 'api'
          ? {
              name: 'accounts-by-token',
              text: `select t.principal, ${PROVED} from personal_tokens t left join linked_accounts a using (principal)
                     where t.hash = $1 and t.revoked_at is null and t.expires_at > now() ${OLDEST_FIRST}`,
              values: [id],
            }
          : {
              name: 'accounts-owner',
              text: `select principal, ${PROVED} from linked_accounts o join linked_accounts a using (principal)
                     where o.kind = $1 and o.account_id = $2 ${OLDEST_FIRST}`,
              values: [kind, id],
            },
      )
      const [first] = rows
      return (
        first && {
          principal: first.principal,
          accounts: rows.flatMap(row => (row.id === null ? [] : toProved(row))),
        }
      )
    },

    /** What this principal proved, the oldest first. */
    async accountsOf(principal: string, db: Db = pool): Promise<readonly ProvedAccount[]> {
      const {rows} = await db.query<ProvedRow>({
        name: 'accounts-of',
        text: `select principal, ${PROVED} from linked_accounts a where principal = $1 ${OLDEST_FIRST}`,
        values: [principal],
      })
      return rows.map(toProved)
    },

    /** Makes it theirs unless it is somebody's; answers whose it is then. */
    async link(db: Db, {kind, id}: Account, principal: string): Promise<string> {
      await db.query(
        `insert into linked_accounts (kind, account_id, principal) values ($1, $2, $3) on conflict do nothing`,
        [kind, id, principal],
      )
      const {rows} = await db.query<{principal: string}>(
        'select principal from linked_accounts where kind = $1 and account_id = $2 for share',
        [kind, id],
      )
      return rows[0]?.principal ?? principal
    },

    async unlink(db: Db, {kind, id}: Account, principal: string): Promise<boolean> {
      const {rowCount} = await db.query(
        'delete from linked_accounts where kind = $1 and account_id = $2 and principal = $3',
        [kind, id, principal],
      )
      return rowCount === 1
    },

    /** Takes the place of the person's earlier code for that kind. Answers when it lapses. */
    async putCode(
      db: Db,
      code: {
        readonly principal: string
        readonly kind: ProvableKind
        readonly hash: string
        readonly accountId?: string
        readonly validMs: number
      },
    ): Promise<number> {
      const {rows} = await db.query<{expires_at: Date}>(
        `insert into account_codes (principal, kind, hash, account_id, expires_at)
         values ($1, $2, $3, $4, now() + $5 * interval '1 millisecond')
         on conflict (principal, kind) do update set hash = excluded.hash, account_id = excluded.account_id,
           wrong_tries = 0, outcome = null, created_at = now(), expires_at = excluded.expires_at
         returning expires_at`,
        [code.principal, code.kind, code.hash, code.accountId ?? null, code.validMs],
      )
      return rows[0]?.expires_at.getTime() ?? 0
    },

    /** The person's newest code while it is young, locked until the transaction ends. */
    async codeOf(db: Db, principal: string, kind: ProvableKind): Promise<CodeRecord | undefined> {
      const {rows} = await db.query<CodeRow>(
        `select ${CODE} from account_codes where principal = $1 and kind = $2 and expires_at > now() for update`,
        [principal, kind],
      )
      return rows[0] && toCode(rows[0])
    },

    /** The code with that hash while it may be claimed, locked until the transaction ends. */
    async openCode(db: Db, kind: ProvableKind, hash: string): Promise<CodeRecord | undefined> {
      const {rows} = await db.query<CodeRow>(
        `select ${CODE} from account_codes
         where hash = $1 and kind = $2 and outcome is null and expires_at > now() for update`,
        [hash, kind],
      )
      return rows[0] && toCode(rows[0])
    },

    /** When the oldest code of that kind that may still be claimed was made; undefined: there is none. */
    async openSince(kind: ProvableKind): Promise<number | undefined> {
      const {rows} = await pool.query<{since: Date | null}>(
        `select min(created_at) as since from account_codes
         where kind = $1 and outcome is null and expires_at > now()`,
        [kind],
      )
      return rows[0]?.since?.getTime()
    },

    async countWrong(db: Db, hash: string): Promise<void> {
      await db.query('update account_codes set wrong_tries = wrong_tries + 1 where hash = $1', [hash])
    },

    async settleCode(db: Db, hash: string, accountId: string, outcome: 'linked' | 'taken'): Promise<void> {
      await db.query('update account_codes set account_id = $2, outcome = $3 where hash = $1', [
        hash,
        accountId,
        outcome,
      ])
    },

    /** The valid token takes the place of the one before; undefined when this very press made one already. */
    async putToken(
      db: Db,
      token: {
        readonly principal: string
        readonly hash: string
        readonly madeFor: string
        readonly validMs: number
      },
    ): Promise<number | undefined> {
      // One at a time for each person, or two presses at once would both find no token to revoke.
      await db.query(`select pg_advisory_xact_lock(hashtextextended('personal token ' || $1, 0))`, [
        token.principal,
      ])
      const known = await db.query('select from personal_tokens where made_for = $1', [token.madeFor])
      if (known.rowCount !== 0) return undefined
      await db.query(
        'update personal_tokens set revoked_at = now() where principal = $1 and revoked_at is null',
        [token.principal],
      )
      const {rows} = await db.query<{expires_at: Date}>(
        `insert into personal_tokens (hash, principal, made_for, expires_at)
         values ($1, $2, $3, now() + $4 * interval '1 millisecond') returning expires_at`,
        [token.hash, token.principal, token.madeFor, token.validMs],
      )
      return rows[0]?.expires_at.getTime()
    },

    async revokeToken(db: Db, principal: string): Promise<boolean> {
      const {rowCount} = await db.query(
        `update personal_tokens set revoked_at = now()
         where principal = $1 and revoked_at is null and expires_at > now()`,
        [principal],
      )
      return rowCount === 1
    },

    async tokenOf(
      principal: string,
    ): Promise<{readonly createdAt: number; readonly expiresAt: number} | undefined> {
      const {rows} = await pool.query<{created_at: Date; expires_at: Date}>(
        `select created_at, expires_at from personal_tokens
         where principal = $1 and revoked_at is null and expires_at > now()`,
        [principal],
      )
      const row = rows[0]
      return row && {createdAt: row.created_at.getTime(), expiresAt: row.expires_at.getTime()}
    },

    /** Writes a line of the history. */
    async note(
      db: Db,
      entry: {
        readonly principal: string
        readonly event: AccountEvent
        readonly kind?: Account['kind']
        readonly accountId?: string
        readonly note?: string
      },
    ): Promise<void> {
      await db.query(
        'insert into account_events (principal, event, kind, account_id, note) values ($1, $2, $3, $4, $5)',
        [entry.principal, entry.event, entry.kind ?? null, entry.accountId ?? null, entry.note ?? null],
      )
    },

    /** How often something happened to a person within the last so many milliseconds. */
    async countEvents(db: Db, principal: string, event: AccountEvent, withinMs: number): Promise<number> {
      const {rows} = await db.query<{count: number}>(
        `select count(*)::int as count from account_events
         where principal = $1 and event = $2 and at > now() - $3 * interval '1 millisecond'`,
        [principal, event, withinMs],
      )
      return rows[0]?.count ?? 0
    },
  }
}

function toProved({linked_at, ...row}: ProvedRow): ProvedAccount {
  return {...row, linkedAt: linked_at.getTime()}
}

function toCode(row: CodeRow): CodeRecord {
  return {
    principal: row.principal,
    hash: row.hash,
    accountId: row.account_id ?? undefined,
    wrongTries: row.wrong_tries,
    outcome: row.outcome ?? undefined,
    expiresAt: row.expires_at.getTime(),
  }
}
