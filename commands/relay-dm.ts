import {z} from 'zod'
import {defineCommand, relayText, suggestPlaces} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'relay-dm',
  description: 'As relay-send, to a channel or one person, told to you alone',
  topic: 'messages',
  access: 'restricted',
  visibility: 'private',
  input: z.object({
    message: relayText.describe('what to say; it pings nobody'),
    target_channel_id: z
      .string()
      .regex(/^\d{1,20}$/, 'is not the id of a channel or a person')
      .describe('where to; one of relay.channels or relay.people'),
    confirm: z.boolean().default(false).describe('post it at once, without a preview'),
  }),
  secrets: ['message'],
  agent: 'relay_dm',
  action: 'send',
  acknowledge: () => 'your message',
  complete: {target_channel_id: suggestPlaces},
})
