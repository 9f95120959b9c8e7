/**
 * A strict local Linear: its GraphQL API by the real schema's names and types, comments, threads, reactions, sub-issues
 * and agent sessions, signed webhooks with retries, limits and bad days. It is driven by the real SDK. `acts` holds what
 * can happen, `resolvers` how the API tells it, `api` the way of a request; everything here only puts them together.
 */
import {randomUUID} from 'node:crypto'
import type {AddressInfo} from 'node:net'
import {systemClock, type Clock} from '../../kernel/clock.ts'
import {createActs} from './acts.ts'
import {createApi} from './api.ts'
import {createAuth, type AppCredentials} from './auth.ts'
import {createChanges, type Changes} from './changes.ts'
import {addControl} from './control.ts'
import {createFaults, type Fault} from './faults.ts'
import {mentioned} from './mentions.ts'
import {addPages} from './page.ts'
import {createPeople, type Person} from './people.ts'
import {createRateLimits} from './rate-limits.ts'
import {createRecorder, type RecordedRequest, type Recorder} from './recorder.ts'
import {createRoot} from './resolvers.ts'
import {createShapes} from './shapes.ts'
import {createWebhooks, type Delivery, type Hook} from './webhooks.ts'
import {
  createWorld,
  firstAnswerOf,
  statusOf,
  type CommentState,
  type IssueState,
  type SessionState,
  type TeamState,
  type UserState,
} from './world.ts'

export {schema} from './schema.ts'
export type {Change} from './changes.ts'
export type {Fault} from './faults.ts'
export type {Person} from './people.ts'
export type {Delivery} from './webhooks.ts'
export type {RecordedRequest} from './recorder.ts'
export type {ActivityState, CommentState, IssueState, SessionState} from './world.ts'

export interface LinearEmulatorOptions {
  /** Default: any free one. */
  readonly port?: number
  readonly now?: Clock
  /** First part of the addresses of people and issues. */
  readonly workspace?: string
  /** Instead of Linear's own limits. */
  readonly requestsPerHour?: number
  /** Pauses before the second, third and fourth try of a webhook; Linear's are a minute, an hour and six hours. */
  readonly webhookRetryAfterMs?: readonly number[]
}

export interface LinearEmulator {
  /** Of the GraphQL endpoint. */
  readonly url: string
  /** Base address of what people open in a browser. */
  readonly htmlUrl: string
  /** A personal API key; of `signalbox` unless told. */
  readonly key: (owner?: string) => string
  /** Registers an app and installs it as an agent. */
  readonly app: (name?: string) => AppCredentials & {readonly user: UserState}
  readonly revokeTokens: () => void
  /** The person of that name, made known if they were not. */
  readonly person: (name: string, options?: {readonly id?: string}) => Person
  /** A team that has issues; `OPS` is there from the start. */
  readonly team: (key: string, labels?: readonly string[]) => TeamState
  /** A project of the workspace. */
  readonly project: (name: string) => {readonly id: string; readonly name: string}
  /** A new issue, written by somebody. */
  readonly issue: (
    title: string,
    options?: {readonly team?: string; readonly by?: string; readonly projectId?: string},
  ) => IssueState
  readonly issues: () => readonly IssueState[]
  /** In order; of one issue when it is named by id or identifier. */
  readonly comments: (issue?: string) => readonly CommentState[]
  readonly sessions: () => readonly SessionState[]
  readonly statusOf: (session: SessionState) => ReturnType<typeof statusOf>
  readonly firstAnswerOf: typeof firstAnswerOf
  readonly stateOf: (issue: IssueState) => string
  /** Names of those that a text mentions, and so notifies. */
  readonly mentioned: (text: string) => readonly string[]
  /** Adds a webhook. */
  readonly webhooks: (hook: Hook) => void
  readonly requests: readonly RecordedRequest[]
  readonly count: Recorder['count']
  /** Arms a fault; the answer disarms it. */
  readonly misbehave: (fault: Fault) => () => void
  readonly on: Changes['on']
  readonly eventually: Changes['eventually']
  readonly deliveries: readonly Delivery[]
  readonly redeliver: (id: number) => void
  close(): Promise<void>
}

