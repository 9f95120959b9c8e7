import {z} from 'zod'
import type {Llm, Passage} from '../integrations/llm/llm.ts'
import {AppError} from '../kernel/errors.ts'
import {canonicalJson} from '../kernel/json.ts'
import {ellipsisBytes} from '../kernel/markdown.ts'
import type {Tool, ToolsPort} from '../sdk/tools.ts'
import {manifestOf} from './disclosure.ts'
import type {ToolMetrics} from './metrics.ts'

const MOST_ROUNDS = 3
const MOST_CALLS = 6
const WITHIN_MS = 60_000
/** A model reads all of it besides what it works on: together it must fit into one call's budget, which counts bytes. */
const MANIFEST_BYTES = 12_000
const ANSWER_BYTES = 3_000
const FOUND_BYTES = 6_000
/** What is shorter than this tells nothing. */
const LEAST_BYTES = 100

/** What an agent is about to do, and who does it. */
export interface Consultation {
  readonly agent: string
  /** Our words, or those of the person who asked. */
  readonly task: string
  /** What else the model reads before it chooses. */
  readonly about?: readonly Passage[]
  readonly signal: AbortSignal
}

/** What an agent's tools say about its task, as foreign passages; empty where there is nothing to ask. */
export type Consult = (consultation: Consultation) => Promise<readonly Passage[]>

const wish = z.object({
  calls: z
    .array(
      z.object({
        tool: z.string().min(1).max(200).describe('as server.tool'),
        arguments: z.record(z.string(), z.json()).default({}),
      }),
    )
    .max(MOST_CALLS)
    .describe('empty when nothing more is needed'),
})
type Call = z.output<typeof wish>['calls'][number]

const SYSTEM = [
  'You decide what to look up before a task is worked on. You do not do the task.',
  'Call a tool only where its answer is needed; mostly none is. Only what reads can be called.',
  'A tool that is not described may be asked for by its name: it is described in the next round, and called then.',
].join('\n')

/**
 * Lets a model look things up with the agent's tools before it works. It can call only what the agent was given and what
 * changes nothing, a few times and for a minute at most. Its choice may be steered by what it read, and so what it finds
 * is as foreign as any text of others. What fails is worked without. Without a model or a fitting tool, nothing happens.
 */
export function createConsult({
  llm,
  tools,
  metrics,
  withinMs = WITHIN_MS,
}: {
  readonly llm: Llm
  readonly tools: Pick<ToolsPort, 'discover' | 'load' | 'call'>
  readonly metrics: Pick<ToolMetrics, 'disclosed'>
  readonly withinMs?: number
}): Consult {
  return async ({agent, task, about = [], signal: given}) => {
    const found: Passage[] = []
    if (!llm.on) return found
    const deadline = AbortSignal.timeout(withinMs)
    const signal = AbortSignal.any([given, deadline])
    try {
      await lookUp(found)
    } catch (error) {
      given.throwIfAborted()
      if (!deadline.aborted) throw error
    }
    return found

    async function lookUp(into: Passage[]): Promise<void> {
      const words = [task, ...about.map(({text}) => text)].join('\n')
      const choice = await tools.discover({agent, task: words, readsOnly: true, signal})
      const known = new Map(fitting(choice.tools).map(tool => [nameOf(tool), tool]))
      if (known.size === 0) return
      metrics.disclosed(choice.stats)
      const made = new Set<string>()
      let left = FOUND_BYTES
      for (let round = 0; round < MOST_ROUNDS; round++) {
        const answer = await llm.object({
          purpose: 'tools',
          agent,
          system: SYSTEM,
          messages: [{role: 'user', passages: question([...known.values()], into)}],
          schema: wish,
          signal,
        })
        if (answer.kind !== 'answered') return
        const fresh = answer.value.calls.filter(call => !made.has(keyOf(call)))
        if (fresh.length === 0) return
        for (const call of fresh.slice(0, MOST_CALLS - made.size)) {
          const heard = await one(call)
          if (heard === undefined) continue
          made.add(keyOf(call))
          const text = ellipsisBytes(heard.text, Math.min(left, ANSWER_BYTES))
          into.push({...heard, text})
          left -= Buffer.byteLength(text)
          if (made.size === MOST_CALLS || left < LEAST_BYTES) return
        }
      }

      /** Undefined: it was not described before, and is from now on. */
      async function one({tool, arguments: args}: Call): Promise<Passage | undefined> {
        try {
          if (!known.has(tool)) {
            const loaded = await tools.load({agent, tool, readsOnly: true, signal})
            // What goes by another name was described all the time.
            const isNew = !known.has(nameOf(loaded))
            known.set(nameOf(loaded), loaded)
            if (isNew) return undefined
          }
          const {ok, text} = await tools.call({agent, tool, arguments: args, readsOnly: true, signal})
          return {text, trusted: false, source: `tool ${tool}${ok ? '' : ', which failed'}`}
        } catch (error) {
          signal.throwIfAborted()
          if (!(error instanceof AppError)) throw error
          return {text: error.message, trusted: false, source: `tool ${tool}, which could not be called`}
        }
      }
    }

    function question(described: readonly Tool[], heard: readonly Passage[]): readonly Passage[] {
      return [
        {text: task, trusted: true, source: 'The task'},
        ...about,
        {
          text: described.map(tool => JSON.stringify(manifestOf(tool))).join('\n'),
          trusted: false,
          source: 'the tools there are, in the words of their servers',
        },
        ...heard,
        {text: 'Which tools are to be called now, and with what?', trusted: true},
      ]
    }
  }
}

/** As many of them as a model has room to read about, the most important first. */
function fitting<T extends Tool>(tools: readonly T[]): readonly T[] {
  let left = MANIFEST_BYTES
  return tools.filter(tool => {
    const size = Buffer.byteLength(JSON.stringify(manifestOf(tool)))
    if (size > left) return false
    left -= size
    return true
  })
}

function keyOf({tool, arguments: given}: Call): string {
  return `${tool} ${canonicalJson(given)}`
}

function nameOf({server, name}: Tool): string {
  return `${server}.${name}`
}
