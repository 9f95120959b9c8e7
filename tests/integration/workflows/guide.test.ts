import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {z} from 'zod'
import type {Json} from '../../../src/kernel/json.ts'
import {systemClock} from '../../../src/kernel/clock.ts'
import type {LogFields} from '../../../src/platform/logger.ts'
import {defineAction, defineAgent, type AgentDefinition, type Services} from '../../../src/sdk/index.ts'
import {agentActions} from '../../../src/workflows/actions.ts'
import {describeFault} from '../../../src/workflows/definition/fault.ts'
import {createLibrary, loadWorkflows} from '../../../src/workflows/definition/load.ts'
import type {Definition} from '../../../src/workflows/engine.ts'
import {createWorkflowStates} from '../../../src/workflows/state.ts'
import {createTestDatabase, type TestDatabase} from '../../support/database.ts'
import {runSample, samplesOf} from '../../support/guide.ts'
import {openWorkflows, type TestWorkflows} from '../../support/workflows.ts'

const GUIDE = 'MULTI_AGENT_WORKFLOWS.md'
const guide = await readFile(new URL(`../../../docs/${GUIDE}`, import.meta.url), 'utf8')
const definitions = [...guide.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text)
const nameOf = (definition: string) => /^name: (\S+)$/m.exec(definition)?.[1] ?? ''

/** What the samples' agents did, in order. */
const done: string[] = []
let well = true

const anAction = (name: string, shape: z.ZodRawShape, answer: (input: Record<string, Json>) => Json) =>
  defineAction({
    description: name,
    input: z.object(shape),
    async run(input) {
      const output = answer(input as Record<string, Json>)
      done.push(`${name} ${Object.values(input as object).join(' ')}`.trim())
      return {kind: 'replied', reply: {state: 'ok', title: name}, output}
    },
  })
const anAgent = (id: string, actions: AgentDefinition['actions']): [string, AgentDefinition] => [
  id,
  defineAgent({id, name: id, description: id, queue: {concurrency: 5, timeoutMs: 10_000}, actions}),
]
const agents = new Map([
  anAgent('builder', {
    build: anAction('build', {version: z.string()}, ({version}) => ({artifact: `app-${version as string}`})),
    check: anAction('check', {what: z.string()}, ({what}) => {
      if (what === 'lint') throw new Error('two spaces too many')
      return null
    }),
    count: anAction('count', {file: z.string()}, ({file}) => (file as string).length),
    sum: anAction('sum', {numbers: z.array(z.number())}, ({numbers}) =>
      (numbers as number[]).reduce((total, number) => total + number, 0),
    ),
  }),
  anAgent('announcer', {announce: anAction('announce', {text: z.string()}, () => null)}),
  anAgent('shipper', {
    deploy: anAction('deploy', {}, () => ({id: 'd1'})),
    undo: anAction('undo', {id: z.string()}, () => null),
    verify: anAction('verify', {}, () => ({well})),
  }),
])

let database: TestDatabase
let app: TestWorkflows
let folder: string
let said: LogFields[]
const say = (fields: LogFields) => void said.push(fields)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'signalbox-guide-'))
  for (const definition of definitions)
    await writeFile(join(folder, `${nameOf(definition)}.yaml`), definition)
  const loaded = await loadWorkflows(folder, agents)
  expect(loaded.faults.map(describeFault)).toEqual([])
  const library = createLibrary(loaded, agents)
  database = await createTestDatabase()
  app = await openWorkflows(database.url, {
    plans: [...library.definitions.keys()].map(name => library.current(name) as Definition),
    actions: agentActions({agents, services: {} as Services, clock: systemClock}),
  })
})
afterAll(async () => {
  await app.close()
  await database.drop()
  await rm(folder, {recursive: true})
})

async function runs(workflow: string, input: Json = {}) {
  done.length = 0
  const {id} = await app.workflows.start({workflow, input})
  await app.workflows.ended(id)
  return app.workflows.get(id)
}

test('every definition of the guide is run here', () => {
  expect(definitions.map(nameOf)).toEqual(['release-notes', 'checks', 'count-lines', 'ship'])
})

test('release-notes: one after the other', async () => {
  expect(await runs('release-notes', {version: '1.2'})).toMatchObject({
    status: 'completed',
    result: {artifact: 'app-1.2'},
  })
  expect(done).toEqual(['build 1.2', 'announce Built app-1.2'])
})

test('checks: one that fails does not sink the other', async () => {
  expect(await runs('checks')).toMatchObject({
    status: 'completed',
    result: {verdict: 'works, but is not clean'},
  })
})

test('count-lines: each item, then all of them', async () => {
  const files = ['a', 'bb', 'ccc', 'dddd', 'eeeee']
  expect(await runs('count-lines', {files})).toMatchObject({status: 'completed', result: 15})
  expect(done.at(-1)).toBe('sum 1,2,3,4,5')
})

describe('ship', () => {
  const sample = async (title: string) => {
    said = []
    const found = (await samplesOf(GUIDE)).find(each => each.title === title)
    if (!found) throw new Error(`${GUIDE} has no sample under ${title}`)
    await runSample(found, {
      workflows: app.workflows,
      states: createWorkflowStates({pool: app.pool}),
      log: {info: say},
    })
    return said
  }

  test('from code: started, approved, and well', async () => {
    done.length = 0
    well = true
    expect(await sample('From code')).toEqual([{status: 'completed'}])
    expect(done).toEqual(['deploy', 'verify'])
  })

  test('what is not well in the end is undone', async () => {
    done.length = 0
    well = false
    const {id} = await app.workflows.start({workflow: 'ship', input: {}})
    await app.workflows.signal(id, {id: 'yes', name: 'approval:gate', payload: {approved: true}})
    expect(await app.workflows.ended(id)).toBe('failed')
    expect(done).toEqual(['deploy', 'verify', 'verify', 'undo d1'])
  })

  test('state that agents share goes back to its checkpoint', async () => {
    expect(await sample('State that agents share')).toEqual([{version: 5, found: 3}])
  })

  test('every sample in TypeScript is run here', async () => {
    expect((await samplesOf(GUIDE)).map(({title}) => title)).toEqual(['State that agents share', 'From code'])
  })
})
