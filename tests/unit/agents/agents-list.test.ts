import {expect, test} from 'vitest'
import statusReporter from '../../../agents/status_reporter.ts'
import {renderReply} from '../../../src/integrations/discord/render.ts'
import type {ActionContext, AgentSummary} from '../../../src/sdk/index.ts'

const anAgent = (n: number): AgentSummary => ({
  id: `reviewer_no_${n}`,
  name: `Reviewer Number ${n}`,
  description: `Reviews what nobody else had the time for, *thoroughly*, as the ${n}th in a long line of reviewers`,
  command: '/deploy-client',
  status: 'busy',
  load: {active: 3, capacity: 10},
  lastSeen: Date.now(),
})

const CARDS = new Map([['reviewer_no_0', {tasks: 120, successRate: 0.983, meanMs: 4_200, score: 96.4}]])

/** The first of them as given. */
async function listed(count: number, ...given: readonly AgentSummary[]): Promise<string> {
  const agents = Array.from({length: count}, (_, n) => given[n] ?? anAgent(n))
  const context = {
    services: {catalogue: {agents: async () => agents}, evaluations: {scorecards: async () => CARDS}},
  } as unknown as ActionContext
  const result = await statusReporter.actions['agents']?.run({}, context)
  if (result?.kind !== 'replied') throw new Error('no reply')
  const lines = [...(result.reply.lines ?? []), `asked by ${'x'.repeat(30)} · \`12345678…\``]
  return renderReply({...result.reply, lines}).embeds[0]?.description ?? ''
}

test.each([0, 1, 5, 10, 13, 14, 20, 30, 31, 40, 200])(
  'the list of %i agents is one message with the total at its end',
  async count => {
    const text = await listed(count)
    expect(text.length).toBeLessThanOrEqual(1500)
    expect(text).toContain(`\ntotal: ${count}\n`.slice(count === 0 ? 1 : 0))
    expect(text).not.toContain('… and')
    const shown = new Set(text.match(/`reviewer_no_\d+`/g)).size
    const [, more] = /^and (\d+) more$/m.exec(text) ?? []
    expect(shown + Number(more ?? 0)).toBe(count)
  },
)

test('few agents are told of in full, many in short', async () => {
  expect(await listed(3)).toContain('as the 2th in a long line')
  expect(await listed(10)).toMatch(/Reviews what nobody.*…/)
})

test('thirty agents are all there: state, id, way to reach them and load, those that went away with when', async () => {
  const text = await listed(30)
  expect(text).not.toContain(' more')
  expect(text).toContain('\n🟡 `reviewer_no_29` `/deploy-client` 3/10\n')
  const gone = {...anAgent(1), status: 'offline', load: undefined, lastSeen: 1_795_291_684_000} as const
  expect(await listed(30, gone)).toContain('🔴 `reviewer_no_1` `/deploy-client` seen <t:1795291684:R>\n')
})

test('whoever did something in runs is told with how well', async () => {
  expect(await listed(3)).toContain('30 days: 120 tasks, 98 % well, 4s each, score 96')
  expect(await listed(30)).toContain('`reviewer_no_0` `/deploy-client` 3/10 98 %\n')
})
