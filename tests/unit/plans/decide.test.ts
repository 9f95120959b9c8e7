import {describe, expect, test} from 'vitest'
import {count, decide, turned, type Plan, type PlanEvent, type PlanStatus} from '../../../src/plans/decide.ts'
import {describe as drawn, news} from '../../../src/plans/message.ts'
import type {PlanRecord} from '../../../src/plans/store.ts'
import {renderReply} from '../../../src/integrations/discord/render.ts'

const issue = (number: number, outcome: 'open' | 'done' | 'dropped' = 'open') => ({
  ...{number, outcome},
  title: `Task ${number}`,
  url: `https://github.com/acme/web/issues/${number}`,
})
const aPlan = (changes: Partial<Plan> = {}): Plan => ({
  status: 'pending',
  issues: [issue(1), issue(2)],
  more: false,
  ...changes,
})
const by = {name: 'leo'}
const closed = (number: number, reason: string | null = 'completed') => ({
  number,
  state: 'closed' as const,
  reason,
})

describe('what a plan becomes', () => {
  const orders: readonly [PlanStatus, PlanEvent['type'], PlanStatus | 'refused'][] = [
    ['pending', 'approved', 'in_progress'],
    ['pending', 'cancelled', 'cancelled'],
    ['pending', 'finished', 'refused'],
    ['in_progress', 'approved', 'refused'],
    ['in_progress', 'cancelled', 'cancelled'],
    ['in_progress', 'finished', 'failed'],
    ...(['completed', 'failed', 'cancelled'] as const).flatMap(status =>
      (['approved', 'cancelled', 'finished'] as const).map(
        event => [status, event, 'refused'] as [PlanStatus, PlanEvent['type'], 'refused'],
      ),
    ),
  ]
  test.each(orders)('%s, when %s, is %s', (status, type, expected) => {
    const told = () => decide(aPlan({status}), {type, by} as PlanEvent)
    if (expected === 'refused') expect(told).toThrow(/The plan /)
    else expect(told().status).toBe(expected)
  })

  test('ended with nothing left open it is completed, and by whom is kept', () => {
    const plan = aPlan({status: 'in_progress', issues: [issue(1, 'done'), issue(2, 'dropped')]})
    expect(decide(plan, {type: 'finished', by})).toMatchObject({status: 'completed', endedBy: 'leo'})
  })

  test('whose issues were all closed before is completed at its start', () => {
    const plan = aPlan({issues: [issue(1, 'done')]})
    expect(decide(plan, {type: 'approved', by})).toMatchObject({status: 'completed', startedBy: 'leo'})
  })
})

describe('its message', () => {
  const record = (plan: Plan): PlanRecord => ({
    ...{
      id: '9f3c21aa-5b1e-4d7a-9c55-0d6a1f4b7e21',
      day: '2026-01-02',
      repository: 'acme/web',
      label: 'ready',
    },
    ...{channelId: '5', plan, threadId: undefined, createdAt: 0},
    requester: {id: '1', name: 'ada', kind: 'discord'},
    thread: 'refused',
  })

  test('keeps how to approve it, however long the issues are', () => {
    const issues = Array.from({length: 300}, (_, n) => ({...issue(n + 1), title: 'x'.repeat(400)}))
    const body = renderReply(drawn(record(aPlan({issues, more: true}))))
    const text = body.embeds[0]?.description ?? ''
    expect(text.length).toBeLessThanOrEqual(1500)
    expect(text).toContain('the oldest 300 open issues')
    expect(text).toContain('… and 290 more')
    expect(text).toContain('approve it with the button of its message')
    expect(text).toContain('plan `9f3c21aa`')
  })

  test.each<[Plan['status'], number]>([
    ['pending', 2],
    ['in_progress', 2],
    ['completed', 0],
    ['failed', 0],
    ['cancelled', 0],
  ])('has, when it is %s, %i buttons', (status, buttons) => {
    expect(drawn(record(aPlan({status}))).controls).toHaveLength(buttons)
  })
})

describe('what is observed', () => {
  test('counts as done or dropped by GitHub’s reason, and the last one completes it', () => {
    const running = aPlan({status: 'in_progress', issues: [issue(1), issue(2), issue(3)]})
    const some = decide(running, {type: 'observed', issues: [closed(1), closed(2, 'not_planned')]})
    expect(count(some)).toEqual({total: 3, open: 1, done: 1, dropped: 1})
    expect(some.status).toBe('in_progress')
    expect(turned(running, some).map(({number}) => number)).toEqual([1, 2])
    expect(decide(some, {type: 'observed', issues: [closed(3, null)]}).status).toBe('completed')
  })

  test('an issue that opens again is open again', () => {
    const plan = aPlan({status: 'in_progress', issues: [issue(1, 'done'), issue(2)]})
    const after = decide(plan, {type: 'observed', issues: [{number: 1, state: 'open', reason: 'reopened'}]})
    expect(count(after).open).toBe(2)
  })

  test('does not complete what nobody started, and changes nothing about what is over', () => {
    const all = {type: 'observed', issues: [closed(1), closed(2)]} as const
    expect(decide(aPlan(), all).status).toBe('pending')
    const over = aPlan({status: 'cancelled'})
    expect(decide(over, all)).toBe(over)
  })

  test('nothing new, or issues of others, is the same plan and no news', () => {
    const plan = aPlan({status: 'in_progress'})
    expect(decide(plan, {type: 'observed', issues: [closed(99)]})).toBe(plan)
    expect(news(plan, plan, [])).toBeUndefined()
  })
})
