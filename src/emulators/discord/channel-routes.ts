import {ChannelType, PermissionFlagsBits as Permission} from 'discord-api-types/v10'
import {invalidField, refusals} from './api-error.ts'
import {readForm} from './forms.ts'
import {
  createMessageForm,
  directChannelForm,
  editMessageForm,
  MessageFlag,
  startThreadForm,
} from './message-forms.ts'
import type {Messages, StoredMessage} from './messages.ts'
import {type Call, nothing, ok, param, type Route, route} from './route.ts'
import type {World} from './world.ts'

/** Ordinary messages and threads, with the rights of the bot. */
export function channelRoutes({world, messages}: {world: World; messages: Messages}): Route[] {
  const found = (call: Call): StoredMessage => {
    const channel = world.channelForBot(param(call, 'channel'), Permission.ReadMessageHistory)
    return messages.get(channel.id, param(call, 'message'), {ephemeral: false})
  }
  const whole = (text: string | null, fallback: number) => {
    const value = text === null ? fallback : Number(text)
    return Number.isInteger(value) ? Math.min(100, Math.max(1, value)) : fallback
  }
  return [
    route('channel', 'GET /channels/:channel', call =>
      ok(world.apiChannel(world.channelForBot(param(call, 'channel'), 0n))),
    ),
    route('createDirectChannel', 'POST /users/@me/channels', call => {
      const {recipient_id: recipient} = readForm(directChannelForm, call.body)
      return ok(world.apiChannel(world.directChannelWith(recipient)))
    }),
    route('typing', 'POST /channels/:channel/typing', call => {
      world.channelForBot(param(call, 'channel'), Permission.SendMessages)
      return nothing
    }),
    route('listMessages', 'GET /channels/:channel/messages', call => {
      const channel = world.channelForBot(param(call, 'channel'), Permission.ReadMessageHistory)
      const window = messages.list(channel.id, {
        limit: whole(call.query.get('limit'), 50),
        before: call.query.get('before') ?? undefined,
        after: call.query.get('after') ?? undefined,
      })
      return ok(window.map(each => messages.toApi(each)))
    }),
    route('createMessage', 'POST /channels/:channel/messages', call => {
      const form = readForm(createMessageForm, call.body)
      const thread = world.channels.get(param(call, 'channel'))?.parentId !== undefined
      const channel = world.channelForBot(
        param(call, 'channel'),
        (thread ? Permission.SendMessagesInThreads : Permission.SendMessages) |
          (form.embeds?.length ? Permission.EmbedLinks : 0n) |
          (call.uploads.length ? Permission.AttachFiles : 0n) |
          (form.message_reference ? Permission.ReadMessageHistory : 0n),
      )
      if (channel.archived === 'locked') throw refusals.threadLocked()
      delete channel.archived
      const settable =
        MessageFlag.SuppressEmbeds | MessageFlag.SuppressNotifications | MessageFlag.ComponentsV2
      if ((form.flags ?? 0) & ~settable)
        throw invalidField(['flags'], 'MESSAGE_FLAGS_INVALID', 'One of these flags cannot be set here')
      return ok(messages.toApi(messages.create({channel, form, uploads: call.uploads})))
    }),
    route('getMessage', 'GET /channels/:channel/messages/:message', call => ok(messages.toApi(found(call)))),
    route('editMessage', 'PATCH /channels/:channel/messages/:message', call => {
      const message = found(call)
      if (message.author.id !== world.bot.id) throw refusals.notTheAuthor()
      if (world.channels.get(message.channelId)?.archived) throw refusals.archivedThread()
      return ok(messages.toApi(messages.edit(message, readForm(editMessageForm, call.body), call.uploads)))
    }),
    route('deleteMessage', 'DELETE /channels/:channel/messages/:message', call => {
      const message = found(call)
      if (message.author.id !== world.bot.id)
        world.channelForBot(message.channelId, Permission.ManageMessages)
      messages.remove(message)
      return nothing
    }),
    route('startThread', 'POST /channels/:channel/messages/:message/threads', call => {
      const {name} = readForm(startThreadForm, call.body)
      const message = found(call)
      const channel = world.channelForBot(message.channelId, Permission.CreatePublicThreads)
      if (channel.type !== ChannelType.GuildText) throw refusals.wrongChannelType()
      if (message.threadId) throw refusals.threadExists()
      message.threadId = message.id
      return {status: 201, body: world.apiChannel(world.addThread(message.id, name, message.channelId))}
    }),
  ]
}
