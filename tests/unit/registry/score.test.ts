import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import type {AgentRecord, AgentView} from '../../../src/registry/agent.ts'
import {viewOf} from '../../../src/registry/decide.ts'
import {
  matchAgents,
  scoreCapability,
  searchCapabilities,
  type CapabilityQuery,
} from '../../../src/registry/score.ts'
import {aCapability, anAgent, anInstance} from '../../support/registry.ts'

const match = (known: readonly AgentView[], query: CapabilityQuery) =>
  matchAgents(known, query, record => viewOf(record))
const agents = (...records: readonly Partial<AgentRecord>[]): AgentView[] =>
  records.map(record => viewOf(anAgent(record)))
const ids = (matches: ReturnType<typeof matchAgents>) => matches.map(match => match.agent.agentId)
const loaded = (active: number) => [anInstance({load: {active, capacity: 10}})]

test.each([
  ['review_code', 1],
  ['  REVIEW_CODE ', 1],
  ['quality', 0.8],
  ['Quality', 0.8],
  ['review', 0.6],
  ['pull request', 0.4],
  ['qual', 0],
  ['deploy', 0],
  ['', 0],
  [' ', 0],
])('%j scores %d', (keyword, score) => {
  const capability = aCapability({
    name: 'review_code',
    tags: ['quality'],
    description: 'Reads a pull request with care',
  })
  expect(scoreCapability(keyword, capability)).toBe(score)
})

