import {discussionOf, type CommentState} from './comments.ts'
import type {RepositoryState} from './repositories.ts'
import {iso, nodeId, type Shapes} from './shapes.ts'

export type CommentShapes = ReturnType<typeof createCommentShapes>

/** Comments and what they are on as GitHub's JSON, with what clients look at. */
export function createCommentShapes(shapes: Shapes) {
  const page = (home: RepositoryState, number: number) => {
    const kind = discussionOf(home, number)?.kind === 'pull' ? 'pull' : 'issues'
    return `${shapes.pageUrl(home)}/${kind}/${number}`
  }

  return {
    comment(home: RepositoryState, state: CommentState) {
      const url = `${shapes.repoUrl(home)}/issues/comments/${state.id}`
      return {
        url,
        html_url: `${page(home, state.number)}#issuecomment-${state.id}`,
        issue_url: `${shapes.repoUrl(home)}/issues/${state.number}`,
        id: state.id,
        node_id: nodeId('IssueComment', state.id),
        user: shapes.user(state.author),
        created_at: iso(state.at),
        updated_at: iso(state.editedAt),
        body: state.body,
        author_association: 'CONTRIBUTOR',
        performed_via_github_app: null,
      }
    },

    /** As webhooks of comments show it. */
    issue(home: RepositoryState, number: number) {
      const known = discussionOf(home, number)
      const url = `${shapes.repoUrl(home)}/issues/${number}`
      return {
        url,
        html_url: page(home, number),
        number,
        title: known?.title ?? '',
        user: shapes.user(known?.author ?? home.owner),
        state: 'open',
        ...(known?.kind === 'pull'
          ? {pull_request: {url: `${shapes.repoUrl(home)}/pulls/${number}`, html_url: page(home, number)}}
          : {}),
      }
    },
  }
}
