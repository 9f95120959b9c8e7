import type {FastifyInstance} from 'fastify'
import {z} from 'zod'
import {textOf} from '../conversations/text.ts'
import {AppError} from '../kernel/errors.ts'
import {INTENTS, type Actor, type ConversationsPort} from '../sdk/index.ts'
import {given, keyed, text} from './input.ts'
import {callerOf, header, jsonBody, type Caller} from './server.ts'

const saying = z.strictObject({
  message: text(4000),
  session_id: text(64).optional().describe('goes on with a conversation of yours; a new one when left out'),
  user_id: text(64).optional().describe('whose conversation it is; with the API token only'),
  context: z
    .record(z.string(), z.json())
    .optional()
    .describe('what the message is about; it is read, never obeyed'),
})
const answer = z.object({
  message: z.string(),
  session_id: z.string(),
  task_id: z.string().optional().describe('of the plan, run or request that it is about'),
  intent: z.enum(INTENTS),
  confidence: z.number().min(0).max(1),
  suggestions: z.array(z.string()).optional().describe('what could be said next'),
  metadata: z.object({
    state: z.string().describe('how it stands: ok, waiting, refused, …'),
    understood_by: z.enum(['rules', 'model']),
  }),
})

const CONTEXT_SHOWN = 4000
const ANSWERED_WITHIN_MS = 90_000

/** A conversation over HTTP: that of the person whose token it is. */
export function chatRoutes({conversations}: {readonly conversations: ConversationsPort}) {
  return (app: FastifyInstance): void => {
    app.post(
      '/chat',
      {
        config: {
          access: 'person',
          about: {
            summary: 'Say something to the bot; the same `Idempotency-Key` header again has the same answer',
            body: saying,
            answers: {200: {description: 'what it answers', content: answer}},
          },
        },
      },
      async request => {
        const {message, session_id: session, user_id: user, context} = given(jsonBody(request), saying)
        const actor = actorOf(callerOf(request), user)
        const key = header(request, 'idempotency-key')
        const said = await conversations.say({
          actor,
          correlationId: key === undefined ? request.id : keyed(actor, key),
          text: message,
          session,
          signal: AbortSignal.timeout(ANSWERED_WITHIN_MS),
          ...(context === undefined
            ? {}
            : {material: [{text: JSON.stringify(context).slice(0, CONTEXT_SHOWN), source: 'context'}]}),
        })
        return {
          message: textOf(said.reply),
          session_id: said.session,
          ...(said.task === undefined ? {} : {task_id: said.task}),
          intent: said.intent,
          confidence: said.confidence,
          ...(said.suggestions.length === 0 ? {} : {suggestions: [...said.suggestions]}),
          metadata: {state: said.reply.state, understood_by: said.by},
        } satisfies z.output<typeof answer>
      },
    )
  }
}

/** The house speaks for users of its own, who are nobody's account: they decide nothing. */
function actorOf(caller: Caller, user: string | undefined): Actor {
  if (caller.kind === 'house') {
    const id = `house:${user ?? 'anybody'}`
    return {kind: 'api', id, name: user ?? 'the HTTP API'}
  }
  if (user !== undefined && user !== caller.person.id)
    throw new AppError('NOT_PERMITTED', 'A token of your own speaks for you alone: leave user_id out.')
  return {kind: 'api', id: caller.account.id, name: caller.person.id}
}
