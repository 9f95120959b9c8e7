import type {Pool} from 'pg'
import type {RiskLevel} from '../kernel/risk-level.ts'
import type {ChannelName} from '../platform/config/config.ts'
import {groupCommit} from '../platform/group-commit.ts'
import {transaction, type Db} from '../platform/postgres.ts'
import type {NewNotice, Notice, NoticeEvent} from './notice.ts'
import type {DeliveryState, Released, Route, Standing} from './routing.ts'

/** Told at each commit that leaves something to deliver. */
export const NOTICES_CHANNEL = 'notices'

/** A notice taken for one channel. A result under an older `fence` than the row's changes nothing. */
export interface Delivery {
  readonly notice: Notice
  readonly channel: ChannelName
  readonly fence: number
  /** Tries that came to nothing before this one. */
  readonly failures: number
  /** Since when it is to be told: its commit, or its release where it was held back. Milliseconds since the epoch. */
  readonly openAt: number
  /** What the story's first notice told here is known by. */
  readonly thread: string | undefined
}

/** What a try came to. */
export type Settlement =
  | {readonly state: 'told'; readonly outsideId: string}
  | {readonly state: 'skipped' | 'refused' | 'failed'; readonly reason: string}
  /** Tried again after so long. */
  | {readonly state: 'waiting'; readonly reason: string; readonly retryAfterMs: number}

export interface Backlog {
  readonly channel: ChannelName
  readonly state: 'held' | 'waiting'
  readonly count: number
}

type Content = Omit<NewNotice, 'key' | 'story' | 'event' | 'level' | 'correlationId'>

interface DeliveryRow {
  notice_id: string
  channel: ChannelName
  fence: number
  failures: number
  open_at: Date
  thread: string | null
  key: string
  story: string
  seq: number
  event: NoticeEvent
  level: RiskLevel
  correlation_id: string
  content: Content
  created_at: Date
}

interface HeldRow {
  story: string
  seq: number
  event: NoticeEvent
  channel: ChannelName | null
  state: DeliveryState
  failures: number
  due_at: Date
  held_until: Date | null
  look_at: string | null
  now: Date
}

/** One statement: the number within the story, the notice, its deliveries, what was held before, and the wake-up. */
const ANNOUNCE = `
  with story as (
    insert into notice_stories as s (story, last_seq)
    select $3, 1 where not exists (select from notices where id = $1)
    on conflict (story) do update set last_seq = s.last_seq + 1
    returning story, last_seq
  ), notice as (
    insert into notices (id, key, story, seq, event, level, correlation_id, content)
    select $1, $2, story, last_seq, $4, $5, $6, $7 from story
    on conflict (id) do nothing
    returning id, story, seq
  ), told as (
    insert into notice_deliveries (notice_id, channel, story, seq, state, held_until, look_at)
    select n.id, r.channel, n.story, n.seq, r.state,
      now() + make_interval(secs => r.held_ms / 1000), case when r.state = 'held' then now() end
    from notice n, jsonb_to_recordset($8) as r (channel text, state text, held_ms float8)
    returning 1
  ), judged as (
    update notice_deliveries d set look_at = now() from notice n where d.story = n.story and d.state = 'held'
  )
  select pg_notify('${NOTICES_CHANNEL}', '') from notice`

const DUE = `state = 'waiting' and due_at <= now() and (lease_until is null or lease_until < now())`
const HELD_DUE = `state = 'held' and look_at <= now()`
/** Whether something is due that nobody is at, or anything held is to be judged. */
export const NOTICES_DUE = `exists (select from notice_deliveries where ${DUE})
  or exists (select from notice_deliveries where ${HELD_DUE})`

const CLAIM = `
  with next as (
    select notice_id, channel, fence from notice_deliveries d
    where channel = $1 and ${DUE}
      and not exists (
        select from notice_deliveries before
        where before.story = d.story and before.channel = d.channel and before.seq < d.seq
          and before.state = 'waiting')
    order by due_at limit $2 for update skip locked
  ), taken as (
    update notice_deliveries d
    set fence = d.fence + 1, lease_until = now() + make_interval(secs => $3::float8 / 1000)
    from next where d.notice_id = next.notice_id and d.channel = next.channel
    returning d.notice_id, d.channel, d.fence, d.failures, d.open_at
  )
  select t.*, n.key, n.story, n.seq, n.event, n.level, n.correlation_id, n.content, n.created_at, (
      select f.outside_id from notice_deliveries f
      where f.story = n.story and f.channel = t.channel and f.state = 'told' order by f.seq limit 1
    ) as thread
  from taken t join notices n on n.id = t.notice_id
  order by n.created_at, n.seq`

