import {z} from 'zod'
import {code, plain} from '../src/kernel/markdown.ts'
import {defineAction, defineAgent, TOOL_STRATEGIES} from '../src/sdk/index.ts'

/** Under which name `tools.agents` of signalbox.yaml gives it what it may use. */
const ID = 'tool_user'
const LISTED = 20

/** Tools of MCP servers as steps of workflows. */
export default defineAgent({
  id: ID,
  name: 'Tool User',
  description: 'Finds and calls tools of the configured MCP servers',
  queue: {concurrency: 5, timeoutMs: 120_000},
  actions: {
    list_tools: defineAction({
      description: 'Which tools there are for a task',
      input: z.object({
        task: z.string().max(4_000),
        strategy: z.enum(TOOL_STRATEGIES).optional(),
      }),
      pure: true,
      async run({task, strategy}, {services, signal}) {
        const {tools, stats, missing} = await services.tools.discover({agent: ID, task, strategy, signal})
        const output = {
          tools: tools.map(({server, name, description, priority, rationale}) => ({
            ...{server, name, description, priority, rationale},
          })),
          saved: stats.saved,
          missing: missing.map(({server, reason}) => ({server, reason})),
        }
        return {
          kind: 'replied',
          reply: {
            state: 'info',
            title: `${stats.tools.shown} of ${stats.tools.total} tools`,
            lines: tools
              .slice(0, LISTED)
              .map(({server, name, rationale}) => `· ${code(`${server}.${name}`)} ${plain(rationale, 80)}`),
          },
          output,
        }
      },
    }),
    call_tool: defineAction({
      description: 'Call a tool, once',
      input: z.object({
        tool: z.string().min(1).max(200).describe('as server.tool'),
        arguments: z.record(z.string(), z.json()).default({}),
      }),
      async run({tool, arguments: given}, {services, signal, effect}) {
        const answer = await effect('call', {
          async run() {
            const {
              server,
              tool: name,
              ok,
              text,
              cut,
            } = await services.tools.call({
              ...{agent: ID, tool, signal},
              arguments: given,
            })
            return {server, tool: name, ok, text, cut}
          },
        })
        return {
          kind: 'replied',
          reply: {
            state: answer.ok ? 'ok' : 'error',
            title: `${plain(tool, 80)} · ${answer.ok ? 'done' : 'failed'}`,
            lines: [plain(answer.text, 400)],
          },
          output: answer,
        }
      },
    }),
  },
})
