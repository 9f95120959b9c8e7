import {createHmac, timingSafeEqual} from 'node:crypto'
import {z} from 'zod'

/** What a webhook tells us: that something moved, and where to look. Never the truth itself, which is read by REST. */
export interface RunHint {
  readonly runId: string
  readonly title: string
}

/** `X-Hub-Signature-256` over the raw body, compared in constant time. docs: validating-webhook-deliveries. */
export function isSigned(secret: string, rawBody: Buffer, signature: string | undefined): boolean {
  if (signature === undefined) return false
  const expected = Buffer.from(`sha256=${createHmac('sha256', secret).update(rawBody).digest('hex')}`)
  const given = Buffer.from(signature)
  return given.length === expected.length && timingSafeEqual(given, expected)
}

const id = z.union([z.int().nonnegative(), z.string().regex(/^\d{1,20}$/)]).transform(String)
const workflowRun = z.object({
  workflow_run: z.object({id, display_title: z.string().nullish(), name: z.string().nullish()}),
})
const workflowJob = z.object({workflow_job: z.object({run_id: id, workflow_name: z.string().nullish()})})

/** The run an event is about; undefined for events that we have no use for. */
export function runHint(event: string, payload: unknown): RunHint | undefined {
  if (event === 'workflow_run') {
    const parsed = workflowRun.safeParse(payload)
    if (!parsed.success) return undefined
    const {workflow_run: run} = parsed.data
    return {runId: run.id, title: storable(`${run.display_title ?? ''} ${run.name ?? ''}`.slice(0, 500))}
  }
  if (event === 'workflow_job') {
    const parsed = workflowJob.safeParse(payload)
    return parsed.success ? {runId: parsed.data.workflow_job.run_id, title: ''} : undefined
  }
  return undefined
}

const issueEvent = z.object({
  issue: z.object({number: z.int().positive()}),
  repository: z.object({full_name: z.string().max(200)}),
})

/** The issue that was closed, reopened or otherwise changed; undefined for other events. */
export function issueHint(
  event: string,
  payload: unknown,
): {readonly repository: string; readonly number: number} | undefined {
  const parsed = event === 'issues' ? issueEvent.safeParse(payload) : undefined
  return parsed?.success
    ? {repository: storable(parsed.data.repository.full_name), number: parsed.data.issue.number}
    : undefined
}

const writtenComment = z.object({
  action: z.literal('created'),
  comment: z.object({body: z.string()}),
})

/** What somebody wrote as a new comment on an issue or a pull request; undefined for everything else. */
export function commentText(event: string, payload: unknown): string | undefined {
  const parsed = event === 'issue_comment' ? writtenComment.safeParse(payload) : undefined
  return parsed?.success ? parsed.data.comment.body : undefined
}

/** Without what JSON may carry and Postgres does not take: the zero character and halves of surrogate pairs. */
function storable(text: string): string {
  return text.replace(/[\0\p{Cs}]/gu, '')
}
