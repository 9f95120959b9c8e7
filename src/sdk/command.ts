import {z} from 'zod'
import type {Actor} from './actor.ts'
import type {Services} from './services.ts'

/** What a suggestion is made from, besides the text typed so far. */
export interface CompletionContext {
  readonly actor: Actor
  readonly services: Services
  /** The other options as typed so far, unvalidated. */
  readonly options: Readonly<Record<string, unknown>>
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** What people come for, in the order of the day: `/help` lists commands under these heads. */
export const TOPICS = {
  deploy: 'Ship and stop',
  look: 'See how things are',
  decide: 'Plan and decide',
  workflows: 'Workflows and locks',
  code: 'Pull requests and issues',
  settings: 'Settings and accounts',
  messages: 'Tell others',
  records: 'Help and records',
} as const

/** A head of `/help`, by its key in `TOPICS`. */
export type Topic = keyof typeof TOPICS

/** The option that narrows `/help` to one topic. */
export const topicOption = z
  .enum(Object.keys(TOPICS) as [Topic, ...Topic[]])
  .optional()
  .describe('only the commands about this')

/** A slash command: its form, who may give it, and which action of which agent carries it out. */
export interface CommandDefinition<I extends z.ZodObject = z.ZodObject> {
  /** Equals the file's name; lower-case, digits and dashes. */
  readonly name: string
  readonly description: string
  /** Where `/help` lists it. */
  readonly topic: Topic
  /** `everyone`, or `restricted`: only whom the configuration's `access` or the admin lists name. Deny is the default. */
  readonly access: 'everyone' | 'restricted'
  /** Whether the team or only the asker sees the reply. Refusals are always for the asker alone. */
  readonly visibility: Visibility | ((input: z.output<I>) => Visibility)
  /**
   * The one declaration of the options: Discord's option list, the validation and the help text come from it.
   * Strings, integers, booleans and enums (choices), each `.describe`d; `.optional()` or `.default()` where not required.
   */
  readonly input: I
  /** Options whose values nobody may read in the record: they stand there encrypted. Such a command is never joined. */
  readonly secrets?: readonly string[]
  /** The agent and its action that carry the command out; the action's input is these options. */
  readonly agent: string
  readonly action: string
  /** The title of the first message, shown until the agent says more. */
  acknowledge(input: z.output<I>): string
  /** The same person repeating the command with the same options within this time joins the first; 0: never. */
  readonly joinWithinMs?: number | ((input: z.output<I>) => number)
  /** Suggestions while typing, by option. Suggestions only: what arrives is validated like any other text. */
  readonly complete?: Readonly<
    Record<string, (typed: string, context: CompletionContext) => Promise<readonly Suggestion[]>>
  >
  /** What is wrong with otherwise well-formed options, judged from configuration alone: no waiting, no IO. */
  check?(input: z.output<I>, services: Services): readonly string[]
}

/** `private`: only the asker sees it. */
export type Visibility = 'channel' | 'private'

/** `value` is sent when `name`, which the person sees, is chosen. */
export interface Suggestion {
  readonly name: string
  readonly value: string
}

/** Declares one slash command: the default export of a file in commands/. Boot checks it against its file and its agent. */
export function defineCommand<I extends z.ZodObject>(command: CommandDefinition<I>): CommandDefinition {
  return command
}
