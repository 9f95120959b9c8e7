import {checkBody} from '../body.ts'
import type {CommentShapes} from '../comment-shapes.ts'
import {addComment, discussionOf, type CommentState} from '../comments.ts'
import type {Ids} from '../ids.ts'
import type {People} from '../people.ts'
import type {RepositoryState} from '../repositories.ts'
import {ok, page, refuse, repositoryRoutesAt, type Call, type Route} from '../route.ts'

const LONGEST_BODY = 65_536

/** Comments on issues and pull requests. */
export function commentRoutes({
  shapes,
  people,
  ids,
  now,
  tell,
}: {
  readonly shapes: CommentShapes
  readonly people: People
  readonly ids: Ids
  readonly now: () => number
  readonly tell: (repository: RepositoryState, comment: CommentState, action: 'created' | 'edited') => void
}): Route[] {
  const route = repositoryRoutesAt({
    path: '/issues',
    docs: 'issues/comments#',
    permission: 'issues',
    or: 'pull_requests',
  })

  const commentOf = ({params}: Call, repository: RepositoryState): CommentState =>
    repository.comments.find(({id}) => String(id) === params['comment']) ?? refuse(404, 'Not Found')
  const numberOf = ({params}: Call, repository: RepositoryState): number => {
    const number = Number(params['number'])
    return discussionOf(repository, number) ? number : refuse(404, 'Not Found')
  }
  const since = ({query}: Call): number => {
    const text = query['since']
    if (text === undefined) return 0
    const at = Date.parse(text)
    return Number.isNaN(at) ? refuse(422, 'Validation Failed: since is invalid') : at
  }

  return [
    route('comments', 'GET', '/comments', 'list-issue-comments-for-a-repository', (call, repository) => {
      const {sort = 'created', direction = 'desc'} = call.query
      const from = since(call)
      const when = (comment: CommentState) => (sort === 'updated' ? comment.editedAt : comment.at)
      const listed = repository.comments.filter(({editedAt}) => editedAt >= from)
      // Without `sort`, GitHub takes no notice of `direction`.
      const turn = call.query['sort'] !== undefined && direction === 'desc' ? -1 : 1
      listed.sort((one, other) => turn * (when(one) - when(other) || one.id - other.id))
      return page(call, listed, some => some.map(comment => shapes.comment(repository, comment)))
    }),
    route('comment', 'GET', '/comments/:comment', 'get-an-issue-comment', (call, repository) =>
      ok(shapes.comment(repository, commentOf(call, repository))),
    ),
    route('updateComment', 'PATCH', '/comments/:comment', 'update-an-issue-comment', (call, repository) => {
      const comment = commentOf(call, repository)
      checkBody(call.body, {body: 'string'}, ['body'])
      if (comment.author !== call.caller.login) refuse(403, 'Must be the author of the comment')
      comment.body = bounded(call.body['body'])
      comment.editedAt = now()
      tell(repository, comment, 'edited')
      return ok(shapes.comment(repository, comment))
    }),
    route('issueComments', 'GET', '/:number/comments', 'list-issue-comments', (call, repository) => {
      const number = numberOf(call, repository)
      const from = since(call)
      const listed = repository.comments.filter(
        comment => comment.number === number && comment.editedAt >= from,
      )
      return page(call, listed, some => some.map(comment => shapes.comment(repository, comment)))
    }),
    route('createComment', 'POST', '/:number/comments', 'create-an-issue-comment', (call, repository) => {
      const number = numberOf(call, repository)
      checkBody(call.body, {body: 'string'}, ['body'])
      const author = people.meet(call.caller.login).login
      const comment = addComment(repository, {number, author, body: bounded(call.body['body'])}, {ids, now})
      tell(repository, comment, 'created')
      return {status: 201, body: shapes.comment(repository, comment)}
    }),
  ]
}

function bounded(body: unknown): string {
  const words = typeof body === 'string' ? body : ''
  if (words.trim() === '') refuse(422, 'Validation Failed: body can’t be blank')
  if (words.length > LONGEST_BODY)
    refuse(422, `Validation Failed: body is too long (maximum is ${LONGEST_BODY} characters)`)
  return words
}
