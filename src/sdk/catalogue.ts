import type {Actor} from './actor.ts'
import type {Topic} from './command.ts'
import type {Reply} from './reply.ts'

/** A command, as one person meets it. */
export interface CommandSummary {
  readonly name: string
  readonly description: string
  readonly topic: Topic
  readonly usage: string
  readonly options: readonly {
    readonly name: string
    readonly description: string
    readonly required: boolean
  }[]
  /** Empty when the actor may run it; otherwise each reason with what to do next. */
  readonly refusals: readonly string[]
}

/** An agent, as the registry knows it now. */
export interface AgentSummary {
  readonly id: string
  readonly name: string
  readonly description: string
  /** The slash command people reach it by; agents of other machines have none. */
  readonly command: string | undefined
  /** `unknown`: the registry can't be asked. */
  readonly status: 'active' | 'busy' | 'offline' | 'unknown'
  /** Jobs under way and at most, over all its processes. */
  readonly load: {readonly active: number; readonly capacity: number} | undefined
  /** Its last sign of life; none when there never was one. Milliseconds since the epoch. */
  readonly lastSeen: number | undefined
}

/** What help is wanted on: one command by its name, with or without the slash, or one topic; else everything. */
export interface HelpWish {
  readonly command?: string | undefined
  readonly topic?: Topic | undefined
}

/** What there is here: commands and agents. */
export interface CataloguePort {
  /** Every command, with what keeps this person from it. */
  commands(actor: Actor): readonly CommandSummary[]
  /** The commands as this person may or may not run them, in one message. */
  help(actor: Actor, wish: HelpWish): Reply
  /** The agents of this checkout, then those of other machines; as they are now. */
  agents(): Promise<readonly AgentSummary[]>
}
