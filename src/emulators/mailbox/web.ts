import fastify, {type FastifyInstance} from 'fastify'
import {z} from 'zod'
import {escapeHtml} from '../../kernel/html.ts'
import {MAIL_FAULTS, type MailFault, type MailFaults} from './faults.ts'
import type {Mail} from './mail.ts'

const HELP = `The mailbox, by hand. Bodies and answers are JSON; no credentials needed.

GET  /control/mails?to=ada@example.test     mails, oldest first
POST /control/mails/:number/reply           {"text": "approve"}
POST /control/faults                        {"kind": "refuse", "stage": "rcpt", "code": 550, "times": 2}
     kinds: refuse (at connect, mail, rcpt or data), dropBeforeData, dropAfterData, slow
`

const faultBody = z.strictObject({
  kind: z.enum(MAIL_FAULTS),
  stage: z.enum(['connect', 'mail', 'rcpt', 'data']).optional(),
  code: z.int().min(400).max(599).optional(),
  to: z.string().optional(),
  lost: z.boolean().optional(),
  ms: z.int().min(0).optional(),
  times: z.int().min(1).optional(),
})
const replyBody = z.strictObject({text: z.string()})

/** Pages on which a person reads the mails, and the control panel. */
export function createMailboxWeb({
  mails,
  faults,
  reply,
}: {
  readonly mails: readonly Mail[]
  readonly faults: MailFaults
  readonly reply: (mail: Mail, text: string) => Promise<void>
}): FastifyInstance {
  const server = fastify({forceCloseConnections: true})
  const find = (number: string) => mails.find(mail => mail.number === Number(number))
  server.addHook('onSend', (_request, response, payload, done) => {
    // A mail may bring style of its own; nothing in it runs or is loaded, as in any mail program.
    void response.header(
      'content-security-policy',
      "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'",
    )
    done(null, payload)
  })

  server.get('/', (_request, response) => response.type('text/html; charset=utf-8').send(inboxPage(mails)))
  server.get<{Params: {number: string}}>('/mails/:number', ({params}, response) => {
    const mail = find(params.number)
    response.type('text/html; charset=utf-8')
    return mail ? response.send(mailPage(mail)) : response.code(404).send(page('No such mail', ''))
  })
  server.get<{Params: {number: string}}>('/mails/:number/html', ({params}, response) => {
    const mail = find(params.number)
    response.type('text/html; charset=utf-8')
    return response
      .code(mail ? 200 : 404)
      .send(mail?.html.replace('<head>', '<head><base target="_blank">') ?? '')
  })

  server.get('/control', (_request, response) => response.type('text/plain; charset=utf-8').send(HELP))
  server.get<{Querystring: {to?: string}}>('/control/mails', ({query}) => ({
    mails: mails.filter(mail => query.to === undefined || mail.recipient === query.to.toLowerCase()),
  }))
  server.post<{Params: {number: string}}>(
    '/control/mails/:number/reply',
    async ({params, body}, response) => {
      const mail = find(params.number)
      if (!mail) return response.code(404).send({message: 'no such mail'})
      await reply(mail, replyBody.parse(body).text)
      return response.code(202).send({})
    },
  )
  server.post('/control/faults', ({body}, response) => {
    const fault = faultBody.parse(body) as MailFault
    faults.add(fault)
    return response.code(201).send(fault)
  })
  return server
}

function inboxPage(mails: readonly Mail[]): string {
  const rows = mails
    .toReversed()
    .map(
      mail =>
        `<tr><td>${new Date(mail.at).toISOString().slice(11, 19)}</td><td>${escapeHtml(mail.recipient)}</td><td><a href="/mails/${mail.number}">${escapeHtml(mail.subject) || '(no subject)'}</a></td></tr>`,
    )
  return page(
    'Mails',
    rows.length === 0
      ? '<p>Nothing yet.</p>'
      : `<table><tr><th>UTC</th><th>To</th><th>Subject</th></tr>${rows.join('')}</table>`,
  )
}

function mailPage(mail: Mail): string {
  const facts = [
    ['From', mail.from],
    ['To', mail.recipient],
    ['At', new Date(mail.at).toISOString()],
    ['Copies', String(mail.copies)],
  ].map(([label = '', value = '']) => `<tr><th>${label}</th><td>${escapeHtml(value)}</td></tr>`)
  const text = mail.text.split('\n').map(escapeHtml).join('\n')
  // Without scripts and forms, as mail programs show it; links may open.
  const frame = `<iframe title="HTML part" src="/mails/${mail.number}/html" sandbox="allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"></iframe>`
  return page(
    mail.subject,
    `<p><a href="/">All mails</a></p><table>${facts.join('')}</table>${frame}<h2>Text part</h2><pre>${text}</pre>`,
  )
}

function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeHtml(title)}</title><style>:root{color-scheme:light dark}body{font:16px/1.5 sans-serif;margin:1rem auto;max-width:50rem;padding:0 1rem}td,th{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top}pre{white-space:pre-wrap;overflow-wrap:anywhere}iframe{width:100%;height:32rem;border:1px solid #8888}</style><h1>${escapeHtml(title)}</h1>${body}</html>`
}
