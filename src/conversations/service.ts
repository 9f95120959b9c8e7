import type {Clock} from '../kernel/clock.ts'
import type {Llm} from '../integrations/llm/llm.ts'
import {AppError} from '../kernel/errors.ts'
import {plain} from '../kernel/markdown.ts'
import type {KnownNames} from '../planning/facts.ts'
import type {
  Actor,
  ApprovalsPort,
  ApprovalSummary,
  CataloguePort,
  ConversationsPort,
  PlanningPort,
  Proposed,
  Reply,
  Said,
  SaidByPerson,
} from '../sdk/index.ts'
import {interpret, SURE_ENOUGH, type Reading} from './interpret.ts'
import {interpretWithModel, talkWithModel} from './model.ts'
import {choose, commandFor, type Subject} from './orders.ts'
import {statusOf, type StatusServices} from './status.ts'
import type {Session, SessionStore, StoredMessage} from './store.ts'
import {textOf} from './text.ts'
import {nextMove, type Move, type Pending} from './turn.ts'
import {subjectsOf, type UnderWayServices} from './under-way.ts'

const HISTORY = 10
const LISTED = 5
/** Rules this sure are not second-guessed. */
const RULES_KNOW = 0.9
/** An answer that grows is shown this often; Discord accepts about an edit a second. */
const SHOWN_EVERY_MS = 1500
const EXAMPLES = [
  'deploy client and then update the docs',
  'review pull request #7',
  'what is running?',
  'what waits for approval?',
]

/** What became of one message. `pending` replaces what was asked before; `keep` leaves it. */
interface Outcome {
  readonly reply: Reply
  readonly pending: Pending | undefined | 'keep'
  readonly task?: string | undefined
  readonly suggestions?: readonly string[]
  readonly followed?: boolean
}

interface Turn {
  readonly message: SaidByPerson
  readonly reading: Reading
  readonly history: readonly StoredMessage[]
}

/**
 * Gives a slash command as a person who said the same in words: judged by its access rule, recorded as theirs and
 * carried out as if it had been typed. The same correlation id again is the same command. @throws NOT_PERMITTED where
 * it is not for them, INVALID_INPUT for options that it does not take.
 */
export type GiveCommand = (given: {
  readonly actor: Actor
  /** Of the message that says it. */
  readonly correlationId: string
  readonly command: string
  readonly options: Readonly<Record<string, unknown>>
}) => Promise<Reply>

/**
 * Conversations: what a person says, with what was asked before, becomes a plan to start, a look, a vote, an order for
 * what is under way, an answer, or a question. It does nothing by itself: a plan waits for its person's Start, a vote is
 * judged by the request's own policy, an order is a command of theirs. A message is answered once; said again, it has
 * the same answer.
 */