const SETTLE = `
  with given as (
    select * from jsonb_to_recordset($1) as g (
      position int, notice_id uuid, channel text, fence int, state text, outside_id text, reason text,
      retry_after_ms float8, failed int)
  ), settled as (
    update notice_deliveries d set
      state = g.state, outside_id = g.outside_id, reason = g.reason, failures = d.failures + g.failed, lease_until = null,
      due_at = case when g.state = 'waiting' then now() + make_interval(secs => g.retry_after_ms / 1000) else d.due_at end,
      ended_at = case when g.state <> 'waiting' then now() end
    from given g
    where d.notice_id = g.notice_id and d.channel = g.channel and d.fence = g.fence and d.state = 'waiting'
    returning g.position, d.story
  ), judged as (
    update notice_deliveries d set look_at = now()
    where d.state = 'held' and d.story in (select story from settled)
    returning 1
  )
  select position, (select count(*) from judged) > 0 as judged from settled`

export type NoticeStore = ReturnType<typeof createNoticeStore>

/** The SQL of notices. Results that come at once share a statement. */
export function createNoticeStore({pool}: {readonly pool: Pool}) {
  interface Settled {
    readonly settled: boolean
    /** Something is held that may now be judged otherwise. */
    readonly judged: boolean
  }

  const settle = groupCommit(
    async (items: readonly (Settlement & {readonly delivery: Delivery})[]): Promise<readonly Settled[]> => {
      const given = items.map((item, position) => ({
        position,
        notice_id: item.delivery.notice.id,
        channel: item.delivery.channel,
        fence: item.delivery.fence,
        state: item.state,
        outside_id: item.state === 'told' ? item.outsideId : null,
        reason: item.state === 'told' ? null : item.reason,
        retry_after_ms: item.state === 'waiting' ? item.retryAfterMs : 0,
        failed: item.state === 'waiting' || item.state === 'failed' ? 1 : 0,
      }))
      const {rows} = await pool.query<{position: number; judged: boolean}>({
        name: 'notices-settle',
        text: SETTLE,
        values: [JSON.stringify(given)],
      })
      const settled = new Set(rows.map(row => row.position))
      const judged = rows[0]?.judged ?? false
      return items.map((_item, position) => ({settled: settled.has(position), judged}))
    },
  )

  return {
    /** Writes the notice and where it is told, within the caller's transaction; the same again changes nothing. */
    async announce(db: Db, id: string, notice: NewNotice, routes: readonly Route[]): Promise<void> {
      const {key, story, event, level, correlationId, ...content} = notice
      await db.query({
        name: 'notices-announce',
        text: ANNOUNCE,
        values: [
          id,
          key,
          story,
          event,
          level,
          correlationId,
          JSON.stringify(content),
          JSON.stringify(
            routes.map(({channel, held}) => ({
              channel,
              state: held ? 'held' : 'waiting',
              held_ms: held?.heldMs ?? null,
            })),
          ),
        ],
      })
    },

    /** Where something is due that nobody is at: in which of these channels, and whether anything held is to be judged. */
    async due(
      channels: readonly ChannelName[],
    ): Promise<{readonly channels: readonly ChannelName[]; readonly held: boolean}> {
      const {rows} = await pool.query<{channels: readonly ChannelName[]; held: boolean}>({
        name: 'notices-due',
        text: `select array(
            select name from unnest($1::text[]) as name
            where exists (select from notice_deliveries where channel = name and ${DUE})
          ) as channels,
          exists (select from notice_deliveries where ${HELD_DUE}) as held`,
        values: [channels],
      })
      return rows[0] ?? {channels: [], held: false}
    },

    /** Takes what is due in a channel for `leaseMs`: of each story the first that was not told yet, oldest first. */
    async claim(channel: ChannelName, limit: number, leaseMs: number): Promise<readonly Delivery[]> {
      const {rows} = await pool.query<DeliveryRow>({
        name: 'notices-claim',
        text: CLAIM,
        values: [channel, limit, leaseMs],
      })
      return rows.map(toDelivery)
    },

    /** Records what a try came to, unless somebody else has taken the delivery since. */
    settle: (delivery: Delivery, settlement: Settlement) => settle({...settlement, delivery}),

    /** Judges the held deliveries of at most `limit` stories where something happened or the time has come. */
    async release(
      judge: (
        notices: readonly {readonly seq: number; readonly event: NoticeEvent}[],
        rows: readonly Standing[],
        now: number,
      ) => readonly Released[],
      limit: number,
    ): Promise<number> {
      return transaction(pool, async db => {
        const {rows} = await db.query<HeldRow>({
          name: 'notices-held',
          text: `with stories as (
              select story from notice_stories where story in (
                select story from notice_deliveries where ${HELD_DUE} order by look_at limit $1)
              for update skip locked)
            select n.story, n.seq, n.event, d.channel, d.state, d.failures, d.due_at, d.held_until,
              d.look_at::text, now()
            from stories join notices n using (story) left join notice_deliveries d on d.notice_id = n.id
            order by n.story, n.seq`,
          values: [limit],
        })
        const changes = byStory(rows).flatMap(own => {
          const [{story, now}] = own
          return judge(own, own.flatMap(toStanding), now.getTime()).map(change => {
            const row = own.find(each => each.seq === change.seq && each.channel === change.channel)
            return {
              story,
              seq: change.seq,
              channel: change.channel,
              state: change.state,
              reason: change.state === 'held' ? null : change.reason,
              look_at:
                change.state === 'held' && change.lookAt !== undefined ? new Date(change.lookAt) : null,
              looked_at: row?.look_at,
            }
          })
        })
        if (changes.length === 0) return 0
        await db.query({
          name: 'notices-release',
          // What happened to the story since the look is to be looked at again.
          text: `update notice_deliveries d set state = c.state, reason = c.reason, look_at = c.look_at,
              open_at = now(), due_at = now(), ended_at = case when c.state = 'skipped' then now() end
            from jsonb_to_recordset($1) as c (
              story text, seq int, channel text, state text, reason text, look_at timestamptz, looked_at timestamptz)
            where d.story = c.story and d.seq = c.seq and d.channel = c.channel and d.state = 'held'
              and d.look_at is not distinct from c.looked_at`,
          values: [JSON.stringify(changes)],
        })
        return changes.filter(change => change.state !== 'held').length
      })
    },

    /** How much waits, and how much is held back. */
    async backlog(): Promise<readonly Backlog[]> {
      const {rows} = await pool.query<{channel: ChannelName; state: 'held' | 'waiting'; count: number}>(
        `select channel, state, count(*)::int as count from notice_deliveries
         where state in ('held', 'waiting') group by channel, state`,
      )
      return rows
    },

    /** Removes stories of which nothing is open and nothing was said for `olderThanMs`. */
    async forget(olderThanMs: number): Promise<void> {
      await pool.query(
        `delete from notice_stories s
         where not exists (
             select from notices n where n.story = s.story
               and n.created_at > now() - make_interval(secs => $1::float8 / 1000))
           and not exists (
             select from notice_deliveries d where d.story = s.story and d.state in ('held', 'waiting'))`,
        [olderThanMs],
      )
    },
  }
}

/** The rows are in order of their stories. */
function byStory(rows: readonly HeldRow[]): readonly (readonly [HeldRow, ...HeldRow[]])[] {
  const groups: [HeldRow, ...HeldRow[]][] = []
  for (const row of rows) {
    const last = groups.at(-1)
    if (last?.[0].story === row.story) last.push(row)
    else groups.push([row])
  }
  return groups
}

function toDelivery(row: DeliveryRow): Delivery {
  const {notice_id: id, key, story, seq, event, level, content} = row
  return {
    notice: {
      ...content,
      id,
      key,
      story,
      seq,
      event,
      level,
      correlationId: row.correlation_id,
      at: row.created_at.getTime(),
    },
    channel: row.channel,
    fence: row.fence,
    failures: row.failures,
    openAt: row.open_at.getTime(),
    thread: row.thread ?? undefined,
  }
}

function toStanding({channel, seq, state, failures, due_at, held_until}: HeldRow): Standing[] {
  return channel === null
    ? []
    : [{seq, channel, state, failures, dueAt: due_at.getTime(), heldUntil: held_until?.getTime()}]
}
