/**
 * A mail server and the people who read what it takes: every address has an inbox here. It is reached over SMTP only,
 * without encryption, and can refuse, break off, dawdle and take a mail without saying so.
 */
import type {AddressInfo, Socket} from 'node:net'
import {buffer} from 'node:stream/consumers'
import {setTimeout as after} from 'node:timers/promises'
import {createTransport} from 'nodemailer'
import {SMTPServer, type SMTPServerSession} from 'smtp-server'
import {systemClock, type Clock} from '../../kernel/clock.ts'
import {createChanges} from '../shared/changes.ts'
import {createMailFaults, type MailFault} from './faults.ts'
import {readMail, type Mail} from './mail.ts'
import {createMailboxWeb} from './web.ts'

export type {MailFault} from './faults.ts'
export type {Mail} from './mail.ts'

export interface MailboxOptions {
  /** Of SMTP. 0, the default, takes a free one. */
  readonly port?: number
  /** Of the pages. 0, the default, takes a free one. */
  readonly webPort?: number
  readonly now?: Clock
  /** What one must sign in with; nobody is asked without it. */
  readonly auth?: {readonly user: string; readonly pass: string}
}

export interface Mailbox {
  readonly host: string
  readonly port: number
  /** Where a person reads the mails. */
  readonly url: string
  /** All mails, oldest first. */
  readonly mails: readonly Mail[]
  /** What this address received, oldest first. */
  inbox(address: string): Mail[]
  /** Arms a fault; the answer disarms it. */
  readonly misbehave: (fault: MailFault) => () => void
  /** A person presses Reply: a mail in the same thread to whoever wrote this one. */
  reply(mail: Mail, text: string): Promise<void>
  /** Returns the way to stop listening. */
  on(listener: (mail: Mail) => void): () => void
  /** Resolves with the first truthy value of `probe`, asked again after every mail and a few times a second. */
  eventually<T>(
    probe: () => T | undefined | null | false,
    options?: {readonly timeoutMs?: number; readonly what?: string},
  ): Promise<T>
  close(): Promise<void>
}

const HOST = '127.0.0.1'

/** Starts it on loopback. Everything it holds is in memory and gone with `close`. */
export async function startMailbox({
  port = 0,
  webPort = 0,
  now = systemClock,
  auth,
}: MailboxOptions = {}): Promise<Mailbox> {
  const mails: Mail[] = []
  const changes = createChanges<Mail>(() =>
    ['Mails:', ...mails.map(mail => `  to ${mail.recipient}: ${mail.subject}`)].join('\n'),
  )
  const faults = createMailFaults()

  const smtp = new SMTPServer({
    name: 'mailbox.test',
    banner: 'the mailbox emulator',
    disabledCommands: auth ? ['STARTTLS'] : ['STARTTLS', 'AUTH'],
    allowInsecureAuth: true,
    disableReverseLookup: true,
    closeTimeout: 100,
    onConnect(_session, callback) {
      callback(refusal(faults.refusalAt('connect')))
    },
    onAuth({username, password}, _session, callback) {
      if (username === auth?.user && password === auth?.pass) callback(null, {user: username})
      else callback(answer(535, 'Authentication credentials invalid'))
    },
    onMailFrom(_address, _session, callback) {
      callback(refusal(faults.refusalAt('mail')))
    },
    onRcptTo({address}, session, callback) {
      if (faults.take('dropBeforeData', address)) return cut(session)
      callback(refusal(faults.refusalAt('rcpt', address)))
    },
    onData(stream, session, callback) {
      receive(stream, session).then(
        problem => (problem === 'cut' ? cut(session) : callback(problem)),
        (error: Error) => callback(error),
      )
    },
  })
  // A client that breaks off is a client's way to end; what is really wrong shows in the tests.
  smtp.on('error', () => undefined)

  async function receive(
    stream: NodeJS.ReadableStream,
    {envelope}: SMTPServerSession,
  ): Promise<Error | 'cut' | null> {
    const source = await buffer(stream)
    const recipients = envelope.rcptTo.map(({address}) => address.toLowerCase())
    const [first = ''] = recipients
    const slow = faults.take('slow', first)
    if (slow) await after(slow.ms ?? 1000)
    const refused = faults.refusalAt('data', first)
    if (refused) return refusal(refused)
    const dropped = faults.take('dropAfterData', first)
    if (dropped?.lost !== true) for (const recipient of recipients) await deliver(source, recipient)
    return dropped ? 'cut' : null
  }

  async function deliver(source: Buffer, recipient: string): Promise<void> {
    const mail = await readMail(source, {number: mails.length + 1, recipient, at: now()})
    const known = mails.find(each => each.recipient === recipient && each.messageId === mail.messageId)
    if (known && mail.messageId !== '') known.copies++
    else mails.push(mail)
    changes.emit(known ?? mail)
  }

  function cut(session: SMTPServerSession): void {
    for (const connection of smtp.connections as Set<{session: SMTPServerSession; _socket: Socket}>)
      if (connection.session === session) connection._socket.destroy()
  }

  async function reply(mail: Mail, text: string): Promise<void> {
    const person = createTransport({
      host: HOST,
      port: smtpPort,
      secure: false,
      ignoreTLS: true,
      ...(auth && {auth}),
    })
    await person.sendMail({
      from: mail.recipient,
      to: mail.from,
      subject: `Re: ${mail.subject}`,
      inReplyTo: mail.messageId,
      references: [...mail.references, mail.messageId],
      text: `${text}\n\n${mail.text.replace(/^/gm, '> ')}`,
    })
    person.close()
  }

  const smtpPort = await new Promise<number>((resolve, reject) => {
    smtp.server.once('error', reject)
    smtp.listen(port, HOST, () => resolve((smtp.server.address() as AddressInfo).port))
  })
  const web = createMailboxWeb({mails, faults, reply})
  const url = await web.listen({host: HOST, port: webPort})

  return {
    host: HOST,
    port: smtpPort,
    url,
    mails,
    inbox: address => mails.filter(mail => mail.recipient === address.toLowerCase()),
    misbehave: faults.add,
    reply,
    on: changes.on,
    eventually: (probe, how) => changes.eventually(probe, {what: 'the awaited mail', ...how}),
    async close() {
      await web.close()
      for (const {_socket} of smtp.connections as Set<{_socket: Socket}>) _socket.destroy()
      await new Promise<void>(resolve => smtp.close(() => resolve()))
    },
  }
}

function refusal(fault: MailFault | undefined): Error | null {
  return fault ? answer(fault.code ?? 451, (fault.code ?? 451) < 500 ? 'Try again later' : 'Not here') : null
}

function answer(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), {responseCode})
}
