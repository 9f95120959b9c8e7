import {z} from 'zod'
import {defineAction, defineAgent} from '../src/sdk/index.ts'

/** As `relay_send`, also to one person alone; nobody but the author is told. */
export default defineAgent({
  id: 'relay_dm',
  name: 'Private Relay',
  description: 'Posts a message to a channel or writes to one person, once, after its author confirmed it',
  command: '/relay-dm',
  queue: {concurrency: 5, timeoutMs: 60_000},
  actions: {
    send: defineAction({
      description: 'Show what would be posted, or post it once confirmed',
      input: z.object({message: z.string(), target_channel_id: z.string(), confirm: z.boolean()}),
      async run({message: text, target_channel_id: target, confirm}, {actor, correlationId, services}) {
        const message = {correlationId, actor, target, text, confirmed: confirm, quiet: true}
        return {kind: 'replied', reply: await services.relay.send(message)}
      },
    }),
  },
})
