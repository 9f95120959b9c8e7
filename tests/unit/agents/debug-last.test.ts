import {expect, test} from 'vitest'
import debugLast from '../../../agents/debug_last.ts'
import {renderReply} from '../../../src/integrations/discord/render.ts'
import type {Actor, Reply, Trace, TracesPort} from '../../../src/sdk/index.ts'

const BOB: Actor = {kind: 'discord', id: '3', name: 'bob'}
const ID = '9f3c21aa-0000-4000-8000-000000000000'
const aTrace = (more: Partial<Trace> = {}): Trace => ({
  id: ID,
  command: 'status',
  status: 'succeeded',
  startedAt: 60_000,
  ms: 1234,
  steps: [
    {name: 'waited for a worker', status: 'done', ms: 12},
    {name: 'github.dispatch acme/web', status: 'failed', ms: 90_000, detail: 'no *way*'},
    {name: 'answer', status: 'open'},
    {name: 'tag', status: 'unknown'},
  ],
  error: undefined,
  runUrl: undefined,
  ...more,
})

async function shown(port: Partial<TracesPort>, id?: string): Promise<Reply> {
  const context = {actor: BOB, services: {traces: {enabled: true, ...port}}} as never
  const result = await debugLast.actions['show']?.run({id}, context)
  if (result?.kind !== 'replied') throw new Error('no reply')
  return result.reply
}

test('a trace shows command, id, start, duration, each step with its mark and time, and the run', async () => {
  expect(
    await shown({find: () => Promise.resolve(aTrace({runUrl: 'https://github.com/r/7', error: 'X: no'}))}),
  ).toEqual({
    state: 'ok',
    title: '/status · succeeded',
    lines: [
      '`9f3c21aa…` · <t:60:f> · took 1234 ms',
      '✅ waited for a worker · 12 ms',
      '❌ github.dispatch acme/web · 1m 30s · no \\*way\\*',
      '⏳ answer',
      '⚠️ tag',
      '❌ X: no',
      '[run](<https://github.com/r/7>)',
    ],
    controls: [{kind: 'action', label: 'Copy trace id', action: 'copy', subject: ID, style: 'secondary'}],
  })
})

test('one that goes on has no duration yet', async () => {
  const reply = await shown({find: () => Promise.resolve(aTrace({status: 'open', ms: undefined}))})
  expect(reply).toMatchObject({state: 'running', title: '/status · in progress'})
  expect(reply.lines?.[0]).toMatch(/in progress$/)
})

test.each([1, 10, 20, 40, 100])(
  'of %i long steps as many as fit are shown, the cut is marked, and the run stays',
  async count => {
    const step = {name: `*${'n'.repeat(60)}`, status: 'done', ms: 1, detail: 'd'.repeat(40)} as const
    const trace = aTrace({
      steps: Array.from({length: count}, () => step),
      runUrl: `https://github.com/${'x'.repeat(60)}`,
    })
    const reply = await shown({find: () => Promise.resolve(trace)})
    const lines = reply.lines ?? []
    expect(lines.join('\n').length).toBeLessThanOrEqual(1400)
    expect(lines.includes('… cut here; the rest does not fit')).toBe(count > 10)
    expect(lines.at(-1)).toContain('[run]')
    // The worker's signature and Discord's limit leave it whole.
    const rendered = renderReply({...reply, lines: [...lines, `asked by ${'x'.repeat(60)} · \`12345678…\``]})
    expect(rendered.embeds[0]?.description).not.toContain('… and')
  },
)

test('where there is nothing, or traces are off, says what to do', async () => {
  const find = () => Promise.resolve(undefined)
  expect(await shown({find})).toMatchObject({state: 'other', title: 'no command of yours yet'})
  expect(await shown({find}, ID)).toMatchObject({title: 'no command of yours has that id'})
  expect(await shown({enabled: false})).toMatchObject({
    state: 'refused',
    lines: [expect.stringContaining('ENABLE_DEBUG_CMD=true')],
  })
})
