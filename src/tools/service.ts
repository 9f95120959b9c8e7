import type {Audit} from '../audit/audit.ts'
import type {ToolServer} from '../integrations/mcp/tool-server.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError, toError} from '../kernel/errors.ts'
import {fingerprint} from '../kernel/fingerprint.ts'
import {canonicalJson} from '../kernel/json.ts'
import {didYouMean} from '../platform/config/faults.ts'
import type {ShownTool, Tool, ToolAnswer, ToolChoice, ToolsPort, ToolStrategy} from '../sdk/tools.ts'
import {choose, type Grant, type OfferedServer} from './disclosure.ts'
import type {ToolMetrics} from './metrics.ts'
import type {StrategyStore} from './store.ts'

/** How long what a server offers is believed. */
const FRESH_MS = 300_000
const MAX_ARGUMENT_CHARS = 262_144
const NOTHING: Grant = {servers: [], tools: []}

type Wish = Parameters<ToolsPort['load']>[0]

interface KnownServer {
  readonly server: ToolServer
  readonly critical: readonly string[]
}

interface Offer {
  readonly at: number
  readonly tools: readonly Tool[]
}

/**
 * Tools for agents. Nobody has what configuration does not give them, and no server is even started for those who may
 * use none of its tools. Each call is in the record, with a fingerprint in place of its arguments.
 */
export function createTools({
  servers,
  grants,
  configured,
  store,
  audit,
  metrics,
  redact,
  clock,
}: {
  readonly servers: ReadonlyMap<string, KnownServer>
  /** By agent. */
  readonly grants: ReadonlyMap<string, Grant>
  readonly configured: ToolStrategy
  readonly store: StrategyStore
  readonly audit: Pick<Audit, 'around' | 'refused'>
  readonly metrics: Pick<ToolMetrics, 'called'>
  readonly redact: (text: string) => string
  readonly clock: Clock
}): ToolsPort & {close(): Promise<void>} {
  const offers = new Map<string, Offer>()
  const grantOf = (agent: string) => grants.get(agent) ?? NOTHING

  async function offerOf({server}: KnownServer, signal?: AbortSignal): Promise<readonly Tool[]> {
    const known = offers.get(server.name)
    if (known && clock() - known.at < FRESH_MS) return known.tools
    const tools = await server.list(signal)
    offers.set(server.name, {at: clock(), tools})
    return tools
  }

  /** What the servers offer of which the agent may use something; those that fail are named. */
  async function catalogueFor(agent: string, signal?: AbortSignal) {
    const {servers: whole, tools: single} = grantOf(agent)
    const reachable = [...servers.values()].filter(
      ({server: {name}}) => whole.includes(name) || single.some(tool => tool.startsWith(`${name}.`)),
    )
    const missing: ToolChoice['missing'][number][] = []
    const catalogue = await Promise.all(
      reachable.map(async (known): Promise<OfferedServer> => {
        const {name} = known.server
        try {
          return {name, critical: known.critical, tools: await offerOf(known, signal)}
        } catch (error) {
          signal?.throwIfAborted()
          missing.push({server: name, reason: redact(toError(error).message)})
          return {name, critical: known.critical, tools: []}
        }
      }),
    )
    return {catalogue, missing}
  }

  /** Every tool that the agent may use, the one that was meant being told by its whole name, or alone. */
  async function find({agent, tool: wanted, readsOnly = false, signal}: Wish): Promise<ShownTool> {
    const [, named = '', tool = ''] = /^([^.]*)\.(.+)$/.exec(wanted) ?? []
    const known = servers.get(named)
    const {servers: whole, tools: single} = grantOf(agent)
    if (known && !whole.includes(named) && !single.includes(wanted)) throw await refusal(agent, wanted)
    const before = known && offers.get(named)
    const {catalogue, missing} = await catalogueFor(agent, signal)
    const all = () => choose({strategy: 'full', task: '', catalogue, grant: grantOf(agent)}).tools
    const fitting = (tools: ReturnType<typeof all>) =>
      tools.filter(each => (known ? each.server === named && each.name === tool : each.name === wanted))
    const [found, ...others] = fitting(all())
    if (found && others.length === 0) {
      if (readsOnly && !found.reads) throw await refusal(agent, nameOf(found), true)
      return {...found, rationale: 'asked for by name'}
    }
    if (found)
      throw new AppError(
        'INVALID_INPUT',
        `There are several tools ${wanted}: ${[found, ...others].map(nameOf).join(', ')}. Name one of them.`,
      )
    if (before && offers.get(named) === before) {
      // It may have come since.
      offers.delete(named)
      return find({agent, tool: wanted, readsOnly, signal})
    }
    const away = missing.find(({server}) => server === named)
    if (away) throw new AppError('UPSTREAM_UNAVAILABLE', away.reason)
    const names = all().flatMap(each => [nameOf(each), each.name])
    throw new AppError('NOT_FOUND', `There is no tool ${wanted} for ${agent}.${didYouMean(wanted, names)}`)
  }

  async function refusal(agent: string, tool: string, writes = false): Promise<AppError> {
    await audit.refused({action: 'tool.refused', subject: tool, actor: {id: agent, name: agent}})
    return new AppError(
      'NOT_PERMITTED',
      writes
        ? `${tool} may change something, and a model is given what only reads. An operator who knows better can name it under reads of its server in signalbox.yaml.`
        : `${agent} may not use ${tool}. An operator can give it by tools.agents in signalbox.yaml.`,
    )
  }

  async function counted(server: string, call: () => Promise<ToolAnswer>): Promise<ToolAnswer> {
    try {
      const answer = await call()
      metrics.called(server, answer.ok ? 'done' : 'failed')
      return answer
    } catch (error) {
      metrics.called(
        server,
        error instanceof AppError && error.disposition === 'user' ? 'declined' : 'unavailable',
      )
      throw error
    }
  }

  async function inForce() {
    const configuredOne = {
      strategy: configured,
      reason: 'as configured',
      by: 'signalbox.yaml',
      since: undefined,
    }
    return (await store.last()) ?? configuredOne
  }

  return {
    async discover({agent, task, strategy, readsOnly = false, signal}) {
      const {catalogue, missing} = await catalogueFor(agent, signal)
      const used = strategy ?? (await inForce()).strategy
      return {...choose({strategy: used, task, catalogue, grant: grantOf(agent), readsOnly}), missing}
    },

    load: find,

    async call({arguments: given, ...wish}) {
      const json = canonicalJson(given)
      if (json.length > MAX_ARGUMENT_CHARS)
        throw new AppError(
          'INVALID_INPUT',
          `The arguments have ${json.length} characters, which is too much.`,
        )
      const {agent, signal} = wish
      const tool = await find(wish)
      const known = servers.get(tool.server)
      if (!known) throw new AppError('INVARIANT_BROKEN', `There is no tool server ${tool.server}.`)
      const answer = await audit.around(
        {
          action: 'tool.call',
          subject: nameOf(tool),
          details: {agent, arguments: fingerprint(json)},
        },
        () => counted(tool.server, () => known.server.call(tool.name, given, signal)),
        ({ok, text}) => ({phase: ok ? 'done' : 'failed', details: {answer: fingerprint(text)}}),
      )
      return {...answer, text: redact(answer.text)}
    },

    strategy: inForce,
    switchTo: change => store.add({...change, reason: redact(change.reason)}),

    async close() {
      await Promise.all([...servers.values()].map(({server}) => server.close()))
    },
  }
}

function nameOf({server, name}: Pick<Tool, 'server' | 'name'>): string {
  return `${server}.${name}`
}
