import type {Pool} from 'pg'
import type {People} from '../access/people.ts'
import {assess} from '../approvals/risk.ts'
import {createExplain} from '../deployments/explain.ts'
import {createDeploymentGate} from '../deployments/gate.ts'
import {createDeploymentLock} from '../deployments/lock.ts'
import {createDeploymentPhases} from '../deployments/metrics.ts'
import {createDeploymentEnds} from '../deployments/notice.ts'
import {createDeploymentsPort} from '../deployments/port.ts'
import {createDeployments, type Deployments} from '../deployments/service.ts'
import {createDeploymentStore, type DeploymentStore} from '../deployments/store.ts'
import type {Clock} from '../kernel/clock.ts'
import type {Environment} from '../kernel/environment.ts'
import {checkPublicUrl, type UrlRules} from '../kernel/public-url.ts'
import type {Locks} from '../locks/service.ts'
import type {Notices} from '../notifications/notice.ts'
import {createCommitRefs} from '../pipelines/commit-refs.ts'
import type {Config} from '../platform/config/config.ts'
import type {Logger} from '../platform/logger.ts'
import type {Metrics} from '../platform/metrics.ts'
import type {Queues} from '../platform/queue.ts'
import type {DeploymentsPort} from '../sdk/index.ts'
import type {HouseApprovals} from './approvals.ts'
import type {HouseGithub} from './github.ts'
import type {HouseInvocations} from './invocations.ts'
import type {HouseReplies} from './replies.ts'

/** Shipping, behind its gate. */
export interface HouseDeployments {
  /** Undefined: GitHub is off. */
  readonly deployments: Deployments | undefined
  readonly store: DeploymentStore
  readonly port: DeploymentsPort
}

export function openDeployments({
  config,
  pool,
  github: {hosts, releases, targets},
  people,
  permits: {approvals, guard, requirementOf, takesApproval},
  given: {invocationStore, observeEnd},
  messages: {replies, notify, channelOf, addressOf},
  notices,
  locks,
  queues,
  urlRules,
  metrics,
  redact,
  clock,
  log,
}: {
  readonly config: Pick<Config, 'runs' | 'targets' | 'worker'>
  readonly pool: Pool
  readonly github: Pick<HouseGithub, 'hosts' | 'releases' | 'targets'>
  readonly people: People
  readonly permits: Pick<HouseApprovals, 'approvals' | 'guard' | 'requirementOf' | 'takesApproval'>
  readonly given: Pick<HouseInvocations, 'invocationStore' | 'observeEnd'>
  readonly messages: Pick<HouseReplies, 'replies' | 'notify' | 'channelOf' | 'addressOf'>
  readonly notices: Notices
  readonly locks: Locks
  readonly queues: Queues
  readonly urlRules: UrlRules
  readonly metrics: Pick<Metrics, 'deployPhase'>
  readonly redact: (text: string) => string
  readonly clock: Clock
  readonly log: Logger
}): HouseDeployments {
  const {leaseMs} = config.worker
  const assessDeploy = (environment: Environment) => assess({operation: 'deploy', environment})
  const projectOf = (target: string) => config.targets.get(target)?.project
  const store = createDeploymentStore({pool})
  const gate =
    hosts &&
    releases &&
    createDeploymentGate({
      approvals,
      people,
      releases,
      refs: createCommitRefs({host: hosts.repository, clock}),
      assess: assessDeploy,
      takesApproval,
      guard,
      projectOf,
      channelOf,
      addressOf,
      clock,
    })
  const deployments =
    hosts &&
    gate &&
    createDeployments({
      pool,
      store,
      replies,
      invocations: invocationStore,
      codeHost: hosts.code,
      queues,
      lock: createDeploymentLock({locks, leaseMs}),
      gate,
      notify,
      observeEnd,
      tellEnd: createDeploymentEnds({people, notices, projectOf}),
      redact,
      phases: createDeploymentPhases(metrics.deployPhase),
      clock,
      log,
      leaseMs,
    })
  const explain =
    releases && createExplain({assess: assessDeploy, requirementOf, people, guard, releases, locks, clock})
  return {
    deployments,
    store,
    port: createDeploymentsPort({
      deployments,
      explain,
      codeHost: hosts?.code,
      targets,
      patience: {
        discoveryMs: config.runs.discoveryTimeoutMs,
        watchMs: config.runs.watchTimeoutMs,
        pollMs: config.runs.pollIntervalMs,
      },
      refuseUrl(url) {
        const verdict = checkPublicUrl(url, urlRules)
        return verdict.ok ? undefined : verdict.reason
      },
      clock,
    }),
  }
}
