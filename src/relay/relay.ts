import type {Sent} from '../integrations/discord/api.ts'

/** Where a message may be posted: a channel, or a person to whom alone it goes. By Discord's id. */
export interface Place {
  readonly kind: 'channel' | 'person'
  readonly id: string
  /** For suggestions. */
  readonly name: string
}

/** How posting ended. A `reason` is a sentence for people. */
export type Posting =
  | {readonly kind: 'posted'; readonly messageId: string}
  /** Nothing was posted. */
  | {readonly kind: 'failed'; readonly reason: string}
  /** Nobody can tell. */
  | {readonly kind: 'unknown'; readonly reason: string}

/** Discord's own limit. */
export const LONGEST_MESSAGE = 2000

/** The text as it is posted: as written, but nothing in it mentions anybody. Posting it forbids pings besides. */
export function withoutMentions(text: string): string {
  return text.replace(/@(?=everyone|here)/gi, '@\u200b').replace(/<(?=@[!&]?\d)/g, '<\u200b')
}

/** What Discord's last answer says about whether the message is there. */
export function postingOf(sent: Sent, {kind}: Pick<Place, 'kind'>): Posting {
  switch (sent.kind) {
    case 'sent':
      return {kind: 'posted', messageId: sent.messageId}
    case 'gone':
      return {
        kind: 'failed',
        reason: `There is no such ${kind}, or I can’t see it: ${sent.reason}. Check the id.`,
      }
    case 'refused':
      return {
        kind: 'failed',
        reason:
          kind === 'channel'
            ? `I may not post there: ${sent.reason}. Whoever manages this server can let me.`
            : `They take no messages from me: ${sent.reason}.`,
      }
    case 'failed':
      return {kind: 'unknown', reason: `Discord did not say that it has it: ${sent.reason}.`}
  }
}
