import fc from 'fast-check'
import {expect, test} from 'vitest'
import {createSeen} from '../../../src/events/seen.ts'

test('an id is new once within its time, and new again when twice that time has passed', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({id: fc.constantFrom('a', 'b', 'c', 'd'), waitMs: fc.nat(150)}), {maxLength: 60}),
      steps => {
        let now = 0
        const seen = createSeen({clock: () => now, ttlMs: 100})
        const addedAt = new Map<string, number>()
        for (const {id, waitMs} of steps) {
          now += waitMs
          const isNew = seen.add(id)
          const age = now - (addedAt.get(id) ?? -Infinity)
          if (age < 100) expect(isNew).toBe(false)
          if (age > 200) expect(isNew).toBe(true)
          if (isNew) addedAt.set(id, now)
        }
      },
    ),
  )
})

test('its memory is bounded', () => {
  const seen = createSeen({clock: () => 0, max: 10})
  expect(seen.add('first')).toBe(true)
  for (let n = 0; n < 20; n++) seen.add(String(n))
  expect(seen.add('first')).toBe(true)
  expect(seen.add('19')).toBe(false)
})
