import {z} from 'zod'
import {defineCommand} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'set-api-base',
  description: 'Set the secret VITE_API_BASE of a target’s repository',
  topic: 'settings',
  access: 'restricted',
  visibility: 'private',
  input: z.object({
    url: z.string().min(1).max(2048).describe('the address of the API (https)'),
    confirm: z.boolean().default(false).describe('write it without asking once more'),
    target: z.string().min(1).max(60).optional().describe('whose repository (default: the default one)'),
  }),
  secrets: ['url'],
  agent: 'settings_keeper',
  action: 'set_api_base',
  acknowledge: () => 'VITE_API_BASE',
})
