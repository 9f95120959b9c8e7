import type {Pool} from 'pg'
import type {AccessPolicy} from '../access/policy.ts'
import type {Audit} from '../audit/audit.ts'
import {createAuditStore} from '../audit/store.ts'
import type {DiscordApi} from '../integrations/discord/api.ts'
import type {RepositoryHost} from '../integrations/github/repository-host.ts'
import type {Clock} from '../kernel/clock.ts'
import type {ReplyStore} from '../notifications/store.ts'
import type {Config} from '../platform/config/config.ts'
import {createRelay} from '../relay/service.ts'
import {createRelayStore} from '../relay/store.ts'
import type {OffersPort, Services, WorkflowRunsPort} from '../sdk/index.ts'
import {createSummary} from '../summary/port.ts'
import {createTraces} from '../traces/port.ts'
import {createTraceStore} from '../traces/store.ts'

/** What tells others: messages posted for people, summaries, and what became of a command. */
export function openDesk({
  config,
  pool,
  policy,
  discord,
  host,
  workflowRuns,
  audit,
  offers,
  replies,
  notify,
  redact,
  clock,
}: {
  readonly config: Config
  readonly pool: Pool
  readonly policy: AccessPolicy
  readonly discord: DiscordApi | undefined
  readonly host: RepositoryHost | undefined
  readonly workflowRuns: WorkflowRunsPort
  readonly audit: Audit
  readonly offers: OffersPort
  readonly replies: ReplyStore
  readonly notify: (id: string) => Promise<void>
  readonly redact: (text: string) => string
  readonly clock: Clock
}): Pick<Services, 'relay' | 'summary' | 'traces'> {
  const {channels, people} = config.relay
  return {
    relay: createRelay({
      pool,
      store: createRelayStore({pool}),
      places: [
        ...channels.map(id => ({kind: 'channel', id, name: `channel ${id}`}) as const),
        ...people.map(({name, discord: id}) => ({kind: 'person', id, name: `${name} alone`}) as const),
      ],
      policy,
      discord,
      audit,
      offers,
      replies,
      notify,
      clock,
    }),
    summary: createSummary({
      host,
      workflowRuns,
      repository: config.summary.repository ?? config.github?.repository,
      path: config.summary.path,
      label: config.plans.label,
      clock,
    }),
    traces: createTraces({
      enabled: config.debug.enabled,
      store: createTraceStore({pool}),
      trail: createAuditStore({pool}),
      redact,
      clock,
    }),
  }
}
