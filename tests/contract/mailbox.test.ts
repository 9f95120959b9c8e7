import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {startMailbox, type Mailbox, type MailFault} from '../../src/emulators/mailbox/index.ts'
import {createMailer, type Mail, type Mailer} from '../../src/integrations/email/mailer.ts'

const mail: Mail = {
  to: {name: 'Ada', address: 'ada@example.test'},
  subject: 'client → production',
  text: 'a text',
  html: '<p>a text with <a href="https://example.test/a?b=1&amp;c=2">a link</a></p>',
  messageId: 'one@signalbox.test',
}

let mailbox: Mailbox
let mailer: Mailer
beforeEach(async () => {
  mailbox = await startMailbox()
  mailer = mailerAt(mailbox)
})
afterEach(async () => {
  mailer.close()
  await mailbox.close()
})

function mailerAt({host, port}: {host: string; port: number}, more: object = {}): Mailer {
  return createMailer({
    smtp: {host, port, tls: false},
    from: 'Signalbox <bot@signalbox.test>',
    patience: {connectMs: 500, silenceMs: 500},
    ...more,
  })
}

describe('a mail that goes through', () => {
  test('arrives once, with both parts, and marked as written by a machine', async () => {
    expect(await mailer.send(mail)).toEqual({kind: 'sent'})
    const [arrived, ...more] = mailbox.inbox('ada@example.test')
    expect(more).toEqual([])
    expect(arrived).toMatchObject({
      from: 'bot@signalbox.test',
      to: ['ada@example.test'],
      subject: 'client → production',
      text: 'a text\n',
      links: [{label: 'a link', url: 'https://example.test/a?b=1&c=2'}],
      messageId: '<one@signalbox.test>',
      inReplyTo: '',
      references: [],
    })
    const headers = Object.fromEntries((arrived?.headers ?? []).map(({name, value}) => [name, value]))
    expect(headers).toMatchObject({'auto-submitted': 'auto-generated', 'x-auto-response-suppress': 'All'})
  })

  test('joins the conversation that it names', async () => {
    await mailer.send(mail)
    await mailer.send({...mail, messageId: 'two@signalbox.test', thread: 'one@signalbox.test'})
    expect(mailbox.inbox('ada@example.test')[1]).toMatchObject({
      inReplyTo: '<one@signalbox.test>',
      references: ['<one@signalbox.test>'],
    })
  })

  test('fifty at once all arrive', async () => {
    const outcomes = await Promise.all(
      Array.from({length: 50}, (_, n) => mailer.send({...mail, messageId: `${n}@signalbox.test`})),
    )
    expect(outcomes.every(({kind}) => kind === 'sent')).toBe(true)
    expect(mailbox.inbox('ada@example.test')).toHaveLength(50)
  })
})

describe('a mail that does not', () => {
  const sends = async (fault: MailFault) => {
    mailbox.misbehave(fault)
    return mailer.send(mail)
  }

  test.each([
    ['the recipient is refused for good', {kind: 'refuse', stage: 'rcpt', code: 550}, 'refused'],
    ['the text is refused for good', {kind: 'refuse', stage: 'data', code: 554}, 'refused'],
    ['the recipient is refused for now', {kind: 'refuse', stage: 'rcpt', code: 450}, 'failed'],
    ['the text is refused for now', {kind: 'refuse', stage: 'data', code: 451}, 'failed'],
    ['the server is busy', {kind: 'refuse', stage: 'connect', code: 421}, 'failed'],
    ['our own address is refused', {kind: 'refuse', stage: 'mail', code: 553}, 'blocked'],
    ['the answer to the text never comes', {kind: 'slow', ms: 1500}, 'unknown'],
  ] satisfies [string, MailFault, string][])('when %s', async (_what, fault, kind) => {
    expect(await sends(fault)).toMatchObject({kind})
  })

  test('says why in codes, without anybody’s address', async () => {
    expect(await sends({kind: 'refuse', stage: 'rcpt', code: 550})).toEqual({
      kind: 'refused',
      reason: 'the mail server answered 550 to RCPT TO',
    })
  })

  test('is of unknown outcome when the connection breaks after the text, and may be there twice', async () => {
    expect(await sends({kind: 'dropAfterData'})).toMatchObject({kind: 'unknown'})
    expect(await mailer.send(mail)).toEqual({kind: 'sent'})
    expect(mailbox.inbox('ada@example.test')).toMatchObject([{copies: 2}])
  })

  test('is not there when it was lost at that moment', async () => {
    expect(await sends({kind: 'dropAfterData', lost: true})).toMatchObject({kind: 'unknown'})
    expect(mailbox.mails).toEqual([])
  })

  test('does not arrive when the connection breaks before the text', async () => {
    expect((await sends({kind: 'dropBeforeData', times: 3})).kind).toMatch(/^(unknown|failed)$/)
    expect(mailbox.mails).toEqual([])
  })

  test('is no mail at all when there is no server', async () => {
    const nowhere = mailerAt({host: '127.0.0.1', port: 1})
    expect(await nowhere.send(mail)).toMatchObject({kind: 'failed'})
    expect(await nowhere.verify()).toMatch(/^no mail server \(/)
    nowhere.close()
  })

  test('when nobody of that name is there, others get theirs', async () => {
    mailbox.misbehave({kind: 'refuse', stage: 'rcpt', code: 550, to: 'ada@example.test'})
    const bob = {...mail, to: {address: 'bob@example.test'}, messageId: 'bob@signalbox.test'}
    const outcomes = await Promise.all([mailer.send(mail), mailer.send(bob)])
    expect(outcomes.map(({kind}) => kind)).toEqual(['refused', 'sent'])
  })

  test('is never said in clear text where encryption is demanded', async () => {
    const careful = createMailer({
      smtp: {host: mailbox.host, port: mailbox.port, tls: true},
      from: 'bot@signalbox.test',
    })
    expect(await careful.send(mail)).toMatchObject({kind: 'blocked'})
    expect(await careful.verify()).toBeDefined()
    expect(mailbox.mails).toEqual([])
    careful.close()
  })

  test('is stopped by its signal', async () => {
    mailbox.misbehave({kind: 'slow', ms: 2000})
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 50)
    expect(await mailer.send(mail, stop.signal)).toMatchObject({kind: 'unknown'})
    expect(await mailer.send(mail, AbortSignal.abort())).toMatchObject({kind: 'failed'})
  })
})

