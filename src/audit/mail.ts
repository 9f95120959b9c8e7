import type {Mailed, Mailer} from '../integrations/email/mailer.ts'
import {fingerprint} from '../kernel/fingerprint.ts'
import type {Audit, AuditOutcome} from './audit.ts'
import {recorded} from './recorded.ts'

/** The mailer, with each mail in the record: to which domain, and fingerprints of address and text. */
export function auditMailer(mailer: Mailer, audit: Pick<Audit, 'around'>): Mailer {
  return {
    ...mailer,
    send(mail, signal) {
      const {to, text, messageId} = mail
      const subject = `${fingerprint(to.address)} at ${to.address.slice(to.address.lastIndexOf('@') + 1)}`
      const details = {message: messageId, text: fingerprint(text)}
      return recorded(
        audit,
        {action: 'mail.send', subject, details},
        {
          effect: () => mailer.send(mail, signal),
          outcome: outcomeOf,
          notBegun: reason => ({kind: 'failed', reason}),
        },
      )
    },
  }
}

function outcomeOf(mailed: Mailed): AuditOutcome {
  switch (mailed.kind) {
    case 'sent':
      return {phase: 'done'}
    case 'unknown':
      return {phase: 'unknown', details: {reason: mailed.reason}}
    case 'failed':
    case 'blocked':
    case 'refused':
      return {phase: 'failed', details: {reason: mailed.reason}}
  }
}
