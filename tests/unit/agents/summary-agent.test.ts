import {expect, test} from 'vitest'
import summaryAgent from '../../../agents/summary_agent.ts'
import {renderReply} from '../../../src/integrations/discord/render.ts'
import type {ActionContext, OmittedSection} from '../../../src/sdk/index.ts'

test.each([0, 1, 2, 3])(
  'a dry run shows what it would write also where %i sections could not be read, all in one message',
  async count => {
    const sections: OmittedSection['section'][] = ['merged pull requests', 'deploys', 'next steps']
    const omitted = sections
      .slice(0, count)
      .map(section => ({section, reason: 'GitHub said no. '.repeat(20)}))
    const markdown = `## today\n\n${'- a line of the section\n'.repeat(200)}`
    const compose = async () => ({repository: 'acme/web', path: 'docs/SUMMARY.md', markdown, omitted})
    const context = {services: {summary: {compose}}} as unknown as ActionContext
    const result = await summaryAgent.actions['update']?.run({dry_run: true}, context)
    if (result?.kind !== 'replied') throw new Error('no reply')
    const lines = [...(result.reply.lines ?? []), 'asked by somebody with a name · `9f3c21aa…`']
    const shown = renderReply({...result.reply, lines}).embeds[0]?.description ?? ''
    expect(shown).toBe(lines.join('\n'))
    const [, more] = /and (\d+) characters more/.exec(shown) ?? []
    const [, block = ''] = /```\n([^]*)\n```/.exec(shown) ?? []
    expect(block.length).toBeGreaterThan(300)
    expect(Number(more)).toBeGreaterThanOrEqual(markdown.length - block.length - 10)
  },
)
