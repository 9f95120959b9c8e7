import type {WriteStream} from 'node:tty'
import type {Pane} from './layout.ts'
import {clip, paint, type Line} from './text.ts'

export interface Region {
  readonly pane: Pane
  readonly lines: readonly Line[]
}

export interface Screen {
  /** Shows the regions; only rows that differ from what stands there are written. */
  draw(regions: readonly Region[], cursor: {readonly row: number; readonly column: number}): void
  /** Gives the terminal back as it was. */
  close(): void
}

const ESC = '\u001b['

/** Owns the terminal: its alternate screen, so that closing brings back what was there before. */
export function createScreen(
  output: Pick<WriteStream, 'write'>,
  {colour}: {readonly colour: boolean},
): Screen {
  let shown = new Map<string, string>()
  let places = ''
  output.write(`${ESC}?1049h`)
  return {
    draw(regions, cursor) {
      const next = new Map<string, string>()
      const geometry = JSON.stringify(regions.map(({pane}) => pane))
      let changes = geometry === places ? '' : `${ESC}2J`
      if (changes !== '') shown = new Map()
      places = geometry
      for (const {pane, lines} of regions) {
        for (let row = 0; row < pane.rows; row++) {
          const place = `${pane.top + row};${pane.left}`
          const text = paint(clip(lines[row] ?? [], pane.columns), {colour})
          next.set(place, text)
          // Erase by count, then write: should the terminal think a glyph wider than we do, the next pane stays whole.
          if (shown.get(place) !== text) changes += `${ESC}${place}H${ESC}${pane.columns}X${text}`
        }
      }
      shown = next
      // One batch between the synchronisation marks: terminals that know them show no half-drawn frame.
      const frame = changes === '' ? '' : `${ESC}?2026h${ESC}?25l${changes}${ESC}?2026l`
      output.write(`${frame}${ESC}${cursor.row};${cursor.column}H${ESC}?25h`)
    },
    close() {
      output.write(`${ESC}?25h${ESC}?1049l`)
    },
  }
}
