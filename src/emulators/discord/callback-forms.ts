import {InteractionResponseType as Callback, InteractionType} from 'discord-api-types/v10'
import {z} from 'zod'
import {invalidField} from './api-error.ts'
import {maybe} from './forms.ts'
import {MessageFlag} from './message-forms.ts'
import type {Choice, Interaction} from './interactions.ts'

/* What may answer what: the shapes of callbacks, and which kind of interaction takes which. */

/** What every answer starts with; `data` depends on the type. */
export const callbackForm = z.strictObject({type: z.int(), data: maybe(z.unknown())})
/** A deferral decides nothing but who will see the answer. */
export const deferForm = z.strictObject({
  flags: maybe(z.literal([0, MessageFlag.Ephemeral])),
  tts: maybe(z.boolean()),
})
export const autocompleteForm = z.strictObject({
  choices: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(100),
        name_localizations: maybe(z.record(z.string(), z.string())),
        value: z.union([z.string().min(1).max(100), z.number()]),
      }),
    )
    .max(25),
})

/** The callback types an interaction can be answered with. */
export function answersTo({type, source}: Interaction): readonly Callback[] {
  const message = [Callback.ChannelMessageWithSource, Callback.DeferredChannelMessageWithSource]
  const update = source ? [Callback.DeferredMessageUpdate, Callback.UpdateMessage] : []
  switch (type) {
    case InteractionType.ApplicationCommand:
      return [...message, Callback.Modal]
    case InteractionType.MessageComponent:
      return [...message, ...update, Callback.Modal]
    case InteractionType.ModalSubmit:
      return [...message, ...update]
    case InteractionType.ApplicationCommandAutocomplete:
      return [Callback.ApplicationCommandAutocompleteResult]
    case InteractionType.Ping:
      return [Callback.Pong]
  }
}

/** Choices must be of the type of the option being typed. */
export function choicesFor(interaction: Interaction, choices: readonly Choice[]): readonly Choice[] {
  const wanted = focusedType(interaction.data) === 3 ? 'string' : 'number'
  const wrong = choices.findIndex(choice => typeof choice.value !== wanted)
  if (wrong >= 0)
    throw invalidField(['data', 'choices', wrong, 'value'], 'BASE_TYPE_BAD_TYPE', `Must be a ${wanted}.`)
  return choices.map(({name, value}) => ({name, value}))
}

interface SentOption {
  readonly type: number
  readonly focused?: boolean
  readonly options?: readonly SentOption[]
}

function focusedType(data: unknown): number | undefined {
  const search = (options: readonly SentOption[] = []): number | undefined => {
    for (const option of options) {
      if (option.focused) return option.type
      const nested = search(option.options)
      if (nested) return nested
    }
    return undefined
  }
  return search((data as {options?: readonly SentOption[]}).options)
}
