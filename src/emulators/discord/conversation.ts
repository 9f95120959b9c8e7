import type {Modal} from './component-forms.ts'
import {type Choice, type Failure, FAILURE_NOTICE, type Interaction} from './interactions.ts'
import {type MessageView, view} from './message-view.ts'
import {transcript} from './transcript.ts'
import type {World} from './world.ts'

/** What came of one thing a person did. A live view: every property tells how it stands when read. */
export interface Conversation {
  readonly interactionId: string
  readonly token: string
  readonly interaction: Interaction
  /** From the click to the accepted acknowledgement. */
  readonly ackMs: number | undefined
  readonly ackType: number | undefined
  readonly ephemeral: boolean
  readonly failed: Failure | undefined
  /** What the person reads instead of an answer. */
  readonly notice: string | undefined
  readonly modal: Modal | undefined
  readonly choices: readonly Choice[] | undefined
  /** The answer as it now stands; for updates, the message the component sits on. */
  reply(): MessageView | undefined
  /** Further messages, oldest first, without deleted ones. */
  followUps(): MessageView[]
  /** Resolves when the bot has acknowledged, or the person has been told that it did not. */
  acknowledged(timeoutMs?: number): Promise<Conversation>
  /** Resolves with itself once `done` holds; looked at after every change. */
  settled(
    done: (conversation: Conversation) => unknown,
    options?: {timeoutMs?: number; what?: string},
  ): Promise<Conversation>
}

export function createConversation(world: World, interaction: Interaction): Conversation {
  const settled: Conversation['settled'] = (done, {timeoutMs, what = 'the conversation to settle'} = {}) =>
    world.changes.eventually(() => Boolean(done(conversation)) && conversation, {
      what,
      describe: () => {
        const own = [conversation.reply(), ...conversation.followUps()].filter(each => each !== undefined)
        const state = interaction.failure ?? interaction.state
        return `The interaction ${interaction.commandName ?? ''} is ${state}.\n${transcript(own, interaction.channel.name)}`
      },
      ...(timeoutMs !== undefined && {timeoutMs}),
    })

  const conversation: Conversation = {
    interactionId: interaction.id,
    token: interaction.token,
    interaction,
    get ackMs() {
      return interaction.ackMs
    },
    get ackType() {
      return interaction.ackType
    },
    get ephemeral() {
      return interaction.ephemeral
    },
    get failed() {
      return interaction.failure
    },
    get notice() {
      return interaction.failure && FAILURE_NOTICE
    },
    get modal() {
      return interaction.modal
    },
    get choices() {
      return interaction.choices
    },
    reply() {
      const {original} = interaction
      return original && !original.deleted ? view(original) : undefined
    },
    followUps() {
      return interaction.followUps.filter(message => !message.deleted).map(view)
    },
    acknowledged: (timeoutMs = 10_000) =>
      settled(() => interaction.state !== 'pending', {timeoutMs, what: 'the interaction to be acknowledged'}),
    settled,
  }
  return conversation
}
