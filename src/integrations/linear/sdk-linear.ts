import type {LinearDocument} from '@linear/sdk'
import {z} from 'zod'
import {openLinearClient, type LinearClientOptions} from './client.ts'
import type {Linear, LinearAnswer, LinearComment, LinearUser} from './linear.ts'

/** Comments a page; a page of them with their reactions costs a small part of Linear's 10,000 points a query. */
const PAGE = 100
/** Pages read at most for one question. */
const PAGES = 100

const author = z.object({id: z.string(), app: z.boolean()})
const orNone = <T>(schema: z.ZodType<T>) => schema.nullish().transform(value => value ?? undefined)

const user = z.object({
  id: z.string(),
  name: z.string(),
  url: z.string(),
  app: z.boolean(),
}) satisfies z.ZodType<LinearUser>
const comment = z
  .object({
    id: z.string(),
    body: z.string(),
    issueId: orNone(z.string()),
    parentId: orNone(z.string()),
    user: orNone(author),
    createdAt: z.string().transform(text => Date.parse(text)),
    editedAt: z.string().nullish(),
    agentSession: z.object({id: z.string()}).nullish(),
    reactions: z.array(z.object({id: z.string(), emoji: z.string(), user: orNone(author)})),
  })
  .transform(({editedAt, agentSession, ...rest}): LinearComment => ({
    ...rest,
    edited: typeof editedAt === 'string',
    sessionId: agentSession?.id,
  }))
const nodes = <T>(schema: z.ZodType<T>) => z.object({nodes: z.array(schema)})
const success = z.object({success: z.literal(true)})

const USER = 'id name url app'
const COMMENT =
  'id body issueId parentId createdAt editedAt user { id app } reactions { id emoji user { id app } } agentSession { id }'

/**
 * Linear through its own SDK's transport, with documents written by hand: its models fetch each field by a request of
 * their own. A creation whose id exists already is looked up, since the first try may have made it.
 */