const RETRY_AFTER_MS = [60_000, 3_600_000, 21_600_000]
const STATES = [
  ['Backlog', 'backlog'],
  ['Todo', 'unstarted'],
  ['In Progress', 'started'],
  ['Done', 'completed'],
  ['Canceled', 'canceled'],
] as const

/** Starts the emulator on loopback. */
export async function startLinearEmulator({
  port = 0,
  now = systemClock,
  workspace = 'acme',
  requestsPerHour,
  webhookRetryAfterMs = RETRY_AFTER_MS,
}: LinearEmulatorOptions = {}): Promise<LinearEmulator> {
  let origin = ''
  const world = createWorld()
  const shapes = createShapes({origin: () => origin, workspace, now})
  const recorder = createRecorder()
  const faults = createFaults()
  const changes = createChanges(dump)
  const auth = createAuth({now})
  const webhooks = createWebhooks({now, faults, changes, retryAfterMs: webhookRetryAfterMs})
  const acts = createActs({world, shapes, changes, webhooks, now})
  const people = createPeople({world, acts, shapes})
  const server = createApi({
    auth,
    faults,
    recorder,
    rateLimits: createRateLimits({now, requestsPerHour}),
    changes,
    rootFor: caller => createRoot({world, acts, shapes, now, caller}),
    now,
  })
  addControl(server, {world, people, shapes, faults, recorder, webhooks, now})
  addPages(server, {world, shapes, now})
  team('OPS', ['HITL', 'agent'])

  function team(key: string, labels: readonly string[] = []): TeamState {
    const known = [...world.teams.values()].find(each => each.key === key)
    if (known) return known
    const created: TeamState = {
      id: randomUUID(),
      key,
      name: key,
      states: STATES.map(([name, type], position) => ({id: randomUUID(), name, type, position})),
      labels: labels.map(name => ({id: randomUUID(), name})),
      lastNumber: 0,
    }
    world.teams.set(created.id, created)
    return created
  }

  function dump(): string {
    const comments = [...world.comments.values()]
      .slice(-10)
      .map(
        ({issue, user, body, parent}) =>
          `  ${issue.identifier}${parent ? ' ↳' : ''} ${user.displayName}: ${body.slice(0, 200)}`,
      )
    const requests = recorder.requests
      .slice(-10)
      .map(({operations, status}) => `  ${operations.join(', ')} ${status ?? 'no answer'}`)
    const sent = webhooks.deliveries
      .slice(-10)
      .map(({type, action, outcome, status}) => `  ${type} ${action} ${outcome} ${status ?? ''}`)
    return ['Last comments:', ...comments, 'Last requests:', ...requests, 'Last deliveries:', ...sent].join(
      '\n',
    )
  }

  await server.listen({host: '127.0.0.1', port})
  origin = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`

  return {
    url: `${origin}/graphql`,
    htmlUrl: origin,
    key: (owner = 'signalbox') => auth.issueKey(people.meet(owner)),
    app(name = 'signalbox-agent') {
      const user = people.meet(name, {app: true})
      return {...auth.registerApp(user), user}
    },
    revokeTokens: auth.revokeTokens,
    person: (name, options) => people.person(people.meet(name, options)),
    team,
    project(name) {
      const project = {id: randomUUID(), name}
      world.projects.set(project.id, project)
      return project
    },
    issue: (title, {team: key = 'OPS', by = 'ada', projectId} = {}) =>
      acts.createIssue(people.meet(by), {
        teamId: team(key).id,
        title,
        ...(projectId !== undefined && {projectId}),
      }),
    issues: () => [...world.issues.values()],
    comments: issue =>
      [...world.comments.values()].filter(
        comment => issue === undefined || comment.issue === world.issue(issue),
      ),
    sessions: () => [...world.sessions.values()],
    statusOf: session => statusOf(session, now()),
    firstAnswerOf,
    stateOf: ({team: {states}, stateId}) => states.find(({id}) => id === stateId)?.type ?? '',
    mentioned: text =>
      mentioned(
        text,
        new Map([...world.users.values()].map(user => [user.displayName, shapes.userUrl(user)])),
      ),
    webhooks: webhooks.add,
    requests: recorder.requests,
    count: recorder.count,
    misbehave: faults.add,
    on: changes.on,
    eventually: changes.eventually,
    deliveries: webhooks.deliveries,
    redeliver: webhooks.redeliver,
    async close() {
      await webhooks.close()
      await server.close()
    },
  }
}
