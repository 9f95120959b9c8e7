import {describe, expect, test} from 'vitest'
import {availability, sparkline, type Slot} from '../../../src/health/trend.ts'

const up = (ms: number): Slot => ({up: 60, down: 0, ms})
const nobody: Slot = {up: 0, down: 0, ms: undefined}

describe('a trend in one line', () => {
  test.each<[string, readonly Slot[], string]>([
    ['bars from zero to the slowest', [up(10), up(50), up(100)], '▁▅█'],
    ['one height for what does not change', [up(80), up(80), up(80)], '███'],
    ['a dot where nobody looked', [nobody, up(100), nobody], '·█·'],
    ['a cross where anything failed, however much was up', [up(100), {up: 59, down: 1, ms: 90}], '█✕'],
    ['the lowest bar for what takes no measurable time', [up(0), up(0)], '▁▁'],
    [
      'the lowest bar where nothing was measured, such as the gateway',
      [{up: 3, down: 0, ms: undefined}],
      '▁',
    ],
    ['nothing for no slots', [], ''],
  ])('draws %s', (_what, slots, picture) => {
    expect(sparkline(slots)).toBe(picture)
  })

  test('never shows a failure as a bar, and is as long as its window', () => {
    const slots = Array.from({length: 24}, (_, index): Slot => ({up: index, down: index % 3, ms: index}))
    const picture = [...sparkline(slots)]
    expect(picture).toHaveLength(24)
    expect(picture.map(character => character === '✕')).toEqual(slots.map(({down}) => down > 0))
  })
})

describe('availability', () => {
  test.each([
    [0, 0, undefined],
    [1, 0, 100],
    [0, 7, 0],
    [1, 2, 33.3],
    // One failure in a week of minutes is not 100 %.
    [10_079, 1, 99.9],
  ])('of %i up and %i down is %s', (ups, downs, percent) => {
    expect(availability(ups, downs)).toBe(percent)
  })
})
