import {createArmed} from '../shared/armed.ts'

export const MAIL_FAULTS = ['refuse', 'dropBeforeData', 'dropAfterData', 'slow'] as const

/** Something that goes wrong with the next mails, or sessions. */
export interface MailFault {
  /**
   * `refuse`: answers `code` at `stage`. `dropBeforeData`: the connection breaks when the recipient is named.
   * `dropAfterData`: the mail is taken and the connection broken before the answer, unless `lost`. `slow`: answers
   * to the mail's text come `ms` late.
   */
  readonly kind: (typeof MAIL_FAULTS)[number]
  /** Of a refusal: at the connection, the sender, the recipient or the text. Default the text. */
  readonly stage?: 'connect' | 'mail' | 'rcpt' | 'data'
  /** 4xx: for now; 5xx: for good. Default 451. */
  readonly code?: number
  /** Only mails to this recipient. */
  readonly to?: string
  /** Of `dropAfterData`: the mail is not kept either. */
  readonly lost?: boolean
  /** Default 1000. */
  readonly ms?: number
  /** How often; default once. */
  readonly times?: number
}

export type MailFaults = ReturnType<typeof createMailFaults>

export function createMailFaults() {
  const {add, take} = createArmed<MailFault>()
  return {
    /** Arms a fault; the answer disarms it. */
    add,
    /** The refusal that this moment has to suffer, used up by asking. */
    refusalAt: (stage: NonNullable<MailFault['stage']>, recipient?: string) =>
      take(
        fault => fault.kind === 'refuse' && (fault.stage ?? 'data') === stage && concerns(fault, recipient),
      ),
    take: (kind: Exclude<MailFault['kind'], 'refuse'>, recipient: string) =>
      take(fault => fault.kind === kind && concerns(fault, recipient)),
  }
}

function concerns({to}: MailFault, recipient: string | undefined): boolean {
  return to === undefined || to.toLowerCase() === recipient?.toLowerCase()
}
