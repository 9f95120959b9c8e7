import type {People} from '../people.ts'
import {differencesBetween} from '../pulls.ts'
import type {PullShapes} from '../pull-shapes.ts'
import {historyOf, resolveRef, type Commit, type RepositoryState, type Role} from '../repositories.ts'
import {ok, page, refuse, type Answer, type Call, type Route} from '../route.ts'
import {permissionsOf, type Shapes} from '../shapes.ts'

/** The repository itself: branches, tags, commits, workflow files, who may do what. */
export function repositoryRoutes({
  shapes,
  pullShapes,
  people,
}: {
  readonly shapes: Shapes
  readonly pullShapes: Pick<PullShapes, 'file'>
  readonly people: People
}): Route[] {
  const read = (
    name: string,
    path: string,
    docs: string,
    permission: 'metadata' | 'contents',
    handle: (call: Call, repository: RepositoryState) => Answer,
  ): Route => ({
    name,
    method: 'GET',
    path: `/repos/:owner/:repo${path}`,
    docs,
    for: 'repository',
    permission: [permission, 'read'],
    handle,
  })

  const commitOf = (repository: RepositoryState, sha: string) =>
    repository.commits.get(sha) ?? refuse(404, 'Not Found')
  const shortCommit = (repository: RepositoryState, sha: string) => ({
    sha,
    url: shapes.commitUrl(repository, sha),
  })

  return [
    read('repository', '', 'repos/repos#get-a-repository', 'metadata', ({caller}, repository) =>
      ok(shapes.fullRepository(repository, roleOf(repository, caller.login))),
    ),
    read('branches', '/branches', 'branches/branches#list-branches', 'contents', (call, repository) =>
      page(call, [...repository.branches].sort(byName), some =>
        some.map(([name, sha]) => ({name, commit: shortCommit(repository, sha), protected: false})),
      ),
    ),
    read('branch', '/branches/*', 'branches/branches#get-a-branch', 'contents', ({params}, repository) => {
      const name = params['*'] ?? ''
      const sha = repository.branches.get(name) ?? refuse(404, 'Branch not found')
      const self = `${shapes.repository(repository).url}/branches/${name}`
      return ok({
        name,
        commit: shapes.commit(repository, commitOf(repository, sha)),
        _links: {self, html: `${shapes.repository(repository).html_url}/tree/${name}`},
        protected: false,
        protection: {
          enabled: false,
          required_status_checks: {enforcement_level: 'off', contexts: [], checks: []},
        },
        protection_url: `${self}/protection`,
      })
    }),
    read('tags', '/tags', 'repos/repos#list-repository-tags', 'contents', (call, repository) =>
      page(call, [...repository.tags].sort(byName).reverse(), some =>
        some.map(([name, sha]) => ({
          name,
          zipball_url: `${shapes.repository(repository).url}/zipball/refs/tags/${name}`,
          tarball_url: `${shapes.repository(repository).url}/tarball/refs/tags/${name}`,
          commit: shortCommit(repository, sha),
          node_id: Buffer.from(`Ref${repository.id}:${name}`).toString('base64'),
        })),
      ),
    ),
    read(
      'matchingRefs',
      '/git/matching-refs/*',
      'git/refs#list-matching-references',
      'contents',
      ({params}, repository) =>
        ok(
          allRefs(repository)
            .filter(([ref]) => ref.startsWith(`refs/${params['*'] ?? ''}`))
            .map(([ref, sha]) => shapes.gitRef(repository, ref, sha)),
        ),
    ),
    read('ref', '/git/ref/*', 'git/refs#get-a-reference', 'contents', ({params}, repository) => {
      const [ref, sha] =
        allRefs(repository).find(([name]) => name === `refs/${params['*'] ?? ''}`) ?? refuse(404, 'Not Found')
      return ok(shapes.gitRef(repository, ref, sha))
    }),
    read('commits', '/commits', 'commits/commits#list-commits', 'contents', (call, repository) => {
      const start =
        resolveRef(repository, call.query['sha'] ?? repository.defaultBranch) ?? refuse(404, 'Not Found')
      const history = []
      for (
        let commit = repository.commits.get(start.sha);
        commit;
        commit = repository.commits.get(commit.parent ?? '')
      ) {
        const {path} = call.query
        if (path === undefined || touches(repository, commit, path)) history.push(commit)
      }
      return page(call, history, some => some.map(commit => shapes.commit(repository, commit)))
    }),
    read('commit', '/commits/*', 'commits/commits#get-a-commit', 'contents', ({params}, repository) => {
      const ref = params['*'] ?? ''
      const resolved = resolveRef(repository, ref) ?? refuse(422, `No commit found for SHA: ${ref}`)
      return ok(shapes.commit(repository, commitOf(repository, resolved.sha)))
    }),
    read('compare', '/compare/*', 'commits/commits#compare-two-commits', 'contents', (call, repository) => {
      const [, from = '', to = ''] =
        /^(.+)\.\.\.(.+)$/.exec(call.params['*'] ?? '') ?? refuse(404, 'Not Found')
      const base = resolveRef(repository, from) ?? refuse(404, 'Not Found')
      const head = resolveRef(repository, to) ?? refuse(404, 'Not Found')
      const old = historyOf(repository, base.sha)
      const own = historyOf(repository, head.sha)
      const parted =
        own.find(sha => old.includes(sha)) ?? refuse(404, `No common ancestor between ${from} and ${to}.`)
      const ahead = own.slice(0, own.indexOf(parted))
      const behind = old.indexOf(parted)
      const self = `${shapes.repoUrl(repository)}/compare/${from}...${to}`
      const page = `${shapes.pageUrl(repository)}/compare/${from}...${to}`
      return ok({
        url: self,
        html_url: page,
        permalink_url: page,
        diff_url: `${page}.diff`,
        patch_url: `${page}.patch`,
        base_commit: shapes.commit(repository, commitOf(repository, base.sha)),
        merge_base_commit: shapes.commit(repository, commitOf(repository, parted)),
        status:
          ahead.length === 0 ? (behind === 0 ? 'identical' : 'behind') : behind === 0 ? 'ahead' : 'diverged',
        ahead_by: ahead.length,
        behind_by: behind,
        total_commits: ahead.length,
        // The oldest first, and no more than these without paging.
        commits: ahead
          .toReversed()
          .slice(-250)
          .map(sha => shapes.commit(repository, commitOf(repository, sha))),
        files: differencesBetween(repository, parted, head.sha)
          .slice(0, 300)
          .map(file => pullShapes.file(repository, head.sha, file)),
      })
    }),
    read(
      'permission',
      '/collaborators/:user/permission',
      'collaborators/collaborators#get-repository-permissions-for-a-user',
      'metadata',
      ({params}, repository) => {
        const person =
          people.find(params['user'] ?? '') ?? refuse(404, `${params['user'] ?? ''} is not a user`)
        const role = roleOf(repository, person.login)
        const permissions = permissionsOf(role)
        // The older of the two fields knows four levels only.
        const permission = role === 'maintain' ? 'write' : role === 'triage' ? 'read' : role
        return ok({
          permission,
          role_name: role,
          user: {...shapes.user(person.login), role_name: role, permissions},
        })
      },
    ),
  ]
}

function roleOf(repository: RepositoryState, login: string): Role | 'none' {
  return repository.collaborators.get(login) ?? (repository.private ? 'none' : 'read')
}

/** The commit changed the file, or one below the folder. */
function touches(repository: RepositoryState, commit: Commit, path: string): boolean {
  const before = repository.commits.get(commit.parent ?? '')?.files
  const below = (files: Commit['files'] | undefined) =>
    JSON.stringify([...(files ?? [])].filter(([name]) => name === path || name.startsWith(`${path}/`)))
  return below(commit.files) !== below(before)
}

function allRefs(repository: RepositoryState): (readonly [string, string])[] {
  const heads = [...repository.branches].map(([name, sha]) => [`refs/heads/${name}`, sha] as const)
  const tags = [...repository.tags].map(([name, sha]) => [`refs/tags/${name}`, sha] as const)
  return [...heads, ...tags].sort(byName)
}

function byName([one]: readonly [string, string], [other]: readonly [string, string]): number {
  return one < other ? -1 : 1
}
