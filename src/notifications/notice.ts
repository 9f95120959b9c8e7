import type {Json} from '../kernel/json.ts'
import type {RiskLevel} from '../kernel/risk-level.ts'
import type {ChannelName} from '../platform/config/config.ts'
import type {NOTICE_EVENTS} from '../platform/config/sections/notifications.ts'
import type {Db} from '../platform/postgres.ts'

/** What people may be told of: one of `NOTICE_EVENTS`. */
export type NoticeEvent = (typeof NOTICE_EVENTS)[number]

/** Something that people are to be told. What it is about is a story: a channel tells a story's notices in order, in one thread. */
export interface NewNotice {
  /** Names this notice for ever: announced again, it is the same one. */
  readonly key: string
  /** `approval:<id>`, `run:<id>`, `deployment:<id>`, `uptime:<service>:<outage>`. */
  readonly story: string
  readonly event: NoticeEvent
  readonly level: RiskLevel
  readonly correlationId: string
  /** Persons who are to act, by id; channels that know them mention them. */
  readonly people: readonly string[]
  /** Persons who want to know: requester and stakeholders. */
  readonly watchers: readonly string[]
  /** A name of `projects` in signalbox.yaml. */
  readonly project?: string
  /** The pull request it is about. */
  readonly pullRequest?: {readonly repository: string; readonly number: number}
  /** The Discord channel the story is told in; the status channel when left out. */
  readonly channelId?: string
  /** How long Linear may be silent before mail is sent as well; left out: only when Linear fails. */
  readonly mailAfterMs?: number
  /** For people: one line, raw text; channels escape. */
  readonly title: string
  readonly data: Readonly<Record<string, Json>>
}

/** A notice as it was announced. */
export interface Notice extends NewNotice {
  readonly id: string
  /** From 1, within its story. */
  readonly seq: number
  readonly at: number
}

export interface Notices {
  /** Writes the notice and what is to be told where, within the caller's transaction. */
  announce(db: Db, notice: NewNotice): Promise<void>
}

/** One way to tell people things. */
export interface NoticeChannel {
  readonly name: ChannelName
  /** Which notices it can tell. */
  readonly tells: (notice: NewNotice) => boolean
  /**
   * Tells it. `key` is the same at every try of this notice here and no other's: a channel leaves it outside (as a
   * comment's id, a nonce, a Message-ID), so that a try whose answer was lost is found instead of repeated. `thread` is
   * what the channel answered for the story's first notice.
   */
  tell(
    notice: Notice,
    how: {readonly key: string; readonly thread: string | undefined; readonly signal: AbortSignal},
  ): Promise<Told>
}

export type Told =
  /** `id`: what it is known by outside; of a story's first notice, its thread. */
  | {readonly kind: 'told'; readonly id: string}
  /** There is nobody or nothing here to tell it to. */
  | {readonly kind: 'skipped'; readonly reason: string}
  /** It may work later. */
  | {readonly kind: 'failed'; readonly reason: string; readonly retryAfterMs?: number}
  /** It never will. */
  | {readonly kind: 'refused'; readonly reason: string}
