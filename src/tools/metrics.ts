import type {Registry} from 'prom-client'
import {createInstruments} from '../platform/instruments.ts'
import type {ToolStats} from '../sdk/tools.ts'

export type ToolMetrics = ReturnType<typeof createToolMetrics>

/** The metrics of tools. Servers are those that the configuration names. */
export function createToolMetrics({registry}: {readonly registry: Registry}) {
  const {counter} = createInstruments(registry)
  const calls = counter('tool_calls_total', 'Calls of tools of MCP servers by what became of them', [
    'server',
    'outcome',
  ])
  const tokens = counter(
    'tool_manifest_tokens_total',
    'Tokens of descriptions of tools that a model was shown for a task, or was spared',
    ['kind'],
  )
  return {
    /** `failed`: the tool says so. `declined`: its server does. `unavailable`: nobody knows what became of it. */
    called(server: string, outcome: 'done' | 'failed' | 'declined' | 'unavailable'): void {
      calls.inc({server, outcome})
    },
    disclosed({tokens: {measured}}: ToolStats): void {
      tokens.inc({kind: 'shown'}, measured.shown)
      tokens.inc({kind: 'saved'}, measured.total - measured.shown)
    },
  }
}
