import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {TOOL_STRATEGIES, type Tool} from '../../../src/sdk/tools.ts'
import {choose, manifestOf, type Grant, type OfferedServer} from '../../../src/tools/disclosure.ts'
import {SAMPLE_TASKS, TOOL_SAMPLE} from '../../support/tool-sample.ts'

const ALL: Grant = {servers: TOOL_SAMPLE.map(({name}) => name), tools: []}
const shown = (task: string, strategy: (typeof TOOL_STRATEGIES)[number], grant = ALL) =>
  choose({task, strategy, catalogue: TOOL_SAMPLE, grant})
const names = (tools: readonly Tool[]) => tools.map(({server, name}) => `${server}.${name}`)

test('the sample has 150 tools over 17 servers', () => {
  expect(TOOL_SAMPLE.length).toBe(17)
  expect(TOOL_SAMPLE.flatMap(({tools}) => tools).length).toBe(150)
})

describe('of the sample', () => {
  test.each(['minimal', 'progressive'] as const)(
    '%s saves at least 80 % of the tokens of each task',
    strategy => {
      const lines = SAMPLE_TASKS.map(({task, needs}) => {
        const {tools, stats} = shown(task, strategy)
        for (const server of needs) expect(names(tools).join(' '), task).toContain(`${server}.`)
        expect(stats.saved, task).toBeGreaterThanOrEqual(80)
        return {
          tools: stats.tools.shown,
          servers: stats.servers.shown,
          saved: stats.saved,
          ...stats.tokens.measured,
        }
      })
      const mean = (pick: (line: (typeof lines)[number]) => number) =>
        Math.round((10 * lines.reduce((sum, line) => sum + pick(line), 0)) / lines.length) / 10
      const least = Math.min(...lines.map(({saved}) => saved))
      console.log(
        `${strategy}: ${mean(line => line.tools)} of 150 tools, ${mean(line => line.servers)} of 17 servers, ` +
          `${mean(line => line.shown)} of ${lines[0]?.total} tokens, ${mean(line => line.saved)} % saved (least ${least} %)`,
      )
    },
  )

  test('full shows everything and saves nothing', () => {
    const {tools, stats} = shown('anything', 'full')
    expect(tools.length).toBe(150)
    expect(stats).toMatchObject({saved: 0, tokens: {estimated: {shown: 7500, total: 7500}}})
  })

  test('a task about nothing that is here is shown memory and time', () => {
    expect(new Set(shown('please help', 'minimal').tools.map(({server}) => server))).toEqual(
      new Set(['memory', 'time']),
    )
  })

  test('profile shows what its agents always need, progressive adds what the task is about', () => {
    const grant = {...ALL, tools: ['slack.post_message']}
    const needed = ['github.create_pull_request', 'github.get_file_contents', 'kubernetes.rollout_undo']
    expect(names(shown('scan the redis keys', 'profile', grant).tools)).toEqual([
      ...needed,
      'slack.post_message',
    ])
    const progressive = names(shown('scan the redis keys', 'progressive', grant).tools)
    expect(progressive).toEqual(expect.arrayContaining([...needed, 'slack.post_message', 'redis.scan_keys']))
    expect(progressive).not.toContain('docker.build_image')
  })

  test('each says why, the gravest first', () => {
    const {tools} = shown('scan the redis keys', 'progressive', {...ALL, tools: ['slack.post_message']})
    const why = new Map(tools.map(tool => [`${tool.server}.${tool.name}`, [tool.priority, tool.rationale]]))
    expect(why.get('kubernetes.rollout_undo')).toEqual(['critical', 'critical in kubernetes'])
    expect(why.get('slack.post_message')).toEqual(['high', 'given to the agent by name'])
    expect(why.get('redis.scan_keys')).toEqual(['medium', 'the task says redis, key, scan'])
    expect(why.get('memory.read_graph')).toEqual(['medium', 'memory is always there'])
    expect(names(tools)[0]).toBe('github.create_pull_request')
  })
})

test('measured tokens are those of what a model reads, four characters each', () => {
  const tool: Tool = {server: 'git', name: 'blame', description: 'Who', input: {type: 'object'}, reads: true}
  const {stats} = choose({
    strategy: 'full',
    task: '',
    catalogue: [{name: 'git', critical: [], tools: [tool]}],
    grant: {servers: ['git'], tools: []},
  })
  expect(stats.tokens.measured.total).toBe(Math.ceil(JSON.stringify(manifestOf(tool)).length / 4))
  expect(manifestOf(tool)).toEqual({name: 'git.blame', description: 'Who', input_schema: {type: 'object'}})
})

const word = fc.constantFrom('issue', 'deploy', 'log', 'graph', 'key', 'pod', 'page', 'time')
const fleet: fc.Arbitrary<readonly OfferedServer[]> = fc
  .uniqueArray(
    fc.record({
      name: fc.constantFrom('memory', 'time', 'github', 'redis', 'docker'),
      tools: fc.uniqueArray(
        fc.tuple(word, word).map(parts => parts.join('_')),
        {maxLength: 20},
      ),
      critical: fc.array(
        fc.tuple(word, word).map(parts => parts.join('_')),
        {maxLength: 3},
      ),
    }),
    {selector: ({name}) => name},
  )
  .map(servers =>
    servers.map(({name, tools, critical}) => ({
      name,
      critical,
      tools: tools.map(tool => ({
        ...{server: name, name: tool, description: tool, input: {}},
        reads: !tool.startsWith('deploy'),
      })),
    })),
  )
const grants: fc.Arbitrary<Grant> = fc.record({
  servers: fc.array(fc.constantFrom('memory', 'github', 'redis', 'unknown')),
  tools: fc.array(
    fc.tuple(fc.constantFrom('docker', 'redis'), word, word).map(([server, a, b]) => `${server}.${a}_${b}`),
  ),
})

test('whatever there is, nobody is shown what they were not granted, and progressive is the other two together', () => {
  fc.assert(
    fc.property(fleet, grants, fc.string(), (catalogue, grant, task) => {
      const allowed = names(catalogue.flatMap(({tools}) => tools)).filter(
        name => grant.servers.includes(name.split('.')[0] ?? '') || grant.tools.includes(name),
      )
      for (const strategy of TOOL_STRATEGIES) {
        const {tools, stats} = choose({strategy, task, catalogue, grant})
        expect(allowed).toEqual(expect.arrayContaining(names(tools)))
        expect(new Set(names(tools)).size).toBe(tools.length)
        const needed = tools.filter(({priority}) => priority === 'critical' || priority === 'high').length
        if (strategy !== 'full') expect(tools.length).toBeLessThanOrEqual(Math.max(24, needed))
        expect(stats.saved).toBeGreaterThanOrEqual(0)
        expect(stats.tools).toEqual({shown: tools.length, total: allowed.length})
      }
      const {tools: reading} = choose({strategy: 'full', task, catalogue, grant, readsOnly: true})
      expect(names(reading).sort()).toEqual(allowed.filter(name => !name.includes('.deploy')).sort())
      const of = (strategy: (typeof TOOL_STRATEGIES)[number]) =>
        new Set(names(choose({strategy, task, catalogue, grant}).tools))
      for (const needed of of('profile')) expect(of('progressive')).toContain(needed)
      expect(of('full').size).toBe(allowed.length)
    }),
  )
})

test('an agent without a grant has nothing', () => {
  const {tools, stats} = shown('review pull request #7', 'full', {servers: [], tools: []})
  expect(tools).toEqual([])
  expect(stats.saved).toBe(0)
})
