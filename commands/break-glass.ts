import {z} from 'zod'
import {DURATION_PATTERN} from '../src/kernel/time.ts'
import {defineCommand} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'break-glass',
  description: 'In an emergency: ship without approval for some minutes',
  topic: 'decide',
  // Who may is said in one place, `approvals.breakGlass` of signalbox.yaml, and read again each time.
  access: 'everyone',
  visibility: 'channel',
  input: z.object({
    reason: z
      .string()
      .trim()
      .min(5)
      .max(300)
      .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'has characters that can’t be shown')
      .optional()
      .describe('why; everybody who approves is told'),
    for: z
      .string()
      .regex(DURATION_PATTERN, 'is not a time such as 15m')
      .optional()
      .describe('how long, such as 15m (default 30m, or less where less is allowed)'),
    end: z.boolean().default(false).describe('end yours now'),
  }),
  agent: 'key_keeper',
  action: 'break_glass',
  acknowledge: ({end}) => (end ? 'break-glass · ending' : 'break-glass'),
  check: ({reason, end}) => (reason === undefined && !end ? ['reason: say why'] : []),
})
