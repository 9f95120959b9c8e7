import {z} from 'zod'
import {AppError} from '../src/kernel/errors.ts'
import type {Json} from '../src/kernel/json.ts'
import {code, plain} from '../src/kernel/markdown.ts'
import {RISK_LEVELS} from '../src/kernel/risk-level.ts'
import {defineAction, defineAgent, statusAction} from '../src/sdk/index.ts'

const capability = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,63}$/, 'must be the name of an action, such as explain_code')
/** Passed on to itself, a request would go round until its time is up. */
const OWN = 'route_request'
const SHOWN = 15

/** Takes tasks apart, finds who can do them, and puts answers together. Does nothing outside by itself. */
export default defineAgent({
  id: 'orchestrator',
  name: 'Orchestrator',
  description: 'Takes tasks apart, passes them on to whoever can do them, and puts results together',
  queue: {concurrency: 20, timeoutMs: 600_000},
  actions: {
    decompose_task: defineAction({
      description: 'Take a task apart into steps of agents, with what each waits for; starts nothing',
      pure: true,
      askable: true,
      input: z.object({
        description: z.string().trim().min(3).max(4_000).describe('what is wanted, in a person’s own words'),
      }),
      output: z.object({
        /** `question`: it takes an answer first. `refused`: it is not done here. */
        status: z.enum(['planned', 'question', 'refused']),
        planner: z.enum(['rules', 'model']).nullable(),
        subtasks: z.array(
          z.object({
            id: z.string(),
            /** Null: a gate where people decide, or a check. */
            agent_type: z.string().nullable(),
            action: z.string().nullable(),
            description: z.string(),
            dependencies: z.array(z.string()),
          }),
        ),
        risk: z.enum(RISK_LEVELS).nullable(),
        /** The fact that a question asks for. */
        missing: z.string().nullable(),
        /** What a person should know: the question, the reasons, what is special about the plan. */
        notes: z.array(z.string()),
      }),
      async run({description}, {services: {planning}, signal}) {
        const planned = await planning.plan({description, signal})
        switch (planned.kind) {
          case 'question':
            return undecomposed('question', [planned.question], planned.missing)
          case 'refused':
            return undecomposed('refused', planned.reasons, null)
          case 'planned': {
            const {steps, planner, risk, notes} = planned.plan
            return {
              kind: 'replied',
              reply: {
                state: 'info',
                title: `${steps.length} ${steps.length === 1 ? 'step' : 'steps'} · ${risk.level} risk`,
                lines: steps.slice(0, SHOWN).map(({title}) => plain(title, 120)),
              },
              output: {
                status: 'planned',
                planner,
                subtasks: steps.map(({id, agents, action, title, needs}) => ({
                  id,
                  agent_type: agents[0] ?? null,
                  action: action ?? null,
                  description: title,
                  dependencies: [...needs],
                })),
                risk: risk.level,
                missing: null,
                notes: [...notes],
              },
            }
          }
        }
      },
    }),

    route_request: defineAction({
      description: 'Find who offers a capability, and ask them; only for what changes nothing',
      pure: true,
      askable: true,
      input: z.object({
        capability: capability.describe('what is to be done, by the name of the action'),
        input: z.record(z.string(), z.json()).default({}).describe('the action’s own input'),
        timeout_seconds: z.number().positive().max(600).default(30),
      }),
      output: z.object({
        agent: z.string(),
        /** All that offer it, the one that was asked in front. */
        capable: z.array(z.string()),
        status: z.enum(['success', 'partial', 'error', 'timeout', 'rejected']),
        result: z.json(),
        error: z.string().nullable(),
      }),
      async run({capability: wanted, input, timeout_seconds}, {services: {routing}, correlationId}) {
        if (wanted === OWN) throw new AppError('INVALID_INPUT', 'A request to route is not passed on again.')
        const capable = await routing.capable(wanted)
        const [best] = capable
        if (!best) throw new AppError('NOT_FOUND', `Nobody who is up offers ${wanted}.`)
        const answer = await routing.ask({
          agent: best.agent,
          capability: wanted,
          input,
          timeoutSeconds: timeout_seconds,
          correlationId,
        })
        return {
          kind: 'replied',
          reply: {
            state: answer.status === 'success' ? 'ok' : answer.status === 'partial' ? 'other' : 'error',
            title: `${wanted} · ${answer.status}`,
            lines: [
              `asked ${code(best.agent)}`,
              ...(answer.error === null ? [] : [plain(answer.error, 300)]),
            ],
          },
          output: {agent: best.agent, capable: capable.map(({agent}) => agent), ...answer},
        }
      },
    }),

    aggregate_results: defineAction({
      description:
        'Put what several answered together: what there is, what failed, and what that makes of it',
      pure: true,
      askable: true,
      input: z.object({
        results: z
          .array(
            z.object({
              name: z.string().min(1).max(100).describe('what was asked for, unique'),
              status: z.enum(['success', 'partial', 'error', 'timeout', 'rejected']),
              result: z.json().optional(),
              error: z.string().max(2000).optional(),
            }),
          )
          .min(1, 'nothing succeeds where nothing was asked')
          .max(200)
          .refine(
            results => new Set(results.map(({name}) => name)).size === results.length,
            'two of the same name',
          ),
      }),
      output: z.object({
        /** `partial`: some of it failed or is incomplete. `failed`: nothing came of it. */
        status: z.enum(['success', 'partial', 'failed']),
        total: z.int(),
        succeeded: z.int(),
        /** By name; those that answered. */
        results: z.record(z.string(), z.json()),
        errors: z.array(z.object({name: z.string(), status: z.string(), error: z.string()})),
      }),
      async run({results}) {
        const output = together(results)
        const {status, total, succeeded, errors} = output
        return {
          kind: 'replied',
          reply: {
            state: status === 'success' ? 'ok' : status === 'partial' ? 'other' : 'error',
            title: `${succeeded} of ${total} · ${status}`,
            lines: errors
              .slice(0, SHOWN)
              .map(({name, status: how, error}) => `❌ ${plain(name, 60)} ${how} ${plain(error, 120)}`),
          },
          output,
        }
      },
    }),

    get_status: statusAction('orchestrator'),
  },
})

function undecomposed(status: 'question' | 'refused', notes: readonly string[], missing: string | null) {
  return {
    kind: 'replied' as const,
    reply: {
      state: status === 'question' ? ('info' as const) : ('refused' as const),
      title: status === 'question' ? 'it takes an answer first' : 'not done here',
      lines: notes.map(note => plain(note, 300)),
    },
    output: {status, planner: null, subtasks: [], risk: null, missing, notes: [...notes]},
  }
}

interface PartResult {
  readonly name: string
  readonly status: 'success' | 'partial' | 'error' | 'timeout' | 'rejected'
  readonly result?: Json | undefined
  readonly error?: string | undefined
}

function together(parts: readonly PartResult[]) {
  const answered = parts.filter(({status}) => status === 'success' || status === 'partial')
  const succeeded = parts.filter(({status}) => status === 'success').length
  const status: 'success' | 'partial' | 'failed' =
    succeeded === parts.length ? 'success' : answered.length > 0 ? 'partial' : 'failed'
  return {
    status,
    total: parts.length,
    succeeded,
    results: Object.fromEntries(answered.map(({name, result}) => [name, result ?? null])),
    errors: parts
      .filter(part => part.status !== 'success')
      .map(({name, status: how, error}) => ({name, status: how, error: error ?? 'no reason was given'})),
  }
}
