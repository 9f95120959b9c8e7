import {checkBody} from '../body.ts'
import type {Ids} from '../ids.ts'
import type {People} from '../people.ts'
import type {PullShapes} from '../pull-shapes.ts'
import {brings, differences, headOf, openPull, type PullState, type ReviewState} from '../pulls.ts'
import type {RepositoryState} from '../repositories.ts'
import {ok, page, refuse, repositoryRoutesAt, type Call, type Route} from '../route.ts'

const MOST_FILES = 3000
const LONGEST_BODY = 65_536
const REVIEW_STATES = {
  COMMENT: 'COMMENTED',
  APPROVE: 'APPROVED',
  REQUEST_CHANGES: 'CHANGES_REQUESTED',
} as const

/** Pull requests, what they change, and their reviews. */
export function pullRoutes({
  shapes,
  people,
  ids,
  now,
}: {
  readonly shapes: PullShapes
  readonly people: People
  readonly ids: Ids
  readonly now: () => number
}): Route[] {
  const route = repositoryRoutesAt({path: '/pulls', permission: 'pull_requests'})

  const pullOf = ({params}: Call, repository: RepositoryState): PullState =>
    repository.pulls.find(pull => String(pull.number) === params['number']) ?? refuse(404, 'Not Found')
  const reviewOf = ({params}: Call, pull: PullState): ReviewState =>
    pull.reviews.find(review => String(review.id) === params['review']) ?? refuse(404, 'Not Found')

  return [
    {
      name: 'pullsOf',
      method: 'GET',
      path: '/repos/:owner/:repo/commits/:sha/pulls',
      docs: 'commits/commits#list-pull-requests-associated-with-a-commit',
      for: 'repository',
      permission: ['pull_requests', 'read'],
      handle(call, repository) {
        const sha = call.params['sha'] ?? ''
        if (!repository.commits.has(sha)) refuse(422, `No commit found for SHA: ${sha}`)
        const bringing = repository.pulls.filter(pull => brings(repository, pull, sha))
        return page(call, bringing, some => some.map(pull => shapes.shortPull(repository, pull)))
      },
    },
    route('pulls', 'GET', '', 'pulls/pulls#list-pull-requests', (call, repository) => {
      const {state = 'open', head, base, sort = 'created', direction} = call.query
      if (sort !== 'created' && sort !== 'updated')
        refuse(404, 'The emulator sorts by creation and change only')
      const when = (pull: PullState) =>
        sort === 'updated' ? (pull.closedAt ?? pull.createdAt) : pull.createdAt
      const turn = (direction ?? (sort === 'created' ? 'desc' : 'asc')) === 'desc' ? -1 : 1
      const listed = repository.pulls
        .filter(
          pull =>
            (state === 'all' || pull.state === state) &&
            (head === undefined ||
              head === `${(pull.fork ?? repository.owner).split('/')[0]}:${pull.head}`) &&
            (base === undefined || base === pull.base),
        )
        .sort((one, other) => turn * (when(one) - when(other) || one.number - other.number))
      return page(call, listed, some => some.map(pull => shapes.shortPull(repository, pull)))
    }),
    route('createPull', 'POST', '', 'pulls/pulls#create-a-pull-request', ({body, caller}, repository) => {
      checkBody(
        body,
        {
          title: 'string',
          head: 'string',
          base: 'string',
          body: 'string',
          draft: 'boolean',
          maintainer_can_modify: 'boolean',
        },
        ['title', 'head', 'base'],
      )
      const title = text(body['title'])
      const base = text(body['base'])
      const head = text(body['head']).replace(`${repository.owner}:`, '')
      if (title.trim() === '') refuse(422, 'Validation Failed: title is missing')
      if (!repository.branches.has(base)) refuse(422, 'Validation Failed: base invalid')
      if (!repository.branches.has(head)) refuse(422, 'Validation Failed: head invalid')
      if (repository.branches.get(head) === repository.branches.get(base))
        refuse(422, `Validation Failed: No commits between ${base} and ${head}`)
      const open = repository.pulls.some(
        pull => pull.state === 'open' && pull.head === head && pull.base === base && pull.fork === undefined,
      )
      if (open)
        refuse(422, `Validation Failed: A pull request already exists for ${repository.owner}:${head}.`)
      const pull = openPull(
        repository,
        {
          title,
          body: bounded(body['body']),
          head,
          base,
          draft: body['draft'] === true,
          author: people.meet(caller.login).login,
        },
        {ids, now},
      )
      return {status: 201, body: shapes.pull(repository, pull)}
    }),
    route('pull', 'GET', '/:number', 'pulls/pulls#get-a-pull-request', (call, repository) =>
      ok(shapes.pull(repository, pullOf(call, repository))),
    ),
    route('updatePull', 'PATCH', '/:number', 'pulls/pulls#update-a-pull-request', (call, repository) => {
      const pull = pullOf(call, repository)
      const {body} = call
      checkBody(body, {title: 'string', body: 'string', state: 'string', maintainer_can_modify: 'boolean'})
      if (body['state'] !== undefined && body['state'] !== 'open' && body['state'] !== 'closed')
        refuse(422, 'Validation Failed: state is invalid')
      if (body['title'] !== undefined) pull.title = text(body['title'])
      if (body['body'] !== undefined) pull.body = bounded(body['body'])
      if (body['state'] !== undefined) {
        if (pull.mergedAt !== undefined && body['state'] === 'open')
          refuse(422, 'Validation Failed: state cannot be changed. The pull request has been merged.')
        pull.state = body['state']
        pull.closedAt = pull.state === 'closed' ? (pull.closedAt ?? now()) : undefined
      }
      return ok(shapes.pull(repository, pull))
    }),
    route(
      'pullFiles',
      'GET',
      '/:number/files',
      'pulls/pulls#list-pull-requests-files',
      (call, repository) => {
        const pull = pullOf(call, repository)
        return page(call, differences(repository, pull).slice(0, MOST_FILES), some =>
          some.map(file => shapes.file(repository, headOf(repository, pull), file)),
        )
      },
    ),
    route(
      'reviews',
      'GET',
      '/:number/reviews',
      'pulls/reviews#list-reviews-for-a-pull-request',
      (call, repository) => {
        const pull = pullOf(call, repository)
        return page(call, pull.reviews, some => some.map(review => shapes.review(repository, pull, review)))
      },
    ),
    route(
      'createReview',
      'POST',
      '/:number/reviews',
      'pulls/reviews#create-a-review-for-a-pull-request',
      (call, repository) => {
        const pull = pullOf(call, repository)
        const {body, caller} = call
        checkBody(body, {commit_id: 'string', body: 'string', event: 'string', comments: 'array'})
        const {event} = body
        const isEvent = (given: unknown): given is keyof typeof REVIEW_STATES =>
          typeof given === 'string' && Object.hasOwn(REVIEW_STATES, given)
        if (event !== undefined && !isEvent(event))
          refuse(422, 'Variable $event of type PullRequestReviewEvent was provided invalid value')
        const words = bounded(body['body'])
        if ((event === 'COMMENT' || event === 'REQUEST_CHANGES') && words === '')
          refuse(422, 'Unprocessable Entity: body can’t be blank')
        if (event !== undefined && event !== 'COMMENT' && caller.login === pull.author)
          refuse(
            422,
            `Review Can not ${event === 'APPROVE' ? 'approve' : 'request changes on'} your own pull request`,
          )
        const commit = body['commit_id'] === undefined ? headOf(repository, pull) : text(body['commit_id'])
        if (!repository.commits.has(commit))
          refuse(422, 'Unprocessable Entity: commit_id is not part of the pull request')
        const review: ReviewState = {
          id: ids.next(),
          author: people.meet(caller.login).login,
          body: words,
          state: isEvent(event) ? REVIEW_STATES[event] : 'PENDING',
          commit,
          at: now(),
        }
        pull.reviews.push(review)
        return ok(shapes.review(repository, pull, review))
      },
    ),
    route(
      'updateReview',
      'PUT',
      '/:number/reviews/:review',
      'pulls/reviews#update-a-review-for-a-pull-request',
      (call, repository) => {
        const pull = pullOf(call, repository)
        const review = reviewOf(call, pull)
        checkBody(call.body, {body: 'string'}, ['body'])
        if (review.author !== call.caller.login) refuse(403, 'Must be the author of the review')
        review.body = bounded(call.body['body'])
        return ok(shapes.review(repository, pull, review))
      },
    ),
  ]
}

function bounded(body: unknown): string {
  const words = text(body)
  if (words.length > LONGEST_BODY)
    refuse(422, `Validation Failed: body is too long (maximum is ${LONGEST_BODY} characters)`)
  return words
}

/** Its type was checked with the body. */
function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
