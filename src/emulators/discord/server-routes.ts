import {refusals} from './api-error.ts'
import {type Call, ok, param, type Route, route} from './route.ts'
import type {World} from './world.ts'

/** Who the bot is, where the gateway is, and what the server holds. */
export function serverRoutes({
  world,
  gatewayUrl,
  identifiesLeft,
}: {
  world: World
  gatewayUrl: () => string
  /** Identifies left today, of 1000. */
  identifiesLeft: () => number
}): Route[] {
  const application = () =>
    ok({
      id: world.applicationId,
      name: world.bot.username,
      icon: null,
      description: '',
      bot_public: false,
      bot_require_code_grant: false,
      verify_key: world.publicKey,
      flags: 0,
      bot: world.bot,
      team: null,
      approximate_guild_count: 1,
      interactions_endpoint_url: world.interactionsEndpoint ?? null,
    })
  const guarded = (call: Call) => {
    if (param(call, 'guild') !== world.guildId) throw refusals.unknownGuild()
  }
  return [
    route('gateway', 'GET /gateway', () => ok({url: gatewayUrl()}), {authorized: false}),
    route('gatewayBot', 'GET /gateway/bot', () =>
      ok({
        url: gatewayUrl(),
        shards: 1,
        session_start_limit: {
          total: 1000,
          remaining: identifiesLeft(),
          reset_after: 86_400_000,
          max_concurrency: 1,
        },
      }),
    ),
    route('currentUser', 'GET /users/@me', () => ok({...world.bot, mfa_enabled: true, locale: 'en-US'})),
    route('currentUserGuilds', 'GET /users/@me/guilds', () => ok([world.apiGuild()])),
    route('user', 'GET /users/:user', call => {
      const id = param(call, 'user')
      const user = id === world.bot.id ? world.bot : world.members.get(id)?.user
      if (!user) throw refusals.unknownUser()
      return ok(user)
    }),
    route('currentApplication', 'GET /applications/@me', application),
    route('currentApplication', 'GET /oauth2/applications/@me', application),
    route('guild', 'GET /guilds/:guild', call => {
      guarded(call)
      return ok(world.apiGuild())
    }),
    route('guildChannels', 'GET /guilds/:guild/channels', call => {
      guarded(call)
      return ok(
        [...world.channels.values()].filter(each => !each.parentId).map(each => world.apiChannel(each)),
      )
    }),
    route('guildRoles', 'GET /guilds/:guild/roles', call => {
      guarded(call)
      return ok([...world.roles.values()])
    }),
    route('guildMember', 'GET /guilds/:guild/members/:user', call => {
      guarded(call)
      const id = param(call, 'user')
      if (id === world.bot.id) return ok(world.botMember())
      const member = world.members.get(id)
      if (!member) throw refusals.unknownMember()
      return ok(world.apiMember(member))
    }),
  ]
}
