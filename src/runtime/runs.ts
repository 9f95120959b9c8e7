import type {Pool} from 'pg'
import type {People} from '../access/people.ts'
import type {Clock} from '../kernel/clock.ts'
import type {Notices} from '../notifications/notice.ts'
import {createPipelines} from '../pipelines/port.ts'
import type {Config} from '../platform/config/config.ts'
import type {Logger} from '../platform/logger.ts'
import type {PipelinesPort, RunsPort} from '../sdk/index.ts'
import {createFollowers, type Followers} from '../workflows/followers.ts'
import {createFollowerStore, type FollowerStore} from '../workflows/follower-store.ts'
import {createGates, type Gates} from '../workflows/gates.ts'
import {createLaunch, type Launch} from '../workflows/launch.ts'
import {createRunsPort} from '../workflows/port.ts'
import {createRunEnds} from '../workflows/run-ends.ts'
import {createShipmentStore} from '../workflows/shipment-store.ts'
import {createShipments} from '../workflows/shipments.ts'
import type {HouseApprovals} from './approvals.ts'
import type {HouseGithub} from './github.ts'
import type {HouseInvocations} from './invocations.ts'
import type {HouseReplies} from './replies.ts'
import type {HouseWorkflows} from './workflows.ts'

/** Workflow runs as people meet them: started by name, followed, held at gates, let ship, told of. */
export interface HouseRuns {
  readonly launch: Launch
  readonly followers: Followers
  readonly followerStore: FollowerStore
  readonly gates: Gates
  readonly pipelines: PipelinesPort
  /** Tells people how a run ended, with which of its commits. */
  readonly tellRunEnd: (run: string, seq: number) => Promise<void>
  readonly port: RunsPort
}

export function openRuns({
  config,
  pool,
  workflows: {library, service: workflows},
  github: {hosts, releases, targets},
  people,
  permits: {approvals, guard, takesApproval},
  given: {invocationStore, observeEnd},
  messages: {replies, notify, channelOf},
  notices,
  redact,
  clock,
  log,
}: {
  readonly config: Pick<Config, 'admin' | 'github' | 'runs'>
  readonly pool: Pool
  readonly workflows: Pick<HouseWorkflows, 'library' | 'service'>
  readonly github: Pick<HouseGithub, 'hosts' | 'releases' | 'targets'>
  readonly people: People
  readonly permits: Pick<HouseApprovals, 'approvals' | 'guard' | 'takesApproval'>
  readonly given: Pick<HouseInvocations, 'invocationStore' | 'observeEnd'>
  readonly messages: Pick<HouseReplies, 'replies' | 'notify' | 'channelOf'>
  readonly notices: Notices
  readonly redact: (text: string) => string
  readonly clock: Clock
  readonly log: Logger
}): HouseRuns {
  const launch = createLaunch({library, workflows})
  const followerStore = createFollowerStore({pool})
  const followers = createFollowers({
    pool,
    store: followerStore,
    workflows,
    invocations: invocationStore,
    replies,
    notify,
    observeEnd,
    redact,
    clock,
    log,
  })
  const pipelines = createPipelines({
    github: hosts,
    targets,
    defaultRepository: config.github?.repository,
    allowWrites: config.admin.allowSecretWrites,
    permit: createShipments({
      pool,
      store: createShipmentStore({pool}),
      approvals,
      people,
      askers: followerStore,
      guard,
      releases,
      takesApproval,
      clock,
    }),
    patience: {discoveryMs: config.runs.discoveryTimeoutMs, pollMs: config.runs.pollIntervalMs},
    clock,
    log,
  })
  const gates = createGates({
    pool,
    approvals,
    people,
    guard,
    workflows,
    askers: followerStore,
    targets,
    takesApproval,
    github: hosts && releases && {host: hosts.repository, releases},
    repositoryOf: text => pipelines.repository(text),
    channelOf,
    clock,
    log,
  })
  return {
    launch,
    followers,
    followerStore,
    gates,
    pipelines,
    tellRunEnd: createRunEnds({db: pool, workflows, askers: followerStore, people, notices, redact}),
    port: createRunsPort({library, workflows, launch, followers, gates, approvals, redact, clock}),
  }
}
