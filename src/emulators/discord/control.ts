import type {IncomingMessage, ServerResponse} from 'node:http'
import {json, text} from 'node:stream/consumers'
import {z} from 'zod'
import {ClientRefusal} from './command-line.ts'
import type {Conversation} from './conversation.ts'
import type {Fault} from './faults.ts'
import type {MessageView} from './message-view.ts'
import type {Person} from './people.ts'
import {transcript} from './transcript.ts'

const FORMS_KEPT = 100
const HELP = `The emulated Discord, by hand. All bodies and answers are JSON.

POST /control/commands                  {"person": "ada", "line": "/agents", "channel": "general", "roles": ["222"], "admin": false}
POST /control/completions               {"person": "ada", "line": "/deploy-client target:cl"}
POST /control/presses                   {"person": "ada", "message": "<message id>", "button": "Cancel"}
POST /control/submits                   {"person": "ada", "interactionId": "<of the press that opened it>", "fields": {"reason": "…"}}
POST /control/faults                    {"route": "editOriginal", "kind": "serverError", "times": 2} or {"gateway": "reconnect"}
GET  /control/channels/general/messages?as=ada      add &format=text for reading
GET  /control/people/ada/messages                   what the bot wrote to ada alone
`

const who = {
  person: z.string().min(1),
  channel: z.string().min(1).default('general'),
  roles: z.array(z.string()).optional(),
  admin: z.boolean().optional(),
}
const lineForm = z.strictObject({...who, line: z.string().min(2)})
const pressForm = z.strictObject({...who, message: z.string(), button: z.string()})
const submitForm = z.strictObject({
  ...who,
  interactionId: z.string(),
  fields: z.record(z.string(), z.string()),
})
const faultForm = z.union([
  z.strictObject({
    route: z.string(),
    kind: z.enum(['rateLimited', 'serverError', 'latency', 'slowAnswer', 'dropBefore', 'dropAfter']),
    times: z.int().min(1).optional(),
    ms: z.int().min(0).optional(),
    retryAfterMs: z.int().min(0).optional(),
    global: z.boolean().optional(),
    status: z.literal([500, 502, 503, 504]).optional(),
  }),
  z.strictObject({
    gateway: z.enum(['drop', 'close', 'reconnect', 'invalidSession', 'stopAcks', 'duplicateNextInteraction']),
    code: z.int().optional(),
  }),
])

/** The few things of the emulator that make sense from another process. */
interface Controlled {
  person(name: string, options: {roles?: string[]; admin?: boolean}): Person
  channel(name: string): {readonly id: string; readonly name: string}
  misbehave(fault: Fault): void
}

/** The control API of an emulator that runs by itself. Local use: nothing asks for credentials. */
export function createControl(emulator: Controlled) {
  /** What opened a form, by its interaction; only the last few can still be filled in. */
  const opened = new Map<string, Conversation>()

  async function pressed(person: Person, message: string, button: string): Promise<Conversation> {
    const conversation = await (await person.presses({id: message}, button)).acknowledged()
    if (conversation.modal) opened.set(conversation.interactionId, conversation)
    if (opened.size > FORMS_KEPT) opened.delete([...opened.keys()][0] ?? '')
    return conversation
  }

  function personOf({
    person,
    roles,
    admin,
  }: {
    person: string
    roles?: string[] | undefined
    admin?: boolean | undefined
  }) {
    return emulator.person(person, {...(roles && {roles}), ...(admin !== undefined && {admin})})
  }

  async function act(
    method: string,
    path: string,
    query: URLSearchParams,
    request: IncomingMessage,
  ): Promise<unknown> {
    switch (`${method} ${path}`) {
      case 'GET /control':
        return HELP
      case 'POST /control/commands': {
        const form = lineForm.parse(await body(request))
        const conversation = await personOf(form).runs(form.line, {channel: emulator.channel(form.channel)})
        return summary(await conversation.acknowledged())
      }
      case 'POST /control/completions': {
        const form = lineForm.parse(await body(request))
        return {choices: await personOf(form).completes(form.line, {channel: emulator.channel(form.channel)})}
      }
      case 'POST /control/presses': {
        const form = pressForm.parse(await body(request))
        return summary(await pressed(personOf(form), form.message, form.button))
      }
      case 'POST /control/submits': {
        const form = submitForm.parse(await body(request))
        const conversation = opened.get(form.interactionId)
        if (!conversation) throw new ClientRefusal('That interaction opened no form')
        return summary(await (await personOf(form).submits(conversation, form.fields)).acknowledged())
      }
      case 'POST /control/faults':
        emulator.misbehave(faultForm.parse(await body(request)) as Fault)
        return {accepted: true}
    }
    const recipient = /^\/control\/people\/([^/]+)\/messages$/.exec(path)?.[1]
    if (method === 'GET' && recipient !== undefined)
      return {messages: emulator.person(recipient, {}).receives().map(plain)}
    const name = /^\/control\/channels\/([^/]+)\/messages$/.exec(path)?.[1]
    if (method !== 'GET' || name === undefined) return undefined
    const channel = emulator.channel(name)
    const seen = emulator.person(query.get('as') ?? 'visitor', {}).sees(channel)
    return query.get('format') === 'text'
      ? `${transcript(seen, channel.name)}\n`
      : {messages: seen.map(plain)}
  }

  return {
    async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
      const {pathname, searchParams} = new URL(request.url ?? '/', 'http://discord.invalid')
      const path = decodeURIComponent(pathname).replace(/\/$/, '')
      try {
        const result = await act(request.method ?? 'GET', path, searchParams, request)
        if (result === undefined) return reply(response, 404, {error: 'Nothing here; GET /control explains.'})
        reply(response, 200, result)
      } catch (error) {
        if (error instanceof z.ZodError) return reply(response, 400, {error: z.prettifyError(error)})
        if (error instanceof ClientRefusal) return reply(response, 422, {error: error.message})
        reply(response, 400, {error: error instanceof Error ? error.message : String(error)})
      }
    },
  }
}

/** JSON only: a web page elsewhere can't send that here without asking first. */
async function body(request: IncomingMessage): Promise<unknown> {
  if (request.headers['content-type']?.startsWith('application/json')) return json(request)
  await text(request)
  throw new Error('Send application/json.')
}

function summary(conversation: Conversation) {
  const reply = conversation.reply()
  return {
    interactionId: conversation.interactionId,
    ackMs: conversation.ackMs ?? null,
    ackType: conversation.ackType ?? null,
    ephemeral: conversation.ephemeral,
    failed: conversation.failed ?? null,
    form: conversation.modal ?? null,
    reply: reply ? plain(reply) : null,
    followUps: conversation.followUps().map(plain),
  }
}

function plain(message: MessageView) {
  return {
    ...message,
    attachments: message.attachments.map(({bytes, ...file}) => ({...file, size: bytes.length})),
  }
}

function reply(response: ServerResponse, status: number, result: unknown): void {
  const isText = typeof result === 'string'
  response.writeHead(status, {'content-type': isText ? 'text/plain; charset=utf-8' : 'application/json'})
  response.end(isText ? result : JSON.stringify(result))
}
