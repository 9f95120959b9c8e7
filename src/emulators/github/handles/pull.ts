import type {Ids} from '../ids.ts'
import type {PullShapes} from '../pull-shapes.ts'
import {headOf, mergePull, pushTo, type PullState} from '../pulls.ts'
import type {FileChanges, RepositoryState} from '../repositories.ts'

export interface Pull {
  readonly number: number
  readonly url: string
  readonly title: string
  readonly body: string
  readonly state: 'open' | 'closed'
  readonly draft: boolean
  readonly head: string
  readonly headSha: string
  readonly base: string
  /** The repository its branch is in, if that is another one. */
  readonly fork: string | undefined
  readonly reviews: readonly {
    readonly id: number
    readonly author: string
    readonly body: string
    readonly state: string
    readonly commit: string
  }[]
  /** One more commit; answers its sha. */
  push(message: string, files: FileChanges): string
  close(): void
  /** Answers the commit that is then on its base. */
  merge(): string
}

export function createPullHandles({
  shapes,
  ids,
  now,
}: {
  readonly shapes: Pick<PullShapes, 'pullPage'>
  readonly ids: Ids
  readonly now: () => number
}) {
  return (home: RepositoryState, state: PullState): Pull => ({
    number: state.number,
    url: shapes.pullPage(home, state),
    head: state.head,
    base: state.base,
    fork: state.fork,
    draft: state.draft,
    get title() {
      return state.title
    },
    get body() {
      return state.body
    },
    get state() {
      return state.state
    },
    get headSha() {
      return headOf(home, state)
    },
    get reviews() {
      return state.reviews.map(({id, author, body, state: kind, commit}) => ({
        id,
        author,
        body,
        state: kind,
        commit,
      }))
    },
    push: (message, files) => pushTo(home, state, {message, files, sha: ids.sha(), at: now()}),
    close() {
      state.state = 'closed'
      state.closedAt = now()
    },
    merge() {
      const sha = ids.sha()
      mergePull(home, state, {sha, at: now()})
      return sha
    },
  })
}
