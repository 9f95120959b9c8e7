import {
  ButtonStyle,
  ComponentType,
  type APIActionRowComponent,
  type APIButtonComponent,
  type APIEmbed,
} from 'discord-api-types/v10'
import {ellipsis} from '../../kernel/markdown.ts'
import {REPLY_STATES, type Control, type Reply} from '../../sdk/index.ts'

/** The body of a message as Discord takes it, on every route that creates or edits one. */
export interface MessageBody {
  readonly content: string
  readonly embeds: readonly APIEmbed[]
  readonly components: readonly APIActionRowComponent<APIButtonComponent>[]
  readonly allowed_mentions: {readonly parse: readonly []; readonly users?: readonly string[]}
}

const MAX_LINES = 1500
/** What the last line may take of them where others are left out, and what counts those. */
const MAX_LAST = 400
const MAX_COUNT = 20
const MAX_EXCERPT = 900
const MAX_MENTIONS = 10

/**
 * Renders a reply within Discord's limits whatever its length: the first line as content (that is what a
 * notification shows), the rest as an embed whose colour repeats the glyph. Nobody is ever pinged but those whom the reply mentions.
 */
export function renderReply(reply: Reply): MessageBody {
  const {glyph, colour} = REPLY_STATES[reply.state]
  const description = [
    body(reply.lines ?? []),
    ...(reply.excerpt === undefined ? [] : [codeBlock(reply.excerpt)]),
  ]
    .filter(part => part !== '')
    .join('\n')
  const mentions = [...new Set(reply.mentions)].slice(0, MAX_MENTIONS)
  const content = `${glyph} ${ellipsis(reply.title, 120)}`
  return {
    content: mentions.length === 0 ? content : `${content} · ${mentions.map(id => `<@${id}>`).join(' ')}`,
    embeds: description === '' ? [] : [{color: colour, description}],
    components: controls(reply.controls ?? []),
    allowed_mentions: {parse: [], ...(mentions.length === 0 ? {} : {users: mentions})},
  }
}

/** Whole lines as long as they fit, and the last one in any case: it says who asked. What was left out is counted. */
function body(lines: readonly string[]): string {
  const whole = lines.join('\n')
  if (whole.length <= MAX_LINES) return whole
  const others = lines.slice(0, -1)
  const last = ellipsis(lines.at(-1) ?? '', others.length === 0 ? MAX_LINES : MAX_LAST)
  const room = MAX_LINES - last.length - MAX_COUNT
  let length = 0
  const end = others.findIndex(line => (length += line.length + 1) > room)
  const fitting = end === -1 ? others : others.slice(0, end)
  // One enormous line is better cut than missing.
  const shown = fitting.length === 0 ? others.slice(0, 1).map(line => ellipsis(line, room)) : fitting
  const missing = others.length - shown.length
  return [...shown, ...(missing > 0 ? [`… and ${missing} more`] : []), last].join('\n')
}

/** A fence can't be escaped inside itself, so back-ticks inside are kept apart. */
function codeBlock(text: string): string {
  const cut =
    text.length > MAX_EXCERPT ? `…${text.slice(1 - MAX_EXCERPT).replace(/^[\udc00-\udfff]/, '')}` : text
  return `\`\`\`\n${cut.replace(/`(?=`)/g, '`\u200b')}\n\`\`\``
}

/** A button that Discord would refuse is left out: it would take the whole message with it. */
function isUsable(control: Control, index: number, all: readonly Control[]): boolean {
  if (control.label.trim() === '') return false
  if (control.kind === 'link')
    return control.url.length <= 512 && /^https?:\/\//.test(control.url) && URL.canParse(control.url)
  const id = customId(control.action, control.subject)
  const first = all.findIndex(
    other => other.kind === 'action' && customId(other.action, other.subject) === id,
  )
  return first === index && parseCustomId(id) !== undefined
}

function controls(list: readonly Control[]): APIActionRowComponent<APIButtonComponent>[] {
  const usable = list.filter(isUsable)
  if (usable.length === 0) return []
  const styles = {
    primary: ButtonStyle.Primary,
    secondary: ButtonStyle.Secondary,
    danger: ButtonStyle.Danger,
  } as const
  const components = usable.slice(0, 5).map((control): APIButtonComponent =>
    control.kind === 'link'
      ? {
          type: ComponentType.Button,
          style: ButtonStyle.Link,
          label: ellipsis(control.label, 80),
          url: control.url,
        }
      : {
          type: ComponentType.Button,
          style: styles[control.style],
          label: ellipsis(control.label, 80),
          custom_id: customId(control.action, control.subject),
        },
  )
  return [{type: ComponentType.ActionRow, components}]
}

/** What a button says when pressed: a version, an action of the bot, and the record it is about. At most 100 characters. */
export function customId(action: string, subject: string): string {
  return `v1:${action}:${subject}`
}

export function parseCustomId(text: string): {readonly action: string; readonly subject: string} | undefined {
  const match = /^v1:([a-z][a-z-]{0,30}):([\w-]{1,64})$/.exec(text)
  return match?.[1] !== undefined && match[2] !== undefined
    ? {action: match[1], subject: match[2]}
    : undefined
}
