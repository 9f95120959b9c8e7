import {span, type Line, type Span, type Style} from './text.ts'

export interface Reader {
  /** Milliseconds since the epoch: relative times are told as of now. */
  readonly now: number
  /** The name behind a mentioned id. */
  nameOf(id: string): string | undefined
}

/**
 * Discord's Markdown as lines of a terminal: marks become styles, fences become boxes, timestamps become words
 * like "12 seconds ago". As much of the language as bots write; the rest stays as it is.
 */
export function readDiscordText(text: string, reader: Reader): Line[] {
  const lines: Line[] = []
  let fence: string[] | undefined
  for (const raw of text.split('\n')) {
    if (raw.startsWith('```')) {
      if (fence) lines.push(...boxed(fence))
      fence = fence ? undefined : []
    } else if (fence) fence.push(raw)
    else lines.push(readInline(raw, reader))
  }
  return fence ? [...lines, ...boxed(fence)] : lines
}

/** `12 seconds ago`, `in 3 minutes`: the coarsest unit that fits, as Discord shows a relative timestamp. */
export function relativeTime(at: number, now: number): string {
  const seconds = Math.round((at - now) / 1000)
  const [unit, size] = UNITS.find(([, unitSize]) => Math.abs(seconds) >= unitSize) ?? (['second', 1] as const)
  return words.format(Math.trunc(seconds / size), unit)
}

const words = new Intl.RelativeTimeFormat('en')
const UNITS = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const

const INLINE =
  /\\(?<escaped>[^\p{L}\p{N}\s])|\*\*(?<bold>.+?)\*\*|`(?<code>[^`]+)`|\[(?<label>(?:\\.|[^\]\\])+)\]\(<?(?<url>[^)>\s]+)>?\)|<t:(?<time>-?\d{1,15})(?::(?<form>[tTdDfFR]))?>|<(?<sigil>@&|@!?|#)(?<id>\d+)>/gu

function readInline(text: string, reader: Reader, styles: readonly Style[] = []): Line {
  const spans: Span[] = []
  const add = (piece: string, ...more: Style[]) => {
    if (piece !== '') spans.push(span(piece, ...styles, ...more))
  }
  let end = 0
  for (const match of text.matchAll(INLINE)) {
    add(text.slice(end, match.index))
    end = match.index + match[0].length
    const {escaped, bold, code, label, time, form, sigil, id} = match.groups ?? {}
    if (escaped !== undefined) add(escaped)
    else if (bold !== undefined) spans.push(...readInline(bold, reader, [...styles, 'bold']))
    else if (code !== undefined) add(code, 'cyan')
    else if (label !== undefined) spans.push(...readInline(label, reader, [...styles, 'underline']))
    else if (time !== undefined) add(timeWords(Number(time) * 1000, form, reader.now))
    else if (id !== undefined) add(`${sigil === '#' ? '#' : '@'}${reader.nameOf(id) ?? id}`, 'blue')
  }
  add(text.slice(end))
  return spans
}

function timeWords(at: number, form: string | undefined, now: number): string {
  if (form === 'R') return relativeTime(at, now)
  const clock = new Intl.DateTimeFormat('en-GB', {hour: '2-digit', minute: '2-digit'})
  const date = new Intl.DateTimeFormat('en-GB', {day: 'numeric', month: 'long', year: 'numeric'})
  if (form === 't' || form === 'T') return clock.format(at)
  return form === 'd' || form === 'D' ? date.format(at) : `${date.format(at)} ${clock.format(at)}`
}

/** The left edge of a box; `withCorners` rounds it off once the lines have been wrapped. */
const EDGE = span('│ ', 'dim')

function boxed(lines: readonly string[]): Line[] {
  return lines.map(line => [EDGE, span(line)])
}

/** What a further row of this line begins with: inside a box its edge, else some room. */
export function hangOf(line: Line): Line {
  return line[0] === EDGE ? [EDGE] : [span('  ')]
}

/** The rows with the first and the last edge of each box turned into corners. */
export function withCorners(rows: readonly Line[]): Line[] {
  const isBoxed = (row: Line | undefined) => row?.[0]?.text === EDGE.text
  return rows.map((row, index) => {
    if (!isBoxed(row)) return row
    const [above, below] = [isBoxed(rows[index - 1]), isBoxed(rows[index + 1])]
    return [span(above ? (below ? '│ ' : '└ ') : below ? '┌ ' : '╶ ', 'dim'), ...row.slice(1)]
  })
}
