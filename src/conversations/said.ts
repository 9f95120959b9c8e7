import {z} from 'zod'
import {INTENTS, REPLY_STATES, type Reply, type ReplyState, type Said} from '../sdk/index.ts'

const reply = z.object({
  state: z.custom<ReplyState>(state => typeof state === 'string' && Object.hasOwn(REPLY_STATES, state)),
  title: z.string(),
  lines: z.array(z.string()).exactOptional(),
  mentions: z.array(z.string()).exactOptional(),
  excerpt: z.string().exactOptional(),
  controls: z
    .array(
      z.discriminatedUnion('kind', [
        z.object({
          kind: z.literal('action'),
          label: z.string(),
          action: z.string(),
          subject: z.string(),
          style: z.enum(['primary', 'secondary', 'danger']),
        }),
        z.object({kind: z.literal('link'), label: z.string(), url: z.string()}),
      ]),
    )
    .exactOptional(),
}) satisfies z.ZodType<Reply>

const said = z.object({
  session: z.string(),
  reply,
  task: z.string().optional(),
  intent: z.enum(INTENTS),
  confidence: z.number(),
  suggestions: z.array(z.string()),
  by: z.enum(['rules', 'model']),
  followed: z.boolean(),
})

/** The answer that was kept; undefined for one of an older version's, which is worked out again. */
export function readSaid(kept: unknown): Said | undefined {
  const {success, data} = said.safeParse(kept)
  return success ? {...data, task: data.task} : undefined
}

/** A reply as it was kept; undefined where it is none. */
export function readReply(kept: unknown): Reply | undefined {
  return reply.safeParse(kept).data
}
