import {z} from 'zod'
import type {KnownNames} from '../planning/facts.ts'
import type {MissingFact} from '../sdk/index.ts'
import {agrees, declines, interpret, SURE_ENOUGH, type Reading} from './interpret.ts'
import {meantBy, ORDER_VERBS, type Order, type OrderVerb, type Subject} from './orders.ts'

/** What we asked a person, with what they had said before: their answer is put together with it. */
export const pendingSchema = z.discriminatedUnion('kind', [
  /** A fact that a task lacks. */
  z.object({
    kind: z.literal('task'),
    description: z.string(),
    missing: z.enum(['pr_number', 'target', 'repository', 'path', 'variable', 'task']),
    question: z.string(),
  }),
  /** What they meant. */
  z.object({kind: z.literal('meaning'), text: z.string(), question: z.string()}),
  /** Which request they decide on. */
  z.object({
    kind: z.literal('which'),
    decision: z.enum(['approve', 'reject']),
    reason: z.string().nullable(),
  }),
  /** Whether they really decide on this one. */
  z.object({
    kind: z.literal('confirmation'),
    decision: z.enum(['approve', 'reject']),
    ballot: z.string(),
    title: z.string(),
    reason: z.string().nullable(),
  }),
  /** Why they decide so: it does not count without. */
  z.object({
    kind: z.literal('words'),
    decision: z.enum(['approve', 'reject']),
    ballot: z.string(),
    title: z.string(),
  }),
  /** Whether a plan that was shown is to start. */
  z.object({kind: z.literal('plan'), draft: z.string()}),
  /** Which of these an order is for; whether it is for that one, where it is one. */
  z.object({
    kind: z.literal('order'),
    verb: z.enum(ORDER_VERBS),
    reason: z.string().nullable(),
    subjects: z
      .array(
        z.object({
          kind: z.enum(['command', 'run']),
          id: z.string(),
          title: z.string(),
          words: z.string(),
        }),
      )
      .min(1),
  }),
])
export type Pending = z.output<typeof pendingSchema>

/** What to do about a message. */
export type Move =
  | {readonly do: 'plan'; readonly description: string}
  | {
      readonly do: 'status'
      readonly run: string | undefined
      readonly id: string | undefined
      readonly about: string
    }
  /** A decision that names no request: those that wait have to be looked at. */
  | {
      readonly do: 'find-request'
      readonly decision: 'approve' | 'reject'
      readonly reason: string | undefined
    }
  /** `sure`: they named it, or confirmed it. */
  | {
      readonly do: 'vote'
      readonly decision: 'approve' | 'reject'
      readonly request: string
      readonly reason: string | undefined
    }
  /** An order for something under way: what there is has to be looked at. */
  | {readonly do: 'find-subject'; readonly order: Order}
  | {
      readonly do: 'give-order'
      readonly verb: OrderVerb
      readonly subject: Subject
      readonly reason: string | undefined
    }
  | {readonly do: 'start-plan'; readonly draft: string}
  | {readonly do: 'edit-plan'; readonly draft: string; readonly description: string}
  | {readonly do: 'cancel-plan'; readonly draft: string}
  | {readonly do: 'talk'}
  | {readonly do: 'drop'}
  | {readonly do: 'ask'; readonly question: string; readonly pending: Pending | undefined}

/**
 * What a message comes to, given what we had asked. Pure. A decision needs the word and the request: named by its id,
 * or confirmed after we named it; an order for something under way, its verb and a name that fits one thing alone, or a
 * yes to that one. Nothing else that anybody or any model says makes either.
 */
export function nextMove(
  text: string,
  reading: Reading,
  pending: Pending | undefined,
  known?: KnownNames,
): Move {
  const {decision, id, reason, order} = reading
  if (decision !== undefined)
    return id === undefined
      ? {do: 'find-request', decision, reason}
      : {do: 'vote', decision, request: id, reason}
  // "Stop" alone is an answer where something was asked.
  const names = typeof order === 'object' && order.about !== ''
  if (pending && (!names || isRejection(pending) || isAboutPlan(order, pending))) {
    const answered = answer(text, reading, pending, known)
    if (answered) return answered
  }
  return typeof order === 'object' ? {do: 'find-subject', order} : fresh(text, reading)
}

/** Why something is not to be may well begin like an order; why it may go ahead does not. */
function isRejection(pending: Pending): boolean {
  return pending.kind === 'words' && pending.decision === 'reject'
}

function isAboutPlan({verb, about}: Order, {kind}: Pending): boolean {
  return kind === 'plan' && verb === 'stop' && /^(?:the |this |that |my )?(?:plan|draft)$/i.test(about)
}

