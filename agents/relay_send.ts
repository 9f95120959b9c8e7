import {z} from 'zod'
import {defineAction, defineAgent} from '../src/sdk/index.ts'

/** Posts what an administrator has it say, after a preview and with a record of it. */
export default defineAgent({
  id: 'relay_send',
  name: 'Relay',
  description: 'Posts a message to a channel, once, after its author confirmed it',
  command: '/relay-send',
  queue: {concurrency: 5, timeoutMs: 60_000},
  actions: {
    send: defineAction({
      description: 'Show what would be posted, or post it once confirmed',
      input: z.object({
        channel_id: z.string(),
        message: z.string(),
        ephemeral: z.boolean(),
        confirm: z.boolean(),
      }),
      async run({channel_id: target, message: text, ephemeral, confirm}, {actor, correlationId, services}) {
        const message = {correlationId, actor, target, text, confirmed: confirm, quiet: ephemeral}
        return {kind: 'replied', reply: await services.relay.send(message)}
      },
    }),
  },
})
