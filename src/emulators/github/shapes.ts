/**
 * The emulator's state as GitHub's JSON. The types are octokit's own, so a field that a client may read and we
 * forget does not compile.
 */
import {createHash} from 'node:crypto'
import type {Octokit} from 'octokit'
import type {AppState} from './auth.ts'
import {links, REPOSITORY_LINKS, USER_LINKS} from './links.ts'
import type {People} from './people.ts'
import type {Commit, RepositoryState, Role} from './repositories.ts'

type Repos = Octokit['rest']['repos']
export type Data<Method extends (...args: never[]) => Promise<{data: unknown}>> = Awaited<
  ReturnType<Method>
>['data']

type RepositoryJson = Data<Octokit['rest']['actions']['getWorkflowRun']>['repository']
type UserJson = RepositoryJson['owner']
type CommitJson = Data<Repos['getCommit']>

/** Where the emulator is reached; filled in once it listens. */
export interface Origins {
  api: string
  web: string
}

export type Shapes = ReturnType<typeof createShapes>

export function createShapes({origins, people}: {readonly origins: Origins; readonly people: People}) {
  const repoUrl = (repository: RepositoryState) => `${origins.api}/repos/${repository.fullName}`
  const pageUrl = (repository: RepositoryState) => `${origins.web}/${repository.fullName}`

  function user(login: string): UserJson {
    const {id, type} = people.meet(login)
    const url = `${origins.api}/users/${encodeURIComponent(login)}`
    return {
      login,
      id,
      node_id: nodeId('User', id),
      avatar_url: `${origins.web}/avatars/${id}`,
      gravatar_id: '',
      url,
      html_url: `${origins.web}/${login}`,
      ...links(url, USER_LINKS),
      type,
      site_admin: false,
    }
  }

  function repository(state: RepositoryState): RepositoryJson {
    return {
      id: state.id,
      node_id: nodeId('Repository', state.id),
      name: state.name,
      full_name: state.fullName,
      private: state.private,
      owner: user(state.owner),
      html_url: pageUrl(state),
      description: null,
      fork: false,
      url: repoUrl(state),
      ...links(repoUrl(state), REPOSITORY_LINKS),
    }
  }

  function commitUrl(state: RepositoryState, sha: string): string {
    return `${repoUrl(state)}/commits/${sha}`
  }

  return {
    user,
    repository,
    repoUrl,
    pageUrl,
    commitUrl,

    /** `GET /repos/{owner}/{repo}`: the short form and what clients look at beyond it. */
    fullRepository(state: RepositoryState, role: Role | 'none') {
      return {
        ...repository(state),
        default_branch: state.defaultBranch,
        visibility: state.private ? 'private' : 'public',
        archived: false,
        disabled: false,
        has_issues: true,
        clone_url: `${pageUrl(state)}.git`,
        created_at: iso(state.createdAt),
        updated_at: iso(state.createdAt),
        pushed_at: iso(Math.max(...[...state.commits.values()].map(commit => commit.at))),
        permissions: permissionsOf(role),
      }
    },

    commit(state: RepositoryState, commit: Commit): CommitJson {
      const author = {name: commit.author, email: mailOf(commit.author), date: iso(commit.at)}
      const tree = treeOf(commit.sha)
      const page = (sha: string) => `${pageUrl(state)}/commit/${sha}`
      return {
        sha: commit.sha,
        node_id: nodeId('Commit', commit.sha),
        commit: {
          author,
          committer: author,
          message: commit.message,
          tree: {sha: tree, url: `${repoUrl(state)}/git/trees/${tree}`},
          url: `${repoUrl(state)}/git/commits/${commit.sha}`,
          comment_count: 0,
          verification: {
            verified: false,
            reason: 'unsigned',
            signature: null,
            payload: null,
            verified_at: null,
          },
        },
        url: commitUrl(state, commit.sha),
        html_url: page(commit.sha),
        comments_url: `${commitUrl(state, commit.sha)}/comments`,
        author: user(commit.author),
        committer: user(commit.author),
        parents:
          commit.parent === undefined
            ? []
            : [{sha: commit.parent, url: commitUrl(state, commit.parent), html_url: page(commit.parent)}],
      }
    },

    gitRef(state: RepositoryState, ref: string, sha: string) {
      return {
        ref,
        node_id: nodeId('Ref', `${state.id}:${ref}`),
        url: `${repoUrl(state)}/git/${ref}`,
        object: {sha, type: 'commit', url: `${repoUrl(state)}/git/commits/${sha}`},
      }
    },

    contentFile(state: RepositoryState, filePath: string, ref: string, text: string) {
      const bytes = Buffer.from(text)
      const sha = blobSha(bytes)
      const self = `${repoUrl(state)}/contents/${filePath}?ref=${encodeURIComponent(ref)}`
      const git = `${repoUrl(state)}/git/blobs/${sha}`
      const html = `${pageUrl(state)}/blob/${ref}/${filePath}`
      return {
        name: filePath.split('/').at(-1),
        path: filePath,
        sha,
        size: bytes.length,
        url: self,
        html_url: html,
        git_url: git,
        download_url: `${pageUrl(state)}/raw/${ref}/${filePath}`,
        type: 'file',
        // GitHub breaks base64 into lines of 60.
        content: bytes.toString('base64').replace(/.{60}/g, '$&\n') + '\n',
        encoding: 'base64',
        _links: {self, git, html},
      }
    },

    app(app: AppState, owner: string) {
      return {
        id: app.id,
        slug: app.slug,
        node_id: nodeId('App', app.id),
        client_id: `Iv23li${app.id}`,
        owner: user(owner),
        name: app.slug,
        description: null,
        external_url: origins.web,
        html_url: `${origins.web}/apps/${app.slug}`,
        created_at: iso(app.createdAt),
        updated_at: iso(app.createdAt),
        permissions: app.permissions,
        events: ['workflow_run', 'workflow_job'],
        installations_count: 1,
      }
    },

    installation(app: AppState, owner: string) {
      return {
        id: app.installationId,
        account: user(owner),
        repository_selection: app.repositories ? 'selected' : 'all',
        access_tokens_url: `${origins.api}/app/installations/${app.installationId}/access_tokens`,
        repositories_url: `${origins.api}/installation/repositories`,
        html_url: `${origins.web}/settings/installations/${app.installationId}`,
        app_id: app.id,
        app_slug: app.slug,
        target_id: people.meet(owner).id,
        target_type: 'Organization',
        permissions: app.permissions,
        events: ['workflow_run', 'workflow_job'],
        created_at: iso(app.createdAt),
        updated_at: iso(app.createdAt),
        single_file_name: null,
        suspended_at: null,
        suspended_by: null,
      }
    },
  }
}

/** GitHub's times have no fractions of a second. */
export function iso(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}

export function permissionsOf(
  role: Role | 'none',
): Record<'admin' | 'maintain' | 'push' | 'triage' | 'pull', boolean> {
  const rank = ['none', 'read', 'triage', 'write', 'maintain', 'admin'].indexOf(role)
  return {admin: rank >= 5, maintain: rank >= 4, push: rank >= 3, triage: rank >= 2, pull: rank >= 1}
}

export function nodeId(kind: string, id: number | string): string {
  return Buffer.from(`0${kind.length}:${kind}${id}`).toString('base64')
}

export function mailOf(login: string): string {
  return `${login}@users.noreply.github.com`
}

export function treeOf(sha: string): string {
  return createHash('sha1').update(`tree ${sha}`).digest('hex')
}

export function blobSha(bytes: Buffer): string {
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
}
