/** What is in the workspace. Only plain facts; what follows from them is said by `changes.ts` and `webhooks.ts`. */
export interface UserState {
  readonly id: string
  readonly name: string
  readonly displayName: string
  readonly app: boolean
}

export interface TeamState {
  readonly id: string
  readonly key: string
  readonly name: string
  readonly states: readonly {
    readonly id: string
    readonly name: string
    readonly type: string
    readonly position: number
  }[]
  readonly labels: {readonly id: string; readonly name: string}[]
  lastNumber: number
}

export interface ReactionState {
  readonly id: string
  readonly emoji: string
  readonly user: UserState
  readonly comment?: CommentState
  readonly issue?: IssueState
  readonly createdAt: number
}

export interface IssueState {
  readonly id: string
  readonly identifier: string
  readonly number: number
  readonly team: TeamState
  readonly parent: IssueState | undefined
  readonly project: {readonly id: string; readonly name: string} | undefined
  readonly creator: UserState
  readonly createdAt: number
  readonly reactions: ReactionState[]
  title: string
  description: string
  priority: number
  stateId: string
  labelIds: readonly string[]
  updatedAt: number
}

export interface CommentState {
  readonly id: string
  readonly issue: IssueState
  readonly parent: CommentState | undefined
  readonly user: UserState
  readonly createdAt: number
  readonly reactions: ReactionState[]
  body: string
  editedAt: number | undefined
  updatedAt: number
}

export type ActivityContent =
  | {readonly type: 'thought' | 'elicitation' | 'response' | 'error' | 'prompt'; readonly body: string}
  | {readonly type: 'action'; readonly action: string; readonly parameter: string; readonly result?: string}

export interface ActivityState {
  readonly id: string
  readonly session: SessionState
  readonly user: UserState
  readonly content: ActivityContent
  readonly signal: string | undefined
  readonly signalMetadata: unknown
  readonly ephemeral: boolean
  readonly sourceComment: CommentState | undefined
  readonly createdAt: number
}

export interface SessionState {
  readonly id: string
  readonly appUser: UserState
  readonly creator: UserState | undefined
  readonly issue: IssueState
  readonly comment: CommentState | undefined
  readonly createdAt: number
  readonly activities: ActivityState[]
  externalUrls: readonly {readonly label: string; readonly url: string}[]
  plan: unknown
}

export interface World {
  readonly users: Map<string, UserState>
  readonly teams: Map<string, TeamState>
  readonly projects: Map<string, {readonly id: string; readonly name: string}>
  readonly issues: Map<string, IssueState>
  readonly comments: Map<string, CommentState>
  readonly sessions: Map<string, SessionState>
  /** By id or identifier. */
  issue(id: string): IssueState | undefined
}

export function createWorld(): World {
  const issues = new Map<string, IssueState>()
  return {
    users: new Map(),
    teams: new Map(),
    projects: new Map(),
    issues,
    comments: new Map(),
    sessions: new Map(),
    issue: id => issues.get(id) ?? [...issues.values()].find(issue => issue.identifier === id.toUpperCase()),
  }
}

const STALE_AFTER_MS = 30 * 60_000
const FIRST_ANSWER_WITHIN_MS = 10_000

/** Derived from the last activity and never set, as Linear does it. */
export function statusOf(
  session: SessionState,
  now: number,
): 'pending' | 'active' | 'awaitingInput' | 'complete' | 'error' | 'stale' {
  const last = session.activities.at(-1)
  const since = now - (last?.createdAt ?? session.createdAt)
  switch (last?.content.type) {
    case 'response':
      return 'complete'
    case 'error':
      return 'error'
    case undefined:
      return since > STALE_AFTER_MS ? 'stale' : 'pending'
    default:
      if (since > STALE_AFTER_MS) return 'stale'
      return last?.content.type === 'elicitation' ? 'awaitingInput' : 'active'
  }
}

/** Milliseconds from its creation to the agent's first activity; people are shown "unresponsive" after ten seconds. */
export function firstAnswerOf(session: SessionState): {
  readonly tookMs: number | undefined
  readonly inTime: boolean
} {
  const first = session.activities.find(activity => activity.content.type !== 'prompt')
  const tookMs = first && first.createdAt - session.createdAt
  return {tookMs, inTime: tookMs !== undefined && tookMs <= FIRST_ANSWER_WITHIN_MS}
}
