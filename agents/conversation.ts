import {z} from 'zod'
import {defineAction, defineAgent} from '../src/sdk/index.ts'

/** Talks with people: understands what they want, asks what is missing, and shows a plan to start. */
export default defineAgent({
  id: 'conversation',
  name: 'Conversation',
  description: 'Understands what people say: makes plans, shows how things stand, takes decisions',
  command: '/ask',
  queue: {concurrency: 10, timeoutMs: 90_000},
  actions: {
    ask: defineAction({
      description: 'Answer what a person says, or do what they decide',
      input: z.object({text: z.string()}),
      async run({text}, context) {
        const {actor, correlationId, signal, services} = context
        const {reply, followed} = await services.conversations.say({
          actor,
          correlationId,
          text,
          signal,
          onProgress: reply => context.progress(reply),
        })
        return followed ? {kind: 'following'} : {kind: 'replied', reply}
      },
    }),
  },
})
