import {z} from 'zod'
import type {Actor} from './actor.ts'
import type {CompletionContext, Suggestion} from './command.ts'
import type {Reply} from './reply.ts'

/** A message that somebody has us post. */
export interface RelayMessage {
  readonly correlationId: string
  readonly actor: Actor
  /** A channel, or a person to whom alone it goes: by Discord's id. */
  readonly target: string
  readonly text: string
  /** Its author saw where it goes and what it says. */
  readonly confirmed: boolean
  /** Nobody but its author is told that it was posted. */
  readonly quiet: boolean
}

/** Messages that administrators have us post. */
export interface RelayPort {
  /** Where messages may be posted. */
  places(): readonly {readonly id: string; readonly name: string}[]
  /**
   * Posts a confirmed message once, however often it is asked to; of any other, shows what would be posted and offers to
   * do so. For administrators, to the places that configuration names. The answer says what came of it.
   */
  send(message: RelayMessage): Promise<Reply>
}

/** The text of such a message, as long as Discord takes one. */
export const relayText = z.string().trim().min(1).max(2000)

/** The places that may be posted to, by name or id. */
export async function suggestPlaces(
  typed: string,
  {services}: CompletionContext,
): Promise<readonly Suggestion[]> {
  const wanted = typed.toLowerCase()
  return services.relay
    .places()
    .filter(({id, name}) => id.startsWith(wanted) || name.toLowerCase().includes(wanted))
    .map(({id, name}) => ({name, value: id}))
}
