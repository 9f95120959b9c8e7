import {z} from 'zod'
import {defineCommand} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'link',
  description: 'Prove which accounts are yours, or get a token of your own',
  topic: 'settings',
  // Everyone named by `principals` has accounts of their own; what others are told is how to get there.
  access: 'everyone',
  visibility: 'private',
  input: z.object({
    account: z
      .enum(['github', 'linear', 'mail', 'api'])
      .optional()
      .describe('what to prove; api: a token of your own (default: show what is known)'),
    value: z.string().trim().min(3).max(320).optional().describe('mail: the address to send a code to'),
    code: z.string().trim().min(8).max(40).optional().describe('mail: the code from that mail'),
    remove: z.string().trim().min(1).max(330).optional().describe('an account you proved, or api'),
  }),
  agent: 'key_keeper',
  action: 'link',
  acknowledge: ({account, remove}) =>
    remove === undefined ? `link ${account ?? ''}`.trim() : 'link · removing',
  check({account, value, code, remove}) {
    if (remove !== undefined)
      return account === undefined && value === undefined && code === undefined
        ? []
        : ['remove: give it alone']
    if (account === 'mail')
      return (value === undefined) === (code === undefined)
        ? ['mail: give your address as value, or the code that was mailed to it as code']
        : []
    return value === undefined && code === undefined ? [] : ['value and code are for account:mail only']
  },
  complete: {
    remove: async (typed, {actor, services}) => {
      const {accounts, token} = await services.accounts.mine(actor)
      const names = [
        ...accounts.flatMap(({name, provedAt}) => (provedAt === undefined ? [] : [name])),
        ...(token ? ['api'] : []),
      ]
      return names.filter(name => name.includes(typed.toLowerCase())).map(name => ({name, value: name}))
    },
  },
})
