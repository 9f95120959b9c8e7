import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {fold, UNWATCHED, type Tell, type Watch} from '../../../src/health/flips.ts'

const MINUTE = 60_000

/** A look a minute: `u` up, `d` down. What was told, with the minute it was told at. */
function watch(looks: string, from: Watch = UNWATCHED): {told: readonly string[]; watch: Watch} {
  const told: string[] = []
  let state = from
  for (const [minute, look] of [...looks].entries()) {
    const folded = fold(state, look === 'u' ? 'up' : 'down', (minute + 1) * MINUTE)
    state = folded.watch
    if (folded.tell) told.push(`${minute}:${words(folded.tell)}`)
  }
  return {told, watch: state}
}

function words(tell: Tell): string {
  switch (tell.what) {
    case 'up':
      return `up after ${tell.downMs / MINUTE}m`
    case 'steady':
      return `steady ${tell.standing}`
    default:
      return tell.what
  }
}

describe('what people are told of a service that is looked at every minute', () => {
  test.each([
    ['nothing while it is up, also at the first look', 'uuuuu', []],
    ['nothing of one failure', 'uuduuuduu', []],
    ['an outage after two failures in a row, once', 'uuddddd', ['3:down']],
    ['an outage that is there from the start', 'ddd', ['1:down']],
    [
      'the recovery once, with how long it was down since the first failure',
      'uudddduuu',
      ['3:down', '6:up after 4m'],
    ],
    [
      'two outages far apart, each by itself',
      `uudduu${'u'.repeat(40)}dduu`,
      ['3:down', '4:up after 2m', '47:down', '48:up after 2m'],
    ],
    [
      'the fourth change in half an hour as flapping, and nothing of the next ones',
      'udduudduudduuddu',
      ['2:down', '3:up after 2m', '6:down', '7:flapping'],
    ],
    [
      'how it stands once a flapping service was up for 15 minutes',
      `udduuddu${'u'.repeat(20)}`,
      ['2:down', '3:up after 2m', '6:down', '7:flapping', '22:steady up'],
    ],
    [
      'that it stays down where that is how the flapping ends',
      `udduuddudd${'d'.repeat(20)}`,
      ['2:down', '3:up after 2m', '6:down', '7:flapping', '24:steady down'],
    ],
  ])('is %s', (_what, looks, told) => {
    expect(watch(looks).told).toEqual(told)
  })

  test('numbers every word, so that no two are taken for the same, whatever happened', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('u', 'd'), {maxLength: 200}), looks => {
        const {told, watch: end} = watch(looks.join(''))
        expect(end.told).toBe(told.length)
        expect(end.outages).toBe(told.filter(word => word.endsWith(':down')).length)
      }),
    )
  })

  test('never tells an outage twice without its end in between', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('u', 'd'), {maxLength: 300}), looks => {
        const kinds = watch(looks.join('')).told.map(word =>
          word.replace(/^\d+:/, '').replace(/ after.*/, ''),
        )
        kinds.forEach((kind, index) => {
          if (kind === 'down' || kind === 'up') expect(kinds[index - 1]).not.toBe(kind)
        })
      }),
    )
  })

  test('keeps no more changes than half an hour holds', () => {
    expect(watch('uddu'.repeat(200)).watch.flips.length).toBeLessThanOrEqual(30)
  })
})
