import {randomUUID} from 'node:crypto'
import type {Acts} from './acts.ts'
import type {Shapes} from './shapes.ts'
import type {ActivityState, CommentState, IssueState, SessionState, UserState, World} from './world.ts'

/** Somebody in the workspace, for tests and the demo to act as. Ids and what they name are taken alike. */
export interface Person {
  readonly id: string
  readonly name: string
  /** Of their profile: written plainly into a text, it mentions them. */
  readonly url: string
  comments(issue: string, comment: {readonly body: string; readonly replyTo?: string}): CommentState
  edits(comment: string, body: string): void
  reacts(comment: string, emoji: string): void
  /** Calls the app in a thread: a session is opened there. */
  calls(
    app: UserState,
    where: {readonly issue: string; readonly replyTo?: string; readonly body?: string},
  ): SessionState
  /** Writes in a session; it is a comment in its thread as well. */
  prompts(session: string, text: string): ActivityState
  /** Presses stop. */
  stops(session: string): ActivityState
}

export interface People {
  meet(name: string, options?: {readonly id?: string; readonly app?: boolean}): UserState
  person(user: UserState): Person
}

export function createPeople({
  world,
  acts,
  shapes,
}: {
  readonly world: World
  readonly acts: Acts
  readonly shapes: Shapes
}): People {
  function prompt(by: UserState, id: string, text: string, signal?: string): ActivityState {
    const session = acts.sessionOf(id)
    const root = session.comment?.parent ?? session.comment
    const sourceComment = acts.addComment(by, {
      issueId: session.issue.id,
      ...(root && {parentId: root.id}),
      body: text,
    })
    return acts.addActivity(by, session, {
      content: {type: 'prompt', body: text},
      ...(signal !== undefined && {signal}),
      sourceComment,
    })
  }

  return {
    meet(name, {id, app = false} = {}) {
      const known = [...world.users.values()].find(user => user.displayName === name)
      if (known) return known
      const user: UserState = {
        id: id ?? randomUUID(),
        name: name.charAt(0).toUpperCase() + name.slice(1),
        displayName: name,
        app,
      }
      world.users.set(user.id, user)
      return user
    },
    person: user => ({
      id: user.id,
      name: user.name,
      url: shapes.userUrl(user),
      comments: (issue, {body, replyTo}) =>
        acts.addComment(user, {
          issueId: issueIn(world, issue).id,
          body,
          ...(replyTo !== undefined && {parentId: replyTo}),
        }),
      edits: (comment, body) => void acts.editComment(user, comment, body),
      reacts: (comment, emoji) => void acts.react(user, {commentId: comment, emoji}),
      calls(app, {issue, replyTo, body = ''}) {
        const comment = acts.addComment(user, {
          issueId: issueIn(world, issue).id,
          body: `${shapes.userUrl(app)} ${body}`,
          ...(replyTo !== undefined && {parentId: replyTo}),
        })
        return acts.openSession(app, {issue: comment.issue, comment: comment.parent ?? comment}, user)
      },
      prompts: (session, text) => prompt(user, session, text),
      stops: session => prompt(user, session, 'Stop', 'stop'),
    }),
  }
}

function issueIn(world: World, id: string): IssueState {
  const issue = world.issue(id)
  if (!issue) throw new Error(`There is no issue ${id}`)
  return issue
}
