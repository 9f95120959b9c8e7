import type {Acts, NewActivity, NewIssue} from './acts.ts'
import type {Caller} from './auth.ts'
import {matches} from './filter.ts'
import {refuseInput, refuseMissing} from './refusal.ts'
import {iso, type Shapes} from './shapes.ts'
import {
  statusOf,
  type ActivityContent,
  type ActivityState,
  type CommentState,
  type IssueState,
  type ReactionState,
  type SessionState,
  type UserState,
  type World,
} from './world.ts'

interface PageArguments {
  readonly first?: number
  readonly after?: string
}

const LARGEST_PAGE = 250
const CONTENT_TYPES = ['thought', 'action', 'elicitation', 'response', 'error']

/** The root fields and every object under them, for one caller. */
export function createRoot({
  world,
  acts,
  shapes,
  now,
  caller,
}: {
  readonly world: World
  readonly acts: Acts
  readonly shapes: Shapes
  readonly now: () => number
  readonly caller: Caller
}) {
  const me = caller.user
  let lastSyncId = 1
  const payload = (more: object) => ({success: true, lastSyncId: lastSyncId++, ...more})

  const user = (state: UserState) => ({
    ...state,
    active: true,
    email: `${state.displayName}@example.com`,
    isMe: state === me,
    url: shapes.userUrl(state),
  })

  const team = (state: IssueState['team']) => ({
    id: state.id,
    key: state.key,
    name: state.name,
    states: (page: PageArguments) => connection(state.states, page, each => each),
    labels: (page: PageArguments) => connection(state.labels, page, each => each),
  })

  const issue = (state: IssueState): object => ({
    id: state.id,
    identifier: state.identifier,
    number: state.number,
    title: state.title,
    description: state.description,
    priority: state.priority,
    url: shapes.issueUrl(state),
    createdAt: iso(state.createdAt),
    updatedAt: iso(state.updatedAt),
    labelIds: state.labelIds,
    labels: (page: PageArguments) =>
      connection(
        state.team.labels.filter(({id}) => state.labelIds.includes(id)),
        page,
        each => each,
      ),
    project: state.project ?? null,
    parent: () => (state.parent ? issue(state.parent) : null),
    state: state.team.states.find(({id}) => id === state.stateId),
    team: () => team(state.team),
    reactions: () => state.reactions.map(reaction),
    children: (page: PageArguments) =>
      connection(newestFirst([...world.issues.values()].filter(({parent}) => parent === state)), page, issue),
    comments: (page: PageArguments) =>
      connection(
        newestFirst([...world.comments.values()].filter(each => each.issue === state)),
        page,
        comment,
      ),
  })

  const comment = (state: CommentState): object => ({
    id: state.id,
    body: state.body,
    issueId: state.issue.id,
    issue: () => issue(state.issue),
    parentId: state.parent?.id ?? null,
    parent: () => (state.parent ? comment(state.parent) : null),
    // Whoever writes through an app is that app's user; integrations of other kinds are not played.
    user: () => user(state.user),
    botActor: null,
    createdAt: iso(state.createdAt),
    updatedAt: iso(state.updatedAt),
    editedAt: state.editedAt === undefined ? null : iso(state.editedAt),
    reactions: () => state.reactions.map(reaction),
    url: shapes.commentUrl(state),
    agentSession: () => {
      const held = [...world.sessions.values()].find(each => each.comment === state)
      return held ? session(held) : null
    },
  })

  const reaction = (state: ReactionState): object => ({
    id: state.id,
    emoji: state.emoji,
    createdAt: iso(state.createdAt),
    updatedAt: iso(state.createdAt),
    user: () => user(state.user),
    comment: () => (state.comment ? comment(state.comment) : null),
    issue: () => (state.issue ? issue(state.issue) : null),
  })

  const session = (state: SessionState): object => ({
    id: state.id,
    appUser: () => user(state.appUser),
    creator: () => (state.creator ? user(state.creator) : null),
    issue: () => issue(state.issue),
    comment: () => (state.comment ? comment(state.comment) : null),
    createdAt: iso(state.createdAt),
    updatedAt: iso(state.activities.at(-1)?.createdAt ?? state.createdAt),
    externalUrls: state.externalUrls,
    plan: state.plan,
    status: statusOf(state, now()),
    url: shapes.sessionUrl(state),
    activities: (page: PageArguments) => connection(newestFirst(state.activities), page, activity),
  })

  const activity = (state: ActivityState): object => ({
    id: state.id,
    agentSession: () => session(state.session),
    content: {__typename: `AgentActivity${capitalized(state.content.type)}Content`, ...state.content},
    createdAt: iso(state.createdAt),
    updatedAt: iso(state.createdAt),
    ephemeral: state.ephemeral,
    signal: state.signal ?? null,
    signalMetadata: state.signalMetadata,
    sourceComment: () => (state.sourceComment ? comment(state.sourceComment) : null),
    user: () => user(state.user),
  })

  /** What filters look at: instants as numbers, related objects by their own fields. */
  const filterable = (state: CommentState) => ({
    id: state.id,
    createdAt: state.createdAt,
    updatedAt: state.updatedAt,
    user: {id: state.user.id, app: state.user.app, active: true},
    reactions: state.reactions,
    parent: state.parent && {id: state.parent.id, createdAt: state.parent.createdAt},
    issue: ancestry(state.issue),
  })

  function asAgent(): UserState {
    if (caller.kind !== 'oauth' || !me.app)
      refuseInput(
        'Only apps can act as agents',
        'Only an app that is installed with actor=app can act as an agent.',
      )
    return me
  }

  return {
    viewer: () => user(me),
    user: ({id}: {id: string}) => user(world.users.get(id) ?? refuseMissing('User')),
    users: ({filter, ...page}: PageArguments & {filter?: unknown}) =>
      connection(
        [...world.users.values()].filter(each => matches({id: each.id, app: each.app, active: true}, filter)),
        page,
        user,
      ),
    issue: ({id}: {id: string}) => issue(acts.issueOf(id)),
    comment: ({id}: {id?: string}) => comment(acts.commentOf(id ?? '')),
    comments: ({filter, ...page}: PageArguments & {filter?: unknown}) =>
      connection(
        newestFirst([...world.comments.values()].filter(each => matches(filterable(each), filter))),
        page,
        comment,
      ),
    agentSession: ({id}: {id: string}) => session(acts.sessionOf(id)),
    agentActivity: ({id}: {id: string}) =>
      activity(
        [...world.sessions.values()].flatMap(each => each.activities).find(each => each.id === id) ??
          refuseMissing('AgentActivity'),
      ),

    commentCreate: ({input}: {input: Parameters<Acts['addComment']>[1] & {createAsUser?: string}}) => {
      if (input.createAsUser !== undefined) asAgent()
      return payload({comment: comment(acts.addComment(me, input))})
    },
    commentUpdate: ({id, input}: {id: string; input: {body?: string}}) =>
      payload({comment: comment(acts.editComment(me, id, input.body ?? ''))}),
    issueCreate: ({input}: {input: NewIssue}) => payload({issue: issue(acts.createIssue(me, input))}),
    issueUpdate: ({id, input}: {id: string; input: Parameters<Acts['updateIssue']>[2]}) =>
      payload({issue: issue(acts.updateIssue(me, id, input))}),
    reactionCreate: ({input}: {input: Parameters<Acts['react']>[1]}) =>
      payload({reaction: reaction(acts.react(me, input))}),
    agentSessionCreateOnComment: ({
      input,
    }: {
      input: {commentId: string; externalUrls?: SessionState['externalUrls']}
    }) => {
      const on = acts.commentOf(input.commentId)
      if (on.parent)
        refuseInput('Argument Validation Error', 'A session is held under the root comment of a thread.')
      const opened = acts.openSession(asAgent(), {issue: on.issue, comment: on})
      opened.externalUrls = input.externalUrls ?? []
      return payload({agentSession: session(opened)})
    },
    agentSessionCreateOnIssue: ({
      input,
    }: {
      input: {issueId: string; externalUrls?: SessionState['externalUrls']}
    }) => {
      const opened = acts.openSession(asAgent(), {issue: acts.issueOf(input.issueId)})
      opened.externalUrls = input.externalUrls ?? []
      return payload({agentSession: session(opened)})
    },
    agentSessionUpdate: ({
      id,
      input,
    }: {
      id: string
      input: {
        plan?: unknown
        externalUrls?: SessionState['externalUrls']
        addedExternalUrls?: SessionState['externalUrls']
        removedExternalUrls?: readonly string[]
      }
    }) => {
      const changed = acts.sessionOf(id)
      if (asAgent() !== changed.appUser) refuseInput('Forbidden', 'This session belongs to another agent.')
      if (input.plan !== undefined) changed.plan = checkedPlan(input.plan)
      const kept = (input.externalUrls ?? changed.externalUrls).filter(
        ({url}) => !(input.removedExternalUrls ?? []).includes(url),
      )
      changed.externalUrls = [...kept, ...(input.addedExternalUrls ?? [])]
      return payload({agentSession: session(changed)})
    },
    agentActivityCreate: ({
      input: {agentSessionId, content, ...rest},
    }: {
      input: Omit<NewActivity, 'content'> & {agentSessionId: string; content: unknown}
    }) => {
      const held = acts.sessionOf(agentSessionId)
      if (asAgent() !== held.appUser) refuseInput('Forbidden', 'This session belongs to another agent.')
      const checked = checkedContent(content)
      if (rest.ephemeral === true && checked.type !== 'thought' && checked.type !== 'action')
        refuseInput('Argument Validation Error', 'Only thoughts and actions can be ephemeral.')
      if (
        rest.signal !== undefined &&
        !(checked.type === 'elicitation' && ['select', 'auth'].includes(rest.signal))
      )
        refuseInput('Argument Validation Error', `Signal ${rest.signal} does not go with ${checked.type}.`)
      return payload({agentActivity: activity(acts.addActivity(me, held, {...rest, content: checked}))})
    },
  }
}

