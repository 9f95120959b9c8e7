import {beforeEach, describe, expect, test} from 'vitest'
import keeper from '../../../agents/approval_keeper.ts'
import {renderReply} from '../../../src/integrations/discord/render.ts'
import type {
  ActionContext,
  ApprovalStatistics,
  ApprovalSummary,
  ApprovalsPort,
  VoteReport,
} from '../../../src/sdk/index.ts'

const ID = '9f3c21aa-5b1e-4d7a-9c55-0d6a1f4b7e21'
const COMMAND = '11111111-1111-4111-8111-111111111111'
const actor = {kind: 'discord', id: '1', name: 'ada'} as const

function aSummary(change: Partial<ApprovalSummary> = {}): ApprovalSummary {
  return {
    id: ID,
    ballot: `${ID}_c0ffeec0ffee`,
    title: 'client → production',
    status: 'pending',
    level: 'high',
    requester: 'grace',
    approvals: 1,
    needed: 2,
    waitsFor: '1 more approval, one of a tech_lead or cto',
    createdAt: 1_800_000_000_000,
    expiresAt: 1_800_003_600_000,
    url: 'https://discord.com/channels/77/5/6',
    ...change,
  }
}

let said: object[]
beforeEach(() => void (said = []))

async function reply(
  action: 'list' | 'approve' | 'reject' | 'ask',
  input: object,
  answer: VoteReport | readonly ApprovalSummary[],
  past: Partial<ApprovalStatistics> = {},
) {
  const say = async (what: object) => (said.push(what), answer as VoteReport)
  const approvals: Partial<ApprovalsPort> = {
    pending: async query => (said.push(query), answer as readonly ApprovalSummary[]),
    statistics: async () => ({asked: 0, approved: 0, rejected: 0, expired: 0, meanMs: undefined, ...past}),
    vote: say,
    ask: say,
  }
  const plans = {knows: async () => false}
  const context = {actor, correlationId: COMMAND, services: {approvals, plans}} as unknown as ActionContext
  const result = await keeper.actions[action]?.run(input, context)
  if (result?.kind !== 'replied') throw new Error('no reply')
  const {content, embeds} = renderReply(result.reply)
  return `${content}\n${embeds[0]?.description ?? ''}`.trim()
}

describe('a vote', () => {
  test('that counts but does not decide says what is still missing', async () => {
    const text = await reply(
      'approve',
      {id: ID, justification: 'an outage'},
      {kind: 'counted', request: aSummary()},
    )
    expect(said).toEqual([
      {request: ID, actor, correlationId: COMMAND, justification: 'an outage', decision: 'approve'},
    ])
    expect(text).toBe(
      '✅ your approval counts · 1 of 2\n' +
        '[client → production](<https://discord.com/channels/77/5/6>)\n' +
        'still waits for 1 more approval, one of a tech\\_lead or cto',
    )
  })

  test('that decides says so', async () => {
    const approved = {kind: 'counted', request: aSummary({status: 'approved', approvals: 2})} as const
    expect(await reply('approve', {id: ID}, approved)).toMatch(/^✅ your approval counts · approved\n/)
    const rejected = {kind: 'counted', request: aSummary({status: 'rejected'})} as const
    const text = await reply('reject', {id: ID, reason: 'not today'}, rejected)
    expect(said.at(-1)).toEqual({
      request: ID,
      actor,
      correlationId: COMMAND,
      reason: 'not today',
      decision: 'reject',
    })
    expect(text).toMatch(/^✅ your rejection counts · rejected\n[^]*is told, with your reason$/)
  })

  test('that does not count says why and where to look; nothing in it pings or pretends', async () => {
    const request = aSummary({title: '[@everyone](https://evil.example)', url: undefined})
    const text = await reply(
      'reject',
      {id: ID},
      {kind: 'refused', message: 'It was approved by <@1>.', request},
    )
    expect(text).toContain('⛔ your rejection does not count\n· It was approved by')
    expect(text).not.toContain('@everyone')
    expect(text).not.toContain('<@1>')
    expect(text).not.toContain('](https')
  })
})

test('a question is told to have been asked, or why not', async () => {
  const counted = {kind: 'counted', request: aSummary()} as const
  expect(await reply('ask', {id: ID, question: 'why now?'}, counted)).toMatch(/^✅ your question was asked\n/)
  expect(said).toEqual([{request: ID, actor, correlationId: COMMAND, text: 'why now?'}])
  const refused = {kind: 'refused', message: 'No.', request: undefined} as const
  expect(await reply('ask', {id: ID}, refused)).toBe('⛔ your question was not asked\n· No.')
})

describe('the list', () => {
  test('of nothing says so, and what else there is to look at', async () => {
    expect(await reply('list', {show: 'all'}, [])).toBe('📋 nothing waits for an approval')
    expect(await reply('list', {show: 'mine'}, [])).toContain(
      '📋 nothing waits for you\n`/approvals show:all`',
    )
    expect(said).toEqual([
      {actor, whose: 'all', limit: 9},
      {actor, whose: 'mine', limit: 9},
    ])
  })

  test('shows each with risk, requester, age, count, end and the way to its message', async () => {
    const text = await reply('list', {show: 'mine'}, [
      aSummary(),
      aSummary({level: 'low', expiresAt: undefined}),
    ])
    expect(text).toMatch(/^⏳ approvals · 2 for you to decide\n/)
    expect(text).toContain(
      '**high** [client → production](<https://discord.com/channels/77/5/6>) · by grace <t:1800000000:R> · 1 of 2 · until <t:1800003600:R>\n',
    )
    expect(text).toMatch(/\*\*low\*\* .* · 1 of 2\n/)
  })

  test('of more than fit says that there are more, within one message', async () => {
    const many = Array.from({length: 9}, () => aSummary())
    const text = await reply('list', {show: 'all'}, many)
    expect(text).toMatch(/^⏳ approvals · 8\+ pending\n/)
    expect(text).toMatch(/and more, of no higher risk\n.*`\/reject`$/)
    expect(text.length).toBeLessThan(2000)
  })

  test('ends with how it went lately, where there was anything', async () => {
    const past = {asked: 31, approved: 24, rejected: 3, expired: 4, meanMs: 754_000}
    expect(await reply('list', {show: 'all'}, [], past)).toBe(
      '📋 nothing waits for an approval\nlast 30 days: 31 asked for · 24 approved · 3 rejected · 4 expired · decided in 12m 34s on average',
    )
    expect(await reply('list', {show: 'mine'}, [aSummary()], {asked: 1})).toMatch(
      /`\/reject`\nlast 30 days: 1 asked for · 0 approved · 0 rejected · 0 expired$/,
    )
  })
})
