import {describe, expect, test} from 'vitest'
import {z} from 'zod'
import {defineAction, type ActionDefinition} from '../../../../src/sdk/index.ts'
import type {Catalogue} from '../../../../src/workflows/definition/catalogue.ts'
import {checkDefinition} from '../../../../src/workflows/definition/check.ts'
import {describeFault} from '../../../../src/workflows/definition/fault.ts'
import {parseDefinition} from '../../../../src/workflows/definition/parse.ts'

const action = (input: z.ZodType, more: Partial<ActionDefinition> = {}): ActionDefinition =>
  defineAction({
    description: 'for tests',
    input,
    run: async () => ({kind: 'replied', reply: {state: 'ok', title: 'done'}}),
    ...more,
  })

const catalogue: Catalogue = {
  agents: new Map([
    [
      'cicd',
      {
        actions: {
          run_pipeline: action(
            z.object({
              pipeline: z.enum(['test', 'build']),
              sha: z.string().optional(),
              tries: z.int().default(1),
            }),
            {output: z.object({conclusion: z.string(), jobs: z.object({count: z.int()}).nullable()})},
          ),
          look: action(z.object({}), {pure: true}),
          any: action(z.looseObject({})),
        },
      },
    ],
  ]),
  workflows: new Map([['docs', {input: {repo: {type: 'string', required: true}, depth: {type: 'integer'}}}]]),
}

function faultsOf(text: string): string[] {
  const parsed = parseDefinition(text, 'w.yaml')
  return (parsed.ok ? checkDefinition(parsed, catalogue) : parsed.faults).map(describeFault)
}

/** The lines as the steps of a definition with an input `n`; the first of them is line 4. */
const steps = (lines: string): string =>
  `name: w\ninput: {n: {type: integer}, list: {type: array}}\nsteps:\n${lines}`

const run = 'agent: cicd, action: run_pipeline, with: {pipeline: test}'
const look = 'agent: cicd, action: look'

