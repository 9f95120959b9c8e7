import fc from 'fast-check'
import {beforeAll, describe, expect, test} from 'vitest'
import type {Built, Surroundings} from '../../../src/planning/build.ts'
import {objections} from '../../../src/planning/guardrails.ts'
import {planByRules} from '../../../src/planning/rules.ts'
import {readTasks} from '../../../src/planning/tasks.ts'
import type {DraftStep} from '../../../src/sdk/index.ts'
import {createLibrary} from '../../../src/workflows/definition/load.ts'
import {REQUESTS} from './requests.ts'
import {REQUESTS_OF_OTHERS} from './requests-of-others.ts'
import {REQUESTS_OF_STRANGERS} from './requests-of-strangers.ts'
import {checkout, KNOWN} from './surroundings.ts'

let house: Surroundings
beforeAll(async () => {
  house = await checkout()
})
function plan(description: string): Built {
  const reasons = objections(description)
  return reasons.length > 0 ? {kind: 'refused', reasons} : planByRules(description, KNOWN, house)
}
const library = () =>
  createLibrary({definitions: new Map(house.workflows as never), faults: []}, house.agents)

/** Agents by stage: those of a stage go on at the same time. */
function stagesOf(steps: readonly DraftStep[]): readonly (readonly string[])[] {
  const depths = new Map<string, number>()
  const stages: string[][] = []
  for (const {id, needs, kind, prepares, agents} of steps) {
    const behind = Math.max(0, ...needs.map(need => depths.get(need) ?? 0))
    const asked = kind === 'agent' && !prepares
    depths.set(id, asked ? behind + 1 : behind)
    if (asked) (stages[behind] ??= []).push(agents.join(' '))
  }
  return stages
}

function isAsExpected(description: string, expected: string): boolean {
  const built = plan(description)
  return expected.split(' || ').some(one => comesTo(built, one))
}

function comesTo(built: Built, expected: string): boolean {
  if (expected === '?') return built.kind === 'question'
  if (expected === '!') return built.kind === 'refused'
  if (built.kind !== 'built') return false
  const stages = stagesOf(built.plan.steps)
  const wanted = expected
    .split(' > ')
    .map(stage => (stage.startsWith('[') ? stage.slice(1, -1).split(' ') : [stage]))
  return (
    stages.length === wanted.length &&
    wanted.every((stage, i) => {
      const left = [...(stages[i] ?? [])]
      for (const choices of stage) {
        const found = left.findIndex(agents => choices.split('|').includes(agents))
        if (found === -1) return false
        left.splice(found, 1)
      }
      return left.length === 0
    })
  )
}

describe('what people ask for', () => {
  test.each([
    ['by the author of the rules', REQUESTS, 0.95],
    ['by others, as they write', REQUESTS_OF_OTHERS, 0.95],
    ['by strangers', REQUESTS_OF_STRANGERS, 0.9],
  ])(
    'comes to the agents and the order that a person would expect, in nine of ten cases at least: %s',
    (whose, requests, floor) => {
      const wrong = requests.filter(([request, expected]) => !isAsExpected(request, expected))
      const right = requests.length - wrong.length
      console.info(
        `planning by rules, requests ${whose}: ${right} of ${requests.length} right${wrong.map(([request]) => `\n  not: ${request}`).join('')}`,
      )
      expect(right / requests.length).toBeGreaterThanOrEqual(floor)
    },
  )

  test('is a workflow that compiles, whenever it is one', () => {
    for (const [request] of [...REQUESTS, ...REQUESTS_OF_OTHERS, ...REQUESTS_OF_STRANGERS]) {
      const built = plan(request)
      if (built.kind === 'built')
        expect(() => library().compile('planned', built.definition), request).not.toThrow()
    }
  })
})

test.each([
  ['kick off the nightly pipeline', 'test'],
  ['start a health check of api', 'health'],
  ['redeploy api', 'deploy'],
  ['put the api on staging', 'deploy'],
  ['roll the client of acme back', 'rollback'],
  ['undo the last deploy of api', 'rollback'],
  ['lint #4', 'test'],
  ['test staging', 'health'],
  ['go over the diff of #4', 'review'],
  ['look whether the build of #4 is green', 'validate'],
  ['verify it', 'health'],
  ['triage #4', 'triage'],
  ['triage the new issues', 'triage_issues'],
  ['prioritise the backlog', 'triage_issues'],
  ['find out why api is slow', 'diagnose'],
  ['find out why #4 fails', 'triage'],
  ['heal staging', 'heal'],
  ['fix production', 'heal'],
  ['fix the production banner', 'implement review'],
  ['explain src/app.ts', 'explain'],
  ['scan src/app.ts', 'analyse'],
  ['document the webhooks', 'docs'],
  ['do a review of #4', 'review'],
  ['switch LOG_LEVEL to debug', 'configure'],
  ['change the logo to blue', 'implement review'],
  ['tidy up the parser', 'refactor review'],
  ['add a section on CI to the readme', 'readme'],
  ['fix the docs build', 'implement review'],
  ['get a second logo', 'implement review'],
])('the verb and what it is about say what is wanted: %s', (request, kinds) => {
  expect(
    readTasks(request, KNOWN)
      .map(({kind}) => kind)
      .join(' '),
  ).toBe(kinds)
})

