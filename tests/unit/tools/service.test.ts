import {beforeEach, describe, expect, test} from 'vitest'
import type {Audit, AuditEvent} from '../../../src/audit/audit.ts'
import type {ToolServer} from '../../../src/integrations/mcp/tool-server.ts'
import {AppError} from '../../../src/kernel/errors.ts'
import type {StrategyInForce, Tool} from '../../../src/sdk/tools.ts'
import {createTools} from '../../../src/tools/service.ts'

let offered: Record<string, string[]>
let down: Set<string>
let asked: string[]
let recorded: (AuditEvent & {readonly phase: string})[]
let counted: (readonly [server: string, outcome: string])[]
let switches: StrategyInForce[]
let now: number
beforeEach(() => {
  offered = {github: ['merge', 'review'], memory: ['recall'], vault: ['open']}
  down = new Set()
  asked = []
  recorded = []
  counted = []
  switches = []
  now = 1_000
})

const audit: Pick<Audit, 'around' | 'refused'> = {
  async around(event, effect, outcome = () => ({phase: 'done'})) {
    recorded.push({...event, phase: 'intent'})
    const result = await effect({id: '1', seq: 1})
    recorded.push({...event, phase: outcome(result).phase})
    return result
  },
  refused(event) {
    recorded.push({...event, phase: 'refused'})
    return Promise.resolve(undefined)
  },
}

function server(name: string): ToolServer {
  return {
    name,
    list() {
      asked.push(`list ${name}`)
      if (down.has(name)) return Promise.reject(new AppError('UPSTREAM_UNAVAILABLE', `${name} is away`))
      return Promise.resolve(
        (offered[name] ?? []).map((tool): Tool => ({
          server: name,
          name: tool,
          description: tool,
          input: {},
          reads: tool !== 'merge',
        })),
      )
    },
    call(tool) {
      asked.push(`call ${name}.${tool}`)
      if (tool === 'recall') return Promise.reject(new AppError('UPSTREAM_UNAVAILABLE', 'no answer'))
      return Promise.resolve({server: name, tool, ok: tool !== 'review', text: 'hunter2!', cut: false})
    },
    close: () => Promise.resolve(),
  }
}

function open() {
  return createTools({
    servers: new Map(['github', 'memory', 'vault'].map(name => [name, {server: server(name), critical: []}])),
    grants: new Map([
      ['dev', {servers: ['memory'], tools: ['github.merge', 'github.review', 'github.late']}],
    ]),
    configured: 'progressive',
    store: {
      last: () => Promise.resolve(switches.at(-1)),
      add(change) {
        switches.push({...change, since: now})
        return Promise.resolve({...change, since: now})
      },
    },
    audit,
    metrics: {called: (...call) => void counted.push(call)},
    redact: text => text.replaceAll('hunter2!', '***'),
    clock: () => now,
  })
}
const names = (tools: readonly Tool[]) => tools.map(tool => `${tool.server}.${tool.name}`)

describe('what an agent is shown', () => {
  test('is what it was given; servers of which it has nothing are not even asked', async () => {
    const {tools} = await open().discover({agent: 'dev', task: '', strategy: 'full'})
    expect(names(tools).sort()).toEqual(['github.merge', 'github.review', 'memory.recall'])
    expect(asked.sort()).toEqual(['list github', 'list memory'])
  })

  test('is nothing for an agent that is not listed, and nobody is asked', async () => {
    expect((await open().discover({agent: 'stranger', task: '', strategy: 'full'})).tools).toEqual([])
    expect(asked).toEqual([])
  })

  test('lacks a server that is away, which is named', async () => {
    down.add('github')
    const {tools, missing} = await open().discover({agent: 'dev', task: '', strategy: 'full'})
    expect(names(tools)).toEqual(['memory.recall'])
    expect(missing).toEqual([{server: 'github', reason: 'github is away'}])
  })

  test('follows the strategy in force: the configured one, or what was decided since', async () => {
    const tools = open()
    expect(await tools.strategy()).toMatchObject({strategy: 'progressive', by: 'signalbox.yaml'})
    expect((await tools.discover({agent: 'dev', task: ''})).strategy).toBe('progressive')
    await tools.switchTo({strategy: 'minimal', reason: 'hunter2! costs too much', by: 'ada'})
    expect((await tools.discover({agent: 'dev', task: ''})).strategy).toBe('minimal')
    expect(await tools.strategy()).toEqual({
      ...{strategy: 'minimal', reason: '*** costs too much', by: 'ada', since: 1_000},
    })
  })
})

