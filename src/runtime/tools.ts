import type {Pool} from 'pg'
import type {Audit} from '../audit/audit.ts'
import {createToolServer} from '../integrations/mcp/tool-server.ts'
import type {Clock} from '../kernel/clock.ts'
import type {Config} from '../platform/config/config.ts'
import type {Logger} from '../platform/logger.ts'
import {createTools} from '../tools/service.ts'
import {createStrategyStore} from '../tools/store.ts'

/** The tools of the configured MCP servers; none is reached before an agent needs it. */
export function openTools({
  config: {tools},
  pool,
  audit,
  redact,
  clock,
  log,
}: {
  readonly config: Config
  readonly pool: Pool
  readonly audit: Pick<Audit, 'around' | 'refused'>
  readonly redact: (text: string) => string
  readonly clock: Clock
  readonly log: Logger
}): ReturnType<typeof createTools> {
  return createTools({
    servers: new Map(
      [...tools.servers].map(([name, config]) => [
        name,
        {server: createToolServer({name, config, redact, clock, log}), critical: config.critical},
      ]),
    ),
    grants: tools.agents,
    configured: tools.strategy,
    store: createStrategyStore({pool}),
    ...{audit, redact, clock},
  })
}
