import type {Account, People} from '../../access/people.ts'
import {codesIn} from '../../access/code.ts'
import type {Claim} from '../../access/links.ts'
import type {LinearAnswer, LinearComment, LinearPrompt} from '../../integrations/linear/linear.ts'
import type {LinearHint} from '../../integrations/linear/webhook.ts'
import type {Clock} from '../../kernel/clock.ts'
import {AppError} from '../../kernel/errors.ts'
import type {Logger} from '../../platform/logger.ts'
import type {Approvals} from '../approvals.ts'
import {entitledRoles} from '../decide.ts'
import type {ApprovalRequest, VoteOutcome} from '../request.ts'
import {choiceIn, commandIn, voteIn, type LinearCommand} from './linear-command.ts'
import type {LinearDesk} from './linear-desk.ts'
import type {LinearSessions} from './linear-sessions.ts'
import type {LinearStore, LinearThread} from './linear-store.ts'
import {foreign} from './linear-text.ts'

export type LinearInbox = ReturnType<typeof createLinearInbox>

/** Jobs that look at what a webhook hinted at. */
export const LINEAR_QUEUE = 'linear'

/** Linear may list a comment a little after it was made. */
const OVERLAP_MS = 2 * 60_000
/** Longer than a code. */
const CODE_LIVES_MS = 15 * 60_000
/** With nothing waiting, only codes and late words can come. */
const IDLE_MS = 60_000

/** What somebody said or pressed, from wherever it was read. */
interface Input {
  /** Names it for ever: taken twice, it is the same one. */
  readonly key: string
  readonly request: string
  readonly account: Account
  readonly command: LinearCommand
  readonly evidence: Readonly<Record<string, string>>
  /** Tells the person what did not work. */
  readonly answer: (text: string) => Promise<void>
}

/**
 * What people do about requests in Linear. Webhooks and the reconciler only say where to look; what counts is what the
 * API then shows, who the API says wrote it, and which thread it stands in, found by stored ids. Both ways lead to
 * `take`, which takes each comment, reaction and prompt once.
 */
