import {z} from 'zod'
import {mapLook, split, type GithubClient} from './client.ts'
import type {WorkflowsHost} from './repository-host.ts'

const MOST_CHECKS = 300
const MOST_WORKFLOWS = 1000

const workflows = z
  .object({workflows: z.array(z.object({path: z.string()}))})
  .transform(seen => seen.workflows.map(({path}) => path.split('/').at(-1) ?? path))
const workflowState = z.object({state: z.string()}).transform(({state}) => state)
const checks = z
  .object({
    check_runs: z.array(
      z.object({
        name: z.string(),
        html_url: z.string().nullish(),
        status: z.string(),
        conclusion: z.string().nullish(),
      }),
    ),
  })
  .transform(seen =>
    seen.check_runs.map(({name, html_url, status, conclusion}) => ({
      name,
      url: html_url ?? '',
      status,
      conclusion: conclusion ?? null,
    })),
  )

/** Over GitHub's REST API. */
export function octokitWorkflows(github: GithubClient): WorkflowsHost {
  return {
    workflowState: ({repository: name, workflow, signal}) =>
      github.read(
        'GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}',
        {...split(name), workflow_id: workflow},
        workflowState,
        {signal},
      ),

    async workflows({repository: name, signal}) {
      const look = await github.readAll(
        'GET /repos/{owner}/{repo}/actions/workflows',
        split(name),
        workflows,
        {signal, most: MOST_WORKFLOWS},
      )
      return mapLook(look, ({items}) => items)
    },

    async checks({repository: name, sha, signal}) {
      const look = await github.readAll(
        'GET /repos/{owner}/{repo}/commits/{ref}/check-runs',
        {...split(name), ref: sha, filter: 'latest'},
        checks,
        {signal, most: MOST_CHECKS},
      )
      return mapLook(look, ({items}) => items)
    },
  }
}
