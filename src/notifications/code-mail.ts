import {renderMail} from '../integrations/email/document.ts'
import type {Mailer} from '../integrations/email/mailer.ts'
import {randomUUID} from 'node:crypto'
import {AppError} from '../kernel/errors.ts'

/**
 * Mails a one-time code to whoever reads this address.
 * @throws INVALID_INPUT when the address is refused for good, UPSTREAM_UNAVAILABLE when it could not be sent now.
 */
export function createCodeMail({mailer}: {readonly mailer: Pick<Mailer, 'domain' | 'send'>}) {
  return async (address: string, code: string): Promise<void> => {
    const heading = 'Your code for Signalbox'
    const outcome = await mailer.send({
      to: {address},
      subject: heading,
      messageId: `${randomUUID()}@${mailer.domain}`,
      ...renderMail({
        heading,
        blocks: [
          {kind: 'paragraph', text: 'Type it in where you asked for it. It works once, for ten minutes.'},
          {kind: 'quote', text: code},
        ],
        footer: [
          'If you did not ask for it, somebody typed in your address. Without the code nothing happens: give it to nobody.',
        ],
      }),
    })
    if (outcome.kind === 'sent' || outcome.kind === 'unknown') return
    if (outcome.kind === 'refused')
      throw new AppError('INVALID_INPUT', 'No mail can be sent to that address.')
    throw new AppError('UPSTREAM_UNAVAILABLE', `The mail could not be sent: ${outcome.reason}.`)
  }
}