export function createLinearInbox({
  approvals,
  people,
  claimCode,
  withdraw,
  desk,
  store,
  sessions,
  clock,
  log,
}: {
  readonly approvals: Pick<Approvals, 'vote' | 'turnAway' | 'question' | 'find'>
  readonly people: Pick<People, 'personOf'>
  readonly claimCode: (claim: {readonly account: Account; readonly code: string}) => Promise<Claim>
  /** Takes a pending request back, and with it what waits for it; false when it does not wait any more. */
  readonly withdraw: (id: string, why: {readonly by: string; readonly note: string}) => Promise<boolean>
  readonly desk: LinearDesk
  readonly store: LinearStore
  readonly sessions: LinearSessions
  readonly clock: Clock
  readonly log: Pick<Logger, 'info' | 'warn'>
}) {
  const {linear} = desk

  /** A reply of ours below what somebody wrote. */
  function replier(thread: {readonly issueId: string; readonly rootId: string}, key: string) {
    return async (text: string): Promise<void> => {
      valueOf(
        await desk.say(`answer to ${key}`, {issueId: thread.issueId, parentId: thread.rootId, body: text}),
      )
    }
  }

  async function take({key, request, account, command, evidence, answer}: Input): Promise<void> {
    if (!(await store.begin(key))) return
    const outcome = await carryOut()
    await store.settle(key, outcome)
    log.info({input: key, approval: request, outcome}, 'taken from Linear')

    async function carryOut(): Promise<string> {
      const about = {id: request, account, surface: 'linear', key: `linear:${key}`} as const
      switch (command.kind) {
        case 'none':
          return 'none'
        case 'unclear':
          await answer(UNCLEAR)
          return 'unclear'
        case 'approve':
          return judged(
            await approvals.vote({
              ...about,
              evidence,
              decision: 'approve',
              ...(command.words !== undefined && {justification: command.words}),
            }),
          )
        case 'deny':
          return judged(
            await approvals.vote({
              ...about,
              evidence,
              decision: 'reject',
              ...(command.words !== undefined && {reason: command.words}),
            }),
          )
        case 'request-info':
          if (command.words === undefined) {
            await answer('What do you want to know? Write `/request-info` and your question after it.')
            return 'no question'
          }
          return judged(await approvals.question({...about, text: command.words}))
      }
    }

    async function judged(outcome: VoteOutcome): Promise<string> {
      if (outcome.kind === 'counted') return 'counted'
      await answer(`⛔ ${foreign(outcome.message, 500)}${hintFor(outcome)}`)
      return outcome.code
    }
  }

  async function takeComment(comment: LinearComment): Promise<void> {
    const {id, body, issueId, parentId, user, edited} = comment
    const key = `comment:${id}`
    // Apps decide nothing, and what we wrote with a person's key is settled before it is sent.
    if (!user || user.app || issueId === undefined) return
    const thread = await store.threadAt({issueId, parentId})
    if (codesIn(body).length > 0) for (const one of await newsUpTo(comment)) await takeCodes(one)
    if (!thread || id === thread.rootId) return
    const about = {account: {kind: 'linear', id: user.id}, evidence: {comment: id}} as const
    const command = commandIn(body)
    // Nobody can say what stood there when others read it.
    const said: LinearCommand = edited && command.kind !== 'none' ? {kind: 'unclear'} : command
    if (edited && (command.kind === 'approve' || command.kind === 'deny'))
      await approvals.turnAway({
        ...about,
        id: thread.approvalId,
        decision: command.kind === 'approve' ? 'approve' : 'reject',
        surface: 'linear',
        code: 'EDITED',
        note: 'the comment was edited before it was read',
        key: `linear:${key}`,
      })
    await take({
      ...about,
      key,
      request: thread.approvalId,
      command: said,
      answer: edited
        ? () => replier(thread, key)('An edited comment does not decide anything. Please write a new one.')
        : replier(thread, key),
    })
  }

  /**
   * This comment, behind those that are older and in which its codes may stand, too: hints come in any order, and whoever
   * copies a code that they saw must come too late.
   */
  async function newsUpTo(comment: LinearComment): Promise<readonly LinearComment[]> {
    const hub = valueOf(await desk.hub())
    const {comments} = valueOf(await linear.newsUnder(hub.id, comment.createdAt - CODE_LIVES_MS))
    const older = comments.filter(({id, createdAt}) => id !== comment.id && createdAt <= comment.createdAt)
    return [...older.reverse().sort((a, b) => a.createdAt - b.createdAt), comment]
  }

  /** One-time codes that prove an account: see /link. None of a comment that was edited. */
  async function takeCodes({id, body, parentId, issueId, user, edited}: LinearComment): Promise<void> {
    if (!user || user.app || issueId === undefined || edited) return
    for (const code of codesIn(body)) {
      const key = `code:${id}:${code.slice(-5)}`
      if (!(await store.begin(key))) continue
      const {kind, ...claim} = await claimCode({account: {kind: 'linear', id: user.id}, code})
      const answer = replier({issueId, rootId: parentId ?? id}, key)
      if (kind === 'linked' && 'person' in claim)
        await answer(`✅ This account is **${foreign(claim.person, 60)}** from now on.`)
      else if (kind === 'taken') await answer('⛔ This account is known as somebody else already.')
      await store.settle(key, kind)
    }
  }

  async function takeReactions(thread: LinearThread, root: LinearComment): Promise<void> {
    const keys = new Map(root.reactions.map(reaction => [`reaction:${reaction.id}`, reaction]))
    for (const key of await store.unsettled([...keys.keys()])) {
      const reaction = keys.get(key)
      const vote = reaction && voteIn(reaction.emoji)
      if (!reaction?.user || reaction.user.app || vote === undefined) continue
      await take({
        key,
        request: thread.approvalId,
        account: {kind: 'linear', id: reaction.user.id},
        command: {kind: vote, words: undefined},
        evidence: {reaction: reaction.id},
        answer: replier(thread, key),
      })
    }
  }

  async function lookAtSession(id: string): Promise<void> {
    const known = await store.session(id)
    if (!known) await sessions.greet(id)
    const session = valueOf(await linear.session(id))
    const thread = await store.threadOfSession(session)
    const request = thread && (await approvals.find(thread.approvalId))
    if (!known) {
      await store.keepSession(id, request?.id)
      if (request?.status !== 'pending') {
        await sessions.answer(id, 'nothing', 'Nothing waits for a decision in this thread.')
        return
      }
      await sessions.ask(id, request, 'first')
    }
    // Oldest first: a stop that came later does not undo what was decided before it.
    if (request) for (const prompt of [...session.prompts].reverse()) await takePrompt(id, request, prompt)
  }

  async function takePrompt(session: string, request: ApprovalRequest, prompt: LinearPrompt): Promise<void> {
    const {id, body, user, stop, commentId} = prompt
    if (user.app) return
    const account: Account = {kind: 'linear', id: user.id}
    if (stop) return takeStop(session, request, {key: `prompt:${id}`, account})
    // A command in it is a command of the comment that it also is, and must not be taken twice.
    const isCommand = commandIn(body).kind !== 'none' && commentId !== undefined
    const key = isCommand ? `comment:${commentId}` : `prompt:${id}`
    await take({
      key,
      request: request.id,
      account,
      command: choiceIn(body),
      evidence: {session, prompt: id},
      answer: text => sessions.askAgain(session, key, text),
    })
  }

  /** Whoever asked for it or could decide it may halt it; for everybody else we only fall silent. */
  async function takeStop(
    session: string,
    request: ApprovalRequest,
    {key, account}: {readonly key: string; readonly account: Account},
  ): Promise<void> {
    if (!(await store.begin(key))) return
    const person = await people.personOf(account)
    const may =
      person !== undefined &&
      (person.id === request.requester.person ||
        person.roles.some(role => entitledRoles(request).includes(role)))
    const stopped = may && (await withdraw(request.id, {by: person.id, note: 'stopped in Linear'}))
    await sessions.answer(
      session,
      key,
      stopped
        ? 'Stopped: the request is withdrawn, and what waited for it does not begin.'
        : may
          ? 'It does not wait any more, so there is nothing left to stop.'
          : 'I say nothing more here. The request itself can only be stopped by who asked for it, or may decide it.',
    )
    await store.settle(key, stopped ? 'stopped' : 'not stopped')
  }

  return {
    /**
     * Looks where a webhook says that something happened. Hints about other places cost nothing but a look into our own
     * tables. Throws UPSTREAM_UNAVAILABLE when Linear can't be read now.
     */
    async look(hint: LinearHint): Promise<void> {
      if (hint.kind === 'session') return lookAtSession(hint.id)
      if (hint.kind === 'reaction') {
        const [thread] = await store.threadsOfRoots([hint.commentId])
        if (!thread) return
        const root = await linear.comment(thread.rootId)
        // Deleted in Linear: there is nothing to react to any more.
        if (root.kind !== 'missing') await takeReactions(thread, valueOf(root))
        return
      }
      const {id, issueId, parentId} = hint
      const isHere =
        (await store.threadAt({issueId, parentId})) !== undefined || valueOf(await desk.hub()).id === issueId
      if (!isHere || !(await store.unsettled([`comment:${id}`])).has(`comment:${id}`)) return
      const comment = await linear.comment(id)
      // Taken back before it was read.
      if (comment.kind === 'missing') return
      await takeComment(valueOf(comment))
    },

    /**
     * Catches up on what webhooks did not tell: one request to Linear and a few to Postgres however many requests wait,
     * by one process at a time. Resolves when there is nothing to do yet, too.
     */
    async reconcile(againMs: number): Promise<void> {
      const since = await store.takeReading(againMs, Math.max(againMs, IDLE_MS))
      if (since === undefined) return
      const begun = clock()
      const hub = valueOf(await desk.hub())
      const from = since - OVERLAP_MS
      const {comments, complete} = valueOf(await linear.newsUnder(hub.id, from))
      const written = comments.filter(({createdAt}) => createdAt > from)
      const fresh = await store.unsettled(written.map(({id}) => `comment:${id}`))
      // Newest first as they come, so that what was written in the same millisecond stays in its order.
      for (const comment of [...written].reverse().sort((a, b) => a.createdAt - b.createdAt))
        if (fresh.has(`comment:${comment.id}`)) await takeComment(comment)
      const reactedTo = new Map(
        comments.filter(({reactions}) => reactions.length > 0).map(comment => [comment.id, comment]),
      )
      for (const thread of await store.threadsOfRoots([...reactedTo.keys()])) {
        const root = reactedTo.get(thread.rootId)
        if (root && !thread.closed) await takeReactions(thread, root)
      }
      if (complete) await store.readUntil(begun)
      else log.warn({since, read: comments.length}, 'more happened in Linear than could be read at once')
    },
  }
}

const UNCLEAR =
  'I can’t tell what is meant. Begin a new comment with one of `/approve`, `/deny <reason>` or `/request-info <question>`.'

function hintFor({code}: Extract<VoteOutcome, {kind: 'refused'}>): string {
  switch (code) {
    case 'REASON_REQUIRED':
      return ' Write `/deny` and the reason after it.'
    case 'JUSTIFICATION_REQUIRED':
      return ' Write `/approve` and the justification after it.'
    default:
      return ''
  }
}

/** @throws UPSTREAM_UNAVAILABLE for what may pass, UPSTREAM_REFUSED for what will not. */
function valueOf<T>(answer: LinearAnswer<T>): T {
  switch (answer.kind) {
    case 'ok':
      return answer.value
    case 'missing':
      throw new AppError('UPSTREAM_REFUSED', 'Linear does not show us what we asked for.')
    case 'refused':
      throw new AppError('UPSTREAM_REFUSED', answer.reason)
    case 'failed':
      throw new AppError('UPSTREAM_UNAVAILABLE', 'Linear did not answer.', {
        details: {reason: answer.reason},
        ...(answer.retryAfterMs !== undefined && {retryAfterMs: answer.retryAfterMs}),
      })
  }
}
