import {describe, expect, test} from 'vitest'
import orchestrator from '../../../agents/orchestrator.ts'
import type {ActionContext, AgentSummary, Services} from '../../../src/sdk/index.ts'

const run = async (action: string, input: object, services: Partial<Services> = {}) => {
  const definition = orchestrator.actions[action]
  if (!definition) throw new Error(`no action ${action}`)
  const context = {services, correlationId: 'c'} as unknown as ActionContext
  const result = await definition.run(definition.input.parse(input), context)
  if (result.kind !== 'replied') throw new Error('left its end to others')
  return {reply: result.reply, output: definition.output?.parse(result.output)}
}

describe('results put together', () => {
  const statusOf = async (...statuses: string[]) => {
    const results = statuses.map((status, i) => ({name: `part ${i}`, status}))
    return (await run('aggregate_results', {results})).output as {readonly status: string}
  }
  test.each([
    [['success', 'success'], 'success'],
    [['success', 'error'], 'partial'],
    [['partial', 'timeout'], 'partial'],
    [['partial'], 'partial'],
    [['error', 'rejected', 'timeout'], 'failed'],
  ])('%j is %s', async (statuses, whole) => {
    expect(await statusOf(...statuses)).toMatchObject({status: whole})
  })

  test('of nothing is no success', async () => {
    await expect(run('aggregate_results', {results: []})).rejects.toThrow('nothing was asked')
  })
  test('two of one name are refused: one would hide the other', async () => {
    const part = {name: 'api', status: 'success'}
    await expect(run('aggregate_results', {results: [part, part]})).rejects.toThrow('two of the same name')
  })
})

describe('its status', () => {
  const agents = (...known: Partial<AgentSummary>[]) =>
    ({catalogue: {agents: async () => known}}) as unknown as Partial<Services>
  test('is what the registry says', async () => {
    const services = agents(
      {id: 'cicd'},
      {id: 'orchestrator', status: 'busy', load: {active: 2, capacity: 2}},
    )
    expect(await run('get_status', {}, services)).toMatchObject({
      output: {agent_id: 'orchestrator', status: 'busy', load: {active: 2, capacity: 2}},
      reply: {lines: ['2 of 2 at work']},
    })
  })
  test('is unknown where the registry does not tell', async () => {
    expect((await run('get_status', {}, agents())).output).toMatchObject({status: 'unknown', load: null})
  })
})
