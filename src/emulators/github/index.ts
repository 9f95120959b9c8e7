/**
 * A strict local GitHub: Actions, contents and pull requests of the REST API, webhooks, limits and bad days. It is
 * driven by the real octokit; runs follow a script on a real clock. `routes/` holds the operations, `progress`
 * the life of a run, `api` the way of a request; everything here only puts them together.
 */
import type {AddressInfo} from 'node:net'
import {systemClock, type Clock} from '../../kernel/clock.ts'
import {createApi} from './api.ts'
import {createAuth, type Auth} from './auth.ts'
import {createChanges, type Changes} from './changes.ts'
import {createCommentShapes} from './comment-shapes.ts'
import type {CommentState} from './comments.ts'
import {addControl} from './control.ts'
import {createFaults, type Fault} from './faults.ts'
import {createHandles, type Repository} from './handles/repository.ts'
import {createIds} from './ids.ts'
import {createSignedUrls} from './logs.ts'
import {createPeople} from './people.ts'
import {createPullShapes} from './pull-shapes.ts'
import {latest, type Transition} from './attempt.ts'
import {createRateLimits} from './rate-limits.ts'
import {createRecorder, type RecordedRequest, type Recorder} from './recorder.ts'
import {createRepositories, type RepositoryState} from './repositories.ts'
import {accountRoutes} from './routes/account.ts'
import {artifactRoutes} from './routes/artifacts.ts'
import {commentRoutes} from './routes/comments.ts'
import {contentRoutes} from './routes/contents.ts'
import {dispatchRoute, type ApiFlavour} from './routes/dispatch.ts'
import {issueRoutes} from './routes/issues.ts'
import {pullRoutes} from './routes/pulls.ts'
import {repositoryRoutes} from './routes/repository.ts'
import {runRoutes} from './routes/runs.ts'
import {secretRoutes} from './routes/secrets.ts'
import {variableRoutes} from './routes/variables.ts'
import {createRuns, type RunState} from './runs.ts'
import {createRunShapes} from './run-shapes.ts'
import {createShapes} from './shapes.ts'
import {createWeb} from './web.ts'
import {createWebhooks, type Delivery, type Hook} from './webhooks.ts'

export type {Change} from './changes.ts'
export type {Fault} from './faults.ts'
export type {Comment} from './handles/comment.ts'
export type {Pull} from './handles/pull.ts'
export type {Repository} from './handles/repository.ts'
export type {Run} from './handles/run.ts'
export type {Workflow, WorkflowOptions} from './handles/workflow.ts'
export type {JobScript, StepScript} from './script.ts'
export type {Delivery} from './webhooks.ts'
export type {RecordedRequest} from './recorder.ts'

export interface GithubEmulatorOptions {
  /** Of the REST API; the web origin takes any free one. Default: any free one. */
  readonly port?: number
  readonly now?: Clock
  /** Scripted milliseconds per real one: 10 plays ten times as fast. Default 1. */
  readonly speed?: number
  readonly apiFlavour?: ApiFlavour
  /** A new run is in lists only after this. Default 0. */
  readonly listingDelayMs?: number
  /** Primary limit per token and hour. Default 5000. */
  readonly requestsPerHour?: number
}

export interface GithubEmulator {
  /** Base address of the REST API. */
  readonly url: string
  /** Base address of what people open in a browser. */
  readonly htmlUrl: string
  /** Issues a fine-grained personal access token. Default: all repositories, actions:write, contents:read. */
  readonly token: Auth['issueToken']
  /** Registers and installs a GitHub App. */
  readonly app: Auth['createApp']
  /** The repository of that `owner/name`, created on first mention. */
  repository(
    fullName: string,
    options?: {readonly private?: boolean; readonly defaultBranch?: string},
  ): Repository
  /** Adds a webhook on all repositories; it is pinged at once. */
  webhooks(hook: Hook): void
  readonly requests: readonly RecordedRequest[]
  readonly count: Recorder['count']
  /** Arms a fault; the answer disarms it. */
  misbehave(fault: Fault): () => void
  readonly on: Changes['on']
  readonly eventually: Changes['eventually']
  readonly deliveries: readonly Delivery[]
  redeliver(id: number): void
  close(): Promise<void>
}

