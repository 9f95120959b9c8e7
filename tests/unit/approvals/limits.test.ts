import {expect, test} from 'vitest'
import {bounded, spared} from '../../../src/approvals/limits.ts'
import {requirementOf} from '../../../src/approvals/policy.ts'
import {TEAM} from '../../support/approvals.ts'

const LIMITS = new Map([
  ['team_lead', 10],
  ['tech_lead', 20],
])
const high = requirementOf('high', new Map())
const entitled = TEAM.filter(({roles}) => roles.some(role => high.roles.includes(role)))

test('a person’s limit is the highest of the roles by which they may decide; without one for each there is none', () => {
  const most = (...roles: readonly string[]) => bounded([{id: 'x', roles}], high.roles, LIMITS)[0]?.most
  expect(most('team_lead')).toBe(10)
  expect(most('team_lead', 'tech_lead')).toBe(20)
  expect(most('team_lead', 'developer')).toBe(10)
  expect(most('team_lead', 'cto')).toBeUndefined()
})

test('who has enough to decide is not called, as long as the others can make it up among them', () => {
  const among = (...busy: readonly string[]) => spared(high, entitled, new Set(busy))
  expect(among()).toEqual([])
  expect(among('tom')).toEqual(['tom'])
  expect(among('tom', 'tina', 'grace')).toEqual(['tom', 'tina', 'grace'])
  // One is too few.
  expect(among('tom', 'tina', 'grace', 'lin')).toEqual([])
  // Two are left, but neither a tech lead nor the CTO.
  expect(among('grace', 'lin', 'cleo')).toEqual([])
  // Somebody who is not asked anyway.
  expect(among('ada')).toEqual([])
})
