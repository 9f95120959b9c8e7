import type {DiscordApi} from '../integrations/discord/api.ts'
import {renderReply} from '../integrations/discord/render.ts'
import type {Abandoned, ArrivalStore} from '../invocations/arrival-store.ts'
import type {Clock} from '../kernel/clock.ts'
import {correlation} from '../kernel/correlation.ts'
import type {Logger} from '../platform/logger.ts'
import {interrupted} from './answers.ts'

/** Longer than an edit may take; an edit that failed is tried again after it. */
const TELL_WITHIN_MS = 15_000
/** How long an interaction's token lives. */
const ANSWERABLE_MS = 15 * 60_000
/** Longer than any bot can sleep and still be answered by Discord. */
const REMEMBERED_MS = 3_600_000

/**
 * Tells those whose command was acknowledged by a bot that died before it was recorded. From then on it can't be
 * recorded any more, also not by a bot that was only slow, so what the person was told stays true.
 */
export function createInterruptions({
  arrivals,
  discord,
  afterMs,
  clock,
  log,
}: {
  readonly arrivals: Pick<ArrivalStore, 'giveUp' | 'told' | 'forgetOld'>
  readonly discord: Pick<DiscordApi, 'editOriginal'>
  /** For how long a bot may still be at it. */
  readonly afterMs: number
  readonly clock: Clock
  readonly log: Logger
}) {
  async function tell({interactionId, id, command, token, arrivedAt}: Abandoned): Promise<void> {
    const sent = await discord.editOriginal(token, renderReply(interrupted(command, id)))
    if (sent.kind === 'failed' && clock() - arrivedAt < ANSWERABLE_MS) {
      log.warn({command, reason: sent.reason}, 'an interrupted command could not be told of; will try again')
      return
    }
    // Gone is usual: the bot died before its acknowledgement arrived, and Discord itself said so.
    log.warn({command, told: sent.kind === 'sent'}, 'a command was interrupted before it was recorded')
    await arrivals.told(interactionId)
  }

  return {
    /** Answers how many were given up, or tried again. */
    async sweep(): Promise<number> {
      const abandoned = await arrivals.giveUp(afterMs, TELL_WITHIN_MS, 50)
      await Promise.all(abandoned.map(arrival => correlation.run(arrival.id, () => tell(arrival))))
      return abandoned.length
    },

    forgetOld(): Promise<void> {
      return arrivals.forgetOld(REMEMBERED_MS)
    },
  }
}
