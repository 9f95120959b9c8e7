import {z} from 'zod'
import {defineCommand} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'set-frontend',
  description: 'Set the variable FRONTEND_BASE_URL of a target’s repository',
  topic: 'settings',
  access: 'restricted',
  visibility: 'private',
  input: z.object({
    url: z.string().min(1).max(2048).describe('the address of the frontend (https)'),
    confirm: z.boolean().default(false).describe('write it without asking once more'),
    target: z.string().min(1).max(60).optional().describe('whose repository (default: the default one)'),
  }),
  agent: 'settings_keeper',
  action: 'set_frontend',
  acknowledge: () => 'FRONTEND_BASE_URL',
})
