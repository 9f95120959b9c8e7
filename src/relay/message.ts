import {shortId} from '../kernel/correlation.ts'
import {code, link, plain, timestamp} from '../kernel/markdown.ts'
import {confirmButton, type AfterOffer, type Reply} from '../sdk/index.ts'
import type {Place, Posting} from './relay.ts'

/** Of a message's text, in a preview; less where escaping it takes the room of the lines around it. */
const PREVIEWED = 900
const PREVIEW_ROOM = 1150

/** What is known of a message once it was told to go. */
export interface Relayed {
  readonly place: Place
  readonly fingerprint: string
  readonly posting: Posting
  /** The intent's. */
  readonly auditId: string | undefined
  readonly guildId: string | undefined
}

/** A message that waits for its author's word. */
export interface Draft {
  readonly id: string
  readonly author: string
  readonly place: Place
  readonly text: string
  readonly fingerprint: string
}

/** What its author sees before anything is posted. */
export function previewMessage(draft: Draft, offeredUntil: number): Reply {
  const {id, text} = draft
  let most = PREVIEWED
  while (plain(text, most).length > PREVIEW_ROOM) most -= 50
  const more = text.length - most
  return {
    state: 'waiting',
    title: 'your message · not posted yet',
    lines: [
      summary(draft),
      `» ${plain(text, most)}${more > 0 ? ` (and ${more} more)` : ''}`,
      `you can post it until ${timestamp(offeredUntil, 't')}; nobody is pinged by it`,
    ],
    controls: [confirmButton(id, 'Post it')],
  }
}

/** The preview once its button is gone. Its text goes with it: it is kept no longer than it has to be shown. */
export function afterPreview(draft: Draft): {readonly lapsed: AfterOffer; readonly taken: AfterOffer} {
  const lines = [summary(draft), signature(draft.author, draft.id)]
  return {
    lapsed: {state: 'other', title: 'your message · not posted, nobody confirmed it in time', lines},
    taken: {state: 'ok', title: 'your message · confirmed, see the answer below', lines},
  }
}

export function refusalMessage(reason: string): Reply {
  return {state: 'refused', title: 'your message · not posted', lines: [`· ${reason}`]}
}

/** What came of it, for its author. */
export function outcomeMessage(relayed: Relayed): Reply {
  const {place, fingerprint, posting, auditId} = relayed
  const facts = [
    `to ${address(place)}`,
    code(fingerprint),
    ...(auditId === undefined ? [] : [`audit ${code(shortId(auditId))}`]),
  ].join(' · ')
  switch (posting.kind) {
    case 'posted':
      return {
        state: 'ok',
        title: 'your message · posted',
        lines: [facts, `message ${whereabouts(relayed, posting.messageId)}`],
      }
    case 'failed':
      return {state: 'error', title: 'your message · not posted', lines: [facts, plain(posting.reason, 400)]}
    case 'unknown':
      return {
        state: 'partial',
        title: 'your message · may have been posted',
        lines: [facts, plain(posting.reason, 400), 'look there before you send it again'],
      }
  }
}

/** What others are told where the command was given. */
export function publicNote(relayed: Relayed, author: string, correlationId: string): Reply {
  const {lines = [], ...rest} = outcomeMessage(relayed)
  return {
    ...rest,
    title: `a message of ${plain(author, 40)} · posted`,
    lines: [...lines, signature(author, correlationId)],
  }
}

function summary({place, text, fingerprint}: Draft): string {
  return `to ${address(place)} · ${text.length} characters · ${code(fingerprint)}`
}

function signature(author: string, correlationId: string): string {
  return `asked by ${plain(author, 60)} · ${code(shortId(correlationId))}`
}

/** Readers see names; no one is pinged by them, since a reply mentions nobody unless it says so. */
function address({kind, id}: Place): string {
  return kind === 'channel' ? `<#${id}>` : `<@${id}> alone`
}

function whereabouts({place, guildId}: Relayed, messageId: string): string {
  // Where it was asked says which server it is; in a conversation of two nothing does.
  if (place.kind === 'person' || guildId === undefined) return code(messageId)
  const url = `https://discord.com/channels/${guildId}/${place.id}/${messageId}`
  return `${code(messageId)} · ${link('go to it', url)}`
}
