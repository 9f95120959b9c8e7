import {createHash, randomUUID} from 'node:crypto'
import {setTimeout as sleep} from 'node:timers/promises'
import type {Pool} from 'pg'
import {isAdmin, type AccessPolicy} from '../access/policy.ts'
import type {Audit, AuditOutcome} from '../audit/audit.ts'
import type {DiscordApi, Sent} from '../integrations/discord/api.ts'
import type {MessageBody} from '../integrations/discord/render.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import {fingerprint} from '../kernel/fingerprint.ts'
import {timestamp} from '../kernel/markdown.ts'
import type {ReplyStore} from '../notifications/store.ts'
import {transaction} from '../platform/postgres.ts'
import {holdsSecretShape} from '../platform/secret-text.ts'
import type {OffersPort, RelayMessage, RelayPort, Reply} from '../sdk/index.ts'
import {afterPreview, outcomeMessage, previewMessage, publicNote, refusalMessage} from './message.ts'
import {LONGEST_MESSAGE, postingOf, withoutMentions, type Place, type Posting} from './relay.ts'
import type {RelayStore} from './store.ts'

const LIMITS = {most: 10, withinMs: 3_600_000, repeatedWithinMs: 10_000}
/** How long Discord is known to take a second post under one nonce for the first. */
const NONCE_TRUSTED_MS = 120_000
const MOST_TRIES = 3
const TRY_AGAIN_MS = 250
const DISCORD_EPOCH = 1_420_070_400_000n

export interface RelayOptions {
  readonly pool: Pool
  readonly store: RelayStore
  readonly places: readonly Place[]
  readonly policy: AccessPolicy
  /** Undefined: there is nowhere to post. */
  readonly discord: Pick<DiscordApi, 'createMessage' | 'directMessage' | 'ownMessages'> | undefined
  readonly audit: Audit
  readonly offers: Pick<OffersPort, 'make'>
  readonly replies: Pick<ReplyStore, 'open' | 'messageOf'>
  readonly notify: (id: string) => Promise<void>
  readonly clock: Clock
}

/**
 * Posts what people have us say, once. What is refused is in the audit before they are told; what is posted is in it
 * before Discord hears of it, and afterwards with how that ended: by fingerprint, never the text. A post whose answer is
 * lost is repeated under the same nonce while Discord honours that; later it is only looked for, and if it can't be
 * found, nobody claims anything.
 */
