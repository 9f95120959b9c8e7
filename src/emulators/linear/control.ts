import type {FastifyInstance} from 'fastify'
import {z} from 'zod'
import {addCommonControl, readBody} from '../shared/control.ts'
import {REQUEST_FAULTS, WEBHOOK_FAULTS, type Fault, type Faults} from './faults.ts'
import type {People, Person} from './people.ts'
import type {Recorder} from './recorder.ts'
import {iso, type Shapes} from './shapes.ts'
import {statusOf, type World} from './world.ts'
import type {Webhooks} from './webhooks.ts'

const HELP = `The Linear emulator's control panel. Bodies and answers are JSON; no credentials needed.

GET  /                                          issues, as pages to read
GET  /control/issues                            issues and their comments
GET  /control/sessions                          agent sessions
POST /control/people/:name/comments             {"issue": "OPS-1", "body": "/approve", "replyTo": "<comment id>"}
POST /control/people/:name/reacts               {"comment": "<comment id>", "emoji": "+1"}
POST /control/people/:name/prompts              {"session": "<session id>", "text": "Approve"}
POST /control/people/:name/stops                {"session": "<session id>"}
POST /control/faults                            {"operation": "commentCreate", "kind": "rateLimited"} or {"webhook": "lost"}
GET  /control/requests                          requests seen
GET  /control/deliveries                        webhook deliveries
POST /control/deliveries/:id/redeliver
`

const faultBody: z.ZodType<Fault> = z.union([
  z.strictObject({
    operation: z.string(),
    kind: z.enum(REQUEST_FAULTS),
    status: z.literal([500, 502, 503]).exactOptional(),
    typed: z.boolean().exactOptional(),
    takesEffect: z.boolean().exactOptional(),
    times: z.int().positive().exactOptional(),
    ms: z.number().exactOptional(),
    resetAfterS: z.number().exactOptional(),
  }),
  z.strictObject({
    webhook: z.enum(WEBHOOK_FAULTS),
    type: z.string().exactOptional(),
    times: z.int().positive().exactOptional(),
    ms: z.number().exactOptional(),
  }),
])

const ACTS: Readonly<Record<string, (person: Person, body: unknown) => {readonly id: string} | void>> = {
  comments(person, body) {
    const {issue, ...comment} = z
      .strictObject({issue: z.string(), body: z.string(), replyTo: z.string().exactOptional()})
      .parse(body)
    return {id: person.comments(issue, comment).id}
  },
  reacts(person, body) {
    const {comment, emoji} = z.strictObject({comment: z.string(), emoji: z.string()}).parse(body)
    person.reacts(comment, emoji)
  },
  prompts(person, body) {
    const {session, text} = z.strictObject({session: z.string(), text: z.string()}).parse(body)
    return {id: person.prompts(session, text).id}
  },
  stops: (person, body) => ({id: person.stops(z.strictObject({session: z.string()}).parse(body).session).id}),
}

/** Lets a person with curl, or a test in another process, do what the factory's caller can. */
export function addControl(
  server: FastifyInstance,
  deps: {
    readonly world: World
    readonly people: People
    readonly shapes: Shapes
    readonly faults: Faults
    readonly recorder: Recorder
    readonly webhooks: Webhooks
    readonly now: () => number
  },
): void {
  const {world, people, shapes, faults, recorder, webhooks, now} = deps
  addCommonControl(server, {
    help: HELP,
    ...{faultBody, faults, recorder, webhooks},
    shown: ({id, guid, type, action, at, attempt, outcome, status}) => ({
      id,
      guid,
      type,
      action,
      at,
      attempt,
      outcome,
      status,
    }),
  })
  server.get('/control/issues', () => ({
    issues: [...world.issues.values()].map(issue => ({
      id: issue.id,
      identifier: issue.identifier,
      title: issue.title,
      url: shapes.issueUrl(issue),
      comments: [...world.comments.values()]
        .filter(comment => comment.issue === issue)
        .map(({id, parent, user, body, createdAt}) => ({
          id,
          parent: parent?.id ?? null,
          by: user.displayName,
          body,
          at: iso(createdAt),
        })),
    })),
  }))
  server.get('/control/sessions', () => ({
    sessions: [...world.sessions.values()].map(session => ({
      id: session.id,
      issue: session.issue.identifier,
      status: statusOf(session, now()),
      activities: session.activities.map(({content, user}) => ({...content, by: user.displayName})),
    })),
  }))
  server.post<{Params: {name: string; act: string}; Body: unknown}>(
    '/control/people/:name/:act',
    ({params, body}, reply) => {
      const act = Object.hasOwn(ACTS, params.act) ? ACTS[params.act] : undefined
      if (!act) return reply.code(404).send({message: 'no such act; see GET /control'})
      return reply.send(act(people.person(people.meet(params.name)), readBody(body)) ?? {})
    },
  )
}
