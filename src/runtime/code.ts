import {createChanges} from '../changes/port.ts'
import {createDocumentation} from '../documentation/port.ts'
import type {Llm} from '../integrations/llm/llm.ts'
import type {Clock} from '../kernel/clock.ts'
import type {Config} from '../platform/config/config.ts'
import {createSafeHttp} from '../platform/safe-http.ts'
import {createReviews} from '../reviews/port.ts'
import type {PipelinesPort, Services} from '../sdk/index.ts'
import type {Consult} from '../tools/consult.ts'
import {createTriage} from '../triage/port.ts'
import {createRegistries} from '../triage/registries.ts'
import type {HouseGithub} from './github.ts'
import type {HouseProjects} from './projects.ts'

/** What agents do with the code of repositories: change, judge, explain and describe it. */
export function openCode({
  config,
  github: {hosts},
  projects,
  pipelines,
  llm,
  consult,
  redact,
  clock,
}: {
  readonly config: Pick<Config, 'projects' | 'registries' | 'targets'>
  readonly github: Pick<HouseGithub, 'hosts'>
  readonly projects: HouseProjects | undefined
  readonly pipelines: PipelinesPort
  readonly llm: Llm
  readonly consult: Consult
  readonly redact: (text: string) => string
  readonly clock: Clock
}): Pick<Services, 'changes' | 'triage' | 'reviews' | 'documentation'> {
  const host = hosts?.repository
  const changes = createChanges({
    host,
    llm,
    consult,
    projects: () => projects?.projects,
    projectNames: [...config.projects.keys()],
    projectsOf: repository =>
      [...config.targets.values()].flatMap(({repository: of, project}) =>
        of?.toLowerCase() === repository.toLowerCase() && project !== undefined ? [project] : [],
      ),
    clock,
  })
  return {
    changes,
    triage: createTriage({
      ...{github: hosts, pipelines, changes, llm, consult, redact, clock},
      askRegistry: createRegistries({
        addresses: config.registries,
        // The operator named them: they may be of the own network, and nobody else’s word leads anywhere.
        http: createSafeHttp({allowLocal: true, timeoutMs: 5_000, tries: 1, maxRedirects: 0}),
        clock,
      }),
    }),
    reviews: createReviews({host, clock}),
    documentation: createDocumentation({host, clock}),
  }
}
