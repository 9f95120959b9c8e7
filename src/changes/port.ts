import type {RepositoryHost} from '../integrations/github/repository-host.ts'
import {linearId} from '../integrations/linear/ids.ts'
import type {LinearAnswer} from '../integrations/linear/linear.ts'
import type {Llm} from '../integrations/llm/llm.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import {ellipsis, plain, visible} from '../kernel/markdown.ts'
import type {Projects} from '../notifications/projects.ts'
import {notConfigured} from '../pipelines/port.ts'
import {redactText} from '../platform/redact.ts'
import type {ChangesPort, WantedChange} from '../sdk/index.ts'
import type {Consult} from '../tools/consult.ts'
import {MOST_FILES, MOST_LINES} from './checks.ts'
import {createProposer} from './propose.ts'
import {createWriter} from './write.ts'

/** Small changes to code: written by a model and proposed as drafts, or handed to people as issues. */
export function createChanges({
  host,
  llm,
  consult,
  projects,
  projectNames,
  projectsOf,
  clock,
}: {
  readonly host: RepositoryHost | undefined
  readonly llm: Llm
  /** What the model may look up before it writes. */
  readonly consult: Consult
  /** Linear's; none where Linear is off. Asked when it is needed. */
  readonly projects: () => Projects | undefined
  readonly projectNames: readonly string[]
  /** Those that the targets of a repository name. */
  readonly projectsOf: (repository: string) => readonly string[]
  readonly clock: Clock
}): ChangesPort {
  const github = host && {write: createWriter({host, llm, consult, clock}), ...createProposer({host, clock})}

  function connected() {
    if (!github) throw notConfigured()
    return github
  }

  return {
    write: wanted => connected().write(wanted),
    proposed: async (repository, key, signal) => connected().proposed(repository, key, signal),
    check: async made => connected().check(made),
    propose: change => connected().propose(change),
    tell: note => connected().tell(note),

    projectFor(repository, named) {
      if (!projects()) return undefined
      if (named !== undefined) return projectNames.includes(named) ? named : undefined
      const own = [...new Set(projectsOf(repository))]
      const [only, ...others] = own.length > 0 ? own : projectNames
      return others.length === 0 ? only : undefined
    },

    async openIssue({project, key, wanted, reason, signal}) {
      const client = await projects()?.of(project)
      if (!client) throw new AppError('NOT_CONFIGURED', 'Linear is not connected here.')
      const id = linearId(`change ${key}`)
      const {description, kind} = wanted
      const created = await client.createIssue(
        {
          id,
          title: visible(
            ellipsis(redactText(`${kind === 'refactor' ? 'Refactor: ' : ''}${description}`), 120),
          ),
          description: issueText(wanted, reason),
          priority: 3,
        },
        signal,
      )
      const {id: issue} = answered(created)
      const {identifier, url} = answered(await client.issue(issue, signal))
      return {project, identifier, url}
    },
  }
}

/** What somebody needs who has never heard of it; their own words as plain words, so that nobody is mentioned. */
function issueText({repository, description, path, issue}: WantedChange, reason: string): string {
  return [
    plain(redactText(description), 4_000),
    '',
    '**Scope**',
    `- repository: ${plain(repository)}`,
    ...(path === undefined ? [] : [`- where: ${plain(path)}`]),
    ...(issue === undefined ? [] : [`- about: ${plain(issue)}`]),
    `- small: at most ${MOST_FILES} files and ${MOST_LINES} lines, else take it apart`,
    '',
    '**Done when**',
    '- what is asked for above is there, and nothing else changed',
    '- a test would fail without it, and the repository’s own tests pass',
    '',
    `_Nobody wrote code for it: ${plain(reason, 500)}_`,
  ].join('\n')
}

function answered<T>(answer: LinearAnswer<T>): T {
  switch (answer.kind) {
    case 'ok':
      return answer.value
    case 'missing':
      throw new AppError('UPSTREAM_REFUSED', 'Linear does not show the project or the issue.')
    case 'refused':
      throw new AppError('UPSTREAM_REFUSED', `Linear refused the issue: ${answer.reason}.`)
    case 'failed':
      throw new AppError('UPSTREAM_UNAVAILABLE', 'Linear did not answer.', {
        details: {reason: answer.reason},
        ...(answer.retryAfterMs === undefined ? {} : {retryAfterMs: answer.retryAfterMs}),
      })
  }
}
