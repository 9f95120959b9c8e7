import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {checkContract, type ContractExpectation} from '../../../src/pipelines/contract.ts'
import {carriesInput, readWorkflow} from '../../../src/pipelines/workflow-file.ts'

const EXPECTED: ContractExpectation = {
  always: ['correlation_id', 'requester'],
  sometimes: ['VITE_API_BASE'],
}
const check = (text: string, expectation = EXPECTED) => checkContract(text, expectation)
const kinds = (text: string, expectation = EXPECTED) => check(text, expectation).faults.map(({kind}) => kind)

const GOOD = `name: Client Deploy
run-name: Client Deploy — \${{ inputs.correlation_id }} by \${{ inputs.requester }}
on:
  workflow_dispatch:
    inputs:
      correlation_id: {required: true, type: string}
      requester: {required: true, type: string}
      VITE_API_BASE: {required: false, type: string}
jobs: {}
`
const INPUTS = `    inputs:
      correlation_id:
        description: Finds this run again; sent by Signalbox
        required: false
        type: string
      requester:
        description: Who asked for it; sent by Signalbox
        required: false
        type: string
      VITE_API_BASE:
        required: false
        type: string
`
const without = (...lines: string[]) =>
  GOOD.split('\n')
    .filter(line => !lines.some(part => line.includes(part)))
    .join('\n')

