import type {FastifyInstance, FastifyReply, FastifyRequest} from 'fastify'
import {z} from 'zod'
import type {ApprovalService} from '../approvals/service.ts'
import type {ApprovalRequest, HistoryEntry, Vote, VoteOutcome} from '../approvals/request.ts'
import {totalOf} from '../approvals/statistics.ts'
import {AppError} from '../kernel/errors.ts'
import {RISK_LEVELS} from '../kernel/risk-level.ts'
import {callerOf, header, jsonBody, problem, rawBody} from './server.ts'
import {VOTE_STATUS} from './vote-status.ts'

const time = z.iso.datetime()
const text = z.string()
const decision = z.object({
  principal: text.describe('the person, as signalbox.yaml names them'),
  decision: z.enum(['approve', 'reject']),
  surface: text.describe('where it was decided: discord, linear, mail, http or chat'),
  role: text.describe('the role that let it count'),
  reason: text.nullable(),
  justification: text.nullable(),
  at: time,
})
const approval = z.object({
  id: text,
  status: z.enum(['pending', 'approved', 'rejected', 'expired', 'cancelled']),
  risk_level: z.enum(RISK_LEVELS),
  risk_score: z.number().describe('0 to 10'),
  reasons: z.array(text).describe('every rule of the risk policy that fired'),
  required: z.object({
    approvers: z.int().describe('different persons'),
    roles: z.array(text).describe('whoever holds one of these may decide'),
    including: z.array(text).describe('one of those who approve holds one of these'),
    also_including: z.array(z.array(text)).describe('likewise each of these, for its operation'),
    justification: z.boolean(),
    escalate_to: z.array(text),
    on_call: z
      .object({primary: text, secondary: text})
      .nullable()
      .describe('called first, since it was asked outside of business hours'),
  }),
  decisions: z.array(decision).describe('those that count'),
  requester: z.object({name: text, principal: text.nullable()}),
  action: z.unknown().describe('operation, environment, title and what else is known of it'),
  bound: z.record(z.string(), z.string()).describe('what must not move before it is used'),
  digest: text.describe('SHA-256 of what is bound'),
  card: z.unknown().describe('what would be shipped; null when there is none'),
  escalations: z.int(),
  note: text.nullable().describe('why it was cancelled'),
  correlation_id: text,
  created_at: time,
  expires_at: time.nullable(),
  decided_at: time.nullable(),
  used_at: time.nullable(),
})
const withHistory = approval.extend({
  history: z
    .array(
      z.object({
        seq: z.int(),
        action: text,
        actor: text,
        role: text.nullable(),
        surface: text.nullable(),
        note: text.nullable(),
        metadata: z.unknown(),
        at: time,
      }),
    )
    .describe('all that happened to it, refused attempts included'),
})

const seconds = z.number().nullable().describe('from asking to the end, on average; null when there is none')
const statistics = z.object({
  days: z.int(),
  asked: z.int(),
  approved: z.int(),
  rejected: z.int(),
  expired: z.int(),
  mean_seconds: seconds.describe('from asking to a decision by people'),
  levels: z.array(
    approval.pick({risk_level: true, status: true}).extend({requests: z.int(), mean_seconds: seconds}),
  ),
})

// No half surrogate pairs and no zero character: Postgres keeps neither.
const words = z
  .string()
  .max(2_000)
  .regex(/^[^\0\p{Cs}]*$/u)
const digest = z
  .string()
  .regex(/^[0-9a-f]{12,64}$/)
  .describe('what you saw; another one than the request’s is refused')
const approving = z.strictObject({justification: words.optional(), digest: digest.optional()})
const rejecting = z.strictObject({
  reason: words.optional().describe('must be given'),
  digest: digest.optional(),
})
const listing = z.object({
  approver_role: z.string().max(64).optional().describe('those that a holder of this role may decide'),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})
const params = z.object({id: z.string().max(64)})
const taskParams = z.object({task_id: z.string().max(200)})

