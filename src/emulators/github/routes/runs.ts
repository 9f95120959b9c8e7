import type {SignedUrls} from '../logs.ts'
import type {People} from '../people.ts'
import {latest, type Attempt} from '../attempt.ts'
import {findWorkflow, type RepositoryState} from '../repositories.ts'
import {ok, page, refuse, type Answer, type Call, type Route} from '../route.ts'
import type {RunState, Runs} from '../runs.ts'
import type {RunShapes} from '../run-shapes.ts'
import type {Origins} from '../shapes.ts'

interface RunRoutesDeps {
  readonly runs: Runs
  readonly shapes: RunShapes
  readonly people: People
  readonly origins: Origins
  readonly signedUrls: SignedUrls
  readonly now: () => number
  /** A new run can be read at once but is listed only after this. */
  readonly listingDelayMs: number
}

const READ = ['actions', 'read'] as const
const WRITE = ['actions', 'write'] as const
const RERUN_FOR_MS = 30 * 24 * 3_600_000
const MOST_RERUNS = 50

/** Workflow runs, their jobs and their logs. */
export function runRoutes({
  runs,
  shapes,
  people,
  origins,
  signedUrls,
  now,
  listingDelayMs,
}: RunRoutesDeps): Route[] {
  const repo = (path: string) => `/repos/:owner/:repo/actions${path}`

  function runOf({params}: Call, repository: RepositoryState): RunState {
    runs.settle()
    const run = runs.find(Number(params['run']))
    return run?.repository === repository ? run : refuse(404, 'Not Found')
  }

  function attemptOf(call: Call, run: RunState): Attempt {
    return (
      run.attempts.find(attempt => attempt.number === Number(call.params['attempt'])) ??
      refuse(404, 'Not Found')
    )
  }

  function list(call: Call, candidates: readonly RunState[]): Answer {
    runs.settle()
    const listed = candidates.filter(
      run => run.createdAt + listingDelayMs <= now() && matches(run, call.query),
    )
    return page(call, listed, (some, total_count) => ({
      total_count,
      workflow_runs: some.map(run => shapes.run(run)),
    }))
  }

  function listJobs(call: Call, run: RunState, attempts: readonly Attempt[]): Answer {
    const jobs = attempts.flatMap(attempt =>
      attempt.jobs.filter(job => job.status !== 'blocked').map(job => ({job, attempt: attempt.number})),
    )
    return page(call, jobs, (some, total_count) => ({
      total_count,
      jobs: some.map(({job, attempt}) => shapes.job(run, job, attempt)),
    }))
  }

  function cancel(call: Call, repository: RepositoryState, force: boolean): Answer {
    const run = runOf(call, repository)
    if (run.status === 'completed') refuse(409, 'Cannot cancel a workflow run that is completed.')
    runs.cancel(run, force)
    return {status: 202, body: {}}
  }

  function rerun(call: Call, repository: RepositoryState, which: 'all' | 'failed'): Answer {
    const run = runOf(call, repository)
    if (run.status !== 'completed') refuse(403, 'This workflow is already running')
    if (now() - run.createdAt > RERUN_FOR_MS) {
      refuse(403, 'Unable to retry this workflow run because it was created over a month ago')
    }
    if (latest(run).number > MOST_RERUNS)
      refuse(403, 'Unable to retry this workflow run because it was rerun too often')
    const failed = latest(run).jobs.some(job => job.conclusion !== 'success')
    if (which === 'failed' && !failed) refuse(403, 'The workflow run containing this job has no failed jobs')
    runs.rerun(run, people.meet(call.caller.login).login, which)
    return {status: 201, body: {}}
  }

  const readRoute = (
    name: string,
    path: string,
    docs: string,
    handle: (call: Call, repository: RepositoryState) => Answer,
    more: {signedIn?: boolean} = {},
  ): Route => ({
    name,
    method: 'GET',
    path: repo(path),
    docs,
    for: 'repository',
    permission: READ,
    handle,
    ...more,
  })

  const writeRoute = (
    name: string,
    path: string,
    docs: string,
    handle: (call: Call, repository: RepositoryState) => Answer,
  ): Route => ({name, method: 'POST', path: repo(path), docs, for: 'repository', permission: WRITE, handle})

  return [
    readRoute(
      'runs',
      '/runs',
      'actions/workflow-runs#list-workflow-runs-for-a-repository',
      (call, repository) => list(call, repository.runs),
    ),
    readRoute(
      'workflowRuns',
      '/workflows/:workflow/runs',
      'actions/workflow-runs#list-workflow-runs-for-a-workflow',
      (call, repository) => {
        const workflow = findWorkflow(repository, call.params['workflow'] ?? '') ?? refuse(404, 'Not Found')
        return list(
          call,
          repository.runs.filter(run => run.workflow === workflow),
        )
      },
    ),
    {
      name: 'checks',
      method: 'GET',
      path: '/repos/:owner/:repo/commits/:sha/check-runs',
      docs: 'checks/runs#list-check-runs-for-a-git-reference',
      for: 'repository',
      permission: ['checks', 'read'],
      handle(call, repository) {
        runs.settle()
        const sha = call.params['sha'] ?? ''
        const checked = repository.runs
          .filter(run => run.headSha === sha)
          .flatMap(run => latest(run).jobs.map(job => ({run, job})))
          .filter(({job}) => job.status !== 'blocked')
        return page(call, checked, (some, total_count) => ({
          total_count,
          check_runs: some.map(({run, job}) => {
            const {id, name, html_url, status, conclusion, started_at, completed_at, head_sha} = shapes.job(
              run,
              job,
              latest(run).number,
            )
            return {id, name, html_url, status, conclusion, started_at, completed_at, head_sha}
          }),
        }))
      },
    },
    readRoute('run', '/runs/:run', 'actions/workflow-runs#get-a-workflow-run', (call, repository) =>
      ok(shapes.run(runOf(call, repository))),
    ),
    readRoute(
      'attempt',
      '/runs/:run/attempts/:attempt',
      'actions/workflow-runs#get-a-workflow-run-attempt',
      (call, repository) => {
        const run = runOf(call, repository)
        return ok(shapes.run(run, attemptOf(call, run)))
      },
    ),
    readRoute(
      'jobs',
      '/runs/:run/jobs',
      'actions/workflow-jobs#list-jobs-for-a-workflow-run',
      (call, repository) => {
        const run = runOf(call, repository)
        return listJobs(call, run, call.query['filter'] === 'all' ? run.attempts : [latest(run)])
      },
    ),
    readRoute(
      'attemptJobs',
      '/runs/:run/attempts/:attempt/jobs',
      'actions/workflow-jobs#list-jobs-for-a-workflow-run-attempt',
      (call, repository) => {
        const run = runOf(call, repository)
        return listJobs(call, run, [attemptOf(call, run)])
      },
    ),
    readRoute(
      'job',
      '/jobs/:job',
      'actions/workflow-jobs#get-a-job-for-a-workflow-run',
      (call, repository) => {
        runs.settle()
        const found = runs.job(Number(call.params['job']))
        if (found?.run.repository !== repository) return refuse(404, 'Not Found')
        const attempt = found.run.attempts.find(one => one.jobs.includes(found.job)) ?? latest(found.run)
        return ok(shapes.job(found.run, found.job, attempt.number))
      },
    ),
    readRoute(
      'logs',
      '/jobs/:job/logs',
      'actions/workflow-jobs#download-job-logs-for-a-workflow-run',
      (call, repository) => {
        runs.settle()
        const found = runs.job(Number(call.params['job']))
        // The log exists once the job is over, and never for a job that no runner took.
        const written =
          found?.run.repository === repository &&
          found.job.status === 'completed' &&
          found.job.steps.length > 0
        if (!written) return refuse(404, 'Not Found')
        return {
          status: 302,
          headers: {location: `${origins.web}${signedUrls.sign(`/job-logs/${found.job.id}.txt`)}`},
        }
      },
      {signedIn: true},
    ),
    writeRoute(
      'cancel',
      '/runs/:run/cancel',
      'actions/workflow-runs#cancel-a-workflow-run',
      (call, repository) => cancel(call, repository, false),
    ),
    writeRoute(
      'forceCancel',
      '/runs/:run/force-cancel',
      'actions/workflow-runs#force-cancel-a-workflow-run',
      (call, repository) => cancel(call, repository, true),
    ),
    writeRoute('rerun', '/runs/:run/rerun', 'actions/workflow-runs#re-run-a-workflow', (call, repository) =>
      rerun(call, repository, 'all'),
    ),
    writeRoute(
      'rerunFailed',
      '/runs/:run/rerun-failed-jobs',
      'actions/workflow-runs#re-run-failed-jobs-from-a-workflow-run',
      (call, repository) => rerun(call, repository, 'failed'),
    ),
    readRoute('workflows', '/workflows', 'actions/workflows#list-repository-workflows', (call, repository) =>
      page(
        call,
        repository.workflows.filter(workflow => workflow.onDefaultBranch),
        (some, total_count) => ({
          total_count,
          workflows: some.map(workflow => shapes.workflow(repository, workflow)),
        }),
      ),
    ),
    readRoute('workflow', '/workflows/:workflow', 'actions/workflows#get-a-workflow', (call, repository) =>
      ok(
        shapes.workflow(
          repository,
          findWorkflow(repository, call.params['workflow'] ?? '') ?? refuse(404, 'Not Found'),
        ),
      ),
    ),
  ]
}

