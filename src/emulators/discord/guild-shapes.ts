import {
  type APIChannel,
  type APIGuildMember,
  type APIRole,
  type APIUser,
  type ChannelFlags,
  ChannelType,
  type GuildMemberFlags,
} from 'discord-api-types/v10'
import type {ChannelRecord, MemberRecord} from './world.ts'

/** The guild and its parts as the API spells them. */
export interface GuildShapes {
  apiChannel(channel: ChannelRecord): APIChannel
  apiMember(member: MemberRecord): APIGuildMember
  botMember(): APIGuildMember
  /** As `GET /guilds/:id` tells it. */
  apiGuild(): object
  /** As the gateway tells it after a login, with everything in it. */
  apiGuildCreate(): object
}

export function createGuildShapes({
  guildId,
  ownerId,
  bot,
  botRoleId,
  botPermissions,
  createdAt,
  channels,
  members,
  roles,
}: {
  guildId: string
  ownerId: string
  bot: APIUser
  botRoleId: string
  botPermissions: bigint
  createdAt: number
  channels: ReadonlyMap<string, ChannelRecord>
  members: ReadonlyMap<string, MemberRecord>
  roles: ReadonlyMap<string, APIRole>
}): GuildShapes {
  const joinedAt = new Date(createdAt).toISOString()
  const applicationId = bot.id

  function apiMember({user, roles: held}: MemberRecord): APIGuildMember {
    return {
      user,
      roles: held,
      joined_at: joinedAt,
      deaf: false,
      mute: false,
      flags: 0 as GuildMemberFlags,
      nick: null,
      avatar: null,
      premium_since: null,
      banner: null,
      communication_disabled_until: null,
      pending: false,
    }
  }

  // The API's own types want fields that no bot of ours reads.
  function apiChannel(channel: ChannelRecord): APIChannel {
    if (channel.type === ChannelType.DM) {
      const recipient = members.get(channel.recipientId ?? '')?.user
      return {
        id: channel.id,
        type: channel.type,
        last_message_id: null,
        flags: 0 as ChannelFlags,
        recipients: recipient ? [recipient] : [],
      } as unknown as APIChannel
    }
    const denied = botPermissions & ~channel.botPermissions
    const allowed = channel.botPermissions & ~botPermissions
    const shared = {id: channel.id, name: channel.name, guild_id: guildId, last_message_id: null}
    if (channel.type === ChannelType.PublicThread)
      return {
        ...shared,
        type: channel.type,
        parent_id: channel.parentId ?? null,
        owner_id: applicationId,
        message_count: 0,
        member_count: 1,
        total_message_sent: 0,
        rate_limit_per_user: 0,
        flags: 0,
        applied_tags: [],
        thread_metadata: {
          archived: channel.archived !== undefined,
          auto_archive_duration: 1440,
          archive_timestamp: joinedAt,
          locked: channel.archived === 'locked',
        },
      } as unknown as APIChannel
    return {
      ...shared,
      type: channel.type,
      position: 0,
      parent_id: null,
      topic: null,
      nsfw: false,
      rate_limit_per_user: 0,
      flags: 0 as ChannelFlags,
      permission_overwrites:
        denied || allowed
          ? [{id: applicationId, type: 1, allow: allowed.toString(), deny: denied.toString()}]
          : [],
    }
  }

  function botMember(): APIGuildMember {
    return apiMember({user: bot, roles: [botRoleId], admin: false, takesDirectMessages: false})
  }

  function apiGuild() {
    return {
      id: guildId,
      name: 'Emulated server',
      description: null,
      icon: null,
      home_header: null,
      splash: null,
      discovery_splash: null,
      banner: null,
      region: 'deprecated',
      widget_enabled: false,
      widget_channel_id: null,
      vanity_url_code: null,
      max_presences: null,
      max_members: 25_000_000,
      max_video_channel_users: 25,
      max_stage_video_channel_users: 50,
      safety_alerts_channel_id: null,
      incidents_data: null,
      premium_subscription_count: 0,
      nsfw: false,
      owner_id: ownerId,
      roles: [...roles.values()],
      emojis: [],
      stickers: [],
      features: [],
      preferred_locale: 'en-US',
      afk_channel_id: null,
      afk_timeout: 300,
      system_channel_id: null,
      system_channel_flags: 0,
      rules_channel_id: null,
      public_updates_channel_id: null,
      verification_level: 1,
      default_message_notifications: 0,
      explicit_content_filter: 0,
      mfa_level: 0,
      nsfw_level: 0,
      premium_tier: 0,
      premium_progress_bar_enabled: false,
      application_id: null,
    }
  }

  return {
    apiChannel,
    apiMember,
    botMember,
    apiGuild,
    apiGuildCreate() {
      const all = [...channels.values()]
      return {
        ...apiGuild(),
        joined_at: joinedAt,
        large: false,
        unavailable: false,
        member_count: members.size + 1,
        members: [botMember(), ...[...members.values()].map(apiMember)],
        channels: all.filter(channel => !channel.parentId).map(apiChannel),
        threads: all.filter(channel => channel.parentId).map(apiChannel),
        presences: [],
        voice_states: [],
        stage_instances: [],
        guild_scheduled_events: [],
        soundboard_sounds: [],
      }
    },
  }
}
