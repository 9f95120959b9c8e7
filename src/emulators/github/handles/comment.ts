import type {CommentShapes} from '../comment-shapes.ts'
import type {CommentState} from '../comments.ts'
import type {RepositoryState} from '../repositories.ts'

export interface Comment {
  readonly id: number
  readonly url: string
  /** Of the issue or pull request. */
  readonly number: number
  readonly author: string
  readonly body: string
  /** As its author would on the web page. */
  edit(body: string): void
}

/** What becomes of a comment, to be told in webhooks. */
export type TellOfComment = (
  home: RepositoryState,
  comment: CommentState,
  action: 'created' | 'edited',
) => void

export function createCommentHandles({
  shapes,
  tell,
  now,
}: {
  readonly shapes: Pick<CommentShapes, 'comment'>
  readonly tell: TellOfComment
  readonly now: () => number
}) {
  return (home: RepositoryState, state: CommentState): Comment => ({
    id: state.id,
    url: shapes.comment(home, state).html_url,
    number: state.number,
    author: state.author,
    get body() {
      return state.body
    },
    edit(body) {
      state.body = body
      state.editedAt = now()
      tell(home, state, 'edited')
    },
  })
}