describe('each fault is shown in its place, with what to do', () => {
  test.each<[string, string, ...string[]]>([
    [
      'an unknown agent',
      steps('  - {id: a, agent: cidc, action: look}'),
      'w.yaml:4:13 step a: agent is cidc, which is no agent here. There are cicd.',
    ],
    [
      'an unknown action',
      steps('  - {id: a, agent: cicd, action: run_pipelin}'),
      'w.yaml:4:26 step a: action is run_pipelin, which cicd does not have. Did you mean "run_pipeline"?',
    ],
    [
      'an action of the prototype',
      steps('  - {id: a, agent: cicd, action: to_string}'),
      'w.yaml:4:26 step a: action is to_string, which cicd does not have. It has run_pipeline, look, any.',
    ],
    [
      'inputs that the action lacks, requires, or refuses',
      steps(
        '  - id: a\n    agent: cicd\n    action: run_pipeline\n    with:\n      pipelin: test\n      tries: many',
      ),
      'w.yaml:8:7 step a: with.pipelin is no input it takes. Did you mean "pipeline"?',
      'w.yaml:7:5 step a: with lacks pipeline, which is required.',
      'w.yaml:9:7 step a: with.tries must be a number.',
    ],
    [
      'a value outside of an enum',
      steps('  - {id: a, agent: cicd, action: run_pipeline, with: {pipeline: tset}}'),
      'w.yaml:4:55 step a: with.pipeline must be one of test, build.',
    ],
    [
      'an unknown key',
      steps(`  - {id: a, ${look}, tiemout: 5m}`),
      'w.yaml:4:40 step a: tiemout is not known here. Did you mean "timeout"?',
    ],
    [
      'an unknown key deep inside',
      steps(`  - id: g\n    steps:\n      - {id: a, ${look}, retry: {max: 1, dealy: 5s}}`),
      'w.yaml:6:60 step g/a: retry.dealy is not known here. Did you mean "delay"?',
    ],
    [
      'a step that is not upstream',
      steps(`  - {id: a, ${run}}\n  - {id: b, needs: [], value: "\${{ steps.a.output.conclusion }}"}`),
      'w.yaml:5:24 step b: value refers to steps.a, which need not have ended by then. Add a to needs.',
    ],
    [
      'a step further down',
      steps(`  - {id: a, value: "\${{ steps.b.output }}"}\n  - {id: b, ${look}}`),
      'w.yaml:4:13 step a: value refers to steps.b, which need not have ended by then. Add b to needs.',
    ],
    [
      'a step that does not exist',
      steps(`  - {id: build, ${look}}\n  - {id: b, if: steps.biuld.output.ok, ${look}}`),
      'w.yaml:5:13 step b: if refers to steps.biuld, which does not exist here. Did you mean "build"?',
    ],
    [
      'the steps inside a group, from outside',
      steps(`  - id: g\n    steps: [{id: inner, ${look}}]\n  - {id: b, value: "\${{ steps.inner.output }}"}`),
      'w.yaml:6:13 step b: value refers to steps.inner, which does not exist here.',
    ],
    [
      'what an action does not answer',
      steps(`  - {id: a, ${run}}\n  - {id: b, value: "\${{ steps.a.output.jobs.cuont }}"}`),
      'w.yaml:5:13 step b: value refers to steps.a.output.jobs.cuont, which cicd.run_pipeline does not answer. Did you mean "count"?',
    ],
    [
      'what a group does not answer',
      steps(
        `  - id: g\n    steps: [{id: inner, ${look}}]\n  - {id: b, value: "\${{ steps.g.output.iner }}"}`,
      ),
      'w.yaml:6:13 step b: value refers to steps.g.output.iner, which does not exist. Did you mean "inner"?',
    ],
    [
      'a field that no step has',
      steps(`  - {id: a, ${look}}\n  - {id: b, value: "\${{ steps.a.outptu }}"}`),
      'w.yaml:5:13 step b: value refers to steps.a.outptu, which does not exist. Did you mean "output"?',
    ],
    [
      'steps as a whole',
      steps('  - {id: a, value: "${{ steps.map(s, s) }}"}'),
      'w.yaml:4:13 step a: value refers to steps as a whole. Name the step: steps.<id>.output.',
    ],
    [
      'an unknown input',
      steps('  - {id: a, value: "${{ input.lst }}"}'),
      'w.yaml:4:13 step a: value refers to input.lst, which the workflow does not declare. Did you mean "list"?',
    ],
    [
      'an expression that does not parse',
      steps('  - id: a\n    value:\n      deep: ["${{ input.n + }}"]'),
      'w.yaml:6:14 step a: value.deep[0] has an expression that does not parse: Unexpected token: EOF.',
    ],
    [
      'a condition that makes no sense',
      steps(`  - {id: a, if: '"x" && true', ${look}}`),
      "w.yaml:4:13 step a: if has an expression that makes no sense: Logical operator requires bool operands, got 'string'.",
    ],
    [
      'a circle',
      steps(
        `  - {id: a, needs: [c], ${look}}\n  - {id: b, needs: [a], ${look}}\n  - {id: c, needs: [b], ${look}}`,
      ),
      'w.yaml:4:13 step a: needs go round in a circle: a → c → b → a.',
    ],
    [
      'a step that needs itself',
      steps(`  - {id: a, needs: [a], ${look}}`),
      'w.yaml:4:21 step a: needs[0] is the step itself.',
    ],
    [
      'an unknown need',
      steps(`  - {id: build, ${look}}\n  - {id: b, needs: [buidl], ${look}}`),
      'w.yaml:5:21 step b: needs[0] is buidl, which is no step here. Did you mean "build"?',
    ],
    [
      'a need outside of the group',
      steps(`  - {id: a, ${look}}\n  - id: g\n    steps: [{id: b, needs: [a], ${look}}]`),
      'w.yaml:6:29 step g/b: needs[0] is a, which is outside this group: the group as a whole waits for it.',
    ],
    [
      'the same id twice',
      steps(`  - {id: a, ${look}}\n  - {id: a, ${look}}`),
      'w.yaml:5:6 step a: id is a, which another step here has too.',
    ],
    [
      'a compensation without an effect to undo',
      steps(`  - {id: a, ${look}, compensate: {agent: cicd, action: any}}`),
      'w.yaml:4:40 step a: compensate has nothing to undo: cicd.look has no effect outside.',
    ],
    [
      'a compensation of what is no action',
      steps('  - {id: a, value: 1, compensate: {agent: cicd, action: any}}'),
      'w.yaml:4:23 step a: compensate has nothing to undo: the step is no action and no workflow.',
    ],
    [
      'a compensation that undoes nothing',
      steps(`  - {id: a, ${run}, compensate: {${look}}}`),
      'w.yaml:4:72 step a: compensate undoes nothing: its action has no effect outside.',
    ],
    [
      'a step that does nothing',
      steps('  - {id: a, timeout: 5m}'),
      'w.yaml:4:5 step a: does nothing. Give it agent and action, value, fail, steps, wait, approval, workflow or generate.',
    ],
    [
      'a step that does two things',
      steps(`  - {id: a, ${look}, value: 1}`),
      'w.yaml:4:5 step a: is action and value at once. A step does one thing; make it several.',
    ],
    [
      'options that would be ignored',
      steps('  - {id: a, value: 1, timeout: 5m, retry: {max: 1}, max-parallel: 2, with: {x: 1}}'),
      'w.yaml:4:70 step a: with belongs to an action or a workflow.',
      'w.yaml:4:23 step a: timeout belongs to an action or a wait for people or signals.',
      'w.yaml:4:36 step a: retry belongs to an action.',
      'w.yaml:4:53 step a: max-parallel belongs to for-each.',
    ],
    [
      'names outside of their place',
      steps(`  - {id: a, value: ["\${{ item }}", "\${{ index }}", "\${{ output }}"]}`),
      'w.yaml:4:21 step a: value[0] refers to item, which exists only inside for-each.',
      'w.yaml:4:36 step a: value[1] refers to index, which exists only inside for-each, repeat and generate.',
      'w.yaml:4:52 step a: value[2] refers to output, which exists only in compensate and in repeat.until.',
    ],
    [
      'the outcome outside of a condition',
      steps('  - {id: a, value: "${{ failure() }}"}'),
      'w.yaml:4:13 step a: value asks always(), success(), failure() or cancelled(). Only if can be asked that.',
    ],
    [
      'a list that is a text',
      steps(`  - {id: a, for-each: input.list, ${look}}`),
      'w.yaml:4:13 step a: for-each is a text. Write a list, or an expression: ${{ input.services }}.',
    ],
    [
      'a wait that is no duration',
      steps('  - {id: a, wait: {for: soon}}'),
      'w.yaml:4:20 step a: wait.for must be a duration such as 90s, 10m, 2h or 14d.',
    ],
    [
      'a wait for nothing',
      steps('  - {id: a, wait: {}}'),
      'w.yaml:4:13 step a: wait must have either for or signal.',
    ],
    [
      'an unknown workflow, and one called wrongly',
      steps('  - {id: a, workflow: doc}\n  - {id: b, workflow: docs, with: {depth: deep}}'),
      'w.yaml:4:13 step a: workflow is doc, which is no workflow here. Did you mean "docs"?',
      'w.yaml:5:29 step b: with lacks repo, which is required.',
      'w.yaml:5:36 step b: with.depth must be a number.',
    ],
    ['no steps', 'name: w\nsteps: []', 'w.yaml:2:1 steps must have at least one step.'],
    [
      'an empty group',
      steps('  - {id: a, steps: []}'),
      'w.yaml:4:13 step a: steps must have at least one step.',
    ],
    [
      'a default of another type',
      'name: w\ninput: {n: {type: integer, default: many}}\nsteps: [{id: a, value: 1}]',
      'w.yaml:2:28 input.n.default is not of type integer.',
    ],
    ['broken YAML', 'name: w\nsteps: [', 'w.yaml:2:9 The definition is not valid YAML: bad indent.'],
    [
      'a word of the language as an id',
      steps('  - {id: in, value: 1}'),
      'w.yaml:4:6 step in: id is a word that expressions can not use as a name; choose another.',
    ],
  ])('%s', (_what, text, ...expected) => {
    expect(faultsOf(text)).toEqual(expected)
  })
})

