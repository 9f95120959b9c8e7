import type {SignedUrls} from '../logs.ts'
import type {RepositoryState} from '../repositories.ts'
import {ok, page, refuse, type Call, type Route} from '../route.ts'
import type {RunShapes} from '../run-shapes.ts'
import type {Runs} from '../runs.ts'
import type {Origins} from '../shapes.ts'

/** What runs left behind: lists of it, and the way to each zip. */
export function artifactRoutes({
  runs,
  shapes,
  origins,
  signedUrls,
}: {
  readonly runs: Runs
  readonly shapes: RunShapes
  readonly origins: Origins
  readonly signedUrls: SignedUrls
}): Route[] {
  function found({params}: Call, repository: RepositoryState) {
    runs.settle()
    const known = runs.artifact(Number(params['artifact']))
    return known?.run.repository === repository ? known : refuse(404, 'Not Found')
  }

  return [
    {
      name: 'artifacts',
      method: 'GET',
      path: '/repos/:owner/:repo/actions/runs/:run/artifacts',
      docs: 'actions/artifacts#list-workflow-run-artifacts',
      for: 'repository',
      permission: ['actions', 'read'],
      handle(call, repository) {
        runs.settle()
        const run = runs.find(Number(call.params['run']))
        if (run?.repository !== repository) return refuse(404, 'Not Found')
        const {name} = call.query
        const listed = run.artifacts.filter(artifact => !name || artifact.name === name)
        return page(call, listed, (some, total_count) => ({
          total_count,
          artifacts: some.map(artifact => shapes.artifact(run, artifact)),
        }))
      },
    },
    {
      name: 'artifact',
      method: 'GET',
      path: '/repos/:owner/:repo/actions/artifacts/:artifact',
      docs: 'actions/artifacts#get-an-artifact',
      for: 'repository',
      permission: ['actions', 'read'],
      handle(call, repository) {
        const {run, artifact} = found(call, repository)
        return ok(shapes.artifact(run, artifact))
      },
    },
    {
      name: 'artifactZip',
      method: 'GET',
      path: '/repos/:owner/:repo/actions/artifacts/:artifact/:format',
      docs: 'actions/artifacts#download-an-artifact',
      for: 'repository',
      permission: ['actions', 'read'],
      signedIn: true,
      handle(call, repository) {
        if (call.params['format'] !== 'zip') return refuse(404, 'Not Found')
        const {artifact} = found(call, repository)
        if (artifact.expired) return refuse(410, 'Artifact has expired')
        return {
          status: 302,
          headers: {location: `${origins.web}${signedUrls.sign(`/artifacts/${artifact.id}.zip`)}`},
        }
      },
    },
  ]
}
