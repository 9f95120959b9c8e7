import {checkBody} from '../body.ts'
import {labelShape, type CommentShapes} from '../comment-shapes.ts'
import {addLabels, discussionOf, touchedAt} from '../comments.ts'
import {ok, page, refuse, repositoryRoutesAt, type Call, type Route} from '../route.ts'

/** Issues; pull requests are issues, too, and stand in the same list. */
export function issueRoutes({shapes}: {readonly shapes: Pick<CommentShapes, 'issue'>}): Route[] {
  const route = repositoryRoutesAt({
    path: '/issues',
    docs: 'issues/issues#',
    permission: 'issues',
    or: 'pull_requests',
  })

  return [
    route('issues', 'GET', '', 'list-repository-issues', (call, repository) => {
      const {labels = '', sort = 'created', direction = 'desc'} = call.query
      const state = oneOf(call, 'state', ['open', 'closed', 'all'])
      const wanted = labels
        .split(',')
        .map(label => label.trim().toLowerCase())
        .filter(label => label !== '')
      const since = call.query['since'] === undefined ? 0 : Date.parse(call.query['since'])
      if (Number.isNaN(since)) refuse(422, 'Validation Failed: since is invalid')
      const listed = [...repository.issues, ...repository.pulls].filter(
        one =>
          (state === 'all' || one.state === state) &&
          wanted.every(label => one.labels.some(name => name.toLowerCase() === label)) &&
          touchedAt(one) >= since,
      )
      const when = (one: (typeof listed)[number]) => (sort === 'updated' ? touchedAt(one) : one.createdAt)
      const turn = direction === 'desc' ? -1 : 1
      listed.sort((one, other) => turn * (when(one) - when(other) || one.number - other.number))
      return page(call, listed, some => some.map(({number}) => shapes.issue(repository, number)))
    }),
    route('issue', 'GET', '/:number', 'get-an-issue', ({params}, repository) => {
      const number = Number(params['number'])
      return discussionOf(repository, number)
        ? ok(shapes.issue(repository, number))
        : refuse(404, 'Not Found')
    }),
    {
      name: 'addLabels',
      method: 'POST',
      path: '/repos/:owner/:repo/issues/:number/labels',
      docs: 'issues/labels#add-labels-to-an-issue',
      for: 'repository',
      permission: ['issues', 'write'],
      or: 'pull_requests',
      handle({params, body}, repository) {
        checkBody(body, {labels: 'array'}, ['labels'])
        const number = Number(params['number'])
        if (!discussionOf(repository, number)) refuse(404, 'Not Found')
        return ok(addLabels(repository, number, labelNames(body['labels'])).map(labelShape))
      },
    },
  ]
}

const LONGEST_LABEL = 50

function labelNames(given: unknown): readonly string[] {
  const names = Array.isArray(given) ? given.filter(name => typeof name === 'string') : []
  const taken = Array.isArray(given) && names.length === given.length && names.length > 0
  if (!taken || names.some(name => name.trim() === '' || name.length > LONGEST_LABEL))
    refuse(422, 'Validation Failed: labels is invalid')
  return names
}

function oneOf<T extends string>({query}: Call, name: string, values: readonly [T, ...T[]]): T {
  const given = query[name]
  if (given === undefined) return values[0]
  return values.find(value => value === given) ?? refuse(422, `Validation Failed: ${name} is invalid`)
}