/** What waits for people, and their decisions: the same judge as on every other surface, with persons' own tokens. */
export function approvalRoutes({
  approvals,
}: {
  readonly approvals: Pick<
    ApprovalService,
    'vote' | 'find' | 'findByTask' | 'history' | 'pending' | 'statistics' | 'tellAgain'
  >
}) {
  return (app: FastifyInstance): void => {
    app.get(
      '/approvals/pending',
      {
        config: {
          access: 'person',
          about: {
            summary: 'What waits for an approval, the riskiest first',
            query: listing,
            answers: {200: {description: 'the requests', content: z.object({approvals: z.array(approval)})}},
          },
        },
      },
      async request => {
        const {approver_role: role, limit} = given(request.query, listing)
        const pending = await approvals.pending({limit, ...(role === undefined ? {} : {roles: [role]})})
        return {approvals: pending.map(approvalToWire)} satisfies {approvals: z.output<typeof approval>[]}
      },
    )

    app.get(
      '/approvals/statistics',
      {
        config: {
          access: 'person',
          about: {
            summary: 'How the requests of the last thirty days went',
            answers: {200: {description: 'together, and by level and status', content: statistics}},
          },
        },
      },
      async () => {
        const rows = await approvals.statistics()
        const {meanMs, ...total} = totalOf(rows)
        return {
          ...{days: 30, ...total, mean_seconds: secondsOrNull(meanMs)},
          levels: rows.map(({level, status, requests, averageMs}) => ({
            ...{risk_level: level, status, requests, mean_seconds: secondsOrNull(averageMs)},
          })),
        } satisfies z.output<typeof statistics>
      },
    )

    app.get(
      '/approvals/:id',
      {
        config: {
          access: 'person',
          about: {
            summary: 'One request with its history',
            answers: {200: {description: 'the request', content: withHistory}},
          },
        },
      },
      async request => {
        const {id} = given(request.params, params)
        const found = await approvals.find(id)
        if (!found) throw new AppError('NOT_FOUND', 'There is no such request.')
        const history = (await approvals.history(id)).map(approvalLine)
        return {...approvalToWire(found), history} satisfies z.output<typeof withHistory>
      },
    )

    app.post(
      '/approve/:id',
      {
        config: {
          access: 'person',
          about: {
            summary: 'Approve, as the person whose token this is',
            body: approving,
            answers: {
              200: {description: 'it counts; the request may still wait for others', content: approval},
            },
          },
        },
      },
      async (request, reply) =>
        answer(reply, await vote(request, 'approve', given(bodyOf(request), approving))),
    )

    app.post(
      '/reject/:id',
      {
        config: {
          access: 'person',
          about: {
            summary: 'Reject, as the person whose token this is',
            body: rejecting,
            answers: {200: {description: 'it is rejected', content: approval}},
          },
        },
      },
      async (request, reply) =>
        answer(reply, await vote(request, 'reject', given(bodyOf(request), rejecting))),
    )

    app.post(
      '/resume/:task_id',
      {
        config: {
          access: 'person',
          about: {
            summary: 'Let a deployment or run that waited go on, now that it is approved',
            answers: {202: {description: 'it was told', content: approval}},
          },
        },
      },
      async (request, reply) => {
        const {task_id: task} = given(request.params, taskParams)
        const found = (await approvals.findByTask(task)) ?? (await approvals.find(task))
        if (!found) throw new AppError('NOT_FOUND', 'Nothing waits for an approval under this id.')
        switch (found.status) {
          case 'approved':
            await approvals.tellAgain(found)
            return reply.status(202).send(approvalToWire(found) satisfies z.output<typeof approval>)
          case 'pending':
            return problem(reply, 409, 'PENDING', 'It is not decided yet.')
          case 'rejected': {
            const by = found.decisions.find(each => each.decision === 'reject')
            const why = by?.reason === undefined ? '' : `: ${by.reason}`
            return problem(reply, 403, 'REJECTED', `It was rejected by ${by?.principal ?? 'somebody'}${why}`)
          }
          case 'expired':
            return problem(reply, 410, 'EXPIRED', 'Nobody decided in time. It has to be asked for again.')
          case 'cancelled':
            return problem(reply, 410, 'CANCELLED', 'It was withdrawn. It has to be asked for again.')
        }
      },
    )

    async function vote(
      request: FastifyRequest,
      choice: Vote['decision'],
      said: {
        readonly justification?: string | undefined
        readonly reason?: string | undefined
        readonly digest?: string | undefined
      },
    ): Promise<VoteOutcome> {
      const {id} = given(request.params, params)
      const caller = callerOf(request)
      if (caller.kind === 'house')
        throw new AppError(
          'NOT_PERMITTED',
          'The API token speaks for nobody, so it can’t decide. Use a token of your own: /link account:api in Discord.',
        )
      const attempt = header(request, 'idempotency-key') ?? request.id
      return approvals.vote({
        id,
        account: caller.account,
        decision: choice,
        surface: 'http',
        key: `http ${caller.person.id} ${choice} ${given(attempt, words)}`,
        evidence: {address: request.ip, agent: (header(request, 'user-agent') ?? '').slice(0, 200)},
        ...(said.reason === undefined ? {} : {reason: said.reason}),
        ...(said.justification === undefined ? {} : {justification: said.justification}),
        ...(said.digest === undefined ? {} : {digest: said.digest}),
      })
    }
  }
}

