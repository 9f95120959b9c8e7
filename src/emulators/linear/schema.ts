import {buildSchema} from 'graphql'

/**
 * The part of Linear's schema that a chat-ops product has use for, by its real names, types and nullability. Whatever
 * is not here is refused as unknown, as Linear refuses what is not in the whole of it.
 */
export const schema = buildSchema(`
  scalar DateTime
  scalar DateTimeOrDuration
  scalar JSON
  scalar JSONObject

  type Query {
    agentActivity(id: String!): AgentActivity!
    agentSession(id: String!): AgentSession!
    comment(id: String): Comment!
    comments(after: String, filter: CommentFilter, first: Int, orderBy: PaginationOrderBy): CommentConnection!
    issue(id: String!): Issue!
    user(id: String!): User!
    users(after: String, filter: UserFilter, first: Int, orderBy: PaginationOrderBy): UserConnection!
    viewer: User!
  }

  type Mutation {
    agentActivityCreate(input: AgentActivityCreateInput!): AgentActivityPayload!
    agentSessionCreateOnComment(input: AgentSessionCreateOnComment!): AgentSessionPayload!
    agentSessionCreateOnIssue(input: AgentSessionCreateOnIssue!): AgentSessionPayload!
    agentSessionUpdate(id: String!, input: AgentSessionUpdateInput!): AgentSessionPayload!
    commentCreate(input: CommentCreateInput!): CommentPayload!
    commentUpdate(id: String!, input: CommentUpdateInput!): CommentPayload!
    issueCreate(input: IssueCreateInput!): IssuePayload!
    issueUpdate(id: String!, input: IssueUpdateInput!): IssuePayload!
    reactionCreate(input: ReactionCreateInput!): ReactionPayload!
  }

  enum PaginationOrderBy { createdAt updatedAt }
  enum AgentActivitySignal { auth continue select stop }
  enum AgentActivityType { action elicitation error prompt response thought }
  enum AgentSessionStatus { active awaitingInput complete error pending stale }

  type PageInfo { endCursor: String, hasNextPage: Boolean!, hasPreviousPage: Boolean!, startCursor: String }

  type User {
    active: Boolean!
    app: Boolean!
    displayName: String!
    email: String!
    id: ID!
    isMe: Boolean!
    name: String!
    url: String!
  }
  type UserConnection { nodes: [User!]!, pageInfo: PageInfo! }

  type Team {
    id: ID!
    key: String!
    labels(after: String, first: Int): IssueLabelConnection!
    name: String!
    states(after: String, first: Int): WorkflowStateConnection!
  }
  type WorkflowState { id: ID!, name: String!, position: Float!, type: String! }
  type WorkflowStateConnection { nodes: [WorkflowState!]!, pageInfo: PageInfo! }
  type IssueLabel { id: ID!, name: String! }
  type IssueLabelConnection { nodes: [IssueLabel!]!, pageInfo: PageInfo! }
  type Project { id: ID!, name: String! }

  type Issue {
    children(after: String, first: Int): IssueConnection!
    comments(after: String, first: Int, orderBy: PaginationOrderBy): CommentConnection!
    createdAt: DateTime!
    description: String
    id: ID!
    identifier: String!
    labelIds: [String!]!
    labels(after: String, first: Int): IssueLabelConnection!
    number: Float!
    parent: Issue
    priority: Float!
    project: Project
    reactions: [Reaction!]!
    state: WorkflowState!
    team: Team!
    title: String!
    updatedAt: DateTime!
    url: String!
  }
  type IssueConnection { nodes: [Issue!]!, pageInfo: PageInfo! }

  type ActorBot { id: ID, name: String, type: String! }

  type Comment {
    agentSession: AgentSession
    body: String!
    botActor: ActorBot
    createdAt: DateTime!
    editedAt: DateTime
    id: ID!
    issue: Issue
    issueId: String
    parent: Comment
    parentId: String
    reactions: [Reaction!]!
    updatedAt: DateTime!
    url: String!
    user: User
  }
  type CommentConnection { nodes: [Comment!]!, pageInfo: PageInfo! }

  type Reaction {
    comment: Comment
    createdAt: DateTime!
    emoji: String!
    id: ID!
    issue: Issue
    updatedAt: DateTime!
    user: User
  }

  type AgentSession {
    activities(after: String, first: Int, orderBy: PaginationOrderBy): AgentActivityConnection!
    appUser: User!
    comment: Comment
    createdAt: DateTime!
    creator: User
    externalUrls: JSON!
    id: ID!
    issue: Issue
    plan: JSON
    status: AgentSessionStatus!
    updatedAt: DateTime!
    url: String
  }
  type AgentActivity {
    agentSession: AgentSession!
    content: AgentActivityContent!
    createdAt: DateTime!
    ephemeral: Boolean!
    id: ID!
    signal: AgentActivitySignal
    signalMetadata: JSON
    sourceComment: Comment
    updatedAt: DateTime!
    user: User!
  }
  type AgentActivityConnection { nodes: [AgentActivity!]!, pageInfo: PageInfo! }
  union AgentActivityContent =
    AgentActivityActionContent | AgentActivityElicitationContent | AgentActivityErrorContent
    | AgentActivityPromptContent | AgentActivityResponseContent | AgentActivityThoughtContent
  type AgentActivityActionContent { action: String!, parameter: String!, result: String, type: AgentActivityType! }
  type AgentActivityElicitationContent { body: String!, type: AgentActivityType! }
  type AgentActivityErrorContent { body: String!, type: AgentActivityType! }
  type AgentActivityPromptContent { body: String!, type: AgentActivityType! }
  type AgentActivityResponseContent { body: String!, type: AgentActivityType! }
  type AgentActivityThoughtContent { body: String!, type: AgentActivityType! }

  type CommentPayload { comment: Comment!, lastSyncId: Float!, success: Boolean! }
  type IssuePayload { issue: Issue, lastSyncId: Float!, success: Boolean! }
  type ReactionPayload { lastSyncId: Float!, reaction: Reaction!, success: Boolean! }
  type AgentActivityPayload { agentActivity: AgentActivity!, lastSyncId: Float!, success: Boolean! }
  type AgentSessionPayload { agentSession: AgentSession!, lastSyncId: Float!, success: Boolean! }

  input CommentCreateInput {
    body: String
    createAsUser: String
    displayIconUrl: String
    doNotSubscribeToIssue: Boolean
    id: String
    issueId: String
    parentId: String
  }
  input CommentUpdateInput { body: String }
  input IssueCreateInput {
    description: String
    id: String
    labelIds: [String!]
    parentId: String
    priority: Int
    projectId: String
    stateId: String
    teamId: String!
    title: String
  }
  input IssueUpdateInput {
    addedLabelIds: [String!]
    description: String
    priority: Int
    removedLabelIds: [String!]
    stateId: String
    title: String
  }
  input ReactionCreateInput { commentId: String, emoji: String!, id: String, issueId: String }
  input AgentActivityCreateInput {
    agentSessionId: String!
    content: JSONObject!
    ephemeral: Boolean
    id: String
    signal: AgentActivitySignal
    signalMetadata: JSONObject
  }
  input AgentSessionCreateOnComment { commentId: String!, externalUrls: [AgentSessionExternalUrlInput!] }
  input AgentSessionCreateOnIssue { externalUrls: [AgentSessionExternalUrlInput!], issueId: String! }
  input AgentSessionUpdateInput {
    addedExternalUrls: [AgentSessionExternalUrlInput!]
    externalUrls: [AgentSessionExternalUrlInput!]
    plan: JSONObject
    removedExternalUrls: [String!]
  }
  input AgentSessionExternalUrlInput { label: String!, url: String! }

  input IDComparator { eq: ID, in: [ID!], neq: ID, nin: [ID!] }
  input IssueIDComparator { eq: ID, in: [ID!], neq: ID, nin: [ID!] }
  input DateComparator {
    eq: DateTimeOrDuration
    gt: DateTimeOrDuration
    gte: DateTimeOrDuration
    lt: DateTimeOrDuration
    lte: DateTimeOrDuration
    neq: DateTimeOrDuration
  }
  input BooleanComparator { eq: Boolean, neq: Boolean }
  input CommentFilter {
    and: [CommentFilter!]
    createdAt: DateComparator
    id: IDComparator
    issue: NullableIssueFilter
    or: [CommentFilter!]
    parent: NullableCommentFilter
    reactions: ReactionCollectionFilter
    updatedAt: DateComparator
    user: UserFilter
  }
  input ReactionCollectionFilter { every: ReactionFilter, some: ReactionFilter }
  input ReactionFilter { createdAt: DateComparator, id: IDComparator }
  input NullableCommentFilter {
    and: [NullableCommentFilter!]
    createdAt: DateComparator
    id: IDComparator
    null: Boolean
    or: [NullableCommentFilter!]
  }
  input NullableIssueFilter {
    and: [NullableIssueFilter!]
    id: IssueIDComparator
    null: Boolean
    or: [NullableIssueFilter!]
    parent: NullableIssueFilter
  }
  input UserFilter { active: BooleanComparator, and: [UserFilter!], app: BooleanComparator, id: IDComparator, or: [UserFilter!] }
`)
