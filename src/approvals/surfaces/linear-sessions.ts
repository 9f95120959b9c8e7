import {linearId} from '../../integrations/linear/ids.ts'
import type {LinearAnswer} from '../../integrations/linear/linear.ts'
import type {Clock} from '../../kernel/clock.ts'
import type {Logger} from '../../platform/logger.ts'
import type {Approvals} from '../approvals.ts'
import type {ApprovalRequest} from '../request.ts'
import type {LinearDesk} from './linear-desk.ts'
import type {LinearStore, LinearThread} from './linear-store.ts'
import {headline, planOf, questionText} from './linear-text.ts'

export type LinearSessions = ReturnType<typeof createLinearSessions>

const CHOICES = [
  {label: 'Approve', value: 'approve'},
  {label: 'Reject', value: 'deny'},
] as const

/** Linear calls a session stale after 30 minutes in which its agent said nothing. */
const QUIET_MS = 20 * 60_000
const SESSIONS_AT_ONCE = 50

/**
 * What we say in sessions, where we are installed as an agent. Sessions are one more way to the thread that is there
 * already: what can't be said in them is logged, and never holds up a notice.
 */
export function createLinearSessions({
  approvals,
  desk,
  store,
  detailsUrl,
  clock,
  log,
}: {
  readonly approvals: Pick<Approvals, 'find'>
  readonly desk: LinearDesk
  readonly store: LinearStore
  /** Where a request can be looked at outside Linear. */
  readonly detailsUrl: (request: ApprovalRequest) => string | undefined
  readonly clock: Clock
  readonly log: Pick<Logger, 'warn'>
}) {
  const {linear} = desk

  async function best(what: string, doing: Promise<LinearAnswer<unknown>>): Promise<boolean> {
    const answer = await doing
    if (answer.kind === 'ok') return true
    log.warn(
      {what, reason: answer.kind === 'missing' ? 'missing' : answer.reason},
      'a session in Linear was not served',
    )
    return false
  }

  /** Plan, link and question. `intent` makes the question this one and not one more. */
  async function ask(sessionId: string, request: ApprovalRequest, intent: string): Promise<void> {
    const url = detailsUrl(request)
    await best(
      'plan',
      linear.updateSession(sessionId, {
        plan: planOf(request),
        ...(url !== undefined && {links: [{label: 'What would be released', url}]}),
      }),
    )
    await best(
      'question',
      linear.createActivity({
        id: linearId(`session ${sessionId} asks ${intent}`),
        sessionId,
        type: 'elicitation',
        body: questionText(request, clock()),
        options: CHOICES,
      }),
    )
  }

  /** Says something short and final. */
  async function answer(sessionId: string, intent: string, body: string): Promise<void> {
    await best(
      'answer',
      linear.createActivity({
        id: linearId(`session ${sessionId} answers ${intent}`),
        sessionId,
        type: 'response',
        body,
      }),
    )
    await store.endSession(sessionId)
  }

  return {
    ask,

    /** The first word in a session that somebody opened: Linear shows us as unresponsive after ten seconds. */
    async greet(sessionId: string): Promise<void> {
      await best(
        'greeting',
        linear.createActivity({
          id: linearId(`session ${sessionId} greets`),
          sessionId,
          type: 'thought',
          body: 'Looking at what waits here.',
        }),
      )
    },

    answer,

    /** Asks once more, saying why. */
    async askAgain(sessionId: string, intent: string, body: string): Promise<void> {
      await best(
        'question',
        linear.createActivity({
          id: linearId(`session ${sessionId} asks ${intent}`),
          sessionId,
          type: 'elicitation',
          body,
          options: CHOICES,
        }),
      )
    },

    /** A session of our own under the thread's root, where we are an agent; one, however often it is asked for. */
    async open(request: ApprovalRequest, thread: LinearThread): Promise<void> {
      const me = await desk.me()
      if (me.kind !== 'ok' || !me.value.app) return
      if ((await store.sessionsOf(request.id)).length > 0) return
      // An earlier try may have opened it, its answer lost.
      const root = await linear.comment(thread.rootId)
      if (root.kind !== 'ok') return
      let sessionId = root.value.sessionId
      if (sessionId === undefined) {
        const opened = await linear.openSession(thread.rootId)
        if (opened.kind === 'ok') sessionId = opened.value.id
        else await best('opening', Promise.resolve(opened))
      }
      if (sessionId === undefined) return
      await store.keepSession(sessionId, request.id)
      await ask(sessionId, request, 'first')
    },

    /** Brings the plan of a request's sessions up to date. */
    async refresh(request: ApprovalRequest): Promise<void> {
      for (const {sessionId} of await store.sessionsOf(request.id))
        await best('plan', linear.updateSession(sessionId, {plan: planOf(request)}))
    },

    /** Ends a request's sessions with what became of it. */
    async end(request: ApprovalRequest): Promise<void> {
      for (const {sessionId} of await store.sessionsOf(request.id)) {
        await best('plan', linear.updateSession(sessionId, {plan: planOf(request)}))
        await answer(sessionId, 'the end', headline(request))
      }
    },

    /** Says in quiet sessions that we still wait, before Linear takes us for gone. */
    async keepAlive(): Promise<void> {
      for (const {sessionId, approvalId} of await store.takeQuietSessions(QUIET_MS, SESSIONS_AT_ONCE)) {
        const request = approvalId === undefined ? undefined : await approvals.find(approvalId)
        if (request?.status === 'pending')
          await ask(sessionId, request, `at ${Math.floor(clock() / QUIET_MS)}`)
        else await store.endSession(sessionId)
      }
    },
  }
}
