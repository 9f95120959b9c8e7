import {expect, test} from 'vitest'
import {fingerprint} from '../../../src/kernel/fingerprint.ts'

test('a fingerprint is the same for the same text, tells texts apart and holds nothing of them', () => {
  expect(fingerprint('hunter2')).toMatch(/^…[0-9a-f]{4}$/)
  expect(fingerprint('hunter2')).toBe(fingerprint('hunter2'))
  expect(fingerprint('hunter2')).not.toBe(fingerprint('hunter3'))
  expect(fingerprint('')).toBe('…(empty)')
})
