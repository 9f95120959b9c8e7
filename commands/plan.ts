import {z} from 'zod'
import {defineCommand} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'plan',
  description: 'Put the open issues that are ready before a channel, as the plan of the day',
  topic: 'decide',
  access: 'everyone',
  visibility: 'private',
  input: z.object({
    channel_id: z
      .string()
      .regex(/^\d{17,20}$/, 'is not the id of a channel')
      .optional()
      .describe('where to post it (default: this channel)'),
    label: z
      .string()
      .trim()
      .min(1)
      .max(50)
      .regex(/^[^,\p{Cc}\p{Cs}]*$/u, 'is not one label')
      .optional()
      .describe('the label of the issues (default: the configured one, ready)'),
    repository: z
      .string()
      .trim()
      .min(1)
      .max(200)
      .optional()
      .describe('owner/name (default: the configured one)'),
  }),
  agent: 'plan',
  action: 'propose',
  acknowledge: () => 'plan of the day',
})
