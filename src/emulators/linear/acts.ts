/**
 * Everything that can happen in the workspace, whoever does it: the API and the people of a test go the same way. Each
 * act checks what Linear checks, changes the world, and tells onlookers and webhooks.
 */
import {randomUUID} from 'node:crypto'
import type {Changes} from './changes.ts'
import {refuseInput, refuseMissing} from './refusal.ts'
import type {Shapes} from './shapes.ts'
import type {Webhooks} from './webhooks.ts'
import type {
  ActivityContent,
  ActivityState,
  CommentState,
  IssueState,
  ReactionState,
  SessionState,
  UserState,
  World,
} from './world.ts'

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

export interface NewIssue {
  readonly id?: string
  readonly teamId: string
  readonly title?: string
  readonly description?: string
  readonly parentId?: string
  readonly projectId?: string
  readonly priority?: number
  readonly stateId?: string
  readonly labelIds?: readonly string[]
}

export interface NewActivity {
  readonly id?: string
  readonly content: ActivityContent
  readonly signal?: string
  readonly signalMetadata?: unknown
  readonly ephemeral?: boolean
  readonly sourceComment?: CommentState
}

export type Acts = ReturnType<typeof createActs>

export function createActs({
  world,
  shapes,
  changes,
  webhooks,
  now,
}: {
  readonly world: World
  readonly shapes: Shapes
  readonly changes: Changes
  readonly webhooks: Webhooks
  readonly now: () => number
}) {
  /** An id that the client made, or one of ours. */
  function newId(given: string | undefined, taken: ReadonlyMap<string, unknown>): string {
    if (given === undefined) return randomUUID()
    if (!UUID_V4.test(given)) refuseInput('Argument Validation Error', 'id must be a UUID.')
    if (taken.has(given)) refuseInput('Argument Validation Error', 'An entity with this id exists already.')
    return given
  }

  function issueOf(id: string): IssueState {
    return world.issue(id) ?? refuseMissing('Issue')
  }

  function commentOf(id: string): CommentState {
    return world.comments.get(id) ?? refuseMissing('Comment')
  }

  function sessionOf(id: string): SessionState {
    return world.sessions.get(id) ?? refuseMissing('AgentSession')
  }

  function createIssue(by: UserState, given: NewIssue): IssueState {
    const team = world.teams.get(given.teamId) ?? refuseMissing('Team')
    const id = newId(given.id, world.issues)
    const title = given.title?.trim() ?? ''
    if (title === '' || title.length > 512)
      refuseInput('Argument Validation Error', 'title must be 1 to 512 long.')
    const priority = given.priority ?? 0
    if (!Number.isInteger(priority) || priority < 0 || priority > 4)
      refuseInput('Argument Validation Error', 'priority must be 0 to 4.')
    const state =
      given.stateId === undefined
        ? team.states.find(({type}) => type === 'unstarted')
        : team.states.find(({id: each}) => each === given.stateId)
    for (const label of given.labelIds ?? [])
      if (!team.labels.some(({id: each}) => each === label)) refuseMissing('IssueLabel')
    const number = ++team.lastNumber
    const issue: IssueState = {
      id,
      identifier: `${team.key}-${number}`,
      number,
      team,
      parent: given.parentId === undefined ? undefined : issueOf(given.parentId),
      project:
        given.projectId === undefined
          ? undefined
          : (world.projects.get(given.projectId) ?? refuseMissing('Project')),
      creator: by,
      createdAt: now(),
      reactions: [],
      title,
      description: given.description ?? '',
      priority,
      stateId: (state ?? refuseMissing('WorkflowState')).id,
      labelIds: given.labelIds ?? [],
      updatedAt: now(),
    }
    world.issues.set(id, issue)
    changes.emit({kind: 'issue', action: 'create', issue})
    webhooks.send(shapes.issueEvent('create', issue, by))
    return issue
  }

  function updateIssue(
    by: UserState,
    id: string,
    change: {
      readonly title?: string
      readonly description?: string
      readonly priority?: number
      readonly stateId?: string
      readonly addedLabelIds?: readonly string[]
      readonly removedLabelIds?: readonly string[]
    },
  ): IssueState {
    const issue = issueOf(id)
    const {stateId, title, description, priority, addedLabelIds = [], removedLabelIds = []} = change
    if (stateId !== undefined) {
      if (!issue.team.states.some(state => state.id === stateId)) refuseMissing('WorkflowState')
      issue.stateId = stateId
    }
    if (title !== undefined) issue.title = title
    if (description !== undefined) issue.description = description
    if (priority !== undefined) issue.priority = priority
    issue.labelIds = [...new Set([...issue.labelIds, ...addedLabelIds])].filter(
      label => !removedLabelIds.includes(label),
    )
    issue.updatedAt = now()
    changes.emit({kind: 'issue', action: 'update', issue})
    webhooks.send(shapes.issueEvent('update', issue, by))
    return issue
  }

  function addComment(
    by: UserState,
    given: {
      readonly id?: string
      readonly issueId?: string
      readonly parentId?: string
      readonly body?: string
    },
  ): CommentState {
    const id = newId(given.id, world.comments)
    const parent = given.parentId === undefined ? undefined : commentOf(given.parentId)
    if (parent?.parent)
      refuseInput('Argument Validation Error', 'A reply can’t have replies: threads are one level deep.')
    if (given.issueId === undefined && !parent)
      refuseInput('Argument Validation Error', 'issueId or parentId is needed.')
    const issue = given.issueId === undefined ? undefined : issueOf(given.issueId)
    if (issue && parent && parent.issue !== issue)
      refuseInput('Argument Validation Error', 'The parent comment belongs to another issue.')
    const body = given.body ?? ''
    if (body.trim() === '') refuseInput('Argument Validation Error', 'body must not be empty.')
    const comment: CommentState = {
      id,
      issue: issue ?? parent?.issue ?? refuseMissing('Issue'),
      parent,
      user: by,
      createdAt: now(),
      reactions: [],
      body,
      editedAt: undefined,
      updatedAt: now(),
    }
    world.comments.set(id, comment)
    changes.emit({kind: 'comment', action: 'create', comment})
    webhooks.send(shapes.commentEvent('create', comment))
    return comment
  }

  function editComment(by: UserState, id: string, body: string): CommentState {
    const comment = commentOf(id)
    if (comment.user !== by) refuseInput('Forbidden', 'You can only edit comments of your own.')
    if (body.trim() === '') refuseInput('Argument Validation Error', 'body must not be empty.')
    comment.body = body
    comment.editedAt = comment.updatedAt = now()
    changes.emit({kind: 'comment', action: 'update', comment})
    webhooks.send(shapes.commentEvent('update', comment))
    return comment
  }

  function react(
    by: UserState,
    given: {
      readonly id?: string
      readonly emoji: string
      readonly commentId?: string
      readonly issueId?: string
    },
  ): ReactionState {
    const comment = given.commentId === undefined ? undefined : commentOf(given.commentId)
    const issue = given.issueId === undefined ? undefined : issueOf(given.issueId)
    const reactions = comment?.reactions ?? issue?.reactions
    if (!reactions) return refuseInput('Argument Validation Error', 'commentId or issueId is needed.')
    const known = reactions.find(({user, emoji}) => user === by && emoji === given.emoji)
    if (known) return known
    const reaction: ReactionState = {
      id: given.id ?? randomUUID(),
      emoji: given.emoji,
      user: by,
      ...(comment && {comment}),
      ...(issue && {issue}),
      createdAt: now(),
    }
    reactions.push(reaction)
    changes.emit({kind: 'reaction', reaction})
    webhooks.send(shapes.reactionEvent(reaction))
    return reaction
  }

  /** @param creator a person who called the agent; it is told. Opened by the agent itself, it knows. */
  function openSession(
    appUser: UserState,
    where: {readonly issue: IssueState; readonly comment?: CommentState},
    creator?: UserState,
  ): SessionState {
    const session: SessionState = {
      id: randomUUID(),
      appUser,
      creator,
      issue: where.issue,
      comment: where.comment,
      createdAt: now(),
      activities: [],
      externalUrls: [],
      plan: null,
    }
    world.sessions.set(session.id, session)
    changes.emit({kind: 'session', session})
    if (creator) webhooks.send(shapes.sessionEvent('created', session))
    return session
  }

  function addActivity(by: UserState, session: SessionState, given: NewActivity): ActivityState {
    const taken = new Map(
      [...world.sessions.values()].flatMap(({activities}) => activities.map(one => [one.id, one])),
    )
    const activity: ActivityState = {
      id: newId(given.id, taken),
      session,
      user: by,
      content: given.content,
      signal: given.signal,
      signalMetadata: given.signalMetadata ?? null,
      ephemeral: given.ephemeral ?? false,
      sourceComment: given.sourceComment,
      createdAt: now(),
    }
    session.activities.push(activity)
    changes.emit({kind: 'activity', activity})
    if (given.content.type === 'prompt') webhooks.send(shapes.sessionEvent('prompted', session, activity))
    if (given.content.type === 'response') {
      // What an agent says at the end stands in the thread as well.
      const root = session.comment?.parent ?? session.comment
      addComment(by, {issueId: session.issue.id, ...(root && {parentId: root.id}), body: given.content.body})
    }
    return activity
  }

  return {
    issueOf,
    commentOf,
    sessionOf,
    createIssue,
    updateIssue,
    addComment,
    editComment,
    react,
    openSession,
    addActivity,
  }
}
