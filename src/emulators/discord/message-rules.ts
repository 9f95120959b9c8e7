import {invalidField, refusals} from './api-error.ts'
import {componentText, MessageFlag, type MessageForm} from './message-forms.ts'
import type {StoredMessage} from './messages.ts'

/* Rules about a message as a whole, which the shapes of its single fields cannot say. */

/** Old messages show content and embeds, Components V2 messages show components and nothing else. */
export function judgeGeneration(form: MessageForm, flags: number): void {
  const components = form.components ?? []
  if (flags & MessageFlag.ComponentsV2) {
    for (const field of ['content', 'embeds'] as const)
      if (form[field]?.length)
        throw invalidField(
          [field],
          'MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2',
          `The '${field}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2`,
        )
    if (componentText(components).length > 4000)
      throw invalidField(['components'], 'COMPONENT_MAX_TOTAL_LENGTH', 'Text exceeds 4000 characters')
    return
  }
  if (components.length > 5)
    throw invalidField(['components'], 'BASE_TYPE_BAD_LENGTH', 'Must be between 1 and 5 in length.')
  const wrong = components.findIndex(component => component.type !== 1)
  if (wrong >= 0)
    throw invalidField(
      ['components', wrong, 'type'],
      'UNION_TYPE_CHOICES',
      'Value of field "type" must be one of (1,).',
    )
}

/** The flags after an edit: only embed suppression may change both ways, and the new generation be entered. */
export function editedFlags(message: StoredMessage, asked: number | null | undefined): number {
  if (asked === undefined || asked === null) return message.flags
  const entered = asked & MessageFlag.ComponentsV2 & ~message.flags
  const changed = (asked ^ message.flags) & ~MessageFlag.SuppressEmbeds & ~MessageFlag.Loading & ~entered
  // A plain 0, or just the suppression bit, leaves the rest alone: that is how clients switch embeds back on.
  const silent = (asked & ~(MessageFlag.SuppressEmbeds | MessageFlag.ComponentsV2)) === 0
  if (changed !== 0 && !silent)
    throw invalidField(
      ['flags'],
      'MESSAGE_FLAGS_IMMUTABLE',
      'Only SUPPRESS_EMBEDS can be changed and IS_COMPONENTS_V2 set by an edit',
    )
  return (message.flags & ~MessageFlag.SuppressEmbeds) | (asked & MessageFlag.SuppressEmbeds) | entered
}

/** A message must show something; only a deferred answer may wait with that. */
export function refuseEmpty(
  message: Pick<StoredMessage, 'content' | 'embeds' | 'attachments' | 'components' | 'flags'>,
) {
  const drawn = (message.flags & MessageFlag.ComponentsV2) !== 0 && message.components.length > 0
  if (!message.content && !message.embeds.length && !message.attachments.length && !drawn)
    throw refusals.emptyMessage()
}
