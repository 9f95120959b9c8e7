import type {ApprovalState} from './decide.ts'
import type {ApprovalRequest, Subject} from './request.ts'

/** Jobs `{id}` that pass time on one request: reminders, calls up the line, expiry. */
export const APPROVALS_QUEUE = 'approvals'
/** Jobs `{id}` that tell what waited that its request has ended, or a deployment, which shows it, that it changed. At least once each. */
export const APPROVAL_OUTCOMES_QUEUE = 'approval-outcomes'

/** What can wait for an approval. Told at least once; asks the record for what came of it. */
export interface Waiting {
  deployment(id: string, request: ApprovalRequest): Promise<void>
  gate(gate: Extract<Subject, {kind: 'gate'}>, request: ApprovalRequest): Promise<void>
}

/** Tells what waited for this request, once it has ended; a deployment, whose message shows how it stands, before too. */
export async function tellOutcome(waiting: Waiting, request: ApprovalRequest): Promise<void> {
  const {subject} = request
  if (request.status === 'pending' && subject.kind !== 'deployment') return
  await (subject.kind === 'deployment'
    ? waiting.deployment(subject.id, request)
    : waiting.gate(subject, request))
}

/** The jobs that a change asks for: the next look at it, and word to what waited. At most one of each. */
export function jobsOf(
  before: ApprovalState | undefined,
  after: ApprovalState,
  due: {
    readonly before: number | undefined
    readonly after: number | undefined
    readonly now: number
  },
) {
  const data = {id: after.id}
  const mark = `${after.id}-${after.version}`
  return [
    ...(due.after === undefined || due.after === due.before
      ? []
      : [
          {
            queue: APPROVALS_QUEUE,
            name: 'pass-time',
            id: `pass-time-${mark}`,
            data,
            // Just after, or it would come a moment too early and find nothing.
            delayMs: Math.min(Math.max(0, due.after - due.now) + 5, LONGEST_DELAY_MS),
          },
        ]),
    ...(isNews(before, after)
      ? [{queue: APPROVAL_OUTCOMES_QUEUE, name: 'tell', id: `tell-${mark}`, data}]
      : []),
  ]
}

/** Whether what waits is to hear of it. */
function isNews(before: ApprovalState | undefined, after: ApprovalState): boolean {
  if (after.status !== 'pending') return after.status !== before?.status
  return before !== undefined && after.subject.kind === 'deployment'
}

/** The sweep sees to what is further off. */
const LONGEST_DELAY_MS = 14 * 86_400_000