test('what is right has no faults', () => {
  const text = steps(`
  - {id: a, ${run}}
  - {id: b, needs: [], if: input.n > 1, ${look}}
  - id: g
    needs: [a, b]
    if: always() && steps.b.status == "succeeded"
    for-each: \${{ input.list }}
    max-parallel: 3
    steps:
      - {id: c, value: "\${{ item }} of \${{ index }} after \${{ steps.a.output.conclusion }}"}
      - {id: d, value: "\${{ steps.c.output }}"}
  - id: again
    repeat: {until: output.ok == true && steps.e.output.ok, max: 3, delay: 2s}
    steps: [{id: e, value: "\${{ {'ok': previous == null, 'round': index} }}"}]
  - id: undo
    ${run.replaceAll(', ', '\n    ').replace('with: {', 'with: {')}
    compensate: {agent: cicd, action: any, with: {was: "\${{ output.conclusion }}", of: "\${{ steps.undo.output }}"}}
  - {id: more, generate: {agent: cicd, action: any, max: 10, with: {last: "\${{ previous }}"}}}
  - {id: sub, workflow: docs, with: {repo: "\${{ run.id }}"}}
  - {id: nap, wait: {for: "\${{ input.n }}m"}}
  - {id: ask, approval: {title: "Go on with \${{ input.n }}?"}, timeout: 14d}
`)
  expect(faultsOf(text)).toEqual([])
})

