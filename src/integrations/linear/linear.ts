/**
 * Linear as this product uses it: some reads and writes, one round trip each, every outcome a value. Creations take an
 * id that the caller made (a UUID of version 4): asked again with the same id, they find what the first try left.
 */
export interface Linear {
  /** The account that our token belongs to. */
  me(signal?: AbortSignal): Promise<LinearAnswer<LinearUser>>
  /** By id or identifier (`OPS-1`). */
  issue(id: string, signal?: AbortSignal): Promise<LinearAnswer<LinearIssue>>
  createIssue(issue: NewLinearIssue, signal?: AbortSignal): Promise<LinearAnswer<{readonly id: string}>>
  updateIssue(
    id: string,
    change: {readonly title?: string; readonly description?: string; readonly stateId?: string},
    signal?: AbortSignal,
  ): Promise<LinearAnswer<undefined>>
  createComment(comment: NewLinearComment, signal?: AbortSignal): Promise<LinearAnswer<{readonly id: string}>>
  updateComment(id: string, body: string, signal?: AbortSignal): Promise<LinearAnswer<undefined>>
  comment(id: string, signal?: AbortSignal): Promise<LinearAnswer<LinearComment>>
  /**
   * Comments on an issue and its children that were made, or reacted to, after an instant, newest first. `complete`:
   * there are no more.
   */
  newsUnder(
    issueId: string,
    since: number,
    signal?: AbortSignal,
  ): Promise<LinearAnswer<{readonly comments: readonly LinearComment[]; readonly complete: boolean}>>
  /** Those of the ids that are known. At most 100. */
  users(ids: readonly string[], signal?: AbortSignal): Promise<LinearAnswer<readonly LinearUser[]>>
  /** Opens a session of ours under a comment, as an agent; only an app may. */
  openSession(commentId: string, signal?: AbortSignal): Promise<LinearAnswer<{readonly id: string}>>
  updateSession(
    id: string,
    change: {
      readonly plan?: readonly PlanItem[]
      readonly links?: readonly {readonly label: string; readonly url: string}[]
    },
    signal?: AbortSignal,
  ): Promise<LinearAnswer<undefined>>
  createActivity(
    activity: NewLinearActivity,
    signal?: AbortSignal,
  ): Promise<LinearAnswer<{readonly id: string}>>
  /** The session with what people wrote in it, newest first, at most 50. */
  session(id: string, signal?: AbortSignal): Promise<LinearAnswer<LinearSession>>
}

/** What became of a request. */
export type LinearAnswer<T> =
  | {readonly kind: 'ok'; readonly value: T}
  /** What was asked for does not exist, or is not ours to see. */
  | {readonly kind: 'missing'}
  /** Asking again changes nothing. */
  | {readonly kind: 'refused'; readonly reason: string}
  /** It may work later. A change may have taken effect all the same. */
  | {readonly kind: 'failed'; readonly reason: string; readonly retryAfterMs?: number}

/** A person or an app. */
export interface LinearUser {
  readonly id: string
  readonly name: string
  /** Written plainly into a text, it mentions them. */
  readonly url: string
  readonly app: boolean
}

/** An issue, with what it takes to move it. */
export interface LinearIssue {
  readonly id: string
  readonly identifier: string
  readonly title: string
  readonly url: string
  readonly teamId: string
  readonly projectId: string | undefined
  /** Of its team. `type`: `backlog`, `unstarted`, `started`, `completed`, `canceled`, `triage`. */
  readonly states: readonly {readonly id: string; readonly type: string; readonly position: number}[]
  readonly labels: readonly {readonly id: string; readonly name: string}[]
}

/** An issue to be created, under an id of the caller’s. */
export interface NewLinearIssue {
  readonly id: string
  readonly teamId: string
  readonly parentId?: string
  readonly projectId?: string
  readonly title: string
  readonly description: string
  /** 0 none, 1 urgent, 2 high, 3 medium, 4 low. */
  readonly priority: number
  readonly labelIds?: readonly string[]
}

/** A comment to be created, under an id of the caller’s. */
export interface NewLinearComment {
  readonly id: string
  readonly issueId: string
  /** The root of a thread: threads are one level deep. */
  readonly parentId?: string
  readonly body: string
}

/** A comment as it stands. */
export interface LinearComment {
  readonly id: string
  readonly body: string
  readonly issueId: string | undefined
  readonly parentId: string | undefined
  /** Nobody: an integration or somebody outside wrote it. */
  readonly user: {readonly id: string; readonly app: boolean} | undefined
  readonly createdAt: number
  readonly edited: boolean
  readonly reactions: readonly LinearReaction[]
  /** The agent's session that is held in its thread. */
  readonly sessionId: string | undefined
}

/** A reaction to a comment. */
export interface LinearReaction {
  readonly id: string
  /** A name such as `+1`, or the glyph itself. */
  readonly emoji: string
  readonly user: {readonly id: string; readonly app: boolean} | undefined
}

/** A line of the plan that a session shows. */
export interface PlanItem {
  readonly content: string
  readonly status: 'pending' | 'inProgress' | 'completed' | 'canceled'
}

/** What we say in a session, under an id of the caller’s. */
export interface NewLinearActivity {
  readonly id: string
  readonly sessionId: string
  readonly type: 'thought' | 'elicitation' | 'response' | 'error'
  readonly body: string
  /** Of an elicitation: what can be chosen; the choice comes back as a prompt of its value. */
  readonly options?: readonly {readonly label: string; readonly value: string}[]
}

/** A session that is held with us as an agent. */
export interface LinearSession {
  readonly id: string
  readonly issueId: string | undefined
  /** The root comment of the thread it is held in. */
  readonly commentId: string | undefined
  readonly prompts: readonly LinearPrompt[]
}

/** What a person wrote in a session. It can't be edited afterwards. */
export interface LinearPrompt {
  readonly id: string
  readonly body: string
  readonly user: {readonly id: string; readonly app: boolean}
  readonly stop: boolean
  /** The comment that it also is. */
  readonly commentId: string | undefined
}
