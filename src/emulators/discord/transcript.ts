import {type AnyComponent, walk} from './component-forms.ts'
import type {MessageView} from './message-view.ts'

/** Messages as plain text, one block each: for error texts, the control API and looking over somebody's shoulder. */
export function transcript(messages: readonly MessageView[], channelName: string): string {
  if (messages.length === 0) return `#${channelName} is empty`
  return [`#${channelName}`, ...messages.map(block)].join('\n')
}

function block(message: MessageView): string {
  const marks = [
    message.ephemeral && 'only one person sees this',
    message.loading && 'thinking…',
    message.deleted && 'deleted',
    message.versions.length > 1 && `edited ${message.versions.length - 1}×`,
  ].filter(Boolean)
  const head = `  ${message.author.name}${marks.length > 0 ? ` (${marks.join(', ')})` : ''} ${message.id}`
  const embeds = message.embeds.flatMap(embed => [
    embed.title ?? '',
    embed.description ?? '',
    ...(embed.fields ?? []).map(field => `${field.name}: ${field.value}`),
    embed.footer?.text ?? '',
  ])
  const drawn = [...walk(message.components as readonly AnyComponent[])].flatMap(({component}) => {
    if (component.type === 10) return component.content ?? ''
    if (component.type === 2) return `[${component.label ?? 'button'}${component.disabled ? ' (off)' : ''}]`
    return []
  })
  const files = message.attachments.map(file => `file ${file.filename} (${file.bytes.length} bytes)`)
  return [head, ...[message.content, ...embeds, ...drawn, ...files].flatMap(indented)].join('\n')
}

function indented(text: string): string[] {
  return text === '' ? [] : text.split('\n').map(line => `    ${line}`)
}