describe('a query', () => {
  test('with several keywords wants any of them, and is as sure as of the best', () => {
    const found = match(agents({agentId: 'a'}, {agentId: 'b', capabilities: []}), {
      keywords: ['rev', 'review', 'deploy'],
    })
    expect(found.map(({agent, confidence, capability}) => [agent.agentId, confidence, capability])).toEqual([
      ['a', 1, 'review'],
    ])
  })

  test('that requires all is as sure as of the worst, and a missing one excludes', () => {
    const both = [aCapability(), aCapability({name: 'deploy_web', tags: ['ship']})]
    const known = agents({agentId: 'both', capabilities: both}, {agentId: 'one'})
    expect(match(known, {keywords: ['review', 'deploy'], requireAll: true})).toMatchObject([
      {agent: {agentId: 'both'}, confidence: 0.6, capability: 'deploy_web'},
    ])
  })

  test('never returns the dead or the excluded', () => {
    const known = agents(
      {agentId: 'dead', instances: [anInstance({leaseMs: 0})]},
      {agentId: 'excluded'},
      {agentId: 'well'},
    )
    expect(ids(match(known, {keywords: ['review'], exclude: ['excluded']}))).toEqual(['well'])
  })

  test('leaves out what is less sure than asked', () => {
    const known = agents(
      {agentId: 'part', capabilities: [aCapability({name: 'reviewing'})]},
      {agentId: 'exact'},
    )
    expect(ids(match(known, {keywords: ['review'], minConfidence: 0.6}))).toEqual(['exact', 'part'])
    expect(ids(match(known, {keywords: ['review'], minConfidence: 0.61}))).toEqual(['exact'])
  })

  test('ranks a better match first though it is busy', () => {
    const known = agents(
      {agentId: 'free', capabilities: [aCapability({name: 'reviewing'})]},
      {agentId: 'busy', instances: [anInstance({status: 'busy'})]},
    )
    expect(ids(match(known, {keywords: ['review']}))).toEqual(['busy', 'free'])
  })

  test('ranks equals: active before busy, less loaded first, then the longest without work, then by id', () => {
    const known = agents(
      {agentId: 'busy', instances: [anInstance({status: 'busy'})]},
      {agentId: 'loaded', instances: loaded(5)},
      {agentId: 'recent', lastAssignedAt: 2000},
      {agentId: 'early', lastAssignedAt: 1000},
      {agentId: 'never-2'},
      {agentId: 'never-1'},
    )
    expect(ids(match(known, {keywords: ['review']}))).toEqual([
      'never-1',
      'never-2',
      'early',
      'recent',
      'loaded',
      'busy',
    ])
  })

  test('compares loads by the share of capacity', () => {
    const small = [anInstance({load: {active: 1, capacity: 2}})]
    expect(
      ids(
        match(agents({agentId: 'a', instances: small}, {agentId: 'b', instances: loaded(4)}), {
          keywords: ['review'],
        }),
      ),
    ).toEqual(['b', 'a'])
  })

  const record: fc.Arbitrary<Partial<AgentRecord>> = fc.record({
    capabilities: fc.array(
      fc
        .record({
          name: fc.constantFrom('deploy', 'deploy web', 'review', 'REVIEW code'),
          description: fc.constantFrom('', 'can review and deploy'),
          tags: fc.subarray(['deploy', 'review']),
        })
        .map(aCapability),
      {maxLength: 3},
    ),
    instances: fc.array(
      fc
        .record({
          status: fc.constantFrom('active' as const, 'busy' as const),
          leaseMs: fc.integer({min: -1, max: 1}),
          load: fc.record({active: fc.nat(3), capacity: fc.integer({min: 1, max: 3})}),
        })
        .map(anInstance),
      {maxLength: 2},
    ),
    lastAssignedAt: fc.option(fc.nat(3), {nil: undefined}),
  })
  const fleet = fc
    .array(record, {maxLength: 8})
    .map(records => agents(...records.map((given, index) => ({...given, agentId: `agent-${index}`}))))

  test('gives the same order whatever order the agents come in, with what was asked and no more', () => {
    const query = fc.record({
      keywords: fc.array(fc.constantFrom('deploy', 'review', 'web', 'nothing'), {minLength: 1, maxLength: 3}),
      requireAll: fc.boolean(),
      minConfidence: fc.constantFrom(0, 0.5, 1),
      exclude: fc.subarray(['agent-0', 'agent-1']),
    })
    fc.assert(
      fc.property(fleet, query, fc.infiniteStream(fc.double({noNaN: true})), (known, wanted, random) => {
        const shuffled = known
          .map(agent => ({agent, key: random.next().value as number}))
          .sort((a, b) => a.key - b.key)
          .map(({agent}) => agent)
        const found = match(known, wanted)
        expect(ids(match(shuffled, wanted))).toEqual(ids(found))
        // The model: each agent by itself, from the definition of a score.
        const expected = known.filter(agent => {
          const best = wanted.keywords.map(keyword =>
            Math.max(0, ...agent.capabilities.map(capability => scoreCapability(keyword, capability))),
          )
          const confidence = wanted.requireAll ? Math.min(...best) : Math.max(...best)
          const fits = found.find(({agent: {agentId}}) => agentId === agent.agentId)
          if (fits) expect(fits.confidence).toBe(confidence)
          return (
            agent.status !== 'offline' &&
            !wanted.exclude.includes(agent.agentId) &&
            confidence > 0 &&
            confidence >= wanted.minConfidence
          )
        })
        expect(ids(found).sort()).toEqual(expected.map(agent => agent.agentId).sort())
        for (const [index, match] of found.entries())
          expect(match.confidence).toBeLessThanOrEqual(found[index - 1]?.confidence ?? 1)
      }),
    )
  })
})

test('a search finds text in names, descriptions and tags of living agents, ignoring case', () => {
  const capabilities = [
    aCapability({name: 'Deploy_Web'}),
    aCapability({name: 'ship', description: 'will deploy anything'}),
    aCapability({name: 'release', tags: ['pre-DEPLOY']}),
    aCapability({name: 'review'}),
  ]
  const known = agents({capabilities}, {agentId: 'dead', capabilities, instances: []})
  expect(
    searchCapabilities(known, ' dePloy ', record => viewOf(record)).map(hit => hit.capability.name),
  ).toEqual(['Deploy_Web', 'ship', 'release'])
  expect(searchCapabilities(known, ' ', record => viewOf(record))).toEqual([])
})
