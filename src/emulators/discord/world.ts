import {randomBytes} from 'node:crypto'
import {
  type APIRole,
  type APIUser,
  ChannelType,
  PermissionFlagsBits as Permission,
  type RoleFlags,
  type UserFlags,
} from 'discord-api-types/v10'
import type {Clock} from '../../kernel/clock.ts'
import {refusals} from './api-error.ts'
import type {Changes} from './changes.ts'
import {createGuildShapes, type GuildShapes} from './guild-shapes.ts'
import {createSnowflakes} from './snowflakes.ts'

/** What the invite link of a careful bot asks for; enough for everything but administration. */
export const LEAN_BOT_PERMISSIONS =
  Permission.ViewChannel |
  Permission.SendMessages |
  Permission.EmbedLinks |
  Permission.AttachFiles |
  Permission.ReadMessageHistory |
  Permission.SendMessagesInThreads |
  Permission.CreatePublicThreads

const MEMBER_PERMISSIONS = LEAN_BOT_PERMISSIONS | Permission.UseApplicationCommands
const EVERYTHING = Object.values(Permission).reduce((sum, bit) => sum | bit, 0n)

export interface ChannelRecord {
  readonly id: string
  readonly name: string
  readonly type: ChannelType.GuildText | ChannelType.PublicThread | ChannelType.DM
  readonly parentId: string | undefined
  /** Of a direct message: with whom. */
  readonly recipientId?: string
  /** What the bot may do here. */
  botPermissions: bigint
  /** Of a thread: a new message brings it back, unless it is locked. */
  archived?: 'locked' | 'open'
}

export interface MemberRecord {
  readonly user: APIUser
  roles: string[]
  admin: boolean
  /** Lets bots of the server write to them; Discord's default. */
  takesDirectMessages: boolean
}

/**
 * One guild and who and what is in it: the facts every other part reads. Nothing here knows about HTTP or the
 * gateway.
 */
export interface World extends GuildShapes {
  readonly now: Clock
  readonly changes: Changes
  nextId(): string
  readonly applicationId: string
  readonly guildId: string
  readonly botToken: string
  readonly publicKey: string
  readonly readsMessageContent: boolean
  readonly bot: APIUser
  readonly channels: ReadonlyMap<string, ChannelRecord>
  /** Text channel by name, made when missing. */
  channelNamed(name: string): ChannelRecord
  /** A thread; its id is that of the message it hangs on. */
  addThread(id: string, name: string, parentId: string): ChannelRecord
  /** The bot's direct messages with a member, by their id; not a channel of the guild. */
  directChannelWith(userId: string): ChannelRecord
  /** The channel, or 10003; or 50001 / 50013 when the bot lacks `needed` there. */
  channelForBot(id: string, needed: bigint): ChannelRecord
  readonly members: ReadonlyMap<string, MemberRecord>
  /** Member by name, made when missing; given options replace what was. */
  memberNamed(
    name: string,
    options?: {id?: string; roles?: readonly string[]; admin?: boolean; takesDirectMessages?: boolean},
  ): MemberRecord
  readonly roles: ReadonlyMap<string, APIRole>
  permissionsOf(member: MemberRecord): bigint
  /** Where interactions go by HTTP; unset while they go over the gateway. */
  interactionsEndpoint: string | undefined
}

interface WorldOptions {
  readonly now: Clock
  readonly changes: Changes
  readonly publicKey: string
  readonly botPermissions: bigint
  readonly readsMessageContent: boolean
}