describe('a tool that was not shown', () => {
  test('is loaded when it is asked for by name, also one that came since', async () => {
    const tools = open()
    expect(await tools.load({agent: 'dev', tool: 'github.merge'})).toMatchObject({
      ...{server: 'github', name: 'merge', rationale: 'asked for by name'},
    })
    await expect(tools.load({agent: 'dev', tool: 'github.late'})).rejects.toMatchObject({code: 'NOT_FOUND'})
    offered['github']?.push('late')
    expect(await tools.load({agent: 'dev', tool: 'github.late'})).toMatchObject({name: 'late'})
  })

  test('may go by its own name where only one server has it', async () => {
    offered['memory']?.push('merge')
    const tools = open()
    expect(await tools.load({agent: 'dev', tool: 'recall'})).toMatchObject({server: 'memory'})
    await expect(tools.load({agent: 'dev', tool: 'merge'})).rejects.toMatchObject({
      message: expect.stringContaining('github.merge, memory.merge') as string,
    })
  })

  test('that there is not is told with the nearest name', async () => {
    await expect(open().load({agent: 'dev', tool: 'memory.recal'})).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'There is no tool memory.recal for dev. Did you mean "memory.recall"?',
    })
  })

  test('of a server that is away is not said to be none', async () => {
    down.add('github')
    await expect(open().load({agent: 'dev', tool: 'github.merge'})).rejects.toMatchObject({
      code: 'UPSTREAM_UNAVAILABLE',
    })
  })
})

describe('a call', () => {
  test('is in the record with its outcome, without its arguments, and its answer without secrets', async () => {
    const given = {words: 'a private matter'}
    const answer = await open().call({agent: 'dev', tool: 'github.merge', arguments: given})
    expect(answer).toMatchObject({ok: true, text: '***'})
    expect(recorded.map(({action, subject, phase}) => [action, subject, phase])).toEqual([
      ['tool.call', 'github.merge', 'intent'],
      ['tool.call', 'github.merge', 'done'],
    ])
    expect(JSON.stringify(recorded)).not.toContain('private')
  })

  test('that the tool says has failed is recorded so', async () => {
    await open().call({agent: 'dev', tool: 'github.review', arguments: {}})
    expect(recorded.at(-1)).toMatchObject({phase: 'failed'})
  })

  test('is counted by its server and outcome', async () => {
    const tools = open()
    for (const tool of ['github.merge', 'github.review', 'memory.recall'])
      await tools.call({agent: 'dev', tool, arguments: {}}).catch(() => undefined)
    expect(counted).toEqual([
      ['github', 'done'],
      ['github', 'failed'],
      ['memory', 'unavailable'],
    ])
  })

  test('for looking things up is of what only reads; else it is refused, recorded, and not made', async () => {
    const tools = open()
    const reading = {agent: 'dev', arguments: {}, readsOnly: true}
    expect(await tools.call({...reading, tool: 'github.review'})).toMatchObject({tool: 'review'})
    asked = []
    for (const tool of ['github.merge', 'merge'])
      await expect(tools.call({...reading, tool})).rejects.toMatchObject({
        code: 'NOT_PERMITTED',
        message: expect.stringContaining('github.merge may change something') as string,
      })
    expect(asked).toEqual([])
    expect(recorded.slice(-2)).toMatchObject([
      {action: 'tool.refused', subject: 'github.merge'},
      {action: 'tool.refused', subject: 'github.merge'},
    ])
    const {tools: shown} = await tools.discover({agent: 'dev', task: '', strategy: 'full', readsOnly: true})
    expect(names(shown).sort()).toEqual(['github.review', 'memory.recall'])
  })

  test.each(['vault.open', 'github.delete_everything'])(
    'of %s, which it was not given, is refused and recorded before any server hears of it',
    async tool => {
      offered['github']?.push('delete_everything')
      await expect(open().call({agent: 'dev', tool, arguments: {}})).rejects.toMatchObject({
        code: 'NOT_PERMITTED',
      })
      expect(asked).toEqual([])
      expect(recorded).toMatchObject([{action: 'tool.refused', subject: tool, phase: 'refused'}])
    },
  )

  test('by its bare name reaches no tool that was not given either', async () => {
    await expect(open().call({agent: 'dev', tool: 'open', arguments: {}})).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    expect(asked).not.toContain('call vault.open')
  })

  test('with arguments without measure is refused', async () => {
    const given = {words: 'x'.repeat(300_000)}
    await expect(open().call({agent: 'dev', tool: 'github.merge', arguments: given})).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    })
    expect(asked).toEqual([])
  })
})
