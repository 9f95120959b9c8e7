import type {Caller} from './auth.ts'
import type {RepositoryState} from './repositories.ts'

export interface Answer {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** One request, read and let in. */
export interface Call {
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  /** The JSON object sent; empty when there was none. */
  readonly body: Readonly<Record<string, unknown>>
  readonly caller: Caller
  readonly apiVersion: string
  /** Address asked, without the query. */
  readonly url: string
}

/**
 * One operation of the REST API. To add one, write it down in a file of `routes/`: the pipeline around it
 * (recording, faults, credentials, limits, permissions, ETags, headers) comes by itself.
 */
export type Route = {
  /** What faults, recordings and counts call it. */
  readonly name: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** `:param` for one segment, a final `*` for the rest (branch names hold slashes). */
  readonly path: string
  /** Path on docs.github.com/rest, returned in refusals. */
  readonly docs: string
  /** Costs nothing of the primary limit. */
  readonly free?: boolean
} & (
  | {
      /** Who may come: anyone, somebody with a token, an installation, or an App with its JWT. */
      readonly for: 'anyone' | 'user' | 'installation' | 'app'
      handle(call: Call): Answer
    }
  | {
      readonly for: 'repository'
      readonly permission: readonly [name: string, level: 'read' | 'write']
      /** Another permission that will do as well, at the same level. */
      readonly or?: string
      /** Refuse anonymous readers even where the repository is public. */
      readonly signedIn?: boolean
      handle(call: Call, repository: RepositoryState): Answer
    }
)

/**
 * Operations on a repository that belong together: they share where their paths and docs begin, and the permission they
 * take, to read or to write as their methods do.
 */
export function repositoryRoutesAt({
  path: at,
  docs: page = '',
  permission,
  ...who
}: {
  readonly path: string
  readonly docs?: string
  readonly permission: string
  readonly or?: string
  readonly signedIn?: boolean
}) {
  return (
    name: string,
    method: Route['method'],
    path: string,
    docs: string,
    handle: (call: Call, repository: RepositoryState) => Answer,
  ): Route => ({
    ...who,
    name,
    method,
    path: `/repos/:owner/:repo${at}${path}`,
    docs: `${page}${docs}`,
    for: 'repository',
    permission: [permission, method === 'GET' ? 'read' : 'write'],
    handle,
  })
}

/** An error answer on its way up; the pipeline adds `documentation_url` and headers. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.headers = headers
  }
}

/** Ends the request with GitHub's error body. */
export function refuse(status: number, message: string, headers?: Readonly<Record<string, string>>): never {
  throw new Refusal(status, message, headers)
}

export function ok(body: unknown): Answer {
  return {status: 200, body}
}

/** The asked page (30 by default, 100 at most) with its `Link` header. */
export function page<T>(
  call: Call,
  items: readonly T[],
  body: (items: T[], total: number) => unknown,
): Answer {
  const perPage = Math.min(positive(call.query['per_page'], 30), 100)
  const current = positive(call.query['page'], 1)
  const last = Math.max(Math.ceil(items.length / perPage), 1)
  const address = (number: number) =>
    `<${call.url}?${new URLSearchParams({...call.query, per_page: String(perPage), page: String(number)}).toString()}>`
  const links = [
    ...(current > 1 ? [`${address(current - 1)}; rel="prev"`] : []),
    ...(current < last ? [`${address(current + 1)}; rel="next"`, `${address(last)}; rel="last"`] : []),
    ...(current > 1 ? [`${address(1)}; rel="first"`] : []),
  ]
  return {
    status: 200,
    body: body(items.slice((current - 1) * perPage, current * perPage), items.length),
    ...(links.length > 0 && {headers: {link: links.join(', ')}}),
  }
}

function positive(text: string | undefined, otherwise: number): number {
  const number = Number(text)
  return Number.isInteger(number) && number > 0 ? number : otherwise
}
