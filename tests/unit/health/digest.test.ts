import {describe, expect, test} from 'vitest'
import {digestEndpoints} from '../../../src/health/digest.ts'
import type {EndpointCheck} from '../../../src/sdk/index.ts'

const check = (side: EndpointCheck['side'], ok: boolean, ms = 100): EndpointCheck => ({
  side,
  url: 'https://example.com/',
  ok,
  ms,
})
const checks = (good: number, bad: number) => [
  ...Array.from({length: good}, () => check('api', true)),
  ...Array.from({length: bad}, () => check('api', false)),
]

describe('the level', () => {
  test.each([
    [0, 0, 'unknown'],
    [4, 0, 'healthy'],
    [3, 1, 'degraded'],
    [2, 2, 'critical'],
    [1, 3, 'critical'],
    [0, 1, 'critical'],
    [5, 2, 'degraded'],
  ])('of %i answers and %i errors is %s', (good, bad, level) => {
    expect(digestEndpoints(checks(good, bad)).level).toBe(level)
  })
})

describe('a side', () => {
  const of = (...list: EndpointCheck[]) => digestEndpoints(list).sides[0]

  test('that is not configured is not there', () => {
    expect(digestEndpoints([check('api', true)]).sides.map(({side}) => side)).toEqual(['api'])
    expect(digestEndpoints([]).sides).toEqual([])
  })

  test('counts for itself', () => {
    const {sides} = digestEndpoints([check('frontend', true), check('frontend', true), check('api', false)])
    expect(sides).toMatchObject([
      {side: 'frontend', total: 2, errors: 0, successRate: 100},
      {side: 'api', total: 1, errors: 1, successRate: 0},
    ])
  })

  test('has its success rate to one decimal', () => {
    expect(of(check('api', true), check('api', true), check('api', false))?.successRate).toBe(66.7)
  })

  test('measures only what answered', () => {
    expect(of(check('api', true, 100), check('api', false, 10_000))).toMatchObject({p50Ms: 100, p95Ms: 100})
    expect(of(check('api', false))).toMatchObject({p50Ms: undefined, p95Ms: undefined})
  })

  test('gives a single sample as every percentile, and the nearest rank of more', () => {
    expect(of(check('api', true, 42))).toMatchObject({p50Ms: 42, p95Ms: 42})
    const many = Array.from({length: 100}, (_, index) => check('api', true, 100 - index))
    expect(of(...many)).toMatchObject({p50Ms: 50, p95Ms: 95})
  })
})
