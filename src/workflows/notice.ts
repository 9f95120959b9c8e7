import type {Json} from '../kernel/json.ts'
import type {NewNotice} from '../notifications/notice.ts'
import type {RunStatus} from './run.ts'
import type {ShownRun} from './shown.ts'

const REPOSITORY =
  /^(?:https?:\/\/[^/]+\/)?([A-Za-z0-9][A-Za-z0-9-]{0,38}\/[A-Za-z0-9._-]{1,100}?)(?:\.git)?\/?$/
const ISSUE = /^[A-Z][A-Z0-9]{0,9}-\d{1,9}$/

/** Whether people are told of a run's end: failures always, successes where something outside waits for them. */
export function isTold({status, input}: {readonly status: RunStatus; readonly input: Json}): boolean {
  if (status === 'failed') return true
  const {project, issue, pullRequest} = aboutOf(input)
  return status === 'completed' && (project ?? issue ?? pullRequest) !== undefined
}

/** What people are told of a run's end; `seq`, the commit it ended with, tells the ends of a retried run apart. */
export function noticeOf(
  run: ShownRun,
  {
    seq,
    asker,
    redact,
  }: {
    readonly seq: number
    /** The person who asked for it. */
    readonly asker: string | undefined
    readonly redact: (text: string) => string
  },
): NewNotice | undefined {
  const {id, workflow, status, input, correlation_id, error} = run
  if (!isTold(run)) return undefined
  const failed = status === 'failed'
  const {project, issue, pullRequest} = aboutOf(input)
  const asked = asker === undefined ? [] : [asker]
  return {
    key: `run:${id}:${seq}`,
    story: `run:${id}`,
    event: failed ? 'task_failed' : 'task_completed',
    level: failed ? 'medium' : 'low',
    correlationId: correlation_id,
    people: failed ? asked : [],
    watchers: failed ? [] : asked,
    title: `${workflow} ${failed ? 'failed' : 'is done'}`,
    data: {
      run: id,
      workflow,
      step: run.current_step,
      ...(issue === undefined ? {} : {issue}),
      ...(error ? {error: redact(error.message).slice(0, 1000)} : {}),
    },
    ...(project === undefined ? {} : {project}),
    ...(pullRequest === undefined ? {} : {pullRequest}),
  }
}

/** What a run's input says it is about: `project`, `issue`, and `repo_url` with `pr_number`. */
function aboutOf(input: Json): Pick<NewNotice, 'project' | 'pullRequest'> & {readonly issue?: string} {
  if (
    typeof input !== 'object' ||
    input === null ||
    !('project' in input || 'issue' in input || 'pr_number' in input)
  )
    return {}
  const {project, issue, repo_url, pr_number} = input as Readonly<Record<string, Json | undefined>>
  const repository = typeof repo_url === 'string' ? REPOSITORY.exec(repo_url)?.[1] : undefined
  return {
    ...(typeof project === 'string' ? {project} : {}),
    ...(typeof issue === 'string' && ISSUE.test(issue) ? {issue} : {}),
    ...(repository !== undefined && typeof pr_number === 'number'
      ? {pullRequest: {repository, number: pr_number}}
      : {}),
  }
}
