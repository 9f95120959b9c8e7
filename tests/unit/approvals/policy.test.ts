import {describe, expect, test} from 'vitest'
import {requirementOf} from '../../../src/approvals/policy.ts'
import {awakeAt} from '../../../src/approvals/quiet-hours.ts'
import type {RiskLevel} from '../../../src/kernel/risk-level.ts'
import type {ApprovalPolicy} from '../../../src/platform/config/config.ts'

const MINUTE = 60_000
const required = (level: RiskLevel, policy?: ApprovalPolicy) =>
  requirementOf(level, new Map(policy ? [[level, policy]] : []))

describe('what a level takes', () => {
  test('by default', () => {
    expect(required('low').approvers).toBe(0)
    expect(required('medium')).toMatchObject({
      approvers: 1,
      roles: ['team_lead', 'tech_lead', 'cto'],
      including: [],
      expiresMs: 30 * MINUTE,
      escalateTo: ['tech_lead'],
      justification: false,
    })
    expect(required('high')).toMatchObject({
      approvers: 2,
      roles: ['team_lead', 'tech_lead', 'cto'],
      including: ['tech_lead', 'cto'],
      expiresMs: 60 * MINUTE,
      escalateTo: ['cto'],
    })
    expect(required('critical')).toMatchObject({
      approvers: 2,
      roles: ['tech_lead', 'cto', 'security_team'],
      including: ['cto', 'security_team'],
      expiresMs: 90 * MINUTE,
      escalateTo: ['security_team'],
      justification: true,
    })
  })

  test('an operator may lower and raise it', () => {
    expect(required('high', {approvers: 0}).approvers).toBe(0)
    expect(required('low', {approvers: 1})).toMatchObject({
      approvers: 1,
      roles: expect.arrayContaining(['developer']),
    })
    expect(
      required('medium', {approvers: 3, expires: 5, escalateTo: [], mailAfter: 'never', justification: true}),
    ).toMatchObject({approvers: 3, expiresMs: 5, escalateTo: [], mailAfterMs: null, justification: true})
  })

  test('a mix of roles is asked for only among several, of roles that may decide', () => {
    expect(required('high', {roles: ['team_lead', 'tech_lead']}).including).toEqual(['tech_lead'])
    expect(required('high', {roles: ['ops']}).including).toEqual([])
    expect(required('high', {approvers: 1}).including).toEqual([])
  })

  test('only low risk may wait for ever', () => {
    expect(required('low', {expires: 'never'}).expiresMs).toBeNull()
    expect(required('critical', {expires: 'never'}).expiresMs).toBe(90 * MINUTE)
  })
})

describe('quiet hours', () => {
  const night = {from: '22:00', to: '07:00', timezone: 'UTC'}
  const at = (time: string) => Date.parse(`2026-11-21T${time}Z`)

  test.each([
    ['21:59:59', '2026-11-21T21:59:59'],
    ['22:00:00', '2026-11-22T07:00:00'],
    ['23:30:12', '2026-11-22T07:00:00'],
    ['00:00:00', '2026-11-21T07:00:00'],
    ['06:59:59', '2026-11-21T07:00:00'],
    ['07:00:00', '2026-11-21T07:00:00'],
  ])('%s waits until %s', (time, until) => {
    expect(new Date(awakeAt(at(time), night)).toISOString().slice(0, 19)).toBe(until)
  })

  test('within one day, and without any', () => {
    const noon = {from: '12:00', to: '13:00', timezone: 'UTC'}
    expect(awakeAt(at('12:30:00'), noon)).toBe(at('13:00:00'))
    expect(awakeAt(at('11:59:00'), noon)).toBe(at('11:59:00'))
    expect(awakeAt(at('12:30:00'), undefined)).toBe(at('12:30:00'))
    expect(awakeAt(at('12:30:00'), {from: '12:00', to: '12:00', timezone: 'UTC'})).toBe(at('12:30:00'))
  })

  test.each([
    ['clocks forward in the night', '2026-03-28T22:30:00Z', '2026-03-29T05:00:00Z', '07:00'],
    ['clocks back in the night', '2026-10-24T22:30:00Z', '2026-10-25T06:00:00Z', '07:00'],
    ['an end that does not exist that day', '2026-03-28T22:30:00Z', '2026-03-29T01:00:00Z', '02:30'],
    ['an end that exists twice: the first', '2026-10-24T22:30:00Z', '2026-10-25T00:30:00Z', '02:30'],
  ])('%s', (_what, from, until, to) => {
    const berlin = {from: '22:00', to, timezone: 'Europe/Berlin'}
    expect(new Date(awakeAt(Date.parse(from), berlin))).toEqual(new Date(until))
  })
})
