import {createTransport, type NodemailerError, type SMTPPoolOptions} from 'nodemailer'
import {AppError} from '../../kernel/errors.ts'
import {ellipsis, visible} from '../../kernel/markdown.ts'
import type {SmtpConfig} from '../../platform/config/config.ts'
import {isMailAddress, readMailbox, type Mailbox} from './address.ts'

/** One mail to one person: what it shows is theirs alone. */
export interface Mail {
  readonly to: Mailbox
  readonly subject: string
  readonly text: string
  readonly html: string
  /** Without brackets. The same at every try, so that mailboxes may drop the second copy. */
  readonly messageId: string
  /** The id of the mail that opened the conversation. */
  readonly thread?: string
}

/** How an attempt ended. SMTP knows no idempotency: what is tried again may arrive twice, under one Message-ID. */
export type Mailed =
  | {readonly kind: 'sent'}
  /** The connection broke at a moment when the server may have taken it. */
  | {readonly kind: 'unknown'; readonly reason: string}
  /** It did not go out; it may later. */
  | {readonly kind: 'failed'; readonly reason: string}
  /** The server lets none of our mails through: credentials, encryption, our own address. An operator must look. */
  | {readonly kind: 'blocked'; readonly reason: string}
  /** This mail never will. */
  | {readonly kind: 'refused'; readonly reason: string}

/** Sends mails, and says what became of each. */
export interface Mailer {
  /** The domain of our own address, in which the ids of our mails are made. */
  readonly domain: string
  /** Never throws. An abort that comes after the text was handed over leaves the outcome unknown. */
  send(mail: Mail, signal?: AbortSignal): Promise<Mailed>
  /** Connects, encrypts and signs in; why not, when it does not work. Whether our address is accepted it can't tell. */
  verify(): Promise<string | undefined>
  close(): void
}

/** Whom mail is sent through, and as whom. */
export interface MailerOptions {
  readonly smtp: SmtpConfig
  /** `Signalbox <bot@example.com>` or a bare address. */
  readonly from: string
  /** Milliseconds: to connect and to greet, 10,000 each; of silence later on, 30,000. */
  readonly patience?: {readonly connectMs: number; readonly silenceMs: number}
}

const PATIENCE = {connectMs: 10_000, silenceMs: 30_000}
const MAX_SUBJECT = 200
const MAX_NAME = 80

/**
 * Sends mail through one server, over a few connections that are kept. @throws START_FAILED when `from` is no address.
 */
export function createMailer({smtp, from, patience = PATIENCE}: MailerOptions): Mailer {
  const sender = readMailbox(from)
  if (!sender) throw new AppError('START_FAILED', 'NOTIFICATION_EMAIL_FROM is not a mail address.')
  const implicit = smtp.port === 465
  const options: SMTPPoolOptions & {readonly pool: true} = {
    host: smtp.host,
    port: smtp.port,
    secure: smtp.tls && implicit,
    requireTLS: smtp.tls && !implicit,
    ...(smtp.auth === undefined ? {} : {auth: smtp.auth}),
    connectionTimeout: patience.connectMs,
    greetingTimeout: patience.connectMs,
    dnsTimeout: patience.connectMs,
    socketTimeout: patience.silenceMs,
    pool: true,
    maxConnections: 5,
    maxRequeues: 1,
    // Nothing we send comes from a file or an address; what a text says must not be able to ask for it.
    disableFileAccess: true,
    disableUrlAccess: true,
  }
  const transport = createTransport(options)

  return {
    domain: sender.address.slice(sender.address.lastIndexOf('@') + 1).toLowerCase(),

    async send({to, subject, text, html, messageId, thread}, signal) {
      if (!isMailAddress(to.address)) return {kind: 'refused', reason: 'not a mail address'}
      if (signal?.aborted === true) return {kind: 'failed', reason: 'stopped before it was sent'}
      const root = thread === undefined || thread === messageId ? undefined : `<${thread}>`
      try {
        const info = await transport.sendMail({
          from: mailbox(sender),
          to: mailbox(to),
          // Said twice: the headers are for people, the envelope is what the server obeys.
          envelope: {from: sender.address, to: [to.address]},
          maxRecipients: 1,
          subject: ellipsis(visible(subject), MAX_SUBJECT),
          text,
          html,
          messageId: `<${messageId}>`,
          ...(root === undefined ? {} : {inReplyTo: root, references: [root]}),
          headers: {'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All'},
          ...(signal === undefined ? {} : {signal}),
        })
        return info.rejected.length === 0 ? {kind: 'sent'} : {kind: 'refused', reason: 'recipient refused'}
      } catch (error) {
        return outcomeOf(error as NodemailerError)
      }
    },

    async verify() {
      try {
        await transport.verify()
        return undefined
      } catch (error) {
        return describe(error as NodemailerError)
      }
    },

    close() {
      transport.close()
    },
  }
}

function mailbox({name, address}: Mailbox) {
  const shown = ellipsis(visible(name ?? ''), MAX_NAME)
  return shown === '' ? address : {name: shown, address}
}

const NOT_LET_IN = new Set(['EAUTH', 'ENOAUTH', 'EOAUTH2', 'ETLS', 'EREQUIRETLS', 'ECONFIG'])
const NEVER = new Set(['EMAXRECIPIENTS', 'EFILEACCESS', 'EURLACCESS', 'ESTREAM'])
/** Nothing was said yet. */
const BEFORE = new Set(['EDNS', 'EPROXY'])
const BEFORE_ERRNO = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN'])
const BEFORE_WAIT = new Set(['CONNECT_TIMEOUT', 'GREETING_TIMEOUT', 'UPGRADE_TIMEOUT'])

function outcomeOf(error: NodemailerError): Exclude<Mailed, {kind: 'sent'}> {
  const reason = describe(error)
  const {code = '', command, permanent, originalCode = '', timeoutType = ''} = error
  if (NOT_LET_IN.has(code)) return {kind: 'blocked', reason}
  if (permanent === true) return {kind: command === 'MAIL FROM' ? 'blocked' : 'refused', reason}
  if (NEVER.has(code)) return {kind: 'refused', reason}
  const nothingSaid = BEFORE.has(code) || BEFORE_ERRNO.has(originalCode) || BEFORE_WAIT.has(timeoutType)
  if (permanent === false || nothingSaid) return {kind: 'failed', reason}
  return {kind: 'unknown', reason}
}

/** Codes only: a server's own words may carry addresses. */
function describe({code, responseCode, command}: NodemailerError): string {
  if (responseCode !== undefined) return `the mail server answered ${responseCode} to ${command ?? 'us'}`
  return `no mail server (${code ?? 'no code'})`
}
