import {expect, test} from 'vitest'
import {ellipsisBytes} from '../../../src/kernel/markdown.ts'

test.each([
  ['all that fits', 'größe', 7, 'größe'],
  ['what does not fit is cut, and marked within the limit', 'größe', 6, 'gr…'],
  ['never half a character', '日本語', 7, '日…'],
  ['nor half a pair', '🔴🔴', 7, '🔴…'],
])('%s', (_what, text, most, cut) => {
  expect(ellipsisBytes(text, most)).toBe(cut)
  expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(most)
})