function connection<T>(items: readonly T[], {first = 50, after}: PageArguments, shape: (item: T) => object) {
  if (!Number.isInteger(first) || first < 1 || first > LARGEST_PAGE)
    refuseInput('Argument Validation Error', `first must be 1 to ${LARGEST_PAGE}.`)
  const start = after === undefined || after === null ? 0 : Number(after)
  const end = Math.min(start + first, items.length)
  return {
    nodes: items.slice(start, end).map(shape),
    pageInfo: {
      hasNextPage: end < items.length,
      hasPreviousPage: start > 0,
      startCursor: String(start),
      endCursor: String(end),
    },
  }
}

function newestFirst<T extends {readonly createdAt: number}>(items: readonly T[]): readonly T[] {
  return [...items].reverse().sort((a, b) => b.createdAt - a.createdAt)
}

function ancestry(issue: IssueState): object {
  return {id: issue.id, parent: issue.parent && ancestry(issue.parent)}
}

function checkedContent(content: unknown): ActivityContent {
  const given = (content ?? {}) as Readonly<Record<string, unknown>>
  const type = String(given['type'])
  if (!CONTENT_TYPES.includes(type))
    refuseInput('Argument Validation Error', `An agent can't create content of type ${type}.`)
  const fields = type === 'action' ? ['type', 'action', 'parameter', 'result'] : ['type', 'body']
  const strange = Object.keys(given).find(key => !fields.includes(key))
  if (strange !== undefined) refuseInput('Argument Validation Error', `content.${strange} is not known.`)
  for (const field of fields.filter(each => each !== 'result'))
    if (typeof given[field] !== 'string' || given[field].trim() === '')
      refuseInput('Argument Validation Error', `content.${field} is needed.`)
  // Field by field, above.
  return given as unknown as ActivityContent
}

function checkedPlan(plan: unknown): unknown {
  const statuses = ['pending', 'inProgress', 'completed', 'canceled']
  const isItem = (item: unknown) => {
    const {content, status} = (item ?? {}) as {content?: unknown; status?: unknown}
    return typeof content === 'string' && content !== '' && statuses.includes(String(status))
  }
  if (!Array.isArray(plan) || !plan.every(isItem))
    refuseInput('Argument Validation Error', 'plan must be a list of {content, status}.')
  return plan
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
