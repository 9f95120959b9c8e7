import {expect, test} from 'vitest'
import {noticeOf} from '../../../src/approvals/alarm.ts'

const window = {id: 'w', person: 'ada', reason: 'the shop is down', openedAt: 0, endsAt: 1_800_000}

test('each moment of a broken glass is told once to whoever approves, and its person watches', () => {
  const moments = [
    {kind: 'broken', window},
    {kind: 'used', window, subject: 'deployment:1', title: 'client → production'},
    {kind: 'used', window, subject: 'deployment:2', title: 'client → production'},
    {kind: 'ended', window},
    {kind: 'over', window},
  ] as const
  const notices = moments.map(moment => noticeOf(moment, ['ada', 'grace']))
  expect(new Set(notices.map(({key}) => key)).size).toBe(moments.length)
  for (const notice of notices)
    expect(notice).toMatchObject({
      story: 'break-glass:w',
      level: 'critical',
      people: ['grace'],
      watchers: ['ada'],
    })
  expect(notices.map(({title}) => title)).toEqual([
    'ada broke the glass: the shop is down',
    'ada let client → production through without approval',
    'ada let client → production through without approval',
    'ada ended it: approvals hold again',
    'ada’s time without approvals is up: they hold again',
  ])
})
