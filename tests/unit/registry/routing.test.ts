import {describe, expect, test} from 'vitest'
import {viewOf} from '../../../src/registry/decide.ts'
import {route} from '../../../src/registry/routing.ts'
import {aCapability, anAgent, anInstance} from '../../support/registry.ts'

const look = viewOf
const instancesOf = (agent: ReturnType<typeof anAgent>) => {
  const found = route([agent], {agent: agent.agentId}, look)
  return found.kind === 'found' ? found.candidates.map(({instanceId}) => instanceId) : found.kind
}

describe('for an agent', () => {
  test('asks the least loaded of those that take work first, then busy ones, never the dead', () => {
    const load = (active: number) => ({active, capacity: 10})
    expect(
      instancesOf(
        anAgent({
          instances: [
            anInstance({instanceId: 'busy', status: 'busy', load: load(0)}),
            anInstance({instanceId: 'dead', leaseMs: 0}),
            anInstance({instanceId: 'half', load: load(5)}),
            anInstance({instanceId: 'b', load: load(1)}),
            anInstance({instanceId: 'a', load: load(1)}),
          ],
        }),
      ),
    ).toEqual(['a', 'b', 'half', 'busy'])
  })

  test('tells one that is not alive from one that nobody ever heard of', () => {
    expect(instancesOf(anAgent({instances: [anInstance({leaseMs: -1})]}))).toBe('offline')
    expect(instancesOf(anAgent({instances: []}))).toBe('offline')
    expect(route([anAgent()], {agent: 'b'}, look)).toEqual({kind: 'unknown'})
  })
})

describe('for a capability', () => {
  const able = (agentId: string, name: string, rest = {}) =>
    anAgent({
      agentId,
      capabilities: [aCapability({name, ...rest})],
      instances: [anInstance({instanceId: agentId})],
    })
  const agentsFor = (capability: string, ...agents: readonly ReturnType<typeof anAgent>[]) => {
    const found = route(agents, {capability}, look)
    return found.kind === 'found' ? found.candidates.map(({agentId}) => agentId) : found.kind
  }

  test('a name goes before a tag, and everybody able is a candidate', () => {
    expect(agentsFor('review', able('a', 'check', {tags: ['review']}), able('b', 'review'))).toEqual([
      'b',
      'a',
    ])
  })

  test('a word in a name or a description is not enough to be given work', () => {
    expect(
      agentsFor('deploy', able('a', 'never_deploy'), able('b', 'x', {description: 'deploy things'})),
    ).toBe('unknown')
  })

  test('is offline when those who can do it are', () => {
    expect(agentsFor('review', {...able('a', 'review'), instances: [anInstance({leaseMs: 0})]})).toBe(
      'offline',
    )
  })
})
