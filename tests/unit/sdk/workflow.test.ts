import {readFileSync} from 'node:fs'
import {expect, test} from 'vitest'
import {LOCK_KINDS} from '../../../src/locks/decide.ts'
import {workflowJsonSchema, workflowSchema} from '../../../src/sdk/workflow.ts'

test('workflow.schema.json is what the validation uses: else run npm run schema', () => {
  const published = readFileSync(new URL('../../../workflow.schema.json', import.meta.url), 'utf8')
  expect(JSON.parse(published)).toEqual(workflowJsonSchema())
})

test('a step can take every kind of lock, and no other', () => {
  const parse = (kind: string) =>
    workflowSchema.safeParse({name: 'w', steps: [{id: 'a', value: 1, lock: {resource: 'x', kind}}]}).success
  expect(LOCK_KINDS.every(parse)).toBe(true)
  expect(parse('shared')).toBe(false)
})

test('a definition is kept as it was written', () => {
  const definition = {name: 'w', steps: [{id: 'a', value: {'${{': null}}], result: [1, 'x']}
  expect(workflowSchema.parse(definition)).toEqual(definition)
})
