import {expect, test} from 'vitest'
import statusReporter from '../../../agents/status_reporter.ts'
import {renderReply} from '../../../src/integrations/discord/render.ts'
import type {ActionContext, AgentSummary} from '../../../src/sdk/index.ts'

const anAgent = (n: number): AgentSummary => ({
  id: `reviewer_number_${n}`,
  name: `Reviewer Number ${n}`,
  description: `Reviews what nobody else had the time for, *thoroughly*, as the ${n}th in a long line of reviewers`,
  command: '/deploy-client',
  status: 'busy',
  load: {active: 3, capacity: 10},
  lastSeen: Date.now(),
})

async function listed(count: number): Promise<string> {
  const agents = Array.from({length: count}, (_, n) => anAgent(n))
  const context = {services: {catalogue: {agents: async () => agents}}} as unknown as ActionContext
  const result = await statusReporter.actions['agents']?.run({}, context)
  if (result?.kind !== 'replied') throw new Error('no reply')
  const lines = [...(result.reply.lines ?? []), `asked by ${'x'.repeat(30)} · \`12345678…\``]
  return renderReply({...result.reply, lines}).embeds[0]?.description ?? ''
}

test.each([0, 1, 5, 10, 13, 14, 20, 200])(
  'the list of %i agents is one message with the total at its end',
  async count => {
    const text = await listed(count)
    expect(text.length).toBeLessThanOrEqual(1500)
    expect(text).toContain(`\ntotal: ${count}\n`.slice(count === 0 ? 1 : 0))
    expect(text).not.toContain('… and')
    const shown = text.split('\n').filter(line => line.startsWith('**')).length
    const [, more] = /^and (\d+) more$/m.exec(text) ?? []
    expect(shown + Number(more ?? 0)).toBe(count)
  },
)

test('few agents are told of in full, many in short', async () => {
  expect(await listed(3)).toContain('as the 2th in a long line')
  expect(await listed(10)).toMatch(/Reviews what nobody.*…/)
})