function matches(run: RunState, query: Readonly<Record<string, string>>): boolean {
  const {branch, event, status, created, head_sha: sha, actor, check_suite_id: suite} = query
  return (
    (!branch || run.branch === branch) &&
    (!event || run.event === event) &&
    (!status || run.status === status || run.conclusion === status) &&
    (!sha || run.headSha === sha) &&
    (!actor || run.actor.toLowerCase() === actor.toLowerCase()) &&
    (!suite || String(run.checkSuiteId) === suite) &&
    (!created || wasCreated(run, created))
  )
}

/** GitHub's search syntax for dates: `>=a`, `>a`, `<=a`, `<a`, `a..b` with `*` for an open end, or a day. */
function wasCreated(run: RunState, syntax: string): boolean {
  // Creation times have whole seconds only, so a bound with a fraction can miss a run of the same second.
  const at = Math.floor(run.createdAt / 1000) * 1000
  const [, sign = '', date = ''] = /^(>=|<=|>|<)?(.+)$/.exec(syntax) ?? []
  const [from = '', to] = date.split('..')
  if (to !== undefined) return (from === '*' || at >= moment(from)) && (to === '*' || at <= endOf(to))
  switch (sign) {
    case '>=':
      return at >= moment(from)
    case '>':
      return at > moment(from)
    case '<=':
      return at <= endOf(from)
    case '<':
      return at < moment(from)
    default:
      return at >= moment(from) && at <= endOf(from)
  }
}

function moment(text: string): number {
  const at = Date.parse(text)
  return Number.isNaN(at) ? refuse(422, `Invalid date: ${text}`) : at
}

function endOf(text: string): number {
  return moment(text) + (/^\d{4}-\d{2}-\d{2}$/.test(text) ? 24 * 3_600_000 - 1 : 0)
}
