import {InteractionResponseType, InteractionType, type APIInteractionResponse} from 'discord-api-types/v10'
import type {FastifyInstance} from 'fastify'
import {z} from 'zod'
import {createSignatureCheck} from '../integrations/discord/signature.ts'
import type {Pipeline} from '../bot/pipeline.ts'
import {header, jsonBody, problem, rawBody} from './server.ts'

/** Discord waits for 3 s. */
const ANSWER_WITHIN_MS = 2700

/** Discord's HTTP interactions: the same pipeline as the gateway's, the acknowledgement being the HTTP response. */
export function interactionRoutes(options: {
  readonly publicKey: string | undefined
  readonly applicationId: string | undefined
  readonly pipeline: Pipeline | undefined
  readonly clock: () => number
}) {
  const {publicKey, applicationId, pipeline, clock} = options
  const isSigned = publicKey === undefined ? undefined : createSignatureCheck(publicKey, clock)
  return (app: FastifyInstance): void => {
    app.post(
      '/discord/interactions',
      {
        config: {
          access: 'signature',
          about: {
            summary: 'Interactions from Discord, when they come by HTTP instead of the gateway',
            headers: {
              'x-signature-ed25519': 'signature over timestamp and body, by DISCORD_PUBLIC_KEY',
              'x-signature-timestamp': 'when it was signed, in seconds; at most a minute off',
            },
            body: 'an interaction',
            answers: {
              200: {
                description: 'our answer to the interaction',
                content: z.object({type: z.int(), data: z.looseObject({}).optional()}),
              },
            },
          },
        },
      },
      async (request, reply) => {
        if (!isSigned || !pipeline)
          return problem(
            reply,
            503,
            'NOT_CONFIGURED',
            'DISCORD_PUBLIC_KEY is not set, so no interaction can be trusted.',
          )
        const signature = header(request, 'x-signature-ed25519')
        const timestamp = header(request, 'x-signature-timestamp')
        if (!isSigned(rawBody(request), signature, timestamp))
          return problem(
            reply,
            401,
            'BAD_SIGNATURE',
            'The signature does not fit the body, or is not of this minute.',
          )
        const interaction = jsonBody(request) as {type?: unknown; application_id?: unknown} | null
        if (interaction?.type === InteractionType.Ping)
          return reply.send({type: InteractionResponseType.Pong})
        if (interaction?.application_id !== applicationId)
          return problem(reply, 400, 'INVALID_INPUT', 'This interaction is for another application.')
        const response = await firstAnswer(pipeline, interaction)
        switch (response) {
          case 'none':
            return problem(reply, 400, 'INVALID_INPUT', 'This interaction has an unknown shape.')
          case 'late':
            return problem(reply, 503, 'TIMED_OUT', 'There was no answer in time; nothing was started.')
          default:
            return reply.send(response)
        }
      },
    )
  }
}

/**
 * The pipeline's acknowledgement; its later work goes on by itself. Once we have given up waiting, an acknowledgement
 * reaches nobody: the pipeline hears that it is too late, and starts nothing.
 */
function firstAnswer(
  pipeline: Pipeline,
  interaction: unknown,
): Promise<APIInteractionResponse | 'none' | 'late'> {
  return new Promise(resolve => {
    let late = false
    const timer = setTimeout(() => {
      late = true
      resolve('late')
    }, ANSWER_WITHIN_MS)
    void pipeline
      .receive(interaction, async response => {
        if (late) return {kind: 'too-late'}
        clearTimeout(timer)
        resolve(response)
        return {kind: 'acknowledged'}
      })
      .finally(() => {
        clearTimeout(timer)
        resolve('none')
      })
  })
}
