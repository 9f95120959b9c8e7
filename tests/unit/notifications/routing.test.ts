import {describe, expect, test} from 'vitest'
import {RISK_LEVELS, type RiskLevel} from '../../../src/kernel/risk-level.ts'
import type {NewNotice, NoticeEvent} from '../../../src/notifications/notice.ts'
import {
  narrowed,
  release,
  route,
  withStakeholders,
  type Released,
  type Standing,
} from '../../../src/notifications/routing.ts'
import {NOTICE_EVENTS} from '../../../src/platform/config/sections/notifications.ts'
import type {ChannelName, NotificationRules} from '../../../src/platform/config/config.ts'
import {aNotice, noRules} from '../../support/notices.ts'

const everything = () => true
const without = (off: ChannelName) => (channel: ChannelName) => channel !== off

/** `linear mail~` : told in Linear, mail held back. */
function routed(
  more: Partial<NewNotice>,
  available: (channel: ChannelName) => boolean = everything,
  rules: NotificationRules = noRules,
): string {
  return route(aNotice(more), rules, available)
    .map(({channel, held}) => `${channel}${held ? `~${held.heldMs ?? ''}` : ''}`)
    .join(' ')
}

describe('where a notice is told', () => {
  test('the whole table, event by level', () => {
    const table = NOTICE_EVENTS.map(event => [event, ...RISK_LEVELS.map(level => routed({event, level}))])
    expect(table).toEqual([
      ['approval_required', 'linear mail~', 'linear mail~', 'linear mail', 'linear mail'],
      ['approval_vote', 'linear', 'linear', 'linear', 'linear'],
      ...['approval_question', 'approval_reminder', 'approval_escalated'].map(event => [
        event,
        'linear mail~ discord',
        'linear mail~ discord',
        'linear mail discord',
        'linear mail discord',
      ]),
      ...['approval_approved', 'approval_rejected', 'approval_expired', 'approval_cancelled'].map(event => [
        event,
        'linear mail~ pull-request',
        'linear mail~ pull-request',
        'linear mail pull-request',
        'linear mail pull-request',
      ]),
      [
        'break_glass',
        'linear mail~ discord',
        'linear mail~ discord',
        'linear mail discord',
        'linear mail discord',
      ],
      ['task_completed', ...RISK_LEVELS.map(() => 'linear pull-request')],
      [
        'task_failed',
        'linear discord pull-request',
        'linear mail~ discord pull-request',
        'linear mail discord pull-request',
        'linear mail discord pull-request',
      ],
      ['agent_error', 'linear discord', 'linear mail~ discord', 'linear mail discord', 'linear mail discord'],
      ['service_down', 'discord', 'mail discord', 'mail discord', 'mail discord'],
      ['service_up', 'discord', 'mail discord', 'mail discord', 'mail discord'],
    ])
  })

  test('mail does not wait for a Linear that is off', () => {
    expect(routed({level: 'medium'}, without('linear'))).toBe('mail')
  })

  test('a channel that is off is told nothing', () => {
    expect(routed({level: 'critical'}, without('mail'))).toBe('linear')
    expect(routed({level: 'critical'}, () => false)).toBe('')
  })

  test('only what asks goes out for want of an answer', () => {
    expect(routed({level: 'medium', mailAfterMs: 600_000})).toBe('linear mail~600000')
    expect(routed({level: 'medium', mailAfterMs: 600_000, event: 'approval_reminder'})).toBe(
      'linear mail~ discord',
    )
  })

  test('a level’s mail is the operator’s to say', () => {
    const rules = (mail: 'at-once' | 'fallback' | 'never') => ({
      ...noRules,
      levels: new Map([['high', {mail}] as const]),
    })
    expect(routed({}, everything, rules('at-once'))).toBe('linear mail')
    expect(routed({}, everything, rules('fallback'))).toBe('linear mail~')
    expect(routed({}, everything, rules('never'))).toBe('linear')
    expect(routed({level: 'critical'}, everything, rules('never'))).toBe('linear mail')
  })

  test('so is the least level at which an event is told in a channel', () => {
    const rules = {
      ...noRules,
      events: new Map([['task_failed', {from: {mail: 'critical', discord: 'never'}}] as const]),
    }
    const of = (level: RiskLevel) => routed({event: 'task_failed', level}, everything, rules)
    expect(RISK_LEVELS.map(of)).toEqual([
      'linear pull-request',
      'linear pull-request',
      'linear pull-request',
      'linear mail pull-request',
    ])
    expect(routed({event: 'agent_error'}, everything, rules)).toBe('linear mail discord')
  })
})

