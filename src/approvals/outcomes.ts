import type {ApprovalState} from './decide.ts'
import type {ApprovalRequest, Subject} from './request.ts'

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

/** The word to what waited that a change asks for. What time brings is the sweep's: it leaves nothing behind while it waits. */
export function jobsOf(before: ApprovalState | undefined, after: ApprovalState) {
  const {id, version} = after
  return isNews(before, after)
    ? [{queue: APPROVAL_OUTCOMES_QUEUE, name: 'tell', id: `tell-${id}-${version}`, data: {id}}]
    : []
}

/** Whether what waits is to hear of it. */
function isNews(before: ApprovalState | undefined, after: ApprovalState): boolean {
  if (after.status !== 'pending') return after.status !== before?.status
  return before !== undefined && after.subject.kind === 'deployment'
}
