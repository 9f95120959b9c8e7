import {randomUUID} from 'node:crypto'
import type {DiscordApi} from '../../integrations/discord/api.ts'
import {code as codeText, plain} from '../../kernel/markdown.ts'
import type {TellPrivately} from './mail-links.ts'

/** Sends a link's code as a direct message in Discord: to an account that a mailbox does not open. */
export function createPrivateCode({
  discord,
}: {
  readonly discord: Pick<DiscordApi, 'directMessage'>
}): TellPrivately {
  return async ({accounts}, {code, about}) => {
    if (accounts.discord === undefined) return false
    const content = [
      `🔑 ${codeText(code)} is your code to ${plain(about, 120)} by mail. It works for ten minutes.`,
      'If you did not ask for it, somebody else has opened your mail: give it to nobody, and tell an admin.',
    ].join('\n')
    const body = {content, embeds: [], components: [], allowed_mentions: {parse: []}} as const
    const sent = await discord.directMessage(accounts.discord, body, {nonce: randomUUID().slice(0, 25)})
    return sent.kind === 'sent'
  }
}
