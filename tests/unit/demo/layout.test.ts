import {expect, test} from 'vitest'
import {layOut, upperPane, type Pane} from '../../../src/runtime/demo/view/layout.ts'
import {runsLines, type ShownRun} from '../../../src/runtime/demo/view/run-lines.ts'
import {lineWidth, paint} from '../../../src/runtime/demo/view/text.ts'

function cellsOf({top, left, columns, rows}: Pane): string[] {
  return Array.from(
    {length: rows * columns},
    (_, index) => `${top + Math.floor(index / columns)},${left + (index % columns)}`,
  )
}

test.each([
  [80, 24],
  [99, 30],
  [100, 24],
  [120, 40],
  [240, 70],
  [40, 16],
])('at %ix%i the panes fill the screen without overlapping', (columns, rows) => {
  const {channel, run, footer} = layOut({columns, rows})
  const all = [channel, run, footer].flatMap(cellsOf)
  expect(new Set(all).size).toBe(all.length)
  expect(Math.max(...[channel, run, footer].map(pane => pane.top + pane.rows - 1))).toBe(rows)
  expect(Math.max(...[channel, run, footer].map(pane => pane.left + pane.columns - 1))).toBe(columns)
})

test('the run stands beside the channel from 100 columns on, below it before', () => {
  expect(layOut({columns: 100, rows: 30}).run.top).toBe(1)
  const narrow = layOut({columns: 99, rows: 30})
  expect(narrow.run.left).toBe(1)
  expect(narrow.run.top).toBe(narrow.channel.rows + 1)
})

test('a page takes the room of channel and run together', () => {
  expect(upperPane(layOut({columns: 80, rows: 24}))).toEqual({top: 1, left: 1, columns: 80, rows: 19})
})

const RUN: ShownRun = {
  id: 1,
  workflow: 'client-deploy.yml',
  displayTitle: 'Client deploy — 9f3c by grace',
  attempt: 2,
  createdAt: 0,
  status: 'in_progress',
  conclusion: null,
  jobs: [
    {
      name: 'build',
      status: 'completed',
      conclusion: 'success',
      steps: [
        {name: 'Set up job', status: 'completed', conclusion: 'success'},
        {name: 'Install', status: 'completed', conclusion: 'success'},
      ],
    },
    {
      name: 'deploy',
      status: 'in_progress',
      conclusion: null,
      steps: [
        {name: 'Upload', status: 'in_progress', conclusion: null},
        {name: 'Smoke test', status: 'queued', conclusion: null},
      ],
    },
  ],
}

function drawn(rows: number, columns = 60): string[] {
  const lines = runsLines([RUN, {...RUN, status: 'completed', conclusion: 'failure'}], {
    rows,
    columns,
    now: 12_000,
  })
  for (const line of lines) expect(lineWidth(line)).toBeLessThanOrEqual(columns)
  return lines.map(line => paint(line, {colour: false}))
}

test('with room, each step has its line and earlier runs follow', () => {
  expect(drawn(20)).toEqual([
    '▶ client-deploy · in progress · 12 seconds ago · attempt 2',
    '  Client deploy — 9f3c by grace',
    '✓ build',
    '   ✓ Install',
    '▶ deploy',
    '   ▶ Upload',
    '   · Smoke test',
    '',
    '✗ client-deploy · failure · 12 seconds ago',
  ])
})

test('with little room, the steps stand behind their jobs', () => {
  expect(drawn(4)).toEqual([
    '▶ client-deploy · in progress · 12 seconds ago · attempt 2',
    '  Client deploy — 9f3c by grace',
    '✓ build  ✓ Install',
    '▶ deploy  ▶ Upload  · Smoke test',
  ])
})

test('never more rows than there are', () => {
  for (let rows = 1; rows < 20; rows++) expect(drawn(rows, 40).length).toBeLessThanOrEqual(rows)
})