export function createWorld({
  now,
  changes,
  publicKey,
  botPermissions,
  readsMessageContent,
}: WorldOptions): World {
  const nextId = createSnowflakes(now)
  const applicationId = nextId()
  const guildId = nextId()
  const botRoleId = nextId()
  const ownerId = nextId()
  const channels = new Map<string, ChannelRecord>()
  /** By recipient. */
  const directChannels = new Map<string, ChannelRecord>()
  const members = new Map<string, MemberRecord>()
  const roles = new Map<string, APIRole>()

  const bot = aUser({id: applicationId, username: 'Signalbox', bot: true})
  // The shape of a real token, so that redaction is tried on the real thing: id . time . signature.
  const botToken = [
    Buffer.from(applicationId).toString('base64url'),
    randomBytes(5).toString('base64url').slice(0, 6),
    randomBytes(29).toString('base64url').slice(0, 38),
  ].join('.')

  function addRole(id: string, name: string, permissions: bigint): APIRole {
    const role: APIRole = {
      id,
      name,
      permissions: permissions.toString(),
      position: roles.size,
      color: 0,
      colors: {primary_color: 0, secondary_color: null, tertiary_color: null},
      hoist: false,
      icon: null,
      unicode_emoji: null,
      managed: id === botRoleId,
      mentionable: true,
      flags: 0 as RoleFlags,
    }
    roles.set(id, role)
    changes.emit({kind: 'role.created', roleId: id})
    return role
  }
  addRole(guildId, '@everyone', MEMBER_PERMISSIONS)
  addRole(botRoleId, bot.username, botPermissions)

  function roleIdOf(idOrName: string): string {
    if (roles.has(idOrName)) return idOrName
    for (const role of roles.values()) if (role.name === idOrName) return role.id
    const isId = /^\d+$/.test(idOrName)
    return addRole(isId ? idOrName : nextId(), isId ? `role-${idOrName}` : idOrName, 0n).id
  }

  function addChannel(channel: ChannelRecord): ChannelRecord {
    channels.set(channel.id, channel)
    changes.emit({kind: 'channel.created', channelId: channel.id})
    return channel
  }

  const shapes = createGuildShapes({
    guildId,
    ownerId,
    bot,
    botRoleId,
    botPermissions,
    createdAt: now(),
    channels,
    members,
    roles,
  })

  return {
    now,
    changes,
    interactionsEndpoint: undefined,
    nextId,
    applicationId,
    guildId,
    botToken,
    publicKey,
    readsMessageContent,
    bot,
    channels,
    members,
    roles,
    ...shapes,
    channelNamed(name) {
      const plain = name.replace(/^#/, '')
      for (const channel of channels.values())
        if (channel.name === plain && channel.type === ChannelType.GuildText) return channel
      return addChannel({
        id: nextId(),
        name: plain,
        type: ChannelType.GuildText,
        parentId: undefined,
        botPermissions,
      })
    },
    addThread(id, name, parentId) {
      return addChannel({
        id,
        name,
        type: ChannelType.PublicThread,
        parentId,
        botPermissions: channels.get(parentId)?.botPermissions ?? botPermissions,
      })
    },
    directChannelWith(userId) {
      const member = members.get(userId)
      if (!member) throw refusals.unknownUser()
      const known = directChannels.get(userId)
      if (known) return known
      const opened: ChannelRecord = {
        id: nextId(),
        name: member.user.username,
        type: ChannelType.DM,
        parentId: undefined,
        recipientId: userId,
        botPermissions: EVERYTHING,
      }
      directChannels.set(userId, opened)
      return opened
    },
    channelForBot(id, needed) {
      const direct = [...directChannels.values()].find(each => each.id === id)
      if (direct) {
        const recipient = members.get(direct.recipientId ?? '')
        if ((needed & Permission.SendMessages) !== 0n && !recipient?.takesDirectMessages)
          throw refusals.cannotMessageUser()
        return direct
      }
      const channel = channels.get(id)
      if (!channel) throw refusals.unknownChannel()
      if ((channel.botPermissions & Permission.ViewChannel) === 0n) throw refusals.missingAccess()
      if ((channel.botPermissions & needed) !== needed) throw refusals.missingPermissions()
      return channel
    },
    memberNamed(name, options = {}) {
      const plain = name.replace(/^@/, '')
      let member = [...members.values()].find(each => each.user.username === plain)
      if (!member) {
        const user = aUser({id: options.id ?? nextId(), username: plain, bot: false})
        if (members.has(user.id)) throw new Error(`The id ${user.id} belongs to somebody else`)
        member = {user, roles: [], admin: false, takesDirectMessages: true}
        members.set(user.id, member)
      } else if (options.id && options.id !== member.user.id) {
        throw new Error(`${plain} already has the id ${member.user.id}`)
      }
      if (options.roles) member.roles = options.roles.map(roleIdOf)
      if (options.admin !== undefined) member.admin = options.admin
      if (options.takesDirectMessages !== undefined) member.takesDirectMessages = options.takesDirectMessages
      return member
    },
    permissionsOf(member) {
      return member.admin ? EVERYTHING : MEMBER_PERMISSIONS
    },
  }
}

function aUser({id, username, bot}: {id: string; username: string; bot: boolean}): APIUser {
  return {
    id,
    username,
    discriminator: '0',
    global_name: bot ? null : username,
    avatar: null,
    bot,
    flags: 0 as UserFlags,
    public_flags: 0 as UserFlags,
    primary_guild: null,
  }
}