function answer(reply: FastifyReply, outcome: VoteOutcome): FastifyReply {
  return outcome.kind === 'refused'
    ? problem(reply, VOTE_STATUS[outcome.code], outcome.code, outcome.message)
    : reply.send(approvalToWire(outcome.request) satisfies z.output<typeof approval>)
}

/** A request as it is shown outside. */
export function approvalToWire(request: ApprovalRequest): z.output<typeof approval> {
  const {required, requester, risk} = request
  return {
    id: request.id,
    status: request.status,
    risk_level: risk.level,
    risk_score: risk.score,
    reasons: [...risk.reasons],
    required: {
      approvers: required.approvers,
      roles: [...required.roles],
      including: [...required.including],
      also_including: (required.alsoIncluding ?? []).map(mix => [...mix]),
      justification: required.justification,
      escalate_to: [...required.escalateTo],
      on_call: required.onCall
        ? {primary: required.onCall.primary, secondary: required.onCall.secondary}
        : null,
    },
    decisions: request.decisions.map(({at, reason = null, justification = null, ...rest}) => ({
      ...rest,
      reason,
      justification,
      at: iso(at),
    })),
    requester: {name: requester.name, principal: requester.person ?? null},
    action: request.action,
    bound: {...request.bound},
    digest: request.digest,
    card: request.card ?? null,
    escalations: request.escalations,
    note: request.note ?? null,
    correlation_id: request.correlationId,
    created_at: iso(request.createdAt),
    expires_at: isoOrNull(request.expiresAt),
    decided_at: isoOrNull(request.decidedAt),
    used_at: isoOrNull(request.usedAt),
  }
}

/** A line of its history, likewise. */
export function approvalLine({role, surface, note, at, ...rest}: HistoryEntry) {
  return {...rest, role: role ?? null, surface: surface ?? null, note: note ?? null, at: iso(at)}
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}

function isoOrNull(ms: number | undefined): string | null {
  return ms === undefined ? null : iso(ms)
}

function secondsOrNull(ms: number | null | undefined): number | null {
  return ms === null || ms === undefined ? null : Math.round(ms / 100) / 10
}

/** A body may be left out. */
function bodyOf(request: FastifyRequest): unknown {
  return rawBody(request).length === 0 ? {} : jsonBody(request)
}

function given<T extends z.ZodType>(value: unknown, shape: T): z.output<T> {
  const parsed = shape.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new AppError('INVALID_INPUT', `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'is wrong'}`)
}
