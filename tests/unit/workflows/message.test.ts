import {expect, test} from 'vitest'
import {renderReply} from '../../../src/integrations/discord/render.ts'
import {closing, describe as draw} from '../../../src/workflows/message.ts'
import type {ShownRun, ShownStep} from '../../../src/workflows/shown.ts'

const NOW = Date.parse('2026-01-01T12:02:15Z')
const asked = {by: 'ada', correlationId: '9f3c21aa-5b1e-4d7a-9c55-0d6a1f4b7e21'}
const telling = {asked, redact: (text: string) => text.replaceAll('hunter2', '[hidden]'), now: NOW}

const aStep = (id: string, status: ShownStep['status'], more: Partial<ShownStep> = {}): ShownStep => ({
  id,
  needs: [],
  status,
  attempt: 1,
  output: null,
  error: null,
  started_at: null,
  ended_at: null,
  ...more,
})

const aRun = (more: Partial<ShownRun> = {}): ShownRun => ({
  id: 'wf-1a2b3c4d5e6f',
  workflow: 'pr-deployment',
  status: 'running',
  current_step: 'test',
  waiting_for: null,
  progress: {total: 3, completed: 1, failed: 0, percentage: 33},
  steps: [],
  version: 3,
  input: {},
  result: null,
  error: null,
  correlation_id: asked.correlationId,
  started_at: '2026-01-01T12:00:00.000Z',
  updated_at: '2026-01-01T12:01:00.000Z',
  completed_at: null,
  ...more,
})

const graphOf = (steps: readonly ShownStep[]) => draw(aRun({steps}), telling).lines?.[2]
const labels = (run: ShownRun) => draw(run, telling).controls?.map(({label}) => label)

test('draws the graph: one after the other, side by side, and nothing that was left out', () => {
  expect(
    graphOf([
      aStep('review', 'succeeded'),
      aStep('blocked', 'skipped', {needs: ['review']}),
      aStep('unit', 'running', {needs: ['review'], attempt: 2}),
      aStep('lint', 'failed', {needs: ['review']}),
      aStep('approve', 'pending', {needs: ['unit', 'lint']}),
    ]),
  ).toBe('🟢 review → 🟡 unit (2.) + 🔴 lint → ⚪ approve')
})

test('says of what will be tried again why and when, as long as the run goes on', () => {
  const error = {code: 'UPSTREAM_RATE_LIMITED', message: 'GitHub asks hunter2 to slow down @everyone'}
  const retry_at = '2026-01-01T12:05:00.000Z'
  const steps = [aStep('review', 'waiting', {error, retry_at}), aStep('test', 'waiting', {error})]
  const lines = draw(aRun({steps}), telling).lines ?? []
  expect(lines.at(-1)).toBe(
    'step `review`: GitHub asks \\[hidden\\] to slow down @\u200beveryone · next try <t:1767269100:R>',
  )
  expect(draw(aRun({steps, status: 'cancelled'}), telling).lines?.join()).not.toContain('next try')
})

test('many side by side are counted', () => {
  const items = Array.from({length: 20}, (_, n) => aStep(`s${n}`, n < 15 ? 'succeeded' : 'running'))
  expect(graphOf([...items, aStep('join', 'pending', {needs: items.map(({id}) => id)})])).toBe(
    '🟢 × 15 🟡 × 5 → ⚪ join',
  )
})

test('of a long one the part under way is drawn', () => {
  const chain = Array.from({length: 40}, (_, n) =>
    aStep(`s${n}`, n < 20 ? 'succeeded' : n === 20 ? 'running' : 'pending', {
      needs: n === 0 ? [] : [`s${n - 1}`],
    }),
  )
  const line = graphOf(chain) ?? ''
  expect(line).toMatch(/^18 more → 🟢 s18 → 🟢 s19 → 🟡 s20 → .* → 12 more$/)
})

test('what is inside of a step under way has a line of its own', () => {
  const {lines} = draw(
    aRun({
      steps: [
        aStep('review', 'succeeded'),
        aStep('release', 'running', {needs: ['review']}),
        aStep('release/deploy', 'succeeded'),
        aStep('release/verify', 'running'),
        aStep('release/verify[0]', 'running'),
      ],
    }),
    telling,
  )
  expect(lines).toContain('release: 🟢 deploy · 🟡 verify\\[0\\]')
})

test.each([
  [{status: 'pending'}, 'running', 'pr-deployment · starting', ['Pause', 'Cancel']],
  [{}, 'running', 'pr-deployment · running test', ['Pause', 'Cancel']],
  [
    {status: 'paused', waiting_for: {kind: 'approval', id: 'approval:approve'}},
    'waiting',
    'pr-deployment · waits for approval',
    ['Pause', 'Cancel'],
  ],
  [
    {status: 'paused', held: true, waiting_for: {kind: 'approval', id: 'approval:approve'}},
    'other',
    'pr-deployment · paused',
    ['Resume', 'Cancel'],
  ],
  [
    {status: 'completed', completed_at: '2026-01-01T12:02:00.000Z'},
    'success',
    'pr-deployment · done after 2m',
    [],
  ],
  [
    {status: 'failed', completed_at: '2026-01-01T12:02:00.000Z'},
    'failure',
    'pr-deployment · failed after 2m',
    ['Retry'],
  ],
  [
    {status: 'cancelled', completed_at: '2026-01-01T12:02:00.000Z'},
    'other',
    'pr-deployment · cancelled after 2m',
    ['Retry'],
  ],
] as const)('%o is %s: %s', (more, state, title, buttons) => {
  const run = aRun(more)
  expect(draw(run, telling)).toMatchObject({state, title})
  expect(labels(run)).toEqual(buttons)
})

test('says why it failed, at the innermost step, without secrets and without pinging anybody', () => {
  const run = aRun({
    status: 'failed',
    error: {code: 'UPSTREAM_REFUSED', message: 'release: hunter2 @everyone'},
    steps: [aStep('release', 'failed'), aStep('release/deploy', 'failed'), aStep('build', 'compensated')],
  })
  for (const reply of [draw(run, telling), closing(run, telling)]) {
    const text = JSON.stringify(renderReply(reply))
    expect(text).toContain('step `release/deploy`: ')
    expect(text).toContain('[hidden\\\\] @\u200beveryone')
    expect(text).not.toContain('hunter2')
  }
  expect(draw(run, telling).lines).toContain('undone: build')
})

test('the largest run fits into a message', () => {
  const steps = Array.from({length: 5000}, (_, n) =>
    aStep(`step_with_a_rather_long_name_number_${n}`, 'waiting', {
      needs: n < 3 ? [] : [`step_with_a_rather_long_name_number_${n - 3}`],
      error: {code: 'X', message: 'e'.repeat(5000)},
      retry_at: '2026-01-01T12:05:00.000Z',
    }),
  )
  const body = renderReply(draw(aRun({steps, error: {code: 'X', message: 'e'.repeat(5000)}}), telling))
  expect(body.embeds[0]?.description?.length).toBeLessThan(1500)
  expect(body.embeds[0]?.description).toContain('more')
})
