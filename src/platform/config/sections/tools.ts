import {z} from 'zod'
import {vendorAddress} from '../environment.ts'
import {finiteDuration, secretVariable, slug, variableName} from '../formats.ts'

const TOOL_DEFAULTS = {strategy: 'progressive' as const, servers: {}, agents: {}}

/** Either a program that is started, or an address. */
const server = z
  .strictObject({
    command: z.string().min(1).max(500).optional().describe('the program to start; without a shell'),
    args: z.array(z.string().max(2_000)).max(100).optional(),
    env: z
      .array(variableName)
      .optional()
      .describe('variables that it gets (or <name>_FILE their paths); their values count as secrets'),
    url: vendorAddress().optional().describe('of a server that speaks streamable HTTP'),
    tokenFrom: secretVariable('its bearer token'),
    critical: z
      .array(z.string().min(1).max(128))
      .default([])
      .describe('tools that its agents are always shown'),
    reads: z
      .array(z.string().min(1).max(128))
      .default([])
      .describe('tools that change nothing, where the server does not say so itself: what a model may call'),
    timeout: finiteDuration.default(30_000).describe('for an answer; 30s when left out'),
  })
  .refine(
    ({command, url}) => (command === undefined) !== (url === undefined),
    'must have either command or url',
  )
  .refine(
    ({command, args, env, tokenFrom}) =>
      command === undefined ? args === undefined && env === undefined : tokenFrom === undefined,
    'must have args and env with command only, and tokenFrom with url only',
  )

/** `tools`: MCP servers, and which agent may use what of them. */
export const tools = z
  .strictObject({
    strategy: z
      .enum(['minimal', 'profile', 'progressive', 'full'])
      .default(TOOL_DEFAULTS.strategy)
      .describe('how many of its tools an agent is shown; see docs/tools.md'),
    servers: z.record(slug, server).default({}).describe('MCP servers by name'),
    agents: z
      .record(
        slug,
        z.strictObject({
          servers: z.array(slug).default([]).describe('servers of which it may use every tool'),
          tools: z
            .array(
              z
                .string()
                .regex(/^[a-z0-9][a-z0-9_-]{0,63}\.[\w.:/-]{1,128}$/, 'must be a tool as server.tool'),
            )
            .default([])
            .describe('single tools, as server.tool'),
        }),
      )
      .default({})
      .describe('what an agent may use; nothing when it is not listed'),
  })
  .default(TOOL_DEFAULTS)
  .describe('tools of MCP servers for agents')