export function createConversations({
  store,
  ownerOf,
  placeOf,
  approvals,
  planning,
  catalogue,
  status,
  giveCommand,
  commanding,
  known,
  llm,
  redact,
  clock,
}: {
  readonly store: SessionStore
  /** Whose session it is: the person where we know them, else the account. */
  readonly ownerOf: (actor: Actor) => Promise<string>
  /** Where a message was said, where that is a place people come back to: one session for each person and place. */
  readonly placeOf: (correlationId: string) => Promise<string | undefined>
  readonly approvals: Pick<ApprovalsPort, 'pending' | 'needsWords' | 'vote'>
  readonly planning: () => Pick<PlanningPort, 'propose' | 'start' | 'edit' | 'cancel'>
  readonly catalogue: () => Pick<CataloguePort, 'help' | 'commands'>
  readonly status: () => StatusServices & UnderWayServices
  readonly giveCommand: GiveCommand
  /** Who gives commands by what this actor says: their account in Discord, where we know it. */
  readonly commanding: (actor: Actor) => Promise<Actor>
  /** What people may speak of by its name. */
  readonly known: KnownNames
  readonly llm: Llm
  readonly redact: (text: string) => string
  readonly clock: Clock
}): ConversationsPort {
  async function sessionFor({actor, session, correlationId}: SaidByPerson): Promise<Session> {
    const owner = await ownerOf(actor)
    if (session === undefined) return store.open(owner, await placeOf(correlationId))
    const found = await store.find(session)
    if (!found) throw new AppError('NOT_FOUND', 'There is no such conversation, or it was forgotten.')
    if (found.owner !== owner) throw new AppError('NOT_PERMITTED', 'This conversation is somebody else’s.')
    return found
  }

  async function carryOut(move: Move, turn: Turn, pending: Pending | undefined): Promise<Outcome> {
    const {message} = turn
    const {actor, correlationId, signal, material} = message
    switch (move.do) {
      case 'plan':
        return proposed(
          await planning().propose({correlationId, actor, description: move.description, material, signal}),
          move.description,
        )
      case 'edit-plan':
        return proposed(
          await planning().edit({
            id: move.draft,
            actor,
            correlationId,
            description: move.description,
            signal,
          }),
          move.description,
        )
      case 'start-plan': {
        const {run} = await planning().start({id: move.draft, actor, correlationId})
        return {
          reply: {state: 'ok', title: 'the plan is started', lines: run === undefined ? [] : [`run ${run}`]},
          pending: undefined,
          task: run ?? move.draft,
          followed: true,
        }
      }
      case 'cancel-plan':
        await planning().cancel({id: move.draft, actor, correlationId})
        return {
          reply: {state: 'other', title: 'the plan is dropped', lines: ['nothing was started']},
          pending: undefined,
          task: move.draft,
        }
      case 'find-subject':
        return findSubject(move, message)
      case 'give-order':
        return giveOrder(move, message)
      case 'status':
        return {
          reply: await statusOf(move, {actor, signal}, status()),
          pending: 'keep',
          task: move.run,
        }
      case 'find-request':
        return findRequest(move, actor)
      case 'vote':
        return vote(move, message)
      case 'drop':
        return {reply: {state: 'ok', title: 'all right, nothing happens'}, pending: undefined}
      case 'ask':
        return {
          reply: {state: 'waiting', title: 'one question first', lines: [plain(move.question, 300)]},
          pending: move.pending,
          suggestions: EXAMPLES,
        }
      case 'talk':
        return {reply: await talk(turn), pending: pending ? 'keep' : undefined, suggestions: EXAMPLES}
    }
  }

  function proposed(answer: Proposed, description: string): Outcome {
    switch (answer.kind) {
      case 'drafted':
        return {
          reply: answer.reply,
          pending: {kind: 'plan', draft: answer.draft.id},
          task: answer.draft.id,
          suggestions: ['start', 'edit: …', 'cancel'],
        }
      case 'question':
        return {
          reply: {state: 'waiting', title: 'one question first', lines: [plain(answer.question, 300)]},
          pending: {kind: 'task', description, missing: answer.missing, question: answer.question},
        }
      case 'refused':
        return {
          reply: {
            state: 'refused',
            title: 'this is not done from here',
            lines: answer.reasons.map(reason => `· ${plain(reason, 300)}`),
          },
          pending: undefined,
        }
    }
  }

  /** Which of what is under way they mean: carried out where it is plain, else asked. */
  async function findSubject(
    {order}: Extract<Move, {do: 'find-subject'}>,
    message: SaidByPerson,
  ): Promise<Outcome> {
    const {verb, reason} = order
    const subjects = await subjectsOf(verb, await commanding(message.actor), status())
    const chosen = choose(order, subjects)
    switch (chosen.kind) {
      case 'one':
        return giveOrder({do: 'give-order', verb, subject: chosen.subject, reason}, message)
      case 'none':
        return {
          reply: {
            state: 'other',
            title: subjects.length === 0 ? `there is nothing to ${verb}` : 'nothing here is called that',
            lines:
              subjects.length === 0
                ? ['`/workflow action:list` shows the last runs']
                : [`what there is to ${verb}:`, ...listed(subjects.slice(0, LISTED))],
          },
          pending: undefined,
        }
      case 'some': {
        const some = chosen.subjects.slice(0, LISTED)
        const [only, ...others] = some
        return {
          reply: {
            state: 'waiting',
            title: others.length === 0 ? `${verb} this?` : `which one do you want to ${verb}?`,
            lines: [
              ...listed(some),
              others.length === 0
                ? `say yes, or \`${verb} ${shortOf(only)}\``
                : `answer with its id${chosen.subjects.length > LISTED ? `; ${chosen.subjects.length - LISTED} more fit` : ''}`,
            ],
          },
          pending: {kind: 'order', verb, reason: reason ?? null, subjects: some},
          task: others.length === 0 ? only?.id : undefined,
          suggestions:
            others.length === 0 ? ['yes', 'no'] : some.map(subject => `${verb} ${shortOf(subject)}`),
        }
      }
    }
  }

  async function giveOrder(
    {verb, subject, reason}: Extract<Move, {do: 'give-order'}>,
    {actor, correlationId}: SaidByPerson,
  ): Promise<Outcome> {
    const given = commandFor(verb, subject, reason)
    return {
      reply: await giveCommand({actor, correlationId, ...given}),
      pending: undefined,
      task: subject.id,
    }
  }

  /** They named no request: we name what could be meant, and they confirm it. */
  async function findRequest(
    {
      decision,
      reason = null,
    }: {readonly decision: 'approve' | 'reject'; readonly reason?: string | null | undefined},
    actor: Actor,
  ): Promise<Outcome> {
    const waiting = await approvals.pending({actor, whose: 'mine', limit: LISTED})
    const [only, ...others] = waiting
    if (!only)
      return {
        reply: {
          state: 'other',
          title: 'nothing waits for you to decide',
          lines: ['`/approvals show:all` shows what waits for others'],
        },
        pending: undefined,
      }
    if (others.length === 0)
      return {
        reply: {
          state: 'waiting',
          title: `${decision} this?`,
          lines: [nameOf(only), `say yes, or \`${decision} ${only.id.slice(0, 8)}\``],
        },
        pending: {kind: 'confirmation', decision, ballot: only.ballot, title: only.title, reason},
        task: only.id,
        suggestions: ['yes', 'no'],
      }
    return {
      reply: {
        state: 'waiting',
        title: `which one do you ${decision}?`,
        lines: [...waiting.map(request => `· ${nameOf(request)}`), 'answer with its id'],
      },
      pending: {kind: 'which', decision, reason},
      suggestions: waiting.map(({id}) => `${decision} ${id.slice(0, 8)}`),
    }
  }

  async function vote(
    {decision, request, reason}: Extract<Move, {do: 'vote'}>,
    {actor, correlationId}: SaidByPerson,
  ): Promise<Outcome> {
    const known = await approvals.pending({actor, whose: 'all', limit: 200})
    const meant = known.find(({id, ballot}) => ballot === request || id.startsWith(request.replace('…', '')))
    if (meant && reason === undefined) {
      const ballot = meant.ballot
      if ((await approvals.needsWords({ballot, actor, intent: decision})) === true)
        return {
          reply: {
            state: 'waiting',
            title: decision === 'reject' ? 'why do you reject it?' : 'why should it go ahead?',
            lines: [nameOf(meant), 'your next message is kept as the reason'],
          },
          pending: {kind: 'words', decision, ballot, title: meant.title},
          task: meant.id,
        }
    }
    const report = await approvals.vote({
      request,
      actor,
      correlationId,
      decision,
      ...(decision === 'reject' ? {reason} : {justification: reason}),
    })
    const subject = report.request === undefined ? [] : [nameOf(report.request)]
    if (report.kind === 'refused')
      return {
        reply: {
          state: 'refused',
          title: `your ${decision === 'approve' ? 'approval' : 'rejection'} does not count`,
          lines: [`· ${plain(report.message, 400)}`, ...subject],
        },
        pending: undefined,
        task: report.request?.id,
      }
    const {status: standing, approvals: given, needed, waitsFor} = report.request
    return {
      reply: {
        state: 'ok',
        title: `your ${decision === 'approve' ? 'approval' : 'rejection'} counts · ${standing === 'pending' ? `${given} of ${needed}` : standing}`,
        lines: [...subject, ...(standing === 'pending' ? [`still waits for ${plain(waitsFor, 200)}`] : [])],
      },
      pending: undefined,
      task: report.request.id,
    }
  }

  /** By the model, where there is one; else what we can do. */
  async function talk({message, history}: Turn): Promise<Reply> {
    const {actor, signal, text, material = [], onProgress} = message
    if (llm.on) {
      let shownAt = clock()
      let showing: Promise<void> = Promise.resolve()
      const standing = await statusOf({run: undefined, about: ''}, {actor, signal}, status())
      const answer = await talkWithModel(llm, {
        ...{text, history, material, signal, question: undefined},
        commands: catalogue().commands(actor),
        standing: textOf(standing),
        onText(soFar) {
          if (!onProgress || clock() - shownAt < SHOWN_EVERY_MS) return
          shownAt = clock()
          showing = showing.then(() => onProgress(spoken(soFar, 'running'))).catch(() => undefined)
        },
      })
      await showing
      if (answer.kind === 'answered') return spoken(answer.value, 'info')
    }
    const help = catalogue().help(actor, {})
    return {...help, lines: [`say what you want, such as: ${EXAMPLES.join(' · ')}`, ...(help.lines ?? [])]}
  }

  async function understand(
    message: SaidByPerson,
    session: Session,
    history: readonly StoredMessage[],
  ): Promise<{readonly reading: Reading; readonly by: Said['by']}> {
    const rules = interpret(message.text, known)
    const {pending} = session
    // An answer to a question of ours is put together with it by rules: the model need not guess.
    const answers = pending !== undefined && rules.confidence < SURE_ENOUGH
    const knows = rules.confidence >= RULES_KNOW || rules.order !== undefined
    if (!llm.on || knows || answers) return {reading: rules, by: 'rules'}
    const {text, material = [], signal} = message
    const question = pending && 'question' in pending ? pending.question : undefined
    const reading = await interpretWithModel(llm, rules, {text, history, material, question, signal})
    return reading ? {reading, by: 'model'} : {reading: rules, by: 'rules'}
  }

  return {
    async say(given) {
      const message = {...given, text: clean(given.text)}
      const session = await sessionFor(message)
      const before = await store.answerTo(session.id, message.correlationId)
      if (before) return before
      const history = await store.history(session.id, HISTORY)
      const {reading, by} = await understand(message, session, history)
      const move = nextMove(message.text, reading, session.pending, known)
      const outcome = await carryOut(move, {message, reading, history}, session.pending).catch(explained)
      const said: Said = {
        session: session.id,
        reply: outcome.reply,
        task: outcome.task,
        intent: intentOf(move, reading, session.pending),
        confidence: reading.confidence,
        suggestions: outcome.suggestions ?? [],
        by,
        followed: outcome.followed ?? false,
      }
      await store.keep({
        session: session.id,
        correlationId: message.correlationId,
        asked: redact(message.text),
        answered: redact(textOf(said.reply)),
        said,
        pending: outcome.pending === 'keep' ? session.pending : outcome.pending,
      })
      return said
    },
  }
}

