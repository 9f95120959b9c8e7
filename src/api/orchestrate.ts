import type {FastifyInstance, FastifyRequest} from 'fastify'
import {z} from 'zod'
import {ENVIRONMENTS} from '../kernel/environment.ts'
import {AppError} from '../kernel/errors.ts'
import type {Actor, Draft, DraftedWorkflow, Planned, PlanningPort, PlanningRequest} from '../sdk/index.ts'
import type {Workflows} from '../workflows/service.ts'
import type {ShownStep} from '../workflows/shown.ts'
import {given, keyed, text} from './input.ts'
import {callerOf, header, jsonBody, type Caller} from './server.ts'

const PLANNED_WITHIN_MS = 90_000
/** What a person takes about this long for, by the specification. */
const MINUTES_A_STEP = 5
/** The words of a task and what an agent is told about its tools. */
const TOKENS_A_STEP = 500
const MATERIAL_MAX = 8_000

/** Whoever holds the API token, and speaks for nobody else. */
export const HOUSE: Actor = {kind: 'api', id: 'house:anybody', name: 'the HTTP API'}

const values = z.record(z.string(), z.json())
const requested = z.strictObject({
  description: text(4000).describe('what is wanted, in words'),
  project_context: z
    .union([values, text(MATERIAL_MAX)])
    .optional()
    .describe('read by a model, never obeyed'),
  workspace_config: values
    .optional()
    .describe('pr_number, repo_url, target, environment, ref, path where the description does not say them'),
  priority: z.enum(['low', 'medium', 'normal', 'high', 'critical', 'urgent']).default('medium'),
})
const facts = z.object({
  pr_number: z.int().min(1).optional(),
  repo_url: text(300).optional(),
  target: text(60).optional(),
  environment: z.enum(ENVIRONMENTS).optional(),
  ref: z
    .string()
    .regex(/^(?!.*(\.\.|@\{|\/\/))[\w][\w./+-]{0,199}$/)
    .optional(),
  path: text(500).optional(),
})
const subtask = z.object({
  id: z.string(),
  agent_type: z.string().nullable().describe('null: people, or a check'),
  agents: z.array(z.string()),
  action: z.string().nullable(),
  kind: z.enum(['agent', 'gate', 'check']),
  description: z.string(),
  context_refs: z.array(z.string()).describe('subtasks whose results it works with'),
  dependencies: z.array(z.string()),
  status: z.enum(['pending', 'in_progress', 'completed', 'failed']),
})
const routing = z.object({
  execution_order: z.array(z.string()),
  parallel_groups: z.array(z.array(z.string())).describe('those of a group go on at the same time'),
  estimated_duration_minutes: z.int(),
  required_agents: z.array(z.string()),
})
const guardrails = z.object({passed: z.boolean(), reasons: z.array(z.string())})
const orchestrated = z.object({
  task_id: z.string(),
  workflow: z.string(),
  subtasks: z.array(subtask),
  routing_plan: routing,
  estimated_tokens: z.int(),
  guardrail_report: guardrails,
  risk: z.object({level: z.string(), reasons: z.array(z.string())}),
  planner: z.enum(['rules', 'model']),
  notes: z.array(z.string()),
  status: z.enum(['waiting', 'started', 'edited', 'cancelled', 'expired']),
  run_id: z.string().nullable(),
  expires_at: z.iso.datetime(),
  correlation_id: z.string(),
})
const validated = z.object({
  valid: z.boolean(),
  reasons: z.array(z.string()).describe('why not; a question first'),
  routing_plan: routing.nullable(),
})
const params = z.object({task_id: z.uuid()})

/** Workflows made of words over HTTP: planned, looked at, started. */
export function orchestrateRoutes({
  planning,
  workflows,
}: {
  readonly planning: PlanningPort
  readonly workflows: Pick<Workflows, 'get'>
}) {
  return (app: FastifyInstance): void => {
    app.post(
      '/orchestrate',
      {
        config: {
          access: 'person',
          about: {
            summary:
              'Make a workflow of a description; it waits to be executed. 409 where a guardrail is against it, 400 with the question where something is missing',
            body: requested,
            answers: {200: {description: 'the plan', content: orchestrated}},
          },
        },
      },
      async request => {
        const actor = actorOf(callerOf(request))
        const key = header(request, 'idempotency-key')
        const proposed = await planning.propose({
          ...planningOf(request),
          actor,
          correlationId: key === undefined ? request.id : keyed(actor, key),
        })
        if (proposed.kind !== 'drafted') throw whyNot(proposed)
        return orchestratedOf(proposed.draft)
      },
    )

    app.post(
      '/validate-routing',
      {
        config: {
          access: 'person',
          about: {
            summary: 'What a description would come to; nothing is kept',
            body: requested,
            answers: {200: {description: 'whether it can be planned, and how', content: validated}},
          },
        },
      },
      async request => {
        const planned = await planning.plan(planningOf(request))
        const answer: z.output<typeof validated> =
          planned.kind === 'planned'
            ? {valid: true, reasons: [], routing_plan: routingOf(planned.plan)}
            : {
                valid: false,
                reasons: planned.kind === 'question' ? [planned.question] : [...planned.reasons],
                routing_plan: null,
              }
        return answer
      },
    )

    app.post(
      '/execute/:task_id',
      {
        config: {
          access: 'person',
          about: {
            summary: 'Start a plan of yours; again, it answers the same run',
            answers: {202: {description: 'it was started', content: orchestrated}},
          },
        },
      },
      async (request, reply) => {
        const id = taskIn(request)
        const actor = actorOf(callerOf(request))
        // One order, however often it is sent: a plan is started once.
        const started = await planning.start({id, actor, correlationId: keyed(actor, `execute ${id}`)})
        return reply.status(202).send(orchestratedOf(started))
      },
    )

    app.get(
      '/tasks/:task_id',
      {
        config: {
          access: 'token',
          about: {
            summary: 'A plan, and the run it became',
            answers: {200: {description: 'the plan', content: orchestrated}},
          },
        },
      },
      async request => {
        const id = taskIn(request)
        const draft = await planning.find(id)
        if (!draft) throw new AppError('NOT_FOUND', `There is no plan ${id}.`)
        const run = draft.run === undefined ? undefined : await workflows.get(draft.run)
        return orchestratedOf(draft, run?.steps)
      },
    )
  }
}

function planningOf(request: FastifyRequest): PlanningRequest {
  const {
    description,
    project_context: context,
    workspace_config: config,
  } = given(jsonBody(request), requested)
  const material = typeof context === 'object' ? JSON.stringify(context) : context
  return {
    description,
    given: givenIn(config),
    ...(material === undefined
      ? {}
      : {material: [{text: material.slice(0, MATERIAL_MAX), source: 'project context'}]}),
    signal: AbortSignal.timeout(PLANNED_WITHIN_MS),
  }
}

/** What is known besides the description; other keys are nothing to the planner. */
export function givenIn(known: unknown): PlanningRequest['given'] {
  return known === undefined ? undefined : given(known, facts)
}

/** As an error: a question is what the request lacks. */
export function whyNot(planned: Exclude<Planned, {readonly kind: 'planned'}>): AppError {
  return planned.kind === 'question'
    ? new AppError('INVALID_INPUT', planned.question, {details: {missing: planned.missing}})
    : new AppError('CONFLICT', planned.reasons.join(' '))
}

/** A step of a run, as a subtask says it. */
const STATUS = {
  pending: 'pending',
  locking: 'pending',
  running: 'in_progress',
  waiting: 'in_progress',
  compensating: 'in_progress',
  succeeded: 'completed',
  skipped: 'completed',
  compensated: 'failed',
  failed: 'failed',
  cancelled: 'failed',
} as const satisfies Record<ShownStep['status'], z.output<typeof subtask>['status']>

function orchestratedOf(draft: Draft, ran: readonly ShownStep[] = []): z.output<typeof orchestrated> {
  const {id, workflow, steps, risk, planner, notes, status, run, expiresAt, correlationId} = draft
  return {
    task_id: id,
    workflow,
    subtasks: steps.map(step => ({
      id: step.id,
      agent_type: step.agents[0] ?? null,
      agents: [...step.agents],
      action: step.action ?? null,
      kind: step.kind,
      description: step.title,
      context_refs: [...step.reads],
      dependencies: [...step.needs],
      status: STATUS[ran.find(({id: path}) => path === step.id)?.status ?? 'pending'],
    })),
    routing_plan: routingOf(draft),
    estimated_tokens: steps.length * TOKENS_A_STEP,
    guardrail_report: {passed: true, reasons: []},
    risk: {level: risk.level, reasons: [...risk.reasons]},
    planner,
    notes: [...notes],
    status,
    run_id: run ?? null,
    expires_at: new Date(expiresAt).toISOString(),
    correlation_id: correlationId,
  }
}

function routingOf({steps}: Pick<DraftedWorkflow, 'steps'>): z.output<typeof routing> {
  const depths = new Map<string, number>()
  const groups: string[][] = []
  for (const {id, needs} of steps) {
    const depth = Math.max(0, ...needs.map(need => (depths.get(need) ?? -1) + 1))
    depths.set(id, depth)
    ;(groups[depth] ??= []).push(id)
  }
  return {
    execution_order: groups.flat(),
    parallel_groups: groups,
    estimated_duration_minutes: steps.filter(({kind}) => kind === 'agent').length * MINUTES_A_STEP,
    required_agents: [...new Set(steps.flatMap(({agents}) => agents))],
  }
}

function actorOf(caller: Caller): Actor {
  return caller.kind === 'house' ? HOUSE : {kind: 'api', id: caller.account.id, name: caller.person.id}
}

function taskIn(request: FastifyRequest): string {
  const found = params.safeParse(request.params)
  if (found.success) return found.data.task_id
  throw new AppError('NOT_FOUND', 'There is no such plan.')
}
