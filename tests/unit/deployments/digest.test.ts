import {describe, expect, test} from 'vitest'
import {digestRuns} from '../../../src/deployments/digest.ts'
import type {WorkflowRunSummary} from '../../../src/sdk/index.ts'

const NOW = Date.UTC(2025, 0, 15, 12)
const HOUR = 3_600_000
const DAY_AGO = NOW - 24 * HOUR

function aRun({
  ageMs = HOUR,
  tookMs = 90_000,
  ...changes
}: Partial<WorkflowRunSummary> & {ageMs?: number; tookMs?: number} = {}): WorkflowRunSummary {
  const createdAt = NOW - ageMs
  return {
    id: '1',
    url: 'https://github.com/acme/web/actions/runs/1',
    status: 'completed',
    conclusion: 'success',
    createdAt,
    updatedAt: createdAt + tookMs,
    ...changes,
  }
}

describe('a digest', () => {
  test('of three runs, one of them failed, counts two and one', () => {
    const runs = [aRun(), aRun({conclusion: 'failure'}), aRun()]
    expect(digestRuns(runs, DAY_AGO)).toMatchObject({total: 3, success: 2, failure: 1, other: 0})
  })

  test('counts other endings and running runs in the total only', () => {
    const runs = [
      aRun({status: 'in_progress', conclusion: null}),
      aRun({conclusion: 'cancelled'}),
      aRun({conclusion: 'timed_out'}),
      aRun(),
    ]
    expect(digestRuns(runs, DAY_AGO)).toMatchObject({total: 4, success: 1, failure: 0, other: 3})
  })

  test('leaves out a run of two days ago, and keeps one exactly as old as the window', () => {
    const exact = aRun({ageMs: 24 * HOUR})
    expect(
      digestRuns([exact, aRun({ageMs: 24 * HOUR + 1}), aRun({ageMs: 48 * HOUR})], DAY_AGO),
    ).toMatchObject({total: 1, latest: exact})
  })

  test('averages whole seconds of finished runs that took any time', () => {
    const runs = [
      aRun({tookMs: 60_900}),
      aRun({tookMs: 120_000, conclusion: 'failure'}),
      aRun({tookMs: 0}),
      aRun({tookMs: 999}),
      aRun({tookMs: 600_000, status: 'in_progress', conclusion: null}),
    ]
    expect(digestRuns(runs, DAY_AGO).averageMs).toBe(90_000)
  })

  test('has no average when nothing took any time', () => {
    expect(digestRuns([aRun({tookMs: 0})], DAY_AGO).averageMs).toBeUndefined()
  })

  test('of nothing is nothing', () => {
    expect(digestRuns([], DAY_AGO)).toEqual({
      total: 0,
      success: 0,
      failure: 0,
      other: 0,
      averageMs: undefined,
      latest: undefined,
    })
  })

  test('names the first run listed as the latest', () => {
    const newest = aRun({id: '9', status: 'queued', conclusion: null})
    expect(digestRuns([newest, aRun()], DAY_AGO).latest).toBe(newest)
  })
})
