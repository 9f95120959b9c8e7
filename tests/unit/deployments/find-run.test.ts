import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {findRun} from '../../../src/deployments/find-run.ts'
import type {RunSummary} from '../../../src/integrations/github/code-host.ts'

const ID = '9f3c21aa-5b1e-4d7a-9c55-0d6a1f4b7e21'

function aRun(changes: Partial<RunSummary> = {}): RunSummary {
  return {
    id: '1',
    url: 'https://github.com/acme/web/actions/runs/1',
    name: 'Client Deploy',
    displayTitle: 'Client Deploy',
    event: 'workflow_dispatch',
    headSha: 'c0ffee0000000000000000000000000000000000',
    path: '.github/workflows/client-deploy.yml',
    status: 'queued',
    conclusion: null,
    attempt: 1,
    createdAt: 1000,
    updatedAt: 1000,
    ...changes,
  }
}

describe('our run', () => {
  test.each([
    ['title', {displayTitle: `Client Deploy — ${ID} by grace`}],
    ['name', {name: `Client Deploy — ${ID} by grace`}],
  ])('is the one that carries the full id in its %s', (_where, changes) => {
    const ours = aRun({id: '2', ...changes})
    expect(findRun([aRun({id: '3'}), ours, aRun({id: '1'})], ID)).toEqual({run: ours, twins: []})
  })

  test.each([
    ['the short form', ID.slice(0, 8)],
    ['all but its last character', ID.slice(0, -1)],
    ['the id of another command', ID.replace('9f', '9e')],
    ['nothing', ''],
  ])('is not the one that carries %s', (_what, carried) => {
    const other = aRun({displayTitle: `Client Deploy — ${carried} by grace`})
    expect(findRun([other], ID).run).toBeUndefined()
  })

  test('is the first of several, and the others are named', () => {
    const first = aRun({id: '5', displayTitle: ID, createdAt: 1000})
    const second = aRun({id: '6', displayTitle: ID, createdAt: 2000})
    expect(findRun([second, first], ID)).toEqual({run: first, twins: [second]})
  })

  test('is never guessed', () => {
    const titles = fc.array(fc.oneof(fc.uuid(), fc.string()), {maxLength: 10})
    fc.assert(
      fc.property(titles, fc.uuid(), (list, id) => {
        const runs = list.map((displayTitle, index) => aRun({id: String(index), displayTitle}))
        const {run, bestGuess} = findRun(runs, id)
        expect(run?.displayTitle.includes(id) ?? !list.some(title => title.includes(id))).toBe(true)
        expect(run && bestGuess).toBeUndefined()
      }),
    )
  })
})

test('the newest run is a guess, kept apart', () => {
  const newest = aRun({id: '3', createdAt: 3000})
  expect(findRun([newest, aRun()], ID)).toEqual({twins: [], bestGuess: newest})
  expect(findRun([], ID)).toEqual({twins: []})
})
