import type {FastifyInstance} from 'fastify'
import {Readable} from 'node:stream'
import {z} from 'zod'
import {formatLink, parseLink, type AuditLine} from '../audit/chain.ts'
import type {Trail} from '../audit/trail.ts'
import {AppError} from '../kernel/errors.ts'

const phase = z.enum(['refused', 'intent', 'done', 'failed', 'unknown'])
const line = z.object({
  seq: z.int().describe('without gaps'),
  id: z.string(),
  at: z.iso.datetime(),
  action: z.string(),
  actor: z.object({id: z.string(), name: z.string()}),
  subject: z.string(),
  correlation_id: z.string().nullable(),
  phase,
  intent: z.string().nullable().describe('of an outcome: the id of the record that announced it'),
  details: z.record(z.string(), z.json()),
  previous: z.string().describe('the hash of the record before'),
  hash: z.string().describe('SHA-256 of this object without its hash, as compact JSON with sorted keys'),
})
const recordsShape = z.object({
  records: z.array(line.extend({outcome: line.nullable().describe('the latest one recorded for it')})),
})
const verdictShape = z.object({
  verdict: z
    .enum(['whole', 'broken', 'rewritten'])
    .describe('rewritten: whole in itself, but the noted head is not part of it'),
  head: z.string().nullable().describe('where it ends, as seq:hash; to be noted elsewhere'),
  broken_at: z.int().nullable().describe('the first record that is not what was written'),
  detail: z.string().nullable(),
})
const searching = z.object({
  who: z.string().max(80).optional().describe('a name or an account’s id'),
  what: z.string().max(64).optional().describe('how the action begins'),
  correlation_id: z.string().max(100).optional().describe('or the beginning of one'),
  since: z.iso.datetime().optional(),
  before: z.coerce.number().int().positive().optional().describe('only records with a smaller seq'),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})
const verifying = z.object({head: z.string().max(100).optional().describe('noted before, as seq:hash')})
const LINES = 'application/x-ndjson'

/** The record of refusals and effects. */
export function auditRoutes({trail}: {readonly trail: Trail}) {
  return (app: FastifyInstance): void => {
    app.get(
      '/audit',
      {
        config: {
          access: 'token',
          about: {
            summary: 'What was refused and what was done outside, newest first',
            query: searching,
            answers: {200: {description: 'each with its outcome', content: recordsShape}},
          },
        },
      },
      async request => {
        const {correlation_id: correlationId, since, ...query} = given(request.query, searching)
        const cases = await trail.search({
          ...query,
          correlationId,
          since: since === undefined ? undefined : Date.parse(since),
        })
        return {records: cases.map(({line, outcome}) => ({...line, outcome: outcome ?? null}))}
      },
    )

    app.get(
      '/audit/verify',
      {
        config: {
          access: 'token',
          about: {
            summary: 'Walks along the whole record and says whether every part of it is as it was written',
            query: verifying,
            answers: {200: {description: 'what was found', content: verdictShape}},
          },
        },
      },
      async request => {
        const {head} = given(request.query, verifying)
        const noted = head === undefined ? undefined : parseLink(head)
        if (head !== undefined && !noted) throw new AppError('INVALID_INPUT', 'head: it is not seq:hash.')
        const verdict = await trail.verify(noted)
        const {kind} = verdict
        return {
          verdict: kind,
          head: kind === 'broken' ? null : formatLink(verdict.head),
          broken_at: kind === 'broken' ? verdict.fault.seq : null,
          detail:
            kind === 'broken'
              ? `record ${verdict.fault.seq} ${verdict.fault.what}`
              : kind === 'rewritten'
                ? `record ${verdict.noted.seq} is not the one of that head`
                : null,
        } satisfies z.output<typeof verdictShape>
      },
    )

    app.get(
      '/audit/export',
      {
        config: {
          access: 'token',
          about: {
            summary: 'The whole record in order, a JSON object a line; each can be checked by its hash',
            answers: {200: {description: 'the record', content: LINES}},
          },
        },
      },
      async (_request, reply) =>
        reply
          .type(LINES)
          .header('content-disposition', 'attachment; filename="audit.ndjson"')
          .send(Readable.from(texts(trail.lines()))),
    )
  }
}

async function* texts(pages: AsyncIterable<readonly AuditLine[]>): AsyncGenerator<string> {
  for await (const page of pages) yield page.map(each => `${JSON.stringify(each)}\n`).join('')
}

function given<T extends z.ZodType>(value: unknown, shape: T): z.output<T> {
  const parsed = shape.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new AppError('INVALID_INPUT', `${issue?.path.join('.') || 'query'}: ${issue?.message ?? 'is wrong'}`)
}
