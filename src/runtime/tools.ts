import type {Pool} from 'pg'
import type {Audit} from '../audit/audit.ts'
import {createToolServer} from '../integrations/mcp/tool-server.ts'
import type {Llm} from '../integrations/llm/llm.ts'
import type {Clock} from '../kernel/clock.ts'
import type {Config} from '../platform/config/config.ts'
import type {Logger} from '../platform/logger.ts'
import type {Metrics} from '../platform/metrics.ts'
import {createConsult, type Consult} from '../tools/consult.ts'
import {createToolMetrics} from '../tools/metrics.ts'
import {createTools} from '../tools/service.ts'
import {createStrategyStore} from '../tools/store.ts'

/** The tools of the configured MCP servers, and a model's use of them; none is reached before an agent needs it. */
export function openTools({
  config: {tools},
  pool,
  audit,
  llm,
  metrics: {registry},
  redact,
  clock,
  log,
}: {
  readonly config: Config
  readonly pool: Pool
  readonly audit: Pick<Audit, 'around' | 'refused'>
  readonly llm: Llm
  readonly metrics: Metrics
  readonly redact: (text: string) => string
  readonly clock: Clock
  readonly log: Logger
}): {readonly tools: ReturnType<typeof createTools>; readonly consult: Consult} {
  const metrics = createToolMetrics({registry})
  const port = createTools({
    servers: new Map(
      [...tools.servers].map(([name, config]) => [
        name,
        {server: createToolServer({name, config, redact, clock, log}), critical: config.critical},
      ]),
    ),
    grants: tools.agents,
    configured: tools.strategy,
    store: createStrategyStore({pool}),
    ...{audit, metrics, redact, clock},
  })
  return {tools: port, consult: createConsult({llm, tools: port, metrics})}
}
