import {styleText} from 'node:util'

/** How a piece of text looks; the words of node's `styleText`. */
export type Style =
  | 'bold'
  | 'dim'
  | 'underline'
  | 'inverse'
  | 'red'
  | 'green'
  | 'yellow'
  | 'blue'
  | 'magenta'
  | 'cyan'
  | 'white'
  | 'gray'

export interface Span {
  readonly text: string
  readonly styles?: readonly Style[]
}

/** One line of a terminal, without a line break inside. */
export type Line = readonly Span[]

export function span(text: string, ...styles: Style[]): Span {
  return styles.length === 0 ? {text} : {text, styles}
}

/** The terminal cells a text takes: wide letters and emoji two, combining marks none. */
export function width(text: string): number {
  let cells = 0
  for (const {segment} of graphemes.segment(text)) cells += cellsOf(segment)
  return cells
}

export function lineWidth(line: Line): number {
  return line.reduce((sum, {text}) => sum + width(text), 0)
}

/** The start of a line within so many cells; what was cut is marked with an ellipsis. */
export function clip(line: Line, columns: number): Line {
  if (lineWidth(line) <= columns) return line
  const kept: Glyph[] = []
  let left = columns - 1
  for (const glyph of glyphsOf(line)) {
    left -= glyph.cells
    if (left < 0) break
    kept.push(glyph)
  }
  return columns < 1 ? [] : joined([...kept, {text: '…', cells: 1}])
}

/** The same line over as many rows as it needs, broken between words where there are any; further rows begin with `hang`. */
export function wrap(line: Line, columns: number, hang: Line = []): Line[] {
  const start = glyphsOf(hang)
  const room = Math.max(columns, cellsIn(start) + 2)
  const rows: Glyph[][] = []
  let row: Glyph[] = []
  for (const glyph of glyphsOf(line)) {
    if (cellsIn(row) + glyph.cells > room) {
      const space = row.findLastIndex(({text}) => text === ' ')
      const between = glyph.text !== ' ' && space >= (rows.length === 0 ? 1 : start.length + 1)
      const rest = between ? row.slice(space + 1) : []
      rows.push(between ? row.slice(0, space) : row)
      row = [...start, ...rest]
      if (glyph.text === ' ') continue
    }
    row.push(glyph)
  }
  return [...rows, row].map(joined)
}

/**
 * The line as the terminal gets it. Control and direction-changing characters never reach a terminal from here:
 * what people and logs say could otherwise move the cursor or pretend to be something else.
 */
export function paint(line: Line, {colour}: {readonly colour: boolean}): string {
  return line
    .map(({text, styles = []}) => {
      const safe = text.replace(new RegExp(UNSAFE, 'gu'), '·')
      return colour && styles.length > 0 ? styleText([...styles], safe, {validateStream: false}) : safe
    })
    .join('')
}

const graphemes = new Intl.Segmenter('en', {granularity: 'grapheme'})
const UNSAFE = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/u
const INVISIBLE = /^[\p{Mn}\p{Me}\p{Cf}]+$/u
const WIDE =
  /\p{Emoji_Presentation}|\ufe0f|[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u

interface Glyph extends Span {
  readonly cells: number
}

function cellsIn(glyphs: readonly Glyph[]): number {
  return glyphs.reduce((sum, {cells}) => sum + cells, 0)
}

function cellsOf(grapheme: string): number {
  if (UNSAFE.test(grapheme)) return grapheme.length
  if (INVISIBLE.test(grapheme)) return 0
  return WIDE.test(grapheme) ? 2 : 1
}

function glyphsOf(line: Line): Glyph[] {
  return line.flatMap(({text, styles}) =>
    [...graphemes.segment(text)].map(({segment}) => ({
      text: segment,
      cells: cellsOf(segment),
      ...(styles && {styles}),
    })),
  )
}

function joined(glyphs: readonly Glyph[]): Line {
  const spans: {text: string; styles?: readonly Style[]}[] = []
  for (const {text, styles} of glyphs) {
    const last = spans.at(-1)
    if (last && last.styles === styles) last.text += text
    else spans.push(styles ? {text, styles} : {text})
  }
  return spans
}
