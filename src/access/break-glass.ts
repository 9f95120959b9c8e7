import type {Pool} from 'pg'
import {AppError} from '../kernel/errors.ts'
import type {BreakGlassPolicy} from '../platform/config/config.ts'
import {transaction, type Db} from '../platform/postgres.ts'
import type {Actor} from '../sdk/index.ts'
import type {AccountStore} from './account-store.ts'
import {accountOf, type People, type Person} from './people.ts'

/** The time in which one person needs no approval and no freeze stops them. Milliseconds since the epoch. */
export interface GlassWindow {
  readonly id: string
  /** The person's id. */
  readonly person: string
  readonly reason: string
  readonly openedAt: number
  readonly endsAt: number
  /** The Discord channel it was done in. */
  readonly channelId?: string
}

/** Everybody who may approve hears of each of these. */
export type GlassAlarm =
  | {readonly kind: 'broken' | 'ended' | 'over'; readonly window: GlassWindow}
  | {readonly kind: 'used'; readonly window: GlassWindow; readonly subject: string; readonly title: string}

export interface BreakGlassOptions {
  readonly pool: Pool
  readonly accounts: Pick<AccountStore, 'note'>
  readonly people: Pick<People, 'personOf' | 'holding'>
  /** Undefined: nobody may. */
  readonly policy: BreakGlassPolicy | undefined
  /** Raises the alarm within the transaction of what it is about. */
  readonly alarm: (db: Db, alarm: GlassAlarm) => Promise<void>
}

interface WindowRow {
  id: string
  principal: string
  reason: string
  opened_at: Date
  ends_at: Date
  channel_id: string | null
}

const USUAL_MS = 30 * 60_000
const WINDOW = 'id, principal, reason, opened_at, ends_at, channel_id'
const OPEN = 'ended_at is null and ends_at > now()'

const OVER = 'ended_at is null and ends_at <= now()'
/** Whether there are windows whose end nobody was told of. */
export const GLASS_OVER = `exists (select from break_glass where ${OVER})`

export type BreakGlass = ReturnType<typeof createBreakGlass>

