/**
 * What a person is told, free of any surface: Discord, the terminal and mail each render it in their manners.
 * `lines` are Markdown whose foreign parts went through `plain`/`code` of src/kernel/markdown.ts.
 */
export interface Reply {
  readonly state: ReplyState
  /** Where it happens and how it stands, without the glyph: `client → production · deploying`. At most 80 characters. */
  readonly title: string
  readonly lines?: readonly string[]
  /** The Discord ids of those whom the message is for, at most ten are shown: the only way for a message to ping anybody. */
  readonly mentions?: readonly string[]
  /** Verbatim text such as the end of a log, already redacted; at most 900 characters are shown. */
  readonly excerpt?: string
  readonly controls?: readonly Control[]
}

/** One state, one glyph, one colour: colour never says more than the glyph. */
export const REPLY_STATES = {
  running: {glyph: '🟡', colour: 0xf1c40f},
  success: {glyph: '🟢', colour: 0x2ecc71},
  failure: {glyph: '🔴', colour: 0xe74c3c},
  other: {glyph: '⚪', colour: 0x95a5a6},
  waiting: {glyph: '⏳', colour: 0x3498db},
  'timed-out': {glyph: '⏱️', colour: 0xe67e22},
  ok: {glyph: '✅', colour: 0x2ecc71},
  error: {glyph: '❌', colour: 0xe74c3c},
  partial: {glyph: '⚠️', colour: 0xe67e22},
  refused: {glyph: '⛔', colour: 0xe74c3c},
  info: {glyph: '📋', colour: 0x3498db},
  digest: {glyph: '📊', colour: 0x3498db},
  moved: {glyph: '➡️', colour: 0x95a5a6},
} as const satisfies Record<string, {glyph: string; colour: number}>

/** One of `REPLY_STATES`. */
export type ReplyState = keyof typeof REPLY_STATES

/** A button. `action` names an entry of the bot, `subject` the record it is about; a link carries only its address. */
export type Control =
  | {
      readonly kind: 'action'
      readonly label: string
      readonly action: string
      readonly subject: string
      readonly style: 'primary' | 'secondary' | 'danger'
    }
  | {readonly kind: 'link'; readonly label: string; readonly url: string}