/** Starts the emulator on loopback. */
export async function startGithubEmulator({
  port = 0,
  now = systemClock,
  speed = 1,
  apiFlavour = 'modern',
  listingDelayMs = 0,
  requestsPerHour = 5000,
}: GithubEmulatorOptions = {}): Promise<GithubEmulator> {
  const ids = createIds()
  const people = createPeople(ids)
  const origins = {api: '', web: ''}
  const shapes = createShapes({origins, people})
  const runShapes = createRunShapes(shapes)
  const repositories = createRepositories({ids, now})
  const recorder = createRecorder()
  const faults = createFaults()
  const changes = createChanges(dump)
  const auth = createAuth({people, now})
  const rateLimits = createRateLimits({perHour: requestsPerHour, now})
  const signedUrls = createSignedUrls({now})
  const webhooks = createWebhooks({ids, now, faults, changes})
  const runs = createRuns({now, speed, ids, changes, observe: tellWebhooks})
  const pullShapes = createPullShapes(shapes)
  const commentShapes = createCommentShapes(shapes)
  const handles = createHandles({
    runs,
    shapes: {...runShapes, ...pullShapes, ...commentShapes},
    tellOfComment,
    tellOfIssue,
    people,
    ids,
    now,
  })

  const api = createApi({
    routes: [
      dispatchRoute({runs, shapes: runShapes, people, flavour: apiFlavour}),
      ...runRoutes({runs, shapes: runShapes, people, origins, signedUrls, now, listingDelayMs}),
      ...artifactRoutes({runs, shapes: runShapes, origins, signedUrls}),
      ...repositoryRoutes({shapes, pullShapes, people}),
      ...contentRoutes({shapes, ids, now}),
      ...pullRoutes({shapes: pullShapes, people, ids, now}),
      ...issueRoutes({shapes: commentShapes}),
      ...commentRoutes({shapes: commentShapes, people, ids, now, tell: tellOfComment}),
      ...variableRoutes({now}),
      ...(await secretRoutes({now})),
      ...accountRoutes({shapes, auth, rateLimits, repositories}),
    ],
    versions: apiFlavour === 'modern' ? ['2022-11-28', '2026-03-10'] : ['2022-11-28'],
    auth,
    faults,
    rateLimits,
    recorder,
    repositories,
    changes,
    now,
  })
  addControl(api, {
    repositories,
    runs,
    handle: handles.run,
    issueToken: auth.issueToken,
    faults,
    recorder,
    webhooks,
  })
  const web = createWeb({repositories, runs, signedUrls})

  function tellWebhooks(run: RunState, transition: Transition): void {
    const common = {
      action: transition.action,
      repository: shapes.fullRepository(run.repository, 'admin'),
      sender: shapes.user(latest(run).triggeredBy),
    }
    if (transition.of === 'run') {
      const workflow = runShapes.workflow(run.repository, run.workflow)
      webhooks.send('workflow_run', {...common, workflow_run: runShapes.run(run), workflow})
    } else {
      const job = runShapes.job(run, transition.job, latest(run).number)
      webhooks.send('workflow_job', {...common, workflow_job: job})
    }
  }

  function tellOfComment(
    repository: RepositoryState,
    comment: CommentState,
    action: 'created' | 'edited',
  ): void {
    webhooks.send('issue_comment', {
      action,
      issue: commentShapes.issue(repository, comment.number),
      comment: commentShapes.comment(repository, comment),
      repository: shapes.fullRepository(repository, 'admin'),
      sender: shapes.user(comment.author),
    })
  }

  function tellOfIssue(repository: RepositoryState, number: number, action: 'closed' | 'reopened'): void {
    webhooks.send('issues', {
      action,
      issue: commentShapes.issue(repository, number),
      repository: shapes.fullRepository(repository, 'admin'),
      sender: shapes.user(repository.owner),
    })
  }

  function dump(): string {
    const lines = repositories.all().flatMap(({fullName, runs: known}) =>
      known.slice(0, 5).map(run => {
        const jobs = latest(run).jobs.map(job => `${job.script.name} ${job.conclusion ?? job.status}`)
        return `  ${fullName} run ${run.id} "${run.displayTitle}" ${run.conclusion ?? run.status} (${jobs.join(', ')})`
      }),
    )
    const last = recorder.requests
      .slice(-10)
      .map(({method, path, status}) => `  ${method} ${path} ${status ?? 'no answer'}`)
    return ['GitHub runs:', ...lines, 'Last requests:', ...last].join('\n')
  }

  await api.listen({host: '127.0.0.1', port})
  await web.listen({host: '127.0.0.1', port: 0})
  origins.api = originOf(api.server.address() as AddressInfo)
  origins.web = originOf(web.server.address() as AddressInfo)

  return {
    url: origins.api,
    htmlUrl: origins.web,
    token: auth.issueToken,
    app: auth.createApp,
    repository: (fullName, options) => handles.repository(repositories.open(fullName, options)),
    webhooks: webhooks.add,
    requests: recorder.requests,
    count: recorder.count,
    misbehave: faults.add,
    on: changes.on,
    eventually: changes.eventually,
    deliveries: webhooks.deliveries,
    redeliver: webhooks.redeliver,
    async close() {
      runs.close()
      await webhooks.close()
      await Promise.all([api.close(), web.close()])
    },
  }
}

function originOf({port}: AddressInfo): string {
  return `http://127.0.0.1:${port}`
}