describe('a server that asks who we are', () => {
  test('lets in who knows the password, and nobody else', async () => {
    const guarded = await startMailbox({auth: {user: 'bot', pass: 'right'}})
    const {host, port} = guarded
    for (const [pass, kind] of [
      ['right', 'sent'],
      ['wrong', 'blocked'],
    ] as const) {
      const one = mailerAt(guarded, {smtp: {host, port, tls: false, auth: {user: 'bot', pass}}})
      expect(await one.send(mail)).toMatchObject({kind})
      expect((await one.verify()) === undefined).toBe(kind === 'sent')
      one.close()
    }
    await guarded.close()
  })
})

describe('what somebody else wrote', () => {
  test.each([
    'ada@example.test\r\nRCPT TO:<eve@evil.test>',
    'ada@example.test, eve@evil.test',
    'ada@example.test;eve@evil.test',
    '<ada@example.test> eve@evil.test',
    '"ada eve"@example.test',
    'ada@@example.test',
    'ada@example.test ',
    'ada@exa_mple.test',
    `${'a'.repeat(65)}@example.test`,
    `ada@${'example.'.repeat(32)}test`,
    'ada',
    '',
  ])('is no address: %j', async address => {
    expect(await mailer.send({...mail, to: {address}})).toMatchObject({kind: 'refused'})
    expect(mailbox.mails).toEqual([])
  })

  test('can’t become a header, a recipient or a second line', async () => {
    const trick = 'hello\r\nBcc: eve@evil.test\r\n\r\n<script>alert(1)</script>'
    await mailer.send({...mail, subject: trick, to: {name: trick, address: 'ada@example.test'}})
    const [arrived] = mailbox.mails
    expect(mailbox.inbox('eve@evil.test')).toEqual([])
    expect(arrived?.headers.map(({name}) => name)).not.toContain('bcc')
    expect(arrived?.subject).toBe('hello Bcc: eve@evil.test <script>alert(1)</script>')
  })
})

describe('the people of the mailbox', () => {
  test('reply within the thread', async () => {
    await mailer.send(mail)
    const [arrived] = mailbox.inbox('ada@example.test')
    if (!arrived) throw new Error('no mail')
    await mailbox.reply(arrived, 'approve')
    expect(mailbox.inbox('bot@signalbox.test')).toMatchObject([
      {from: 'ada@example.test', inReplyTo: '<one@signalbox.test>', subject: 'Re: client → production'},
    ])
  })

  test('read on a page that runs nothing of what came', async () => {
    await mailer.send({...mail, subject: '<img src=x onerror=alert(1)>'})
    const list = await fetch(mailbox.url)
    expect(list.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(await list.text()).toContain('&lt;img src=x onerror=alert(1)&gt;')
    expect(await (await fetch(`${mailbox.url}/mails/1`)).text()).toContain('a text')
    expect((await fetch(`${mailbox.url}/mails/2`)).status).toBe(404)
  })
})
