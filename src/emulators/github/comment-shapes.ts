import {discussionOf, touchedAt, type CommentState} from './comments.ts'
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

    /** An issue, or a pull request as one: in lists, alone and in webhooks. */
    issue(home: RepositoryState, number: number) {
      const issue = home.issues.find(one => one.number === number)
      const pull = home.pulls.find(one => one.number === number)
      const known = issue ?? pull
      const url = `${shapes.repoUrl(home)}/issues/${number}`
      const updatedAt = known ? touchedAt(known) : 0
      return {
        url,
        html_url: page(home, number),
        id: number,
        node_id: nodeId('Issue', number),
        number,
        title: known?.title ?? '',
        user: shapes.user(known?.author ?? home.owner),
        labels: (known?.labels ?? []).map(labelShape),
        state: known?.state ?? 'open',
        state_reason: issue?.stateReason ?? null,
        locked: false,
        assignees: [],
        milestone: null,
        comments: home.comments.filter(comment => comment.number === number).length,
        created_at: iso(known?.createdAt ?? 0),
        updated_at: iso(updatedAt),
        closed_at: known?.state === 'closed' ? iso(updatedAt) : null,
        body: issue?.body ?? null,
        author_association: 'CONTRIBUTOR',
        ...(pull
          ? {pull_request: {url: `${shapes.repoUrl(home)}/pulls/${number}`, html_url: page(home, number)}}
          : {}),
      }
    },
  }
}

export function labelShape(name: string, index: number) {
  return {id: index + 1, name, color: 'ededed', default: false, description: null}
}
