import {span, type Line} from './text.ts'

export interface Page {
  readonly lines: readonly Line[]
  /** Which page it is: never further back than there are messages. */
  readonly back: number
}

/** The messages of a channel, oldest first; each is drawn when it is asked for. */
export interface Messages {
  readonly count: number
  draw(index: number): readonly Line[]
}

/** Fewer lines of a message than this are not worth showing. */
const LEAST = 3

/**
 * What of the channel is seen in so many rows: on page 0 whole messages, the newest at the bottom, and of the one that
 * does not fit its beginning, where the answer is. The pages before it go back from that one, line by line.
 */
export function channelPage(messages: Messages, rows: number, back: number): Page {
  const {lines, cut} = newest(messages, rows)
  if (back === 0 || cut === undefined) return {lines, back: 0}
  const above = Array.from({length: cut + 1}, (_, index) => messages.draw(index)).flatMap((block, index) =>
    index === 0 ? [...block] : [[], ...block],
  )
  const step = Math.max(1, rows - 1)
  const page = Math.min(back, Math.ceil(above.length / step))
  const end = above.length - (page - 1) * step
  return {
    lines: [...above.slice(Math.max(0, end - step), end), [span('↓ newer (PageDown)', 'dim')]],
    back: page,
  }
}

/** Page 0, and the message that it does not show whole. */
function newest(
  messages: Messages,
  rows: number,
): {readonly lines: readonly Line[]; readonly cut: number | undefined} {
  let lines: Line[] = []
  for (let index = messages.count - 1; index >= 0; index--) {
    const block = messages.draw(index)
    const gap = lines.length === 0 ? [] : [[]]
    const shown = rows - lines.length - gap.length
    if (block.length > shown) {
      const more: Line = [span(`   … ${block.length - shown + 1} more lines (PageUp)`, 'dim')]
      const beginning = shown > LEAST ? [...block.slice(0, shown - 1), more, ...gap] : []
      return {lines: [...beginning, ...lines], cut: index}
    }
    lines = [...block, ...gap, ...lines]
  }
  return {lines, cut: undefined}
}
