import {expect, test} from 'vitest'
import {clip, lineWidth, paint, span, width, wrap, type Line} from '../../../src/runtime/demo/view/text.ts'

const plain = (lines: readonly Line[]) => lines.map(line => paint(line, {colour: false}))

test.each([
  ['deploy', 6],
  ['🟡 client', 9],
  ['⏱️', 2],
  ['👩‍🚀', 2],
  ['日本', 4],
  ['e\u0301', 1],
  ['a\u200bb', 2],
  ['✓ ✗ ▶ ·', 7],
])('%j takes %i cells', (text, cells) => {
  expect(width(text)).toBe(cells)
})

test('a line that fits is not touched, a longer one ends in an ellipsis within its cells', () => {
  const line = [span('🟢 ', 'bold'), span('success after 7s')]
  expect(clip(line, 19)).toBe(line)
  const cut = clip(line, 10)
  expect(plain([cut])).toEqual(['🟢 succes…'])
  expect(lineWidth(cut)).toBe(10)
  expect(clip(line, 0)).toEqual([])
})

test('an emoji that would straddle the edge is left out whole', () => {
  expect(plain([clip([span('ab🟢cd')], 4)])).toEqual(['ab…'])
})

test('lines break between words, and further rows hang under the first', () => {
  expect(plain(wrap([span('the quick brown fox jumps')], 11, [span('  ')]))).toEqual([
    'the quick',
    '  brown fox',
    '  jumps',
  ])
})

test('a word longer than a row is broken where the row ends', () => {
  expect(plain(wrap([span('abcdefghij')], 4, [span(' ')]))).toEqual(['abcd', ' efg', ' hij'])
})

test('no row is wider than asked, whatever stands in it, and nothing but spaces is lost', () => {
  const text = 'build ✅ 41s · deploy ▶ since 12 s · 日本語のテキスト · https://example.com/a/very/long/path'
  for (let columns = 6; columns < 60; columns++) {
    const rows = wrap([span(text)], columns, [span('  ')])
    expect(Math.max(...rows.map(lineWidth))).toBeLessThanOrEqual(columns)
    expect(plain(rows).join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''))
  }
})

test('styles survive breaking', () => {
  const rows = wrap([span('one '), span('two three', 'bold')], 5)
  expect(rows.map(row => row.filter(each => each.styles).map(each => each.text))).toEqual([
    [],
    ['two'],
    ['three'],
  ])
})

test('what would move the cursor or turn the reading direction never reaches the terminal', () => {
  const line = [span('a\u001b[2Jb\u0007c\u202ed\r\n')]
  expect(paint(line, {colour: false})).toBe('a·[2Jb·c·d··')
  expect(paint([span('x', 'red')], {colour: true})).toBe('\u001b[31mx\u001b[39m')
  expect(paint([span('x', 'red')], {colour: false})).toBe('x')
})