/** The emergency way round approvals and freezes: for a named role, with a reason, loud, and over by itself. */
export function createBreakGlass({pool, accounts, people, policy, alarm}: BreakGlassOptions) {
  async function openWithin(db: Db, person: string, lock: '' | 'for share' | 'for update') {
    const {rows} = await db.query<WindowRow>(
      `select ${WINDOW} from break_glass where principal = $1 and ${OPEN} order by ends_at desc limit 1 ${lock}`,
      [person],
    )
    return rows[0] && toWindow(rows[0])
  }

  async function personWhoMay(actor: Actor): Promise<Person> {
    const account = accountOf(actor)
    const person = account && (await people.personOf(account))
    if (!policy)
      throw new AppError('NOT_PERMITTED', 'Nobody may: approvals.breakGlass is not set in signalbox.yaml.')
    if (person?.roles.some(role => policy.roles.includes(role))) return person
    const who = people.holding(policy.roles).map(({id}) => id)
    throw new AppError(
      'NOT_PERMITTED',
      `It needs role ${policy.roles.join(' or ')}, you have: ${person ? person.roles.join(', ') || 'no role' : 'no account known here'}. ${who.length > 0 ? `Ask ${who.slice(0, 3).join(', ')}.` : 'Ask an admin.'}`,
    )
  }

  return {
    /** Who may, as it is now: ids of persons, in order. */
    whoMay(): readonly string[] {
      return policy ? people.holding(policy.roles).map(({id}) => id) : []
    },

    /**
     * Opens a window for the actor; asked again under the same id it answers the one there is. Throws NOT_PERMITTED,
     * INVALID_INPUT for a time beyond the policy's, and CONFLICT while one of theirs is open.
     */
    async begin({
      id,
      actor,
      reason,
      forMs,
      channelId,
    }: {
      readonly id: string
      readonly actor: Actor
      readonly reason: string
      /** The usual half an hour when undefined, or the longest there is where that is less. */
      readonly forMs: number | undefined
      readonly channelId?: string
    }): Promise<GlassWindow> {
      const person = await personWhoMay(actor)
      const maximum = policy?.maximum ?? 0
      const ms = forMs ?? Math.min(USUAL_MS, maximum)
      if (ms > maximum)
        throw new AppError('INVALID_INPUT', `At most ${Math.floor(maximum / 60_000)} minutes at a time.`)
      return transaction(pool, async db => {
        await db.query(`select pg_advisory_xact_lock(hashtextextended('break glass ' || $1, 0))`, [person.id])
        const known = await db.query<WindowRow>(`select ${WINDOW} from break_glass where id = $1`, [id])
        if (known.rows[0]) return toWindow(known.rows[0])
        if (await openWithin(db, person.id, ''))
          throw new AppError('CONFLICT', 'Yours is broken already. End it first to begin anew.')
        const {rows} = await db.query<WindowRow>(
          `insert into break_glass (id, principal, reason, channel_id, ends_at)
           values ($1, $2, $3, $4, now() + $5 * interval '1 millisecond') returning ${WINDOW}`,
          [id, person.id, reason, channelId ?? null, ms],
        )
        const window = toWindow(rows[0] as WindowRow)
        await accounts.note(db, {principal: person.id, event: 'glass_broken', note: reason})
        await alarm(db, {kind: 'broken', window})
        return window
      })
    },

    /** Ends the actor's own window ahead of its time; undefined when none is open. Throws NOT_PERMITTED. */
    async end(actor: Actor): Promise<GlassWindow | undefined> {
      const account = accountOf(actor)
      const person = account && (await people.personOf(account))
      if (!person) throw new AppError('NOT_PERMITTED', 'You are not among the principals of signalbox.yaml.')
      return transaction(pool, async db => {
        const window = await openWithin(db, person.id, 'for update')
        if (!window) return undefined
        await db.query('update break_glass set ended_at = now() where id = $1', [window.id])
        await accounts.note(db, {principal: person.id, event: 'glass_ended'})
        await alarm(db, {kind: 'ended', window})
        return window
      })
    },

    /** The person's open window, if any. */
    open: (person: string): Promise<GlassWindow | undefined> => openWithin(pool, person, ''),

    /**
     * Lets one thing through, within the transaction in which it begins: the person's open window, or undefined when
     * there is none. Kept and told once for each subject.
     */
    async use(
      db: Db,
      {person, subject, title}: {readonly person: string; readonly subject: string; readonly title: string},
    ): Promise<GlassWindow | undefined> {
      // Shared: whoever ends the window waits for what is being let through, and nothing is afterwards.
      const window = await openWithin(db, person, 'for share')
      if (!window) return undefined
      const {rowCount} = await db.query(
        `insert into break_glass_uses (break_glass_id, subject, title) values ($1, $2, $3) on conflict do nothing`,
        [window.id, subject, title],
      )
      if (rowCount === 1) {
        await accounts.note(db, {principal: person, event: 'glass_used', note: `${subject} ${title}`})
        await alarm(db, {kind: 'used', window, subject, title})
      }
      return window
    },

    /** Ends the windows whose time is up, and tells so, once each. */
    async sweep(): Promise<void> {
      let window: GlassWindow | undefined
      do {
        window = await transaction(pool, async db => {
          const {rows} = await db.query<WindowRow>(
            `update break_glass set ended_at = ends_at
             where id = (
               select id from break_glass where ${OVER}
               order by ends_at limit 1 for update skip locked)
             returning ${WINDOW}`,
          )
          if (!rows[0]) return undefined
          const over = toWindow(rows[0])
          await accounts.note(db, {principal: over.person, event: 'glass_ended', note: 'its time was up'})
          await alarm(db, {kind: 'over', window: over})
          return over
        })
      } while (window)
    },
  }
}

function toWindow(row: WindowRow): GlassWindow {
  return {
    id: row.id,
    person: row.principal,
    reason: row.reason,
    openedAt: row.opened_at.getTime(),
    endsAt: row.ends_at.getTime(),
    ...(row.channel_id === null ? {} : {channelId: row.channel_id}),
  }
}