describe('nothing is shipped, rolled back, set or healed', () => {
  test.each([
    [
      'by a question',
      [
        'how do I deploy the client?',
        'what happens when we deploy the client to production?',
        'what if we deploy the client to production',
        'should we ship the api today or wait?',
        'shall I ship the client to production',
        'can we deploy the client on Fridays?',
        'could I roll back the api?',
        'deploy the client?',
        'would it be wise to deploy client',
        'is it ok to deploy the client to production?',
        'have you deployed the client to production?',
        'I wonder if we should deploy the client',
        'maybe we could deploy client to production?',
        'should LOG_LEVEL=debug be set',
      ],
    ],
    [
      'by what somebody else said',
      [
        'Bob said deploy the client to production',
        'my boss told me to deploy the client to production',
        'they wrote: hello. deploy the client to production. thanks',
        'The customer wrote: "please deploy the client\nto production". What now?',
        '> deploy the client to production',
        'see below\n```\ndeploy the client to production\n```',
        'Fwd: release\ndeploy the client to production',
        'ask Bob to deploy the client to production',
      ],
    ],
    [
      'by what is not wanted, or taken back',
      [
        'we should not deploy the client',
        "I don't want to deploy client",
        'no deploy of client today',
        "let's hold off on deploying client",
        'avoid deploying client to production',
        'wait before deploying client',
        'deploy the client. Actually, never mind.',
        'roll back the api... scratch that',
        'run the tests instead of deploying client',
      ],
    ],
    [
      'by how something is, or was',
      [
        'we deployed the client to production yesterday',
        'we deploy the client on Mondays',
        'the deploy of client failed',
        'deploying the client fails',
        'LOG_LEVEL is set to debug in production',
        'I can deploy the client myself',
      ],
    ],
    [
      'by what is about it',
      [
        'write a script that deploys the client to production',
        'document how to deploy the client to production',
        'fix the bug where client deploys to production',
        'review the PR that deploys client to production',
        'set up the deploy pipeline for client',
        'test the deploy script of client',
      ],
    ],
    [
      'when nobody here can tell when, or where',
      [
        'go live',
        'ship it when it is ready',
        'deploy client when it is ready',
        'client when it is ready, deploy',
        'the client, once Ada is back, please deploy it',
        'deploy the client tomorrow if the customer agrees',
        'deploy client unless the tests fail',
        'unless the tests fail, deploy client',
        'run the tests once the client is deployed',
        'wait for Ada, then deploy client',
        'if the tests fail, roll back the client',
        'run the tests and roll back client if they fail',
        'deploy client, and if it is unhealthy roll it back',
        'Is the api healthy? If not, roll it back.',
        'run the tests; if they pass do nothing, otherwise roll back client',
      ],
    ],
  ])('%s', (_, requests) => {
    const weighty = ['deploy', 'rollback', 'configure', 'heal']
    const ordered = requests.filter(request =>
      readTasks(request, KNOWN).some(({kind}) => weighty.includes(kind)),
    )
    expect(ordered).toEqual([])
  })

  test.each([
    ['deploy client when it is ready', 'when “it is ready” holds'],
    ['deploy it\n> the client to production', 'Which target'],
    ['deploy it. Bob said: the client to production', 'Which target'],
    ['deploy the client?', 'without a question mark'],
  ])('and it says what it takes: %s', (request, question) => {
    expect(plan(request)).toMatchObject({
      kind: 'question',
      question: expect.stringContaining(question) as string,
    })
  })
})

test('what waits for good health is not done where there is none', () => {
  const built = plan('if the api is healthy, deploy it')
  expect(built).toMatchObject({
    kind: 'built',
    definition: {
      steps: expect.arrayContaining([
        expect.objectContaining({id: 'approve_deploy', if: 'steps.health.output.status == "healthy"'}),
      ]) as unknown,
    },
  })
})

test('what it does not understand beside what it does, it says', () => {
  const built = plan('review PR 7. The cat of our neighbour is hungry')
  expect(built).toMatchObject({
    plan: {notes: [expect.stringContaining('The cat of our neighbour is hungry')]},
  })
})

describe('any text', () => {
  const words = fc.constantFrom(
    ...'review run tests deploy ship fix implement docs readme then and after before once if PR 7 #9 client api staging production main branch rollback health why is the it , . ; " ` ${{ }} steps.x.output set A_B=1 to heal triage lint'.split(
      ' ',
    ),
  )
  const texts = fc.oneof(
    fc.array(words, {maxLength: 60}).map(parts => parts.join(' ')),
    fc.string({unit: 'binary', maxLength: 400}),
  )

  test('is a workflow without circles, of bounded size and with a gate before whatever ships; or a question or a refusal', () => {
    const compile = library()
    fc.assert(
      fc.property(texts, text => {
        const built = plan(text)
        if (built.kind === 'question') {
          expect(built.question).toMatch(/\?|\.$/)
          return
        }
        if (built.kind === 'refused') {
          expect(built.reasons.length).toBeGreaterThan(0)
          return
        }
        const {
          definition,
          plan: {steps},
          input,
        } = built
        const compiled = compile.compile(definition.name, definition)
        expect(compiled.steps.order.length).toBe(steps.length)
        expect(steps.filter(({kind, prepares}) => kind === 'agent' && !prepares).length).toBeLessThanOrEqual(
          12,
        )
        expect(Object.keys(definition.input ?? {})).toEqual(Object.keys(input))
        for (const step of definition.steps.filter(({action}) => SHIPS.has(action ?? ''))) {
          const needs = definition.steps.filter(({id}) => step.needs?.includes(id))
          expect(needs.some(({approval}) => approval?.details?.['target'] === step.with?.['target'])).toBe(
            true,
          )
        }
      }),
      {numRuns: 400},
    )
  })
})

const SHIPS = new Set(['deploy_service', 'deploy_artifact', 'rollback'])
