import {Counter, type Registry} from 'prom-client'
import type {ToolStats} from '../sdk/tools.ts'

export type ToolMetrics = ReturnType<typeof createToolMetrics>

/** The metrics of tools. Servers are those that the configuration names. */
export function createToolMetrics({registry}: {readonly registry: Registry}) {
  const registers = [registry]
  const calls = new Counter({
    name: 'tool_calls_total',
    help: 'Calls of tools of MCP servers by what became of them',
    labelNames: ['server', 'outcome'] as const,
    registers,
  })
  const tokens = new Counter({
    name: 'tool_manifest_tokens_total',
    help: 'Tokens of descriptions of tools that a model was shown for a task, or was spared',
    labelNames: ['kind'] as const,
    registers,
  })
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