/** What it comes to as an answer; undefined where it is about something else. */
function answer(text: string, reading: Reading, pending: Pending, known?: KnownNames): Move | undefined {
  if (pending.kind === 'order' && /^cancel\b/i.test(text.trim()))
    return {do: 'ask', question: `Say yes to ${pending.verb} it, or no to leave it as it is.`, pending}
  if (declines(text) && !repeats(text, pending))
    return pending.kind === 'plan' ? {do: 'cancel-plan', draft: pending.draft} : {do: 'drop'}
  switch (pending.kind) {
    case 'which':
      return reading.id === undefined || isQuestion(text, reading) || HESITATES.test(reading.wish)
        ? undefined
        : {
            do: 'vote',
            decision: pending.decision,
            request: reading.id,
            reason: pending.reason ?? undefined,
          }
    case 'confirmation':
      return agrees(text)
        ? {
            do: 'vote',
            decision: pending.decision,
            request: pending.ballot,
            reason: pending.reason ?? undefined,
          }
        : undefined
    case 'words': {
      const {decision, ballot} = pending
      if (isAside(reading)) return undefined
      if (decision === 'approve') {
        if (isQuestion(text, reading) || reading.order !== undefined) return undefined
        if (HESITATES.test(reading.wish)) return {do: 'ask', question: NO_REASON_YET, pending}
      }
      return {do: 'vote', decision, request: ballot, reason: text.trim()}
    }
    case 'order': {
      const {verb, subjects, reason} = pending
      // "The run" names one; "run the tests" asks for something else.
      const mayName = /^(?:the|that|this|my|our|one)\b/i.test(text.trim())
      if (isQuestion(text, reading))
        return mayName
          ? {do: 'ask', question: `Say its id to ${verb} it, or no to leave it as it is.`, pending}
          : undefined
      if (isTask(reading) && !mayName) return undefined
      const {exact} = agrees(text) || repeats(text, pending) ? {exact: subjects} : meantBy(text, subjects)
      const [subject, ...others] = exact
      return subject && others.length === 0
        ? {do: 'give-order', verb, subject, reason: reason ?? undefined}
        : undefined
    }
    case 'plan': {
      if (agrees(text)) return {do: 'start-plan', draft: pending.draft}
      if (typeof reading.order === 'object' && isAboutPlan(reading.order, pending))
        return {do: 'cancel-plan', draft: pending.draft}
      const [, description] =
        /^(?:edit(?: it)?|instead|rather|change it to)[\s,:]+(.{3,})$/is.exec(text.trim()) ?? []
      return description === undefined ? undefined : {do: 'edit-plan', draft: pending.draft, description}
    }
    case 'task':
      return isAside(reading) || isTaskOfItsOwn(reading)
        ? undefined
        : {do: 'plan', description: withAnswer(pending.description, pending.missing, text)}
    case 'meaning': {
      if (reading.confidence >= SURE_ENOUGH) return undefined
      const together = `${pending.text} ${text}`
      const meant = interpret(together, known)
      return meant.confidence >= SURE_ENOUGH && meant.decision === undefined
        ? fresh(together, meant)
        : undefined
    }
  }
}

/** "Stop it" again, where we asked whether to stop it, is a yes. "Cancel" could be either. */
function repeats(text: string, pending: Pending): boolean {
  if (pending.kind !== 'order' || pending.subjects.length > 1) return false
  const {order} = interpret(text)
  return typeof order === 'object' && order.verb === pending.verb && order.about === ''
}

function fresh(text: string, reading: Reading): Move {
  if (
    reading.confidence < SURE_ENOUGH ||
    reading.intent === 'unknown' ||
    reading.intent === 'clarification'
  ) {
    const question =
      reading.question ?? 'Do you want something done, or to know how something stands? Say a little more.'
    return {do: 'ask', question, pending: {kind: 'meaning', text, question}}
  }
  switch (reading.intent) {
    case 'task_submission':
      return {do: 'plan', description: reading.wish}
    case 'status_query':
      return {do: 'status', run: reading.run, id: reading.id, about: reading.wish}
    case 'approval_decision':
      return {
        do: 'ask',
        question: 'To decide, say `approve` or `reject` yourself, with the id of the request.',
        pending: undefined,
      }
    case 'general_query':
      return {do: 'talk'}
  }
}

/** Whoever begins so gives no reason to go ahead. */
const HESITATES = /^(?:wait|hold|not?|nope|nah|never|don'?t|do not|stop)\b/i
const NO_REASON_YET =
  'Nothing is approved yet. Say why it should go ahead, beginning with the reason, or say no to leave it.'

/** Asks something, and so answers nothing. The id of a run alone names it. */
function isQuestion(text: string, {intent, run}: Reading): boolean {
  const said = text.trim()
  return said.endsWith('?') || ((intent === 'status_query' || intent === 'general_query') && said !== run)
}

/** A question beside the matter: answered, and what was asked goes on waiting. */
function isAside({intent, confidence}: Reading): boolean {
  return (intent === 'status_query' || intent === 'general_query') && confidence >= 0.8
}

/** It says a whole task, so it is a new one rather than a word that was missing. */
function isTaskOfItsOwn(reading: Reading): boolean {
  return isTask(reading) && reading.wish.split(' ').length >= 3
}

function isTask({intent, confidence}: Reading): boolean {
  return intent === 'task_submission' && confidence >= 0.8
}

function withAnswer(description: string, missing: MissingFact, text: string): string {
  const said = text.trim()
  const [number] = /\d{1,7}/.exec(said) ?? []
  switch (missing) {
    case 'pr_number':
      return number === undefined ? `${description} ${said}` : `${description} pull request #${number}`
    case 'target':
      return `${description} ${/^(?:to|on|in)\b/i.test(said) ? said : `to ${said}`}`
    case 'repository':
      return `${description} ${/^in\b/i.test(said) ? said : `in ${said}`}`
    case 'path':
    case 'variable':
    case 'task':
      return `${description} ${said}`
  }
}
