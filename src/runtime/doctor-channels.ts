import {DiscordAPIError, REST} from '@discordjs/rest'
import {
  OverwriteType,
  PermissionFlagsBits,
  Routes,
  type APIGuildMember,
  type APIOverwrite,
  type APIRole,
  type APITextChannel,
  type APIUser,
} from 'discord-api-types/v10'
import type {Config} from '../platform/config/config.ts'
import type {ServiceFinding} from '../sdk/index.ts'

const WITHIN_MS = 10_000

/** What every message of ours takes; without the third its lines are dropped silently, without the last it answers none. */
const NEEDED = {
  'View Channel': PermissionFlagsBits.ViewChannel,
  'Send Messages': PermissionFlagsBits.SendMessages,
  'Embed Links': PermissionFlagsBits.EmbedLinks,
  'Read Message History': PermissionFlagsBits.ReadMessageHistory,
} as const

type Channels = Pick<Config, 'discord' | 'digests' | 'uptime' | 'plans' | 'relay'>

/** Whether we may post in each channel that configuration names. Nobody else would notice before something is to be told. */
export async function examineChannels(config: Channels): Promise<readonly ServiceFinding[]> {
  const {discord} = config
  const named = channelsIn(config)
  if (!discord || named.size === 0) return []
  const rest = new REST({api: discord.apiUrl, timeout: WITHIN_MS, retries: 0}).setToken(discord.token)
  /** By server: who we are there. */
  const servers = new Map<string, Promise<Membership>>()

  async function membershipIn(guild: string): Promise<Membership> {
    const {id} = (await rest.get(Routes.user('@me'))) as APIUser
    const [{roles: held}, roles] = (await Promise.all([
      rest.get(Routes.guildMember(guild, id)),
      rest.get(Routes.guildRoles(guild)),
    ])) as [APIGuildMember, APIRole[]]
    return {id, held, roles}
  }

  async function lackingIn(id: string): Promise<readonly string[]> {
    const channel = (await rest.get(Routes.channel(id))) as APITextChannel
    const {guild_id: guild, permission_overwrites: overwrites} = channel
    // A thread or a conversation: it has no rules of its own, and we see it.
    if (guild === undefined || overwrites === undefined) return []
    const membership = servers.get(guild) ?? membershipIn(guild)
    servers.set(guild, membership)
    const may = permissionsIn({guild, overwrites}, await membership)
    return Object.entries(NEEDED).flatMap(([name, bit]) => ((may & bit) === bit ? [] : [name]))
  }

  const findings = await Promise.all(
    [...named].map(async ([id, names]): Promise<ServiceFinding[]> => {
      const what = `discord: channel ${id} (${names.join(', ')})`
      try {
        const lacking = await lackingIn(id)
        if (lacking.length === 0) return []
        return [
          {
            ok: false,
            what: `${what}: we lack ${lacking.join(', ')} there`,
            next: 'give our role these in the settings of the channel, under Permissions',
          },
        ]
      } catch (error) {
        if (error instanceof DiscordAPIError && (error.status === 403 || error.status === 404))
          return [
            {
              ok: false,
              what: `${what} can’t be seen`,
              next: 'check the id, and give our role View Channel there',
            },
          ]
        return [
          {
            ok: false,
            what: `${what}: Discord does not say whether we may post there`,
            next: 'look again in a minute',
          },
        ]
      }
    }),
  )
  const faults = findings.flat()
  return faults.length > 0
    ? faults
    : [
        {
          ok: true,
          what: `discord: may post in ${named.size === 1 ? 'the channel' : `all ${named.size} channels`} of the configuration`,
        },
      ]
}

/** The channels that configuration names, each with where it does. */
function channelsIn({
  discord,
  digests,
  uptime,
  plans,
  relay,
}: Channels): ReadonlyMap<string, readonly string[]> {
  const places: readonly (readonly [string, string | undefined])[] = [
    ['DISCORD_STATUS_CHANNEL_ID', discord?.statusChannelId],
    ...digests.map(({channel}) => ['digests', channel] as const),
    ['uptime.channel', uptime?.channel],
    ...plans.channels.map(channel => ['plans.channels', channel] as const),
    ...relay.channels.map(channel => ['relay.channels', channel] as const),
  ]
  const named = new Map<string, readonly string[]>()
  for (const [name, id] of places)
    if (id !== undefined) named.set(id, [...new Set([...(named.get(id) ?? []), name])])
  return named
}

interface Membership {
  readonly id: string
  /** Ids of roles. */
  readonly held: readonly string[]
  /** All of the server's. */
  readonly roles: readonly Pick<APIRole, 'id' | 'permissions'>[]
}

/** What a member may do in a channel. docs.discord.com/developers/topics/permissions, "Permission Overwrites". */
export function permissionsIn(
  {guild, overwrites}: {readonly guild: string; readonly overwrites: readonly APIOverwrite[]},
  {id, held, roles}: Membership,
): bigint {
  // The role of everyone has the server's id.
  const own = new Set([guild, ...held])
  const base = roles
    .filter(role => own.has(role.id))
    .reduce((sum, {permissions}) => sum | BigInt(permissions), 0n)
  if ((base & PermissionFlagsBits.Administrator) !== 0n) return ~0n
  const ofRole = overwrites.filter(({type}) => type === OverwriteType.Role)
  // The later one wins; those of several roles count together, and what one of them allows is allowed.
  return [
    ofRole.filter(one => one.id === guild),
    ofRole.filter(one => one.id !== guild && own.has(one.id)),
    overwrites.filter(one => one.type === OverwriteType.Member && one.id === id),
  ].reduce((may, rules) => {
    const denied = rules.reduce((sum, {deny}) => sum | BigInt(deny), 0n)
    const allowed = rules.reduce((sum, {allow}) => sum | BigInt(allow), 0n)
    return (may & ~denied) | allowed
  }, base)
}
