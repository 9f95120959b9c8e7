import fc from 'fast-check'
import {beforeAll, describe, expect, test} from 'vitest'
import type {Built, Surroundings} from '../../../src/planning/build.ts'
import {objections} from '../../../src/planning/guardrails.ts'
import {planByRules} from '../../../src/planning/rules.ts'
import type {DraftStep} from '../../../src/sdk/index.ts'
import {createLibrary} from '../../../src/workflows/definition/load.ts'
import {REQUESTS} from './requests.ts'
import {REQUESTS_OF_OTHERS} from './requests-of-others.ts'
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
    ['by the author of the rules', REQUESTS],
    ['by others, as they write', REQUESTS_OF_OTHERS],
  ])(
    'comes to the agents and the order that a person would expect, in four of five cases at least: %s',
    (whose, requests) => {
      expect(requests).toHaveLength(40)
      const wrong = requests.filter(([request, expected]) => !isAsExpected(request, expected))
      const right = requests.length - wrong.length
      console.info(
        `planning by rules, requests ${whose}: ${right} of ${requests.length} right${wrong.map(([request]) => `\n  not: ${request}`).join('')}`,
      )
      expect(right / requests.length).toBeGreaterThanOrEqual(0.8)
    },
  )

  test('is a workflow that compiles, whenever it is one', () => {
    for (const [request] of [...REQUESTS, ...REQUESTS_OF_OTHERS]) {
      const built = plan(request)
      if (built.kind === 'built')
        expect(() => library().compile('planned', built.definition), request).not.toThrow()
    }
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
