/** A rectangle of the terminal; rows and columns count from 1, as terminals do. */
export interface Pane {
  readonly top: number
  readonly left: number
  readonly columns: number
  readonly rows: number
}

export interface Layout {
  readonly channel: Pane
  readonly run: Pane
  /** Narration, suggestions and the prompt, over the whole width. */
  readonly footer: Pane
}

const SIDE_BY_SIDE_FROM = 100
const GAP = 2

/**
 * Channel and run beside each other where the terminal is wide enough, else the run below the channel. The panes
 * never overlap and never leave the screen; below 40x16 they are cut rather than squeezed further.
 */
export function layOut(terminal: {readonly columns: number; readonly rows: number}): Layout {
  const columns = Math.max(terminal.columns, 40)
  const rows = Math.max(terminal.rows, 16)
  const footerRows = rows < 30 ? 5 : 8
  const upper = rows - footerRows
  const footer: Pane = {top: upper + 1, left: 1, columns, rows: footerRows}
  if (columns >= SIDE_BY_SIDE_FROM) {
    const left = Math.floor((columns - GAP) * 0.6)
    return {
      channel: {top: 1, left: 1, columns: left, rows: upper},
      run: {top: 1, left: left + GAP + 1, columns: columns - left - GAP, rows: upper},
      footer,
    }
  }
  const runRows = Math.max(5, Math.floor(upper * 0.3))
  return {
    channel: {top: 1, left: 1, columns, rows: upper - runRows},
    run: {top: upper - runRows + 1, left: 1, columns, rows: runRows},
    footer,
  }
}

/** Channel and run together, for something that needs the room of both. */
export function upperPane({footer}: Layout): Pane {
  return {top: 1, left: 1, columns: footer.columns, rows: footer.top - 1}
}
