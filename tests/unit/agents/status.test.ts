import {expect, test} from 'vitest'
import statusReporter from '../../../agents/status_reporter.ts'
import {digestRuns} from '../../../src/deployments/digest.ts'
import {AppError} from '../../../src/kernel/errors.ts'
import type {ActionContext, WorkflowRunsPort, WorkflowRunSummary} from '../../../src/sdk/index.ts'

const HOUR = 3_600_000
const NOW = Date.UTC(2026, 10, 21)

const aRun = (id: number, changes: Partial<WorkflowRunSummary> = {}): WorkflowRunSummary => ({
  id: String(id),
  url: `https://github.com/acme/web/actions/runs/${id}`,
  status: 'completed',
  conclusion: 'success',
  createdAt: NOW - id * HOUR,
  updatedAt: NOW - id * HOUR + 125_000,
  ...changes,
})

async function status(count: number, recent: Record<string, readonly WorkflowRunSummary[] | Error>) {
  const workflowRuns: Pick<WorkflowRunsPort, 'workflows' | 'recent'> = {
    workflows: () =>
      Object.keys(recent).map(label => ({
        label,
        repository: 'acme/web',
        workflow: `${label}.yml`,
        branch: 'main',
      })),
    recent: async ({workflow}, wanted) => {
      const runs = recent[workflow.replace('.yml', '')] ?? []
      if (runs instanceof Error) throw runs
      return runs.slice(0, wanted.count)
    },
  }
  const context = {services: {workflowRuns}, signal: AbortSignal.timeout(1000), now: () => NOW}
  const result = await statusReporter.actions['runs']?.run({count}, context as unknown as ActionContext)
  if (result?.kind !== 'replied') throw new Error('no reply')
  return result.reply
}

test('fewer runs than asked for are all there are', async () => {
  const {lines = []} = await status(3, {deploy: [aRun(1)], docs: []})
  expect(lines).toEqual([
    '**deploy**',
    expect.stringMatching(/^🟢 • success • 1h ago • 2m 5s • \[run 1\]/u),
    '**docs**',
    'no runs found',
  ])
})

test('each run says how it stands: running has no duration, and any other ending is named and white', async () => {
  const {lines = []} = await status(3, {
    deploy: [
      aRun(1, {status: 'in_progress', conclusion: null}),
      aRun(2, {conclusion: 'failure'}),
      aRun(3, {conclusion: 'timed_out'}),
    ],
  })
  expect(lines[1]).toContain('🟡 • running • 1h ago • N/A • ')
  expect(lines[2]).toContain('🔴 • failure • 2h ago • 2m 5s • ')
  expect(lines[3]).toContain('⚪ • timed out • 3h ago • 2m 5s • ')
})

test('a workflow that GitHub refuses to show stands beside the others; what may pass is tried again as a whole', async () => {
  const gone = new AppError('UPSTREAM_REFUSED', 'Workflow docs.yml was not found in acme/web.')
  expect(await status(1, {deploy: [aRun(1)], docs: gone})).toMatchObject({
    state: 'partial',
    lines: ['**deploy**', expect.stringContaining('🟢'), '**docs**', expect.stringContaining('not found')],
  })
  const away = new AppError('UPSTREAM_UNAVAILABLE', 'GitHub did not answer.')
  await expect(status(1, {deploy: [aRun(1)], docs: away})).rejects.toBe(away)
})

test.each([
  [49, '49 runs: '],
  [50, 'the newest 50 runs: '],
  [120, 'the newest 50 runs: '],
])(
  'of %i runs in a day the digest says %s: what is beyond those that are read is not denied',
  async (count, words) => {
    const runs = Array.from({length: count}, (_, nth) => aRun(nth, {createdAt: NOW - nth * 1000}))
    const services = {
      workflowRuns: {
        workflows: () => [{label: 'deploy', repository: 'acme/web', workflow: 'deploy.yml', branch: 'main'}],
        recent: async (_workflow: unknown, wanted: {count: number}) => runs.slice(0, wanted.count),
        digest: digestRuns,
      },
      endpoints: {check: async () => [], digest: () => ({level: 'unknown', sides: []})},
      uptime: {history: async () => []},
      evaluations: {compare: () => undefined, worsened: async () => []},
    }
    const context = {services, signal: AbortSignal.timeout(1000), now: () => NOW}
    const result = await statusReporter.actions['digest']?.run(
      {period: 'daily'},
      context as unknown as ActionContext,
    )
    if (result?.kind !== 'replied') throw new Error('no reply')
    expect(result.reply.lines?.[0]).toContain(`**deploy** ${words}`)
  },
)