describe('limits', () => {
  const many = (count: number): string =>
    steps(Array.from({length: count}, (_, i) => `  - {id: s${i}, value: 1}`).join('\n'))

  test('5,000 steps, and not one more', () => {
    expect(faultsOf(many(5_000))).toEqual([])
    expect(faultsOf(many(5_001))).toEqual([
      'w.yaml:3:1 steps are 5001, over 5000. Use for-each, or workflows of their own.',
    ])
  })

  test('groups inside groups, 8 deep', () => {
    const nested = (depth: number): string =>
      depth === 0 ? '[{id: a, value: 1}]' : `[{id: g, steps: ${nested(depth - 1)}}]`
    expect(faultsOf(`name: w\nsteps: ${nested(8)}`)).toEqual([])
    expect(faultsOf(`name: w\nsteps: ${nested(9)}`)).toEqual(['w.yaml:2:1 steps are nested 9 deep, over 8.'])
    expect(faultsOf(`name: w\nsteps: ${nested(60)}`)[0]).toMatch(/nested more than 64 deep/)
  })

  test('a file that unfolds, goes on for ever or is nested without end is refused, quickly', () => {
    const bomb = `name: w\na: &a [1,1,1,1,1,1,1,1,1]\n${'bcdefg'
      .split('')
      .map((name, i) => `${name}: &${name} [${Array.from({length: 9}, () => `*${'abcdef'[i]}`).join(',')}]`)
      .join('\n')}\nsteps: []`
    expect(faultsOf(bomb)).toEqual(['w.yaml The definition refers to itself too often to be read.'])
    expect(faultsOf(' '.repeat(1_000_001))[0]).toMatch(/longer than/)
    expect(faultsOf(`steps: ${'['.repeat(20_000)}`)[0]).toMatch(/not valid YAML|nested/)
  })
})
