import {z} from 'zod'
import {defineCommand} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'doctor',
  description: 'What of the set-up works, and whether the workflows take what we send them',
  topic: 'settings',
  access: 'restricted',
  visibility: 'private',
  input: z.object({
    fix: z
      .string()
      .max(40)
      .optional()
      .describe('open a pull request with the lines that this target’s workflow lacks'),
  }),
  agent: 'doctor',
  action: 'look',
  acknowledge: ({fix}) => (fix === undefined ? 'doctor' : `mending ${fix}`),
  complete: {
    fix: async (typed, {services}) =>
      services.doctor
        .contractIds()
        .filter(id => id.startsWith(typed))
        .map(id => ({name: id, value: id})),
  },
  check({fix}, {doctor}) {
    const ids = doctor.contractIds()
    return fix === undefined || ids.includes(fix)
      ? []
      : [`fix: there is no workflow of ${fix}; there is ${ids.join(', ') || 'none'}`]
  },
})
