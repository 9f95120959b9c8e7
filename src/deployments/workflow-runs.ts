import type {CodeHost} from '../integrations/github/code-host.ts'
import {valueOf} from '../integrations/github/look.ts'
import {systemClock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import type {TargetSummary, WorkflowRunsPort} from '../sdk/index.ts'
import {digestRuns} from './digest.ts'

/** Reads what ran lately, of each workflow that a configured target ships through. */
export function createWorkflowRuns({
  codeHost,
  targets,
}: {
  readonly codeHost: CodeHost | undefined
  readonly targets: readonly TargetSummary[]
}): WorkflowRunsPort {
  const workflows = new Map(
    targets.map(target => [
      `${target.repository} ${target.workflow} ${target.ref}`,
      {
        label: label(target.workflow),
        repository: target.repository,
        workflow: target.workflow,
        branch: target.ref,
      },
    ]),
  )
  return {
    workflows: () => [...workflows.values()],
    digest: digestRuns,
    async recent({repository, workflow, branch}, {count, signal}) {
      if (!codeHost)
        throw new AppError('NOT_CONFIGURED', 'GitHub is not set up here. An operator must set GITHUB_TOKEN.')
      const look = await codeHost.recentRuns({repository, workflow, branch, count, signal})
      return valueOf(
        look,
        `Workflow ${workflow} was not found in ${repository}. Check the target’s configuration.`,
        systemClock,
      )
    },
  }
}

/** `client-deploy.yml` → `client-deploy`. */
function label(workflow: string): string {
  return workflow.replace(/\.ya?ml$/, '')
}
