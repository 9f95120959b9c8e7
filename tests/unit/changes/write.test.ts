import {expect, test} from 'vitest'
import {createWriter} from '../../../src/changes/write.ts'
import type {RepositoryHost} from '../../../src/integrations/github/repository-host.ts'
import type {Llm, LlmAnswer, LlmRequest, Passage} from '../../../src/integrations/llm/llm.ts'
import type {WantedChange} from '../../../src/sdk/index.ts'

const seen = async (value: unknown) => ({kind: 'seen', value})
const FILE = {path: 'src/a.ts', sha: 'blob', size: 20}
/** A repository of one small file. */
const host = {
  repository: () => seen({defaultBranch: 'main', url: 'https://github.com/acme/web'}),
  branchHead: () => seen('f'.repeat(40)),
  tree: () => seen({sha: 'tree', truncated: false, files: [FILE]}),
  blob: () => seen('export const a = 1\n'),
} as unknown as RepositoryHost

const WANTED: WantedChange = {
  ...{repository: 'acme/web', kind: 'implement', description: 'a is to be 2', path: 'src/a.ts'},
  signal: new AbortController().signal,
}
const LOOKED_UP: Passage = {text: 'what a tool said of it', trusted: false, source: 'docs.search'}
const OVER: LlmAnswer<never> = {kind: 'over-budget', reason: 'a call of up to 20000 tokens'}
const edit = (replace: string): LlmAnswer<unknown> => ({
  kind: 'answered',
  value: {title: 'a is 2', summary: 'As asked.', edits: [{path: 'src/a.ts', find: 'a = 1', replace}]},
  usage: {inputTokens: 1, outputTokens: 1, cost: undefined},
})

/** Writes with a model that answers so, one after the other; tells what it was asked. */
async function written(found: readonly Passage[], ...answers: readonly LlmAnswer<unknown>[]) {
  const asked: LlmRequest[] = []
  const object = async (request: LlmRequest) => {
    asked.push(request)
    return answers[asked.length - 1] ?? {kind: 'failed', reason: 'asked too often'}
  }
  const llm = {on: true, object} as unknown as Llm
  const write = createWriter({host, llm, consult: async () => found, clock: Date.now})
  const change = await write(WANTED)
  const passages = asked.map(({messages}) => messages.flatMap(each => each.passages))
  return {
    change,
    asked: passages.map(each => each.map(({text}) => text)),
    looked: passages.map(each => each.includes(LOOKED_UP)),
  }
}

test('what was looked up stands beside the task and the file', async () => {
  const {change, asked, looked} = await written([LOOKED_UP], edit('a = 2'))
  expect(change).toMatchObject({kind: 'written', files: [{path: 'src/a.ts', text: 'export const a = 2\n'}]})
  expect(looked).toEqual([true])
  expect(asked[0]).toContain('export const a = 1\n')
})

test('over the budget with it, the change is asked for once more without it, all else being the same', async () => {
  const {change, asked, looked} = await written([LOOKED_UP], OVER, edit('a = 2'))
  expect(change).toMatchObject({kind: 'written', title: 'a is 2'})
  expect(looked).toEqual([true, false])
  expect(asked[1]).toEqual(asked[0]?.filter(text => text !== LOOKED_UP.text))
})

test('a correction of what was written without it does not bring it back', async () => {
  const {change, looked} = await written([LOOKED_UP], OVER, edit('a = 1'), edit('a = 2'))
  expect(change.kind).toBe('written')
  expect(looked).toEqual([true, false, false])
})

test.each([
  ['nothing was looked up', [], 1],
  ['it is over the budget without it, too', [LOOKED_UP], 2],
])('where %s nothing is written, and the model is asked no more', async (_why, found, times) => {
  const {change, asked} = await written(found, OVER, OVER, edit('a = 2'))
  expect(change).toEqual({
    kind: 'nothing',
    reason: 'The model could not be asked: a call of up to 20000 tokens.',
  })
  expect(asked).toHaveLength(times)
})
