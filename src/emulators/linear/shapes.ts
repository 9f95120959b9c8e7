import {
  statusOf,
  type ActivityState,
  type CommentState,
  type IssueState,
  type ReactionState,
  type SessionState,
  type UserState,
} from './world.ts'
import type {Payload} from './webhooks.ts'

export type Shapes = ReturnType<typeof createShapes>

/** Addresses of things, and how webhooks tell them. */
export function createShapes({
  origin,
  workspace,
  now,
}: {
  readonly origin: () => string
  readonly workspace: string
  readonly now: () => number
}) {
  const userUrl = (user: UserState) => `${origin()}/${workspace}/profiles/${user.displayName}`
  const issueUrl = (issue: IssueState) =>
    `${origin()}/${workspace}/issue/${issue.identifier}/${slug(issue.title)}`
  const commentUrl = (comment: CommentState) => `${issueUrl(comment.issue)}#comment-${comment.id.slice(0, 8)}`
  const sessionUrl = (session: SessionState) =>
    `${issueUrl(session.issue)}#agent-session-${session.id.slice(0, 8)}`

  const user = (state: UserState) => ({
    id: state.id,
    name: state.name,
    email: `${state.displayName}@example.com`,
    url: userUrl(state),
  })
  const issue = (state: IssueState) => ({
    id: state.id,
    identifier: state.identifier,
    title: state.title,
    url: issueUrl(state),
    team: {id: state.team.id, key: state.team.key, name: state.team.name},
    teamId: state.team.id,
  })
  const comment = (state: CommentState) => ({
    id: state.id,
    body: state.body,
    issueId: state.issue.id,
    userId: state.user.id,
  })
  const event = (type: string, action: string, actor: UserState, data: object, url: string): Payload => ({
    type,
    action,
    actor: {...user(actor), type: 'user'},
    createdAt: iso(now()),
    data,
    url,
    organizationId: ORGANIZATION_ID,
  })

  return {
    userUrl,
    issueUrl,
    commentUrl,
    sessionUrl,
    commentEvent: (action: 'create' | 'update', state: CommentState): Payload =>
      event(
        'Comment',
        action,
        state.user,
        {
          ...comment(state),
          parentId: state.parent?.id ?? null,
          ...(state.parent && {parent: comment(state.parent)}),
          issue: issue(state.issue),
          user: user(state.user),
          botActor: null,
          createdAt: iso(state.createdAt),
          updatedAt: iso(state.updatedAt),
          editedAt: state.editedAt === undefined ? null : iso(state.editedAt),
          reactionData: [],
        },
        commentUrl(state),
      ),
    issueEvent: (action: 'create' | 'update', state: IssueState, by: UserState): Payload =>
      event(
        'Issue',
        action,
        by,
        {...issue(state), priority: state.priority, stateId: state.stateId, updatedAt: iso(state.updatedAt)},
        issueUrl(state),
      ),
    reactionEvent: (state: ReactionState): Payload =>
      event(
        'Reaction',
        'create',
        state.user,
        {
          id: state.id,
          emoji: state.emoji,
          userId: state.user.id,
          user: user(state.user),
          ...(state.comment && {commentId: state.comment.id, comment: comment(state.comment)}),
          ...(state.issue && {issueId: state.issue.id, issue: issue(state.issue)}),
          createdAt: iso(state.createdAt),
          updatedAt: iso(state.createdAt),
        },
        issueUrl(state.comment?.issue ?? (state.issue as IssueState)),
      ),
    sessionEvent: (
      action: 'created' | 'prompted',
      state: SessionState,
      activity?: ActivityState,
    ): Payload => ({
      type: 'AgentSessionEvent',
      action,
      createdAt: iso(now()),
      organizationId: ORGANIZATION_ID,
      oauthClientId: state.appUser.id,
      appUserId: state.appUser.id,
      agentSession: {
        id: state.id,
        appUserId: state.appUser.id,
        status: statusOf(state, now()),
        type: state.comment ? 'commentThread' : 'issue',
        issueId: state.issue.id,
        issue: issue(state.issue),
        commentId: state.comment?.id ?? null,
        ...(state.comment && {comment: comment(state.comment)}),
        ...(state.creator && {creatorId: state.creator.id, creator: user(state.creator)}),
        organizationId: ORGANIZATION_ID,
        createdAt: iso(state.createdAt),
        updatedAt: iso(now()),
        url: sessionUrl(state),
      },
      ...(activity && {
        agentActivity: {
          id: activity.id,
          agentSessionId: state.id,
          content: activity.content,
          signal: activity.signal ?? null,
          userId: activity.user.id,
          user: user(activity.user),
          sourceCommentId: activity.sourceComment?.id ?? null,
          createdAt: iso(activity.createdAt),
          updatedAt: iso(activity.createdAt),
        },
      }),
      ...(action === 'created' && {
        promptContext: `<issue identifier="${state.issue.identifier}"/>`,
        previousComments: [],
      }),
    }),
  }
}

const ORGANIZATION_ID = '0e0f4d5a-51b6-4a5e-9f0b-1c2d3e4f5a6b'

export function iso(ms: number): string {
  return new Date(ms).toISOString()
}

function slug(text: string): string {
  return (
    text
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .slice(0, 50) || '-'
  )
}