export async function openSdkLinear(options: LinearClientOptions): Promise<Linear> {
  const send = await openLinearClient(options)

  async function change(
    mutation: string,
    types: string,
    given: string,
    variables: Readonly<Record<string, unknown>>,
    signal: AbortSignal | undefined,
  ): Promise<LinearAnswer<undefined>> {
    const answer = await send(
      `mutation ${mutation}(${types}) { ${mutation}(${given}) { success } }`,
      variables,
      z.object({[mutation]: success}),
      signal,
    )
    return answer.kind === 'ok' ? {kind: 'ok', value: undefined} : answer
  }

  /** Linear does not say why it refuses an id, so what is there by it decides. */
  async function create(
    mutation: string,
    inputType: string,
    input: {readonly id: string},
    entity: string,
    signal: AbortSignal | undefined,
  ): Promise<LinearAnswer<{readonly id: string}>> {
    const {id} = input
    const made = await change(mutation, `$input: ${inputType}!`, 'input: $input', {input}, signal)
    if (made.kind === 'ok') return {kind: 'ok', value: {id}}
    if (made.kind !== 'refused') return made
    const found = await send(
      `query ${entity}($id: String!) { ${entity}(id: $id) { id } }`,
      {id},
      z.object({[entity]: z.object({id: z.string()})}),
      signal,
    )
    return found.kind === 'ok' ? {kind: 'ok', value: {id}} : made
  }

  return {
    async me(signal) {
      return map(
        await send(`query me { viewer { ${USER} } }`, {}, z.object({viewer: user}), signal),
        data => data.viewer,
      )
    },

    async issue(id, signal) {
      const answer = await send(
        `query issue($id: String!) {
          issue(id: $id) {
            id identifier title url project { id }
            team { id states(first: 50) { nodes { id type position } } labels(first: 100) { nodes { id name } } }
          }
        }`,
        {id},
        z.object({
          issue: z.object({
            id: z.string(),
            identifier: z.string(),
            title: z.string(),
            url: z.string(),
            project: orNone(z.object({id: z.string()})),
            team: z.object({
              id: z.string(),
              states: nodes(z.object({id: z.string(), type: z.string(), position: z.number()})),
              labels: nodes(z.object({id: z.string(), name: z.string()})),
            }),
          }),
        }),
        signal,
      )
      return map(answer, ({issue: {team, project, ...rest}}) => ({
        ...rest,
        teamId: team.id,
        projectId: project?.id,
        states: team.states.nodes,
        labels: team.labels.nodes,
      }))
    },

    createIssue({labelIds, ...issue}, signal) {
      const input = {
        ...issue,
        ...(labelIds && {labelIds: [...labelIds]}),
      } satisfies LinearDocument.IssueCreateInput
      return create('issueCreate', 'IssueCreateInput', input, 'issue', signal)
    },

    updateIssue(id, issue, signal) {
      const input = {...issue} satisfies LinearDocument.IssueUpdateInput
      return change(
        'issueUpdate',
        '$id: String!, $input: IssueUpdateInput!',
        'id: $id, input: $input',
        {id, input},
        signal,
      )
    },

    createComment(given, signal) {
      const input = {...given} satisfies LinearDocument.CommentCreateInput
      return create('commentCreate', 'CommentCreateInput', input, 'comment', signal)
    },

    updateComment(id, body, signal) {
      const input = {body} satisfies LinearDocument.CommentUpdateInput
      return change(
        'commentUpdate',
        '$id: String!, $input: CommentUpdateInput!',
        'id: $id, input: $input',
        {id, input},
        signal,
      )
    },

    async comment(id, signal) {
      const answer = await send(
        `query comment($id: String!) { comment(id: $id) { ${COMMENT} } }`,
        {id},
        z.object({comment}),
        signal,
      )
      return map(answer, data => data.comment)
    },

    async newsUnder(issueId, since, signal) {
      const createdAt = {gt: new Date(since).toISOString()}
      const filter = {
        or: [{createdAt}, {reactions: {some: {createdAt}}}],
        issue: {or: [{id: {eq: issueId}}, {parent: {id: {eq: issueId}}}]},
      } satisfies LinearDocument.CommentFilter
      const found: LinearComment[] = []
      let after: string | null = null
      for (let page = 0; page < PAGES; page++) {
        const answer: LinearAnswer<z.output<typeof commentPage>> = await send(
          `query newsUnder($filter: CommentFilter!, $after: String) {
            comments(filter: $filter, first: ${PAGE}, after: $after) {
              nodes { ${COMMENT} } pageInfo { hasNextPage endCursor }
            }
          }`,
          {filter, after},
          commentPage,
          signal,
        )
        if (answer.kind !== 'ok') return answer
        const {comments}: z.output<typeof commentPage> = answer.value
        found.push(...comments.nodes)
        after = comments.pageInfo.endCursor ?? null
        if (!comments.pageInfo.hasNextPage || after === null)
          return {kind: 'ok', value: {comments: found, complete: true}}
      }
      return {kind: 'ok', value: {comments: found, complete: false}}
    },

    async users(ids, signal) {
      const answer = await send(
        `query users($filter: UserFilter!) { users(filter: $filter, first: ${PAGE}) { nodes { ${USER} } } }`,
        {filter: {id: {in: [...ids]}} satisfies LinearDocument.UserFilter},
        z.object({users: nodes(user)}),
        signal,
      )
      return map(answer, data => data.users.nodes)
    },

    async openSession(commentId, signal) {
      const input = {commentId} satisfies LinearDocument.AgentSessionCreateOnComment
      const answer = await send(
        `mutation openSession($input: AgentSessionCreateOnComment!) {
          agentSessionCreateOnComment(input: $input) { success agentSession { id } }
        }`,
        {input},
        z.object({agentSessionCreateOnComment: z.object({agentSession: z.object({id: z.string()})})}),
        signal,
      )
      return map(answer, data => data.agentSessionCreateOnComment.agentSession)
    },

    updateSession(id, {plan, links}, signal) {
      const input = {
        // The schema calls it an object; what Linear takes is the list.
        ...(plan && {plan: [...plan]}),
        ...(links && {externalUrls: [...links]}),
      } satisfies LinearDocument.AgentSessionUpdateInput
      return change(
        'agentSessionUpdate',
        '$id: String!, $input: AgentSessionUpdateInput!',
        'id: $id, input: $input',
        {id, input},
        signal,
      )
    },

    createActivity({id, sessionId, type, body, options: choices}, signal) {
      const input = {
        id,
        agentSessionId: sessionId,
        content: {type, body},
        ...(choices && {signal: 'select', signalMetadata: {options: [...choices]}}),
      }
      return create('agentActivityCreate', 'AgentActivityCreateInput', input, 'agentActivity', signal)
    },

    async session(id, signal) {
      const answer = await send(
        `query session($id: String!) {
          agentSession(id: $id) {
            id issue { id } comment { id parentId }
            activities(first: 50) {
              nodes {
                id signal user { id app } sourceComment { id }
                content { ... on AgentActivityPromptContent { body } }
              }
            }
          }
        }`,
        {id},
        z.object({agentSession: session}),
        signal,
      )
      return map(answer, data => data.agentSession)
    },
  }
}

const commentPage = z.object({
  comments: z.object({
    nodes: z.array(comment),
    pageInfo: z.object({hasNextPage: z.boolean(), endCursor: z.string().nullish()}),
  }),
})

const session = z
  .object({
    id: z.string(),
    issue: orNone(z.object({id: z.string()})),
    comment: orNone(z.object({id: z.string(), parentId: orNone(z.string())})),
    activities: nodes(
      z.object({
        id: z.string(),
        signal: z.string().nullish(),
        user: author,
        sourceComment: orNone(z.object({id: z.string()})),
        // Only a prompt's text is asked for: what else there is was written by us.
        content: z.object({body: z.string().optional()}),
      }),
    ),
  })
  .transform(({id, issue, comment: held, activities}) => ({
    id,
    issueId: issue?.id,
    commentId: held?.parentId ?? held?.id,
    prompts: activities.nodes.flatMap(({content, signal, sourceComment, ...rest}) =>
      content.body === undefined
        ? []
        : [{...rest, body: content.body, stop: signal === 'stop', commentId: sourceComment?.id}],
    ),
  }))

function map<T, U>(answer: LinearAnswer<T>, value: (given: T) => U): LinearAnswer<U> {
  return answer.kind === 'ok' ? {kind: 'ok', value: value(answer.value)} : answer
}