describe('the contract of a workflow', () => {
  test('is kept by what the README shows', () =>
    expect(check(GOOD)).toEqual({faults: [], patched: undefined}))

  test('is broken by a file that is no YAML, or no workflow; nothing is proposed for it', () => {
    expect(check('on: [push\njobs:\n')).toMatchObject({faults: [{kind: 'unreadable'}], patched: undefined})
    expect(check('- a\n- b\n')).toMatchObject({faults: [{kind: 'unreadable'}], patched: undefined})
    expect(check('')).toMatchObject({faults: [{kind: 'unreadable'}], patched: undefined})
    expect(check('a: &a [x]\n'.repeat(60_000))).toMatchObject({faults: [{kind: 'unreadable'}]})
  })

  test('is broken by an input that is missing, and shows exactly the lines it takes', () => {
    const {faults, patched} = check(without('requester:'))
    expect(faults).toEqual([
      {
        kind: 'missing-input',
        what: 'takes no input requester, so GitHub refuses to start it',
        line: 8,
        lines: [
          '      requester:',
          '        description: Who asked for it; sent by Signalbox',
          '        required: false',
          '        type: string',
        ],
      },
    ])
    expect(patched?.split('\n').slice(7, 11)).toEqual(faults[0]?.lines)
  })

  test('is broken by a run name without the id, and keeps the words it has', () => {
    const text = GOOD.replace(
      /^run-name: .*$/m,
      'run-name: "Deploy of #${{ github.run_number }}" # people read it',
    )
    const {faults, patched} = check(text)
    expect(faults).toMatchObject([
      {
        kind: 'run-name',
        line: 2,
        lines: [
          'run-name: "Deploy of #${{ github.run_number }} — ${{ inputs.correlation_id }} by ${{ inputs.requester }}" # people read it',
        ],
      },
    ])
    expect(patched).toBe(text.replace(/^run-name: .*$/m, faults[0]?.lines?.[0] ?? ''))
  })

  test.each([
    ['${{ inputs.correlation_id }}', []],
    ['Deploy by ${{ inputs.requester }}', ['run-name']],
    ['Deploy inputs.correlation_id', ['run-name']],
  ])('is about the id, whoever else the run name speaks of: %s', (runName, faults) =>
    expect(kinds(GOOD.replace(/^run-name: .*$/m, `run-name: ${runName}`))).toEqual(faults),
  )

  test('is broken by no run name at all: it comes after the name', () =>
    expect(check(without('run-name')).patched).toBe(GOOD))

  test.each([
    ['a text', 'on: push', 'on:\n  push:\n  workflow_dispatch:\n'],
    [
      'a list',
      'on: [push, pull_request] # why',
      'on: # why\n  push:\n  pull_request:\n  workflow_dispatch:\n',
    ],
    [
      'a flow map',
      'on: {push: {branches: [main]}}',
      'on:\n  push:\n    branches:\n      - main\n  workflow_dispatch:\n',
    ],
    [
      'a block',
      'on:\n  push: # all\n    branches: [main]\n  # and by hand',
      'on:\n  push: # all\n    branches: [main]\n  workflow_dispatch:\n',
    ],
    ['a trigger without inputs', 'on:\n  workflow_dispatch:', 'on:\n  workflow_dispatch:\n'],
    ['a trigger of nothing', 'on:\n  workflow_dispatch: {}', 'on:\n  workflow_dispatch:\n'],
    ['inputs of nothing', 'on:\n  workflow_dispatch:\n    inputs:', 'on:\n  workflow_dispatch:\n'],
  ])('is mended where `on` is %s', (_how, on, mended) => {
    const text = `name: A\nrun-name: \${{ inputs.correlation_id }}\n${on}\njobs: {}\n`
    const {patched} = check(text)
    expect(patched).toContain(`${mended}${INPUTS}`)
    expect(patched?.endsWith('jobs: {}\n')).toBe(true)
    expect(check(patched ?? '').faults).toEqual([])
  })

  test('is broken by an input that is demanded and never sent; that is named, not edited', () => {
    const text = GOOD.replace('jobs:', 'jobs:').replace(
      'VITE_API_BASE: {required: false',
      'region: {required: true}\n      VITE_API_BASE: {required: true',
    )
    expect(check(text)).toMatchObject({
      faults: [
        {kind: 'unsent-input', what: 'demands the input region, which we do not send', line: 8},
        {
          kind: 'unsent-input',
          what: 'demands the input VITE_API_BASE, which is sent only when the command was given it',
        },
      ],
      patched: undefined,
    })
    expect(kinds(text, {always: [...EXPECTED.always, 'region', 'VITE_API_BASE'], sometimes: []})).toEqual([])
    expect(kinds(GOOD.replace('{required: false,', '{required: true, default: x,'))).toEqual([])
  })

  test('is broken by an id that is not taken as a text', () =>
    expect(kinds(GOOD.replace('{required: true, type: string}', '{required: true, type: number}'))).toEqual([
      'wrong-type',
    ]))

  test('is not judged by what stands in comments and scripts', () => {
    const text = `name: A # run-name: \${{ inputs.correlation_id }}
on:
  push:
  # workflow_dispatch: {inputs: {correlation_id: {}, requester: {}}}
jobs: {a: {steps: [{run: "echo workflow_dispatch inputs.correlation_id"}]}}
`
    expect(kinds(text)).toEqual(['run-name', 'no-trigger'])
  })

  test('what is written in a way that we don’t edit is told without lines', () => {
    const {faults, patched} = check('{name: A, on: {push: {}}, jobs: {}}\n')
    expect(patched).toBeUndefined()
    expect(faults.map(({kind, lines, next}) => [kind, lines, next])).toEqual([
      ['run-name', undefined, 'it is written in a way that we don’t edit'],
      ['no-trigger', undefined, 'it is written in a way that we don’t edit'],
    ])
    expect(check('name: A\nx: &x [push]\non: *x\njobs: {}\n').patched).toBeUndefined()
  })

  test('lines end as the file’s lines end', () => {
    const {patched} = check(without('run-name').replaceAll('\n', '\r\n'))
    expect(patched).toBe(GOOD.replaceAll('\n', '\r\n'))
  })
})

