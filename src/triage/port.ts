import type {CodeHost} from '../integrations/github/code-host.ts'
import {valueOf} from '../integrations/github/look.ts'
import type {RepositoryHost} from '../integrations/github/repository-host.ts'
import type {Llm} from '../integrations/llm/llm.ts'
import type {Clock} from '../kernel/clock.ts'
import {notConfigured} from '../pipelines/port.ts'
import type {ChangesPort, PipelinesPort, TriagePort} from '../sdk/index.ts'
import type {Consult} from '../tools/consult.ts'
import {commentText, sayOnce, TRIAGE_MARK} from './comment.ts'
import {createDraft} from './draft.ts'
import {createInvestigate} from './investigate.ts'
import {createIssueTriage} from './issues/port.ts'
import type {AskRegistry} from './registries.ts'

/** Why runs fail and what issues are about, and what may be said of it at GitHub. */
export function createTriage({
  github,
  pipelines,
  changes,
  llm,
  consult,
  askRegistry,
  redact,
  clock,
}: {
  readonly github: {readonly code: CodeHost; readonly repository: RepositoryHost} | undefined
  readonly pipelines: Pick<PipelinesPort, 'repository' | 'runsOf'>
  readonly changes: Pick<ChangesPort, 'proposed' | 'check' | 'propose'>
  readonly llm: Llm
  /** What the model may look up before it explains. */
  readonly consult: Consult
  readonly askRegistry: AskRegistry
  readonly redact: (text: string) => string
  readonly clock: Clock
}): TriagePort {
  const investigate =
    github && createInvestigate({...github, pipelines, llm, consult, askRegistry, redact, clock})
  function host(): RepositoryHost {
    if (!github) throw notConfigured()
    return github.repository
  }

  return {
    ...createIssueTriage({host, llm, clock}),
    draft: createDraft({host, changes, clock}),

    async investigate(query) {
      if (!investigate) throw notConfigured()
      return investigate(query)
    },

    async comment(report, signal) {
      const {repository, sha} = report
      const missing = `${repository} shows no commit ${sha}.`
      const pulls =
        report.pull === undefined
          ? valueOf(await host().pullRequestsOf({repository, sha, signal}), missing, clock)
          : []
      const number = report.pull ?? pulls.find(({state}) => state === 'open')?.number
      if (number === undefined) return undefined
      const text = commentText(report)
      const {url} = await sayOnce(
        {host: host(), clock},
        {repository, number, mark: TRIAGE_MARK, text, signal},
      )
      return {url, number}
    },
  }
}
