import type {Interactions} from './interactions.ts'
import {MessageFlag} from './message-forms.ts'
import type {Messages} from './messages.ts'
import {type Call, nothing, ok, param, type Route, route} from './route.ts'
import type {World} from './world.ts'

/** The callback and everything an interaction's token opens; id and token are the credential. */
export function interactionRoutes({
  world,
  messages,
  interactions,
}: {
  world: World
  messages: Messages
  interactions: Interactions
}): Route[] {
  const webhook = '/webhooks/:application/:token' as const
  const byToken = {authorized: false, rule: 'webhook'}
  const held = (call: Call) => interactions.withToken(param(call, 'application'), param(call, 'token'))
  const message = (call: Call) => interactions.messageOf(held(call), param(call, 'message'))

  const callback = route(
    'callback',
    'POST /interactions/:interaction/:token/callback',
    call => {
      const {interaction, shown} = interactions.answer(
        param(call, 'interaction'),
        param(call, 'token'),
        call.body,
        call.uploads,
      )
      if (call.query.get('with_response') !== 'true') return nothing
      const {original} = interaction
      return ok({
        interaction: {
          id: interaction.id,
          type: interaction.type,
          channel_id: interaction.channel.id,
          guild_id: world.guildId,
          ...(original && {
            response_message_id: original.id,
            response_message_loading: (original.flags & MessageFlag.Loading) !== 0,
            response_message_ephemeral: original.visibleTo !== undefined,
          }),
        },
        resource: {type: interaction.ackType, ...(shown && {message: messages.toApi(shown)})},
      })
    },
    {authorized: false},
  )
  return [
    callback,
    route(
      'followUp',
      `POST ${webhook}`,
      call => ok(messages.toApi(interactions.followUp(held(call), call.body, call.uploads))),
      byToken,
    ),
    ...(['Original', 'FollowUp'] as const).flatMap(kind => {
      // `@original` is a word of the protocol, any other name an id.
      const path = `${webhook}/messages/${kind === 'Original' ? '@original' : ':message'}` as const
      const target = (call: Call) =>
        kind === 'Original' ? interactions.messageOf(held(call), '@original') : message(call)
      return [
        route(`get${kind}`, `GET ${path}`, call => ok(messages.toApi(target(call))), byToken),
        route(
          `edit${kind}`,
          `PATCH ${path}`,
          call => ok(messages.toApi(interactions.edit(target(call), call.body, call.uploads))),
          byToken,
        ),
        route(
          `delete${kind}`,
          `DELETE ${path}`,
          call => {
            messages.remove(target(call))
            return nothing
          },
          byToken,
        ),
      ]
    }),
  ]
}
