import type {DiscordEmulator, MessageView} from '../../../emulators/discord/index.ts'

/** What an onlooker remembers of the channel: who used which command, how messages stand now. */
export interface Uses {
  /** `grace used /agents`, for the answer to it. */
  readonly of: (message: MessageView) => string | undefined
  readonly find: (messageId: string) => MessageView | undefined
  readonly close: () => void
}

export function createUses(discord: DiscordEmulator): Uses {
  const byInteraction = new Map<string, string>()
  const messages = new Map<string, MessageView>()
  const stop = discord.on(change => {
    if (change.kind === 'interaction.sent') {
      const {id, member, commandName} = change.interaction
      byInteraction.set(
        id,
        `${member.user.username} ${commandName === undefined ? 'pressed a button' : `used /${commandName}`}`,
      )
    }
    if (change.kind === 'message.created' || change.kind === 'message.edited')
      messages.set(change.message.id, change.message)
    if (change.kind === 'message.deleted') messages.delete(change.message.id)
  })
  return {
    of: ({interactionId}) => (interactionId === undefined ? undefined : byInteraction.get(interactionId)),
    find: id => messages.get(id),
    close: stop,
  }
}