export function createRelay(options: RelayOptions): RelayPort {
  const {pool, store, places, policy, discord, audit, offers, replies, notify, clock} = options

  /** Why it may not be posted: `rule` for the audit, `reason` for its author. */
  function objection({
    actor,
    target,
    text,
  }: RelayMessage): {readonly rule: string; readonly reason: string} | undefined {
    if (!isAdmin(policy, actor))
      return {
        rule: 'not an admin',
        reason: 'only admins can have me post messages — ask one of ADMIN_USER_IDS or ADMIN_ROLE_IDS',
      }
    if (!places.some(({id}) => id === target))
      return {
        rule: 'not a listed place',
        reason:
          'I may not post there — an operator can add it to `relay.channels` or `relay.people` in signalbox.yaml',
      }
    if (holdsSecretShape(text))
      return {rule: 'holds a secret', reason: 'it holds a token or a key — take that out'}
    if (withoutMentions(text).length > LONGEST_MESSAGE)
      return {rule: 'too long', reason: `it is longer than ${LONGEST_MESSAGE} characters — shorten it`}
    return undefined
  }

  async function refuse(message: RelayMessage, rule: string, reason: string): Promise<Reply> {
    await audit.refused({...eventOf(message), details: {...detailsOf(message), rule}})
    return refusalMessage(reason)
  }

  function eventOf({actor: {id, name}, correlationId, target}: RelayMessage) {
    return {action: 'relay.send', subject: target, actor: {id, name}, correlationId}
  }

  async function preview({correlationId: id, actor, text}: RelayMessage, place: Place): Promise<Reply> {
    const draft = {id, author: actor.name, place, text, fingerprint: fingerprint(text)}
    const offeredUntil = await offers.make({id, ...afterPreview(draft)})
    return previewMessage(draft, offeredUntil)
  }

  async function post(message: RelayMessage, place: Place): Promise<Reply> {
    const {correlationId: id, actor, target, text} = message
    const mark = fingerprint(text)
    const begun = await store.begin({id, authorId: actor.id, target, fingerprint: mark}, LIMITS)
    switch (begun.kind) {
      case 'stopped':
        return refusalMessage('the command was stopped before')
      case 'repeated':
        return refuse(
          message,
          'a repetition',
          'you sent the same there moments ago — wait 10 seconds to say it twice',
        )
      case 'limited':
        return refuse(
          message,
          'too many',
          `you had ${LIMITS.most} messages posted within an hour — the next can go ${timestamp(begun.until)}`,
        )
      case 'ended':
        return outcomeMessage({
          place,
          fingerprint: mark,
          guildId: actor.guildId,
          posting: begun.posting,
          auditId: begun.auditId,
        })
      case 'begun': {
        let auditId: string | undefined
        const posting = await audit
          .around(
            {...eventOf(message), details: detailsOf(message)},
            intent => {
              auditId = intent.id
              return deliver(id, place, withoutMentions(text), begun)
            },
            auditOutcome,
          )
          .catch(async (error: unknown) => {
            // Without an intent nothing was sent.
            if (auditId === undefined && !begun.again) await store.withdraw(id)
            throw error
          })
        const relayed = {place, fingerprint: mark, guildId: actor.guildId, posting, auditId}
        const noteId = await transaction(pool, async db => {
          const ended = await store.endWithin(db, id, posting, auditId)
          if (!ended || posting.kind !== 'posted' || message.quiet || place.kind === 'person')
            return undefined
          const channelId = (await replies.messageOf(id))?.channelId
          if (channelId === undefined) return undefined
          const note = randomUUID()
          await replies.open(db, note, {kind: 'channel', channelId}, publicNote(relayed, actor.name, id))
          return note
        })
        if (noteId !== undefined) await notify(noteId)
        return outcomeMessage(relayed)
      }
    }
  }

  async function deliver(
    id: string,
    place: Place,
    text: string,
    begun: {readonly again: boolean; readonly at: number},
  ): Promise<Posting> {
    if (!discord) throw notConfigured()
    for (let tries = 1; ; tries++) {
      if (clock() - begun.at > NONCE_TRUSTED_MS) return lookFor(place, text, begun.at)
      const sent = await say(discord, place, text, nonceOf(id))
      if (sent.kind !== 'failed') return postingOf(sent, place)
      if (tries === MOST_TRIES) {
        const found = await lookFor(place, text, begun.at)
        return found.kind === 'posted' ? found : postingOf(sent, place)
      }
      await sleep(TRY_AGAIN_MS * tries)
    }
  }

  /** Among what we wrote there since. To a person alone we can't look. */
  async function lookFor(place: Place, text: string, since: number): Promise<Posting> {
    const recent = place.kind === 'channel' ? ((await discord?.ownMessages(place.id)) ?? []) : []
    const found = recent.find(message => message.content === text && writtenAt(message.id) >= since - 5000)
    return found
      ? {kind: 'posted', messageId: found.id}
      : {kind: 'unknown', reason: 'An earlier try was interrupted, and I can’t find its message.'}
  }

  return {
    places: () => places.map(({id, name}) => ({id, name})),

    async send(message) {
      if (!discord) throw notConfigured()
      const against = objection(message)
      const place = places.find(({id}) => id === message.target)
      if (against || !place) return refuse(message, against?.rule ?? '', against?.reason ?? '')
      return message.confirmed ? post(message, place) : preview(message, place)
    },
  }
}

function detailsOf({text, confirmed, quiet}: RelayMessage) {
  return {fingerprint: fingerprint(text), length: text.length, confirmed, quiet}
}

function auditOutcome(posting: Posting): AuditOutcome {
  return posting.kind === 'posted'
    ? {phase: 'done', details: {message: posting.messageId}}
    : {phase: posting.kind, details: {reason: posting.reason}}
}

function say(
  discord: Pick<DiscordApi, 'createMessage' | 'directMessage'>,
  {kind, id}: Place,
  text: string,
  nonce: string,
): Promise<Sent> {
  const body: MessageBody = {content: text, embeds: [], components: [], allowed_mentions: {parse: []}}
  return kind === 'channel'
    ? discord.createMessage(id, body, {nonce})
    : discord.directMessage(id, body, {nonce})
}

/** At most 25 characters, the same on every try. */
function nonceOf(id: string): string {
  return createHash('sha256').update(`relay ${id}`).digest('base64url').slice(0, 25)
}

function writtenAt(messageId: string): number {
  return /^\d{1,20}$/.test(messageId) ? Number((BigInt(messageId) >> 22n) + DISCORD_EPOCH) : 0
}

function notConfigured(): AppError {
  return new AppError('NOT_CONFIGURED', 'Discord is not set up here. An operator must set DISCORD_TOKEN.')
}
