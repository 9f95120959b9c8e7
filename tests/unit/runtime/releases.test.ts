import {expect, test} from 'vitest'
import {SHIP_DEFAULTS} from '../../../src/platform/config/sections/targets.ts'
import {rulesOf} from '../../../src/runtime/releases.ts'

const urls = {
  allowedDomains: [],
  allowLocal: false,
  frontendBase: 'https://front.example.com/',
  apiBase: 'https://api.example.com',
}
const search = {name: 'search', url: 'https://front.example.com/search', maxMs: 1000, critical: false}
const checked = (verify: {frontend?: string; api?: string}, where: Partial<typeof urls> = urls) =>
  rulesOf(
    {verify, ship: {...SHIP_DEFAULTS, checks: [search]}},
    {allowedDomains: [], allowLocal: false, ...where},
  ).checks.map(({url, maxMs, critical}) => `${url} ${maxMs} ${critical}`)
const SEARCH = 'https://front.example.com/search 1000 false'

test.each([
  [
    'the installation’s addresses where it has none',
    {},
    urls,
    ['https://front.example.com/ 500 true', 'https://api.example.com/health 200 true', SEARCH],
  ],
  [
    'its own, and none of the installation’s beside them',
    {api: 'https://own.example.com'},
    urls,
    ['https://own.example.com/health 200 true', SEARCH],
  ],
  ['nothing but what is configured', {}, {}, [SEARCH]],
])('a release is verified by %s', (_what, verify, where, expected) => {
  expect(checked(verify, where)).toEqual(expected)
})

test('and waits for a decision as long as its target says', () => {
  expect(rulesOf({verify: {}, ship: {...SHIP_DEFAULTS, expires: 5}}, urls).decideWithinMs).toBe(5)
})
