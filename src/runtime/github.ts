import type {Pool} from 'pg'
import {createReleases, type Releases} from '../approvals/releases.ts'
import type {Audit} from '../audit/audit.ts'
import {auditCodeHost, auditRepositoryHost} from '../audit/github.ts'
import {createDeploymentStore} from '../deployments/store.ts'
import type {CodeHost} from '../integrations/github/code-host.ts'
import {createOctokitCodeHost} from '../integrations/github/octokit-code-host.ts'
import {createOctokitRepositoryHost} from '../integrations/github/octokit-repository-host.ts'
import type {RepositoryHost} from '../integrations/github/repository-host.ts'
import type {Clock} from '../kernel/clock.ts'
import {repositoriesOf} from '../pipelines/port.ts'
import type {Config, Target} from '../platform/config/config.ts'

/** A target that says where it is shipped from. */
export type ShippedTarget = Target & {readonly repository: string}

/** GitHub, with every effect on the record, and what of it is this installation's. */
export interface HouseGithub {
  /** Undefined: GitHub is off. */
  readonly hosts: {readonly code: CodeHost; readonly repository: RepositoryHost} | undefined
  /** What a deploy would ship; undefined like the hosts. */
  readonly releases: Releases | undefined
  readonly targets: readonly ShippedTarget[]
  readonly repositories: readonly string[]
}

export async function openGithub({
  config,
  pool,
  audit,
  clock,
}: {
  readonly config: Pick<Config, 'github' | 'targets'>
  readonly pool: Pool
  readonly audit: Pick<Audit, 'around'>
  readonly clock: Clock
}): Promise<HouseGithub> {
  const targets = [...config.targets.values()].flatMap(target =>
    target.repository === undefined ? [] : [{...target, repository: target.repository}],
  )
  const hosts = config.github && {
    code: auditCodeHost(await createOctokitCodeHost({...config.github, clock}), audit),
    repository: auditRepositoryHost(await createOctokitRepositoryHost({...config.github, clock}), audit),
  }
  const record = createDeploymentStore({pool})
  const recorded = (target: string, sha: string) => record.wentWell(target, sha)
  return {
    hosts,
    releases: hosts && createReleases({hosts, targets, recorded}),
    targets,
    repositories: repositoriesOf(targets, config.github?.repository),
  }
}
