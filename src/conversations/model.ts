import {z} from 'zod'
import type {Llm, LlmAnswer, Passage} from '../integrations/llm/llm.ts'
import {visible} from '../kernel/markdown.ts'
import {INTENTS, type CommandSummary} from '../sdk/index.ts'
import {SURE_ENOUGH, TASK_TYPES, type Reading} from './interpret.ts'
import type {StoredMessage} from './store.ts'

/** What a model says about a message. It has no say in decisions, ids or the words of a task: those are the person's. */
const opinion = z.object({
  intent: z.enum(INTENTS),
  confidence: z.number().min(0).max(1),
  task_type: z
    .enum(TASK_TYPES)
    .nullish()
    .transform(type => type ?? undefined),
  needs_clarification: z.boolean().default(false),
  question: z
    .string()
    .max(300)
    .nullish()
    .transform(text => text ?? undefined),
})

interface Context {
  readonly text: string
  readonly history: readonly StoredMessage[]
  readonly material: readonly {readonly text: string; readonly source: string}[]
  /** What we asked and wait to hear. */
  readonly question: string | undefined
  readonly signal: AbortSignal
}

const TURNS_SHOWN = 10
const SORTER = `You sort messages that people send to a chat-ops bot of a software team. You only say what kind of message the last one is; you do nothing yourself.
intent: task_submission (they want something done: code, review, deploy, pipeline, infrastructure, documentation), status_query (how something stands), approval_decision (they approve or reject a request), clarification (an answer to the bot's question), general_query (anything else about the bot or the work), unknown.
confidence: how sure you are, 0 to 1. task_type: who would do a task, else null. needs_clarification: true when it can't be acted on without asking; question: one short question to ask then.`

/**
 * What a model makes of a message; undefined where it is of no use, and rules must do. It can say what kind of message
 * it is, nothing more: a decision that the person did not put in words themselves stays none.
 */
export async function interpretWithModel(
  llm: Llm,
  rules: Reading,
  context: Context,
): Promise<Reading | undefined> {
  const answer = await llm.object({
    purpose: 'intent',
    agent: 'orchestrator',
    system:
      context.question === undefined
        ? SORTER
        : `${SORTER}\nThe bot has just asked: ${visible(context.question)}`,
    messages: conversation(context),
    schema: opinion,
    signal: context.signal,
  })
  if (answer.kind !== 'answered') return undefined
  const {intent, confidence, task_type: taskType, needs_clarification: unclear, question} = answer.value
  return {
    ...rules,
    intent,
    confidence: unclear ? Math.min(confidence, SURE_ENOUGH - 0.01) : confidence,
    taskType: taskType ?? rules.taskType,
    question: question ?? rules.question,
  }
}

/** Talks about the bot and how things stand; it can't do anything. `onText` hears the answer as it grows. */
export function talkWithModel(
  llm: Llm,
  context: Context & {
    readonly commands: readonly CommandSummary[]
    readonly standing: string
    readonly onText: (soFar: string) => void
  },
): Promise<LlmAnswer<string>> {
  const {commands, standing, signal, onText} = context
  const usable = commands.filter(({refusals}) => refusals.length === 0)
  return llm.text({
    purpose: 'reply',
    agent: 'orchestrator',
    system: `You are Signalbox, a chat-ops bot of a software team. Answer briefly, in at most six short lines of plain text, in the language of the person. You can't do anything in this answer, and never say that you did: what people want done, they say as a task, and you show them a plan to start. Say so when you don't know. The person may use these commands:\n${usable.map(({usage, description}) => `${usage}: ${description}`).join('\n')}`,
    messages: conversation({
      ...context,
      material: [...context.material, {text: standing, source: 'how things stand now'}],
    }),
    maxOutputTokens: 400,
    signal,
    onText,
  })
}

/** Our own earlier answers repeat what others wrote, so only what the person says is trusted. */
function conversation({history, text, material}: Context) {
  const before = history.slice(-TURNS_SHOWN).map(({role, text: said}) => ({
    role,
    passages: [
      {text: said, trusted: role === 'user', ...(role === 'user' ? {} : {source: 'an earlier answer'})},
    ],
  }))
  const passages: Passage[] = [
    {text, trusted: true},
    ...material.map(({text: others, source}) => ({text: others, source, trusted: false})),
  ]
  return [...before, {role: 'user' as const, passages}]
}
