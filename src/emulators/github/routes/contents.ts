import {checkBody} from '../body.ts'
import {isGranted} from '../auth.ts'
import type {Ids} from '../ids.ts'
import {addCommit, filesAt, resolveRef} from '../repositories.ts'
import {ok, refuse, repositoryRoutesAt, type Route} from '../route.ts'
import {blobSha, treeOf, type Shapes} from '../shapes.ts'

const LARGEST_CONTENT = 1024 * 1024

/** What is in the repository, and changes to it: files, trees, blobs, references. */
export function contentRoutes({
  shapes,
  ids,
  now,
}: {
  readonly shapes: Shapes
  readonly ids: Ids
  readonly now: () => number
}): Route[] {
  const route = repositoryRoutesAt({path: '', permission: 'contents'})

  return [
    route(
      'contents',
      'GET',
      '/contents/*',
      'repos/contents#get-repository-content',
      ({params, query}, repository) => {
        const path = params['*'] ?? ''
        const ref = query['ref'] ?? repository.defaultBranch
        const at = resolveRef(repository, ref) ?? refuse(404, `No commit found for the ref ${ref}`)
        const text = filesAt(repository, at.sha).get(path) ?? refuse(404, 'Not Found')
        const file = shapes.contentFile(repository, path, ref, text)
        // GitHub leaves the content of larger files to the blobs.
        return ok(file.size > LARGEST_CONTENT ? {...file, content: '', encoding: 'none'} : file)
      },
    ),
    route(
      'writeContents',
      'PUT',
      '/contents/*',
      'repos/contents#create-or-update-file-contents',
      ({params, body, caller}, repository) => {
        checkBody(
          body,
          {
            message: 'string',
            content: 'string',
            sha: 'string',
            branch: 'string',
            committer: 'object',
            author: 'object',
          },
          ['message', 'content'],
        )
        const path = params['*'] ?? ''
        const branch = (body['branch'] as string | undefined) ?? repository.defaultBranch
        const head = repository.branches.get(branch) ?? refuse(404, `Branch ${branch} not found`)
        if (path.startsWith('.github/workflows/') && !isGranted(caller, repository, 'workflows', 'write'))
          refuse(403, 'Resource not accessible by personal access token')
        const content = body['content'] as string
        if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(content)) refuse(422, 'content is not valid Base64')
        const text = Buffer.from(content, 'base64').toString('utf8')
        const before = filesAt(repository, head).get(path)
        const given = body['sha'] as string | undefined
        if (before !== undefined && given === undefined)
          refuse(422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
        if (before === undefined && given !== undefined) refuse(409, `${path} does not match ${given}`)
        if (before !== undefined && given !== blobSha(Buffer.from(before)))
          refuse(409, `${path} does not match ${given ?? ''}`)
        const sha = ids.sha()
        const message = body['message'] as string
        addCommit(repository, branch, {sha, message, author: caller.login, at: now()}, {[path]: text})
        const commit = repository.commits.get(sha)
        return {
          status: before === undefined ? 201 : 200,
          body: {
            content: shapes.contentFile(repository, path, branch, text),
            commit: commit && shapes.commit(repository, commit).commit,
          },
        }
      },
    ),
    route('tree', 'GET', '/git/trees/*', 'git/trees#get-a-tree', ({params, query}, repository) => {
      const asked = params['*'] ?? ''
      const at =
        resolveRef(repository, asked) ??
        [...repository.commits.keys()].map(sha => ({sha})).find(({sha}) => treeOf(sha) === asked) ??
        refuse(404, 'Not Found')
      if (!query['recursive']) refuse(404, 'The emulator knows recursive trees only')
      const sha = treeOf(at.sha)
      return ok({
        sha,
        url: `${shapes.repoUrl(repository)}/git/trees/${sha}`,
        tree: [...filesAt(repository, at.sha)].map(([path, text]) => {
          const bytes = Buffer.from(text)
          const blob = blobSha(bytes)
          return {
            path,
            mode: '100644',
            type: 'blob',
            sha: blob,
            size: bytes.length,
            url: `${shapes.repoUrl(repository)}/git/blobs/${blob}`,
          }
        }),
        truncated: false,
      })
    }),
    route('blob', 'GET', '/git/blobs/:sha', 'git/blobs#get-a-blob', ({params}, repository) => {
      const sha = params['sha'] ?? ''
      const bytes =
        [...repository.commits.keys()]
          .flatMap(commit => [...filesAt(repository, commit).values()])
          .map(text => Buffer.from(text))
          .find(candidate => blobSha(candidate) === sha) ?? refuse(404, 'Not Found')
      return ok({
        sha,
        node_id: Buffer.from(`Blob${sha}`).toString('base64'),
        size: bytes.length,
        url: `${shapes.repoUrl(repository)}/git/blobs/${sha}`,
        content: bytes.toString('base64').replace(/.{60}/g, '$&\n') + '\n',
        encoding: 'base64',
      })
    }),
    route('createRef', 'POST', '/git/refs', 'git/refs#create-a-reference', ({body}, repository) => {
      checkBody(body, {ref: 'string', sha: 'string'}, ['ref', 'sha'])
      const [, kind, name = ''] = /^refs\/(heads|tags)\/(.+)$/.exec(body['ref'] as string) ?? []
      if (kind === undefined) refuse(422, `${String(body['ref'])} is not a valid ref name.`)
      const refs = kind === 'heads' ? repository.branches : repository.tags
      if (refs.has(name)) refuse(422, 'Reference already exists')
      const sha = body['sha'] as string
      if (!repository.commits.has(sha)) refuse(422, 'Object does not exist')
      refs.set(name, sha)
      return {status: 201, body: shapes.gitRef(repository, body['ref'] as string, sha)}
    }),
    route(
      'branchesAt',
      'GET',
      '/commits/:sha/branches-where-head',
      'commits/commits#list-branches-for-head-commit',
      ({params}, repository) => {
        const sha = params['sha'] ?? ''
        if (!repository.commits.has(sha)) refuse(422, `No commit found for SHA: ${sha}`)
        return ok(
          [...repository.branches]
            .filter(([, head]) => head === sha)
            .slice(0, 10)
            .map(([name]) => ({
              name,
              commit: {sha, url: shapes.commitUrl(repository, sha)},
              protected: false,
            })),
        )
      },
    ),
  ]
}