describe('for any workflow file', () => {
  const word = fc.stringMatching(/^[a-z][a-z_]{0,8}$/)
  const comment = fc.option(
    word.map(text => `# ${text}`),
    {nil: undefined},
  )
  const input = fc.record({
    name: fc.constantFrom('correlation_id', 'requester', 'VITE_API_BASE', 'other', 'more'),
    flow: fc.boolean(),
    comment,
  })
  const file = fc
    .record({
      name: fc.option(word, {nil: undefined}),
      runName: fc.constantFrom(
        undefined,
        'Ship it',
        '>-\n  Ship\n  it',
        "'Ship ${{ inputs.correlation_id }}'",
      ),
      dispatch: fc.boolean(),
      push: fc.boolean(),
      inputs: fc.uniqueArray(input, {selector: ({name}) => name, maxLength: 4}),
      step: fc.constantFrom(2, 3, 4),
      header: comment,
      trailer: comment,
      jobsFirst: fc.boolean(),
      end: fc.constantFrom('\n', '\r\n'),
      closed: fc.boolean(),
    })
    .filter(({dispatch, push}) => dispatch || push)
    .map(({name, runName, dispatch, push, inputs, step, header, trailer, jobsFirst, end, closed}) => {
      const at = (depth: number, line: string) => ' '.repeat(depth * step) + line
      const jobs = ['jobs:', at(1, 'build: # here'), at(2, "steps: [{run: 'a: b'}]"), '']
      const on = [
        'on:',
        ...(push ? [at(1, 'push:'), at(2, 'branches: ["main"] # only')] : []),
        ...(dispatch ? [at(1, 'workflow_dispatch: # by hand')] : []),
        ...(dispatch && inputs.length > 0 ? [at(2, 'inputs:')] : []),
        ...(dispatch
          ? inputs.flatMap(({name: key, flow, comment: about}) => [
              ...(about === undefined ? [] : [at(3, about)]),
              ...(flow ? [at(3, `${key}: {type: string}`)] : [at(3, `${key}:`), at(4, 'type:   "string"')]),
            ])
          : []),
        ...(trailer === undefined ? [] : [at(1, trailer)]),
      ]
      const lines = [
        ...(header === undefined ? [] : [header]),
        ...(name === undefined ? [] : [`name:   ${name}`]),
        ...(runName === undefined ? [] : `run-name: ${runName}`.split('\n')),
        ...(jobsFirst ? [...jobs, ...on] : [...on, ...jobs]),
      ]
      return lines.join(end) + (closed ? end : '')
    })

  test('the mended text has no faults, and every other line of it is kept, in order', () => {
    fc.assert(
      fc.property(file, text => {
        const {faults, patched} = check(text)
        if (faults.length === 0) return patched === undefined
        if (patched === undefined) return false
        expect(check(patched)).toEqual({faults: [], patched: undefined})
        const renamed = faults.some(({kind}) => kind === 'run-name')
        const isRunName = (line: string) => renamed && /^run-name:|^ {2}(?:Ship|it)\r?$/.test(line)
        const kept = text.split('\n').filter(line => !isRunName(line) && line !== '')
        const after = patched.split('\n')
        let from = 0
        for (const line of kept) {
          const at = after.findIndex(
            (candidate, index) => index >= from && candidate.trimEnd() === line.trimEnd(),
          )
          expect(at, `"${line}" is lost in\n${patched}`).toBeGreaterThanOrEqual(0)
          from = at + 1
        }
        // And nothing but the told lines came.
        const told = faults.flatMap(({lines = []}) => lines)
        expect(after.filter(line => line.trim() !== '').length).toBe(
          kept.filter(line => line.trim() !== '').length + told.length,
        )
        return true
      }),
      {numRuns: 150},
    )
  })

  test('no text makes it throw', () => {
    fc.assert(
      fc.property(fc.string({unit: 'binary', maxLength: 200}), text => void check(text)),
      {numRuns: 40},
    )
    fc.assert(
      fc.property(
        fc.string({unit: fc.constantFrom(...':{}[]&*#-|>\n on'), maxLength: 60}),
        text => void check(text),
      ),
      {numRuns: 40},
    )
  })
})

describe('an expression of a run name carries the id', () => {
  test.each([
    ['${{ inputs.correlation_id }}', true],
    ['${{inputs.correlation_id}}', true],
    ['A ${{ github.event.inputs.correlation_id || github.sha }} b', true],
    ["${{ format('{0}', inputs['correlation_id']) }}", true],
    ['inputs.correlation_id', false],
    ['${{ github.sha }} inputs.correlation_id', false],
    ['${{ inputs.correlation_id_of_another }}', false],
    ['${{ vars.inputs.correlation_id }}', false],
  ])('%s: %s', (runName, carried) => expect(carriesInput(runName, 'correlation_id')).toBe(carried))
})

test('a file says on which lines its parts stand', () => {
  const reading = readWorkflow(GOOD)
  expect(reading.ok && reading.file.runName?.line).toBe(2)
  expect(reading.ok && [...(reading.file.inputs ?? [])].map(([name, {line}]) => `${name} ${line}`)).toEqual([
    'correlation_id 6',
    'requester 7',
    'VITE_API_BASE 8',
  ])
})
