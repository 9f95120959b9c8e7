import {differences, headOf, type FileDifference, type PullState, type ReviewState} from './pulls.ts'
import type {RepositoryState} from './repositories.ts'
import {blobSha, iso, nodeId, type Shapes} from './shapes.ts'

export type PullShapes = ReturnType<typeof createPullShapes>

/** Pull requests, their files and their reviews as GitHub's JSON: the short forms, with what clients look at. */
export function createPullShapes(shapes: Shapes) {
  const url = (home: RepositoryState, {number}: PullState) => `${shapes.repoUrl(home)}/pulls/${number}`
  const pullPage = (home: RepositoryState, {number}: PullState) => `${shapes.pageUrl(home)}/pull/${number}`

  function side(home: RepositoryState, ref: string, sha: string, fork?: string) {
    const owner = (fork ?? home.fullName).split('/')[0] ?? ''
    const repository = shapes.repository(home)
    return {
      label: `${owner}:${ref}`,
      ref,
      sha,
      user: shapes.user(owner),
      repo: fork === undefined ? repository : {...repository, full_name: fork, fork: true},
    }
  }

  return {
    pullPage,

    /** As in lists; `pull` has more. */
    shortPull(home: RepositoryState, state: PullState) {
      return {
        url: url(home, state),
        id: state.id,
        node_id: nodeId('PullRequest', state.id),
        html_url: pullPage(home, state),
        diff_url: `${pullPage(home, state)}.diff`,
        patch_url: `${pullPage(home, state)}.patch`,
        number: state.number,
        state: state.state,
        locked: false,
        title: state.title,
        user: shapes.user(state.author),
        body: state.body === '' ? null : state.body,
        labels: [],
        created_at: iso(state.createdAt),
        updated_at: iso(state.closedAt ?? state.createdAt),
        closed_at: state.closedAt === undefined ? null : iso(state.closedAt),
        merged_at: state.mergedAt === undefined ? null : iso(state.mergedAt),
        draft: state.draft,
        head: side(home, state.head, headOf(home, state), state.fork),
        base: side(home, state.base, state.baseSha),
        author_association: 'CONTRIBUTOR',
      }
    },

    pull(home: RepositoryState, state: PullState) {
      const files = differences(home, state)
      return {
        ...this.shortPull(home, state),
        merged: state.mergedAt !== undefined,
        mergeable: true,
        mergeable_state: 'clean',
        comments: 0,
        review_comments: 0,
        commits: 1,
        additions: files.reduce((sum, file) => sum + file.additions, 0),
        deletions: files.reduce((sum, file) => sum + file.deletions, 0),
        changed_files: files.length,
      }
    },

    /** As of the commit `ref`. */
    file(home: RepositoryState, ref: string, {text, ...file}: FileDifference) {
      return {
        ...file,
        sha: blobSha(Buffer.from(text)),
        changes: file.additions + file.deletions,
        blob_url: `${shapes.pageUrl(home)}/blob/${ref}/${file.filename}`,
        raw_url: `${shapes.pageUrl(home)}/raw/${ref}/${file.filename}`,
        contents_url: `${shapes.repoUrl(home)}/contents/${file.filename}?ref=${ref}`,
      }
    },

    review(home: RepositoryState, pull: PullState, state: ReviewState) {
      return {
        id: state.id,
        node_id: nodeId('PullRequestReview', state.id),
        user: shapes.user(state.author),
        body: state.body,
        state: state.state,
        html_url: `${pullPage(home, pull)}#pullrequestreview-${state.id}`,
        pull_request_url: url(home, pull),
        author_association: 'CONTRIBUTOR',
        ...(state.state === 'PENDING' ? {} : {submitted_at: iso(state.at)}),
        commit_id: state.commit,
      }
    },
  }
}
