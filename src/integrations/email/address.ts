/** A mail address with the name it is shown under. */
export interface Mailbox {
  readonly name?: string
  readonly address: string
}

// The grammar of HTML's input type=email: nothing in it can end an SMTP line, open a comment or name a second recipient.
const ADDRESS =
  /^[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?:[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?)(?:\.[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?)*$/i
const MAX_LENGTH = 254

/** Whether it is one plain address that may be handed to a mail server. */
export function isMailAddress(text: string): boolean {
  return text.length <= MAX_LENGTH && ADDRESS.test(text)
}

/** `Signalbox <bot@example.com>` or a bare address; undefined when it is neither. */
export function readMailbox(text: string): Mailbox | undefined {
  const [, name = '', bracketed] = /^([^<>]*)<([^<>]+)>\s*$/.exec(text) ?? []
  const address = (bracketed ?? text).trim()
  if (!isMailAddress(address)) return undefined
  const shown = name.trim().replace(/^"(.*)"$/, '$1')
  return {address, ...(shown === '' ? {} : {name: shown})}
}

/** For logs: the domain says enough about what went wrong, and whose address it is is nobody's business there. */
export function maskedAddress(address: string): string {
  return `${address.slice(0, 1)}…${address.slice(address.lastIndexOf('@'))}`
}
