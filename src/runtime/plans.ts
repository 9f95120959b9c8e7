import type {Pool} from 'pg'
import type {People} from '../access/people.ts'
import {isAdmin, type AccessPolicy} from '../access/policy.ts'
import type {Requirement} from '../approvals/request.ts'
import type {DiscordApi} from '../integrations/discord/api.ts'
import type {RepositoryHost} from '../integrations/github/repository-host.ts'
import type {Clock} from '../kernel/clock.ts'
import type {ReplyStore} from '../notifications/store.ts'
import {createPlans, type Plans, type PlansOptions} from '../plans/plans.ts'
import {createPlanStore} from '../plans/store.ts'
import type {Config} from '../platform/config/config.ts'
import type {Logger} from '../platform/logger.ts'
import {AppError} from '../kernel/errors.ts'
import type {PipelinesPort} from '../sdk/index.ts'

/** Plans of the day. Without Discord there is nowhere to put one, and whoever asks is told. */
export function openPlans({
  config,
  pool,
  discord,
  policy,
  pipelines,
  ...rest
}: {
  readonly config: Pick<Config, 'plans' | 'discord'>
  readonly pool: Pool
  readonly discord: DiscordApi | undefined
  readonly host: RepositoryHost | undefined
  readonly pipelines: Pick<PipelinesPort, 'repository'>
  readonly people: People
  readonly policy: AccessPolicy
  /** The policy of low risk. */
  readonly requirement: Requirement
  readonly replies: ReplyStore
  readonly audit: PlansOptions['audit']
  readonly notify: (id: string) => Promise<void>
  readonly clock: Clock
  readonly log: Logger
}): Plans {
  return createPlans({
    ...rest,
    pool,
    store: createPlanStore({pool}),
    discord: discord ?? {
      startThread: () =>
        Promise.reject(
          new AppError('NOT_CONFIGURED', 'Discord is not set up here, so there are no threads.'),
        ),
    },
    repositoryOf: text => pipelines.repository(text),
    isAdmin: actor => isAdmin(policy, actor),
    defaults: config.plans,
    guildId: config.discord?.guildId,
  })
}
