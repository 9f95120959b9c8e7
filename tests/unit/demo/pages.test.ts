import {expect, test} from 'vitest'
import {channelPage} from '../../../src/runtime/demo/view/pages.ts'
import {span, type Line} from '../../../src/runtime/demo/view/text.ts'

const block = (name: string, lines: number): Line[] =>
  Array.from({length: lines}, (_, index) => [span(`${name}${index + 1}`)])
const seen = (blocks: readonly Line[][], rows: number, back = 0) => {
  const page = channelPage({count: blocks.length, draw: index => blocks[index] ?? []}, rows, back)
  expect(page.lines.length).toBeLessThanOrEqual(rows)
  return {back: page.back, text: page.lines.map(line => line.map(({text}) => text).join('')).join('|')}
}

test('what fits is shown whole, and there is nothing to turn back to', () => {
  const blocks = [block('a', 2), block('b', 2)]
  expect(seen(blocks, 6)).toEqual({back: 0, text: 'a1|a2||b1|b2'})
  expect(seen(blocks, 6, 3)).toEqual({back: 0, text: 'a1|a2||b1|b2'})
  expect(seen([], 6, 3)).toEqual({back: 0, text: ''})
})

test('the message that does not fit shows its beginning; the page before has the rest of it', () => {
  const blocks = [block('a', 6), block('b', 2)]
  expect(seen(blocks, 7).text).toBe('a1|a2|a3|   … 3 more lines (PageUp)||b1|b2')
  expect(seen(blocks, 7, 1)).toEqual({back: 1, text: 'a1|a2|a3|a4|a5|a6|↓ newer (PageDown)'})
  expect(seen(blocks, 7, 9).back).toBe(1)
  // Too little room to be worth it.
  expect(seen(blocks, 5).text).toBe('b1|b2')
})

test('every line of a message taller than the screen can be read by turning back', () => {
  const blocks = [block('a', 2), block('b', 20)]
  expect(seen(blocks, 6).text).toBe('b1|b2|b3|b4|b5|   … 15 more lines (PageUp)')
  const pages = [1, 2, 3, 4, 5].map(back => seen(blocks, 6, back))
  expect(pages[0]?.text).toBe('b16|b17|b18|b19|b20|↓ newer (PageDown)')
  expect(pages.map(({back}) => back)).toEqual([1, 2, 3, 4, 5])
  const read = new Set(pages.flatMap(({text}) => text.split('|')))
  for (const line of blocks.flat()) expect(read).toContain(line[0]?.text)
  expect(seen(blocks, 6, 6).back).toBe(5)
})