/** What the person can mend, they are told; all else is a failure of the command. */
function explained(error: unknown): Outcome {
  if (!(error instanceof AppError) || error.disposition !== 'user') throw error
  return {
    reply: {state: 'refused', title: 'that does not work', lines: [`· ${plain(error.message, 400)}`]},
    pending: undefined,
  }
}

/** An answer to our question is a clarification, whatever it would mean alone. */
function intentOf(move: Move, reading: Reading, pending: Pending | undefined): Said['intent'] {
  if (move.do === 'vote' || move.do === 'find-request') return 'approval_decision'
  if (move.do === 'plan' && pending && move.description !== reading.wish) return 'clarification'
  if (move.do === 'drop' || move.do === 'start-plan' || move.do === 'cancel-plan' || move.do === 'edit-plan')
    return 'clarification'
  if (move.do === 'find-subject') return 'task_submission'
  if (move.do === 'give-order') return 'clarification'
  return reading.intent
}

function nameOf({id, title, level, requester}: ApprovalSummary): string {
  return `**${level}** ${plain(title, 80)} · by ${plain(requester, 40)} · \`${id.slice(0, 8)}…\``
}

function listed(subjects: readonly Subject[]): string[] {
  return subjects.map(subject => `· ${plain(subject.title, 100)} · \`${shortOf(subject)}\``)
}

/** Of a command, its first characters; of a run, all of it. */
function shortOf(subject: Subject | undefined): string {
  return subject?.kind === 'command' ? subject.id.slice(0, 8) : (subject?.id ?? '')
}

/** A model's words are foreign words: no marks, no links, nobody named. */
function spoken(text: string, state: 'running' | 'info'): Reply {
  const [first = '', ...rest] = text
    .split('\n')
    .map(line => plain(line, 400))
    .filter(line => line !== '')
  return first.length <= 80
    ? {state, title: first, lines: rest}
    : {state, title: 'here is what I know', lines: [first, ...rest]}
}

/** Postgres keeps neither a zero character nor half a surrogate pair. */
function clean(text: string): string {
  return text
    .replace(/[\0\p{Cs}]/gu, '')
    .trim()
    .slice(0, 4000)
}
