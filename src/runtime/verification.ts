import type {Pool} from 'pg'
import type {CodeHost} from '../integrations/github/code-host.ts'
import type {EndedCommand, InvocationStore} from '../invocations/store.ts'
import type {Clock} from '../kernel/clock.ts'
import type {ReplyStore} from '../notifications/store.ts'
import type {Config} from '../platform/config/config.ts'
import type {Logger} from '../platform/logger.ts'
import type {EndpointsPort, Services} from '../sdk/index.ts'
import {createDiagnoses, type Diagnoses} from '../verification/diagnoses.ts'
import {createDiagnosesPort} from '../verification/diagnoses-port.ts'
import {createDiagnosisStore} from '../verification/diagnosis-store.ts'
import {createVerification, type VerifiedTarget} from '../verification/port.ts'

/** Whether deploys did what they were to do, and why not. */
export interface HouseVerification {
  readonly ports: Pick<Services, 'verification' | 'diagnoses'>
  /** Undefined: GitHub is off. */
  readonly diagnoses: Diagnoses | undefined
}

export function openVerification({
  config,
  pool,
  codeHost,
  endpoints,
  targets,
  repositories,
  invocations,
  replies,
  notify,
  observeEnd,
  refuseUrl,
  redact,
  clock,
  log,
  leaseMs,
}: {
  readonly config: Pick<Config, 'diagnose' | 'runs' | 'urls'>
  readonly pool: Pool
  readonly codeHost: CodeHost | undefined
  readonly endpoints: EndpointsPort
  readonly targets: readonly VerifiedTarget[]
  readonly repositories: readonly string[]
  readonly invocations: InvocationStore
  readonly replies: ReplyStore
  readonly notify: (id: string) => Promise<void>
  readonly observeEnd: (ended: EndedCommand) => void
  readonly refuseUrl: (url: string) => string | undefined
  readonly redact: (text: string) => string
  readonly clock: Clock
  readonly log: Logger
  readonly leaseMs: number
}): HouseVerification {
  const bases = {frontend: config.urls.frontendBase, api: config.urls.apiBase}
  const diagnoses =
    codeHost &&
    createDiagnoses({
      ...{pool, codeHost, invocations, replies, notify, observeEnd, redact, clock, log, leaseMs},
      store: createDiagnosisStore({pool}),
    })
  return {
    diagnoses,
    ports: {
      verification: createVerification({codeHost, endpoints, targets, repositories, bases, clock}),
      diagnoses: createDiagnosesPort({
        ...{diagnoses, codeHost, targets, bases, refuseUrl, clock},
        workflow: {repository: undefined, ...config.diagnose},
        channelOf: async id => (await replies.messageOf(id))?.channelId,
        patience: {
          discoveryMs: config.runs.discoveryTimeoutMs,
          watchMs: config.runs.watchTimeoutMs,
          pollMs: config.runs.pollIntervalMs,
        },
      }),
    },
  }
}
