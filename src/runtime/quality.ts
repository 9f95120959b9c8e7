import type {RepositoryHost} from '../integrations/github/repository-host.ts'
import type {Clock} from '../kernel/clock.ts'
import {createContracts, type Contracts} from '../pipelines/contracts.ts'
import type {Config} from '../platform/config/config.ts'
import type {Logger} from '../platform/logger.ts'
import {createQa} from '../qa/port.ts'
import type {Services} from '../sdk/index.ts'
import {contractSubjects} from './contract-subjects.ts'
import {examineServices} from './doctor.ts'

const FIRST_LOOK_WITHIN_MS = 60_000

export interface HouseQuality {
  readonly ports: Pick<Services, 'qa' | 'doctor'>
  /** Looks once at the workflows that we start, and logs what does not fit. Never throws. */
  lookAtContracts(): Promise<void>
  close(): void
}

/** What judges others' work and our own set-up: rules for pull requests, the contract of workflows, the services. */
export function openQuality({
  config,
  databaseUrl,
  host,
  clock,
  log,
}: {
  readonly config: Config
  readonly databaseUrl: string
  readonly host: RepositoryHost | undefined
  readonly clock: Clock
  readonly log: Logger
}): HouseQuality {
  const contracts = createContracts({host, subjects: contractSubjects(config), clock})
  const closing = new AbortController()
  return {
    ports: {
      qa: createQa({host, postReviews: config.qa.postReviews, clock}),
      doctor: {
        async examine(signal) {
          const [services, kept] = await Promise.all([
            examineServices(config, databaseUrl),
            host ? contracts.check(signal) : [],
          ])
          return {services, contracts: kept}
        },
        contractIds: contracts.ids,
        propose: contracts.propose,
      },
    },
    async lookAtContracts() {
      if (!host) return
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(FIRST_LOOK_WITHIN_MS)])
      await logContracts(contracts, signal, log).catch((error: unknown) => {
        if (!closing.signal.aborted) log.warn({err: error}, 'the workflows could not be looked at')
      })
    },
    close: () => closing.abort(),
  }
}

async function logContracts(contracts: Contracts, signal: AbortSignal, log: Logger): Promise<void> {
  const looked = await contracts.check(signal)
  if (signal.aborted) return
  const wrong = looked.filter(({verdict}) => verdict !== 'kept')
  if (wrong.length === 0) return log.info({workflows: looked.length}, 'the workflows take what we send')
  const faults = wrong.map(({name, repository, workflow, breaches}) => ({
    workflow: `${name}: ${repository} ${workflow}`,
    faults: breaches.map(({what}) => what),
  }))
  log.warn({faults}, 'workflows do not fit what we send them; /doctor shows the lines to add')
}
