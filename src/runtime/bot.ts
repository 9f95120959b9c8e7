import type {AccessPolicy} from '../access/policy.ts'
import type {Audit} from '../audit/audit.ts'
import {createMentions, type Mentions} from '../bot/mentions.ts'
import {createPipeline, type Pipeline} from '../bot/pipeline.ts'
import type {DiscordApi} from '../integrations/discord/api.ts'
import type {Clock} from '../kernel/clock.ts'
import type {ReplyStore} from '../notifications/store.ts'
import type {Logger} from '../platform/logger.ts'
import type {Metrics} from '../platform/metrics.ts'
import type {CommandDefinition, Services} from '../sdk/index.ts'
import type {HouseInvocations} from './invocations.ts'

/** The ways in from Discord; without it there are none. */
export interface HouseBot {
  readonly pipeline: Pipeline | undefined
  /** Undefined too without the command that answers them. */
  readonly mentions: Mentions | undefined
}

export function openBot({
  discord,
  commands,
  policy,
  services,
  given: {invocations, invocationStore, arrivals},
  replies,
  audit,
  metrics,
  clock,
  log,
}: {
  readonly discord: DiscordApi | undefined
  readonly commands: ReadonlyMap<string, CommandDefinition>
  readonly policy: AccessPolicy
  readonly services: Services
  readonly given: Pick<HouseInvocations, 'invocations' | 'invocationStore' | 'arrivals'>
  readonly replies: ReplyStore
  readonly audit: Pick<Audit, 'refused'>
  readonly metrics: Pick<Metrics, 'interactionAck'>
  readonly clock: Clock
  readonly log: Logger
}): HouseBot {
  if (!discord) return {pipeline: undefined, mentions: undefined}
  const ask = commands.get('ask')
  return {
    pipeline: createPipeline({
      ...{commands, policy, services, invocations, invocationStore, arrivals, replies, discord, audit},
      observeAck: seconds => metrics.interactionAck.observe(seconds),
      clock,
      log,
    }),
    mentions:
      ask && createMentions({applicationId: discord.applicationId, ask, policy, invocations, audit, log}),
  }
}
