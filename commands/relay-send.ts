import {z} from 'zod'
import {defineCommand, relayText, suggestPlaces} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'relay-send',
  description: 'Have me post a message to a channel; admins, written to the audit',
  topic: 'messages',
  access: 'restricted',
  // What goes wrong is for its author alone; that it was posted, the team is told by a message of its own.
  visibility: 'private',
  input: z.object({
    channel_id: z
      .string()
      .regex(/^\d{1,20}$/, 'is not the id of a channel')
      .describe('where to; one of relay.channels'),
    message: relayText.describe('what to say; it pings nobody'),
    ephemeral: z.boolean().default(false).describe('tell only me that it was posted'),
    confirm: z.boolean().default(false).describe('post it at once, without a preview'),
  }),
  secrets: ['message'],
  agent: 'relay_send',
  action: 'send',
  acknowledge: () => 'your message',
  complete: {channel_id: suggestPlaces},
})