describe('who hears of it', () => {
  const rules: NotificationRules = {
    levels: new Map([['high', {watchers: ['lou']}]]),
    events: new Map([['task_failed', {from: {}, watchers: ['eve']}]]),
    people: new Map([['ada', {mail: 'critical', discord: 'never'}]]),
    projects: new Map([
      ['web', {watchers: ['pat'], updateIssues: true, createIssues: false}],
      ['docs', {updateIssues: true, createIssues: false}],
    ]),
  }

  test('besides those concerned, those whom the project, else the event, else the level names', () => {
    const watchers = (more: Partial<NewNotice>) =>
      withStakeholders(aNotice({watchers: ['ann'], ...more}), rules).watchers
    expect(watchers({})).toEqual(['ann', 'lou'])
    expect(watchers({event: 'task_failed'})).toEqual(['ann', 'eve'])
    expect(watchers({event: 'task_failed', project: 'web'})).toEqual(['ann', 'pat'])
    expect(watchers({project: 'docs'})).toEqual(['ann', 'lou'])
    expect(watchers({level: 'low', watchers: ['ann', 'ann']})).toEqual(['ann'])
  })

  test('but nobody in a channel that they want to hear less from', () => {
    const people = (channel: ChannelName, level: 'high' | 'critical') => {
      const {people: asked, watchers} = narrowed(
        aNotice({level, people: ['ada', 'bob'], watchers: ['ada']}),
        channel,
        rules,
      )
      return [...asked, '|', ...watchers].join(' ')
    }
    expect(people('mail', 'high')).toBe('bob |')
    expect(people('mail', 'critical')).toBe('ada bob | ada')
    expect(people('discord', 'critical')).toBe('bob |')
    expect(people('linear', 'high')).toBe('ada bob | ada')
  })
})

describe('what is held back', () => {
  const NOW = 1_000_000
  const linear = (more: Partial<Standing> = {}): Standing => ({
    seq: 1,
    channel: 'linear',
    state: 'waiting',
    failures: 0,
    dueAt: NOW,
    heldUntil: undefined,
    ...more,
  })
  const mail = (more: Partial<Standing> = {}): Standing => linear({channel: 'mail', state: 'held', ...more})
  const asked = (...later: NoticeEvent[]) =>
    ['approval_required' as const, ...later].map((event, i) => ({seq: i + 1, event}))
  const one = (rows: readonly Standing[], notices = asked()): string => {
    const [released] = release(notices, rows, NOW)
    return released ? said(released) : 'nothing'
  }
  const said = (released: Released) =>
    released.state === 'held'
      ? `held until ${released.lookAt ?? 'something happens'}`
      : `${released.state}: ${released.reason}`

  test.each<[string, readonly Standing[], string]>([
    ['Linear has not had its turn', [linear(), mail()], 'held until something happens'],
    ['Linear failed once', [linear({failures: 1}), mail()], 'held until something happens'],
    ['Linear failed twice', [linear({failures: 2}), mail()], 'held until something happens'],
    ['Linear failed at both retries', [linear({failures: 3}), mail()], 'waiting: Linear does not tell it'],
    [
      'Linear is not asked again for long',
      [linear({failures: 1, dueAt: NOW + 30_001}), mail()],
      'waiting: Linear does not tell it',
    ],
    ['Linear refused', [linear({state: 'refused'}), mail()], 'waiting: Linear does not tell it'],
    ['Linear has nobody to tell', [linear({state: 'skipped'}), mail()], 'waiting: Linear does not tell it'],
    ['Linear was given up', [linear({state: 'failed'}), mail()], 'waiting: Linear does not tell it'],
    ['there is no Linear', [mail()], 'waiting: Linear does not tell it'],
    ['Linear told it', [linear({state: 'told'}), mail()], 'skipped: told in Linear'],
    [
      'Linear told it, and there is time to answer',
      [linear({state: 'told'}), mail({heldUntil: NOW + 1})],
      `held until ${NOW + 1}`,
    ],
    [
      'Linear told it, and nobody answered',
      [linear({state: 'told'}), mail({heldUntil: NOW})],
      'waiting: no answer in Linear',
    ],
    [
      'Linear fails before the time is over',
      [linear({failures: 3}), mail({heldUntil: NOW + 1})],
      'waiting: Linear does not tell it',
    ],
  ])('%s', (_case, rows, expected) => {
    expect(one(rows)).toBe(expected)
  })

  test.each<NoticeEvent>([
    'approval_approved',
    'approval_rejected',
    'approval_expired',
    'approval_cancelled',
  ])('after %s nobody is asked any more', end => {
    expect(one([linear({failures: 9}), mail({heldUntil: NOW})], asked('approval_vote', end))).toBe(
      'skipped: decided meanwhile',
    )
  })

  test('a verdict goes by mail only where the request went by mail', () => {
    const notices = asked('approval_approved')
    const verdict = (first: Standing['state']) =>
      release(
        notices,
        [linear({state: 'told'}), mail({state: first}), linear({seq: 2, state: 'told'}), mail({seq: 2})],
        NOW,
      ).map(said)
    expect(verdict('told')).toEqual(['waiting: the story is told here'])
    expect(verdict('waiting')).toEqual(['waiting: the story is told here'])
    expect(verdict('skipped')).toEqual(['skipped: told in Linear'])
    expect(verdict('held')).toEqual(['skipped: decided meanwhile', 'skipped: told in Linear'])
  })

  test('a later mail does not bring an earlier one after it', () => {
    const rows = [linear({state: 'told'}), mail(), mail({seq: 2, state: 'told'})]
    expect(one(rows, asked('approval_escalated'))).toBe('skipped: told in Linear')
  })

  test('what is not held is left alone', () => {
    for (const state of ['waiting', 'told', 'skipped', 'refused', 'failed'] as const)
      expect(one([linear(), mail({state})])).toBe('nothing')
  })
})
