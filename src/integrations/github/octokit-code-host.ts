import {App, Octokit} from 'octokit'
import {z} from 'zod'
import type {Clock} from '../../kernel/clock.ts'
import type {
  CancelOutcome,
  CodeHost,
  DispatchOutcome,
  JobDetail,
  Look,
  RunDetail,
  RunSummary,
} from './code-host.ts'
import {classify} from './failures.ts'

export interface OctokitCodeHostOptions {
  readonly auth:
    | {readonly kind: 'token'; readonly token: string}
    | {
        readonly kind: 'app'
        readonly appId: string
        readonly privateKey: string
        readonly installationId: string
      }
  readonly apiUrl: string
  readonly clock: Clock
  /** Per request. GitHub's own guidance for integrations; the spec of this product asks for at most 10 s. */
  readonly timeoutMs?: number
}

const LOG_TAIL_BYTES = 512 * 1024
const ETAG_CACHE_SIZE = 500
const API_VERSION = '2022-11-28'

const id = z.union([z.number(), z.bigint(), z.string()]).transform(String)
const instant = z.iso.datetime({offset: true}).transform(text => Date.parse(text))
const optionalInstant = instant.nullish().transform(ms => ms ?? undefined)

const run = z.object({
  id,
  html_url: z.string(),
  name: z.string().nullish(),
  display_title: z.string().nullish(),
  event: z.string(),
  status: z.string().nullish(),
  conclusion: z.string().nullish(),
  run_attempt: z.number().nullish(),
  created_at: instant,
  updated_at: instant,
  run_started_at: optionalInstant,
})
const runs = z.object({workflow_runs: z.array(run)})
const step = z.object({
  name: z.string(),
  number: z.number(),
  status: z.string(),
  conclusion: z.string().nullish(),
  started_at: optionalInstant,
  completed_at: optionalInstant,
})
const jobs = z.object({
  jobs: z.array(
    z.object({
      id,
      name: z.string(),
      html_url: z.string().nullish(),
      status: z.string(),
      conclusion: z.string().nullish(),
      started_at: optionalInstant,
      completed_at: optionalInstant,
      steps: z.array(step).nullish(),
    }),
  ),
})
const dispatched = z.object({workflow_run_id: id, html_url: z.string()})
const refs = z.array(z.object({ref: z.string()}))

/** The code host over GitHub's REST API, by token or as an installed GitHub App. */
export async function createOctokitCodeHost(options: OctokitCodeHostOptions): Promise<CodeHost> {
  const {clock, timeoutMs = 10_000} = options
  const octokit = await connect(options)
  const cache = new Map<string, {readonly etag: string; readonly data: unknown}>()
  // Learnt from the first refusal: servers older than the parameter stay so for the life of the process.
  let returnsRunDetails = true

  const within = (signal?: AbortSignal) => ({
    retries: 0,
    signal: signal
      ? AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
      : AbortSignal.timeout(timeoutMs),
  })

  /** A conditional GET: an unchanged answer (304) is taken from memory and costs none of the rate limit. */
  async function read<T>(
    route: string,
    parameters: Record<string, unknown>,
    schema: z.ZodType<T>,
    signal?: AbortSignal,
  ): Promise<Look<T>> {
    const key = `${route} ${JSON.stringify(parameters)}`
    const known = cache.get(key)
    try {
      const answer = await octokit.request(route, {
        ...parameters,
        headers: {'x-github-api-version': API_VERSION, ...(known ? {'if-none-match': known.etag} : {})},
        request: within(signal),
      })
      const {etag} = answer.headers
      if (etag !== undefined) remember(key, {etag, data: answer.data as unknown})
      return parse(schema, answer.data)
    } catch (error) {
      const failure = classify(error, clock())
      switch (failure.kind) {
        case 'not-modified':
          return known
            ? parse(schema, known.data)
            : {kind: 'failed', reason: 'an unchanged answer to an unasked question'}
        case 'conflict':
        case 'not-sent':
          return {kind: 'failed', reason: failure.kind === 'conflict' ? 'conflict' : failure.reason}
        default:
          return failure
      }
    }
  }

  function remember(key: string, entry: {readonly etag: string; readonly data: unknown}): void {
    cache.delete(key)
    cache.set(key, entry)
    if (cache.size > ETAG_CACHE_SIZE) cache.delete(cache.keys().next().value ?? key)
  }

  async function attemptDispatch(
    request: Parameters<CodeHost['dispatch']>[0],
    details: boolean,
  ): Promise<DispatchOutcome | 'unknown-parameter'> {
    try {
      const answer = await octokit.request(
        'POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches',
        {
          ...split(request.repository),
          workflow_id: request.workflow,
          ref: request.ref,
          inputs: request.inputs,
          ...(details ? {return_run_details: true} : {}),
          headers: {'x-github-api-version': API_VERSION},
          request: within(),
        },
      )
      const body = dispatched.safeParse(answer.data)
      return {
        kind: 'accepted',
        ...(body.success ? {run: {id: body.data.workflow_run_id, url: body.data.html_url}} : {}),
      }
    } catch (error) {
      const failure = classify(error, clock())
      switch (failure.kind) {
        case 'slow-down':
        case 'not-sent':
          return failure
        case 'refused':
          return details && /return_run_details/.test(failure.reason) ? 'unknown-parameter' : failure
        case 'missing':
          return {
            kind: 'refused',
            reason: `Workflow ${request.workflow} was not found in ${request.repository}, or our token can’t see it. Check the target’s configuration.`,
          }
        case 'conflict':
        case 'not-modified':
          return {kind: 'refused', reason: 'GitHub refused the dispatch because of a conflict.'}
        case 'failed':
          return {kind: 'unclear', reason: failure.reason}
      }
    }
  }

  return {
    async dispatch(request) {
      const outcome = await attemptDispatch(request, returnsRunDetails)
      if (outcome !== 'unknown-parameter') return outcome
      // Refused with 422 before anything started, so asking again without the parameter is safe.
      returnsRunDetails = false
      const second = await attemptDispatch(request, false)
      return second === 'unknown-parameter'
        ? {kind: 'refused', reason: 'GitHub refused the dispatch.'}
        : second
    },

    async dispatchedRuns({repository, workflow, since}) {
      const created = `>=${new Date(since).toISOString().slice(0, 19)}Z`
      const look = await read(
        'GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs',
        {...split(repository), workflow_id: workflow, event: 'workflow_dispatch', created, per_page: 100},
        runs,
      )
      return mapLook(look, value => value.workflow_runs.map(toSummary))
    },

    async run({repository, runId}) {
      const parameters = {...split(repository), run_id: runId}
      const [head, list] = await Promise.all([
        read('GET /repos/{owner}/{repo}/actions/runs/{run_id}', parameters, run),
        read(
          'GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs',
          {...parameters, filter: 'latest', per_page: 100},
          jobs,
        ),
      ])
      if (head.kind !== 'seen') return head
      if (list.kind !== 'seen') return list
      return {
        kind: 'seen',
        value: {...toSummary(head.value), jobs: list.value.jobs.map(toJob)} satisfies RunDetail,
      }
    },

    async jobLog({repository, jobId}) {
      try {
        const answer = await octokit.request('GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs', {
          ...split(repository),
          job_id: Number(jobId),
          headers: {'x-github-api-version': API_VERSION},
          request: {...within(), parseSuccessResponseBody: false},
        })
        return {kind: 'seen', value: await tail(answer.data)}
      } catch (error) {
        return readFailure(error)
      }
    },

    async cancel({repository, runId, force}): Promise<CancelOutcome> {
      try {
        await octokit.request(
          `POST /repos/{owner}/{repo}/actions/runs/{run_id}/${force ? 'force-cancel' : 'cancel'}`,
          {
            ...split(repository),
            run_id: Number(runId),
            headers: {'x-github-api-version': API_VERSION},
            request: within(),
          },
        )
        return {kind: 'accepted'}
      } catch (error) {
        const failure = classify(error, clock())
        switch (failure.kind) {
          case 'conflict':
            return {kind: 'already-ended'}
          case 'missing':
            return {kind: 'refused', reason: 'The run no longer exists, or our token can’t see it.'}
          case 'refused':
          case 'slow-down':
          case 'failed':
            return failure
          case 'not-sent':
          case 'not-modified':
            return {kind: 'failed', reason: 'no answer from GitHub'}
        }
      }
    },

    async recentRuns({repository, workflow, branch, count, signal}) {
      const look = await read(
        'GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs',
        {...split(repository), workflow_id: workflow, branch, per_page: Math.min(count, 100)},
        runs,
        signal,
      )
      return mapLook(look, value => value.workflow_runs.map(toSummary).slice(0, count))
    },

    async refs({repository, prefix, signal}) {
      const found: string[] = []
      for (const kind of ['heads', 'tags']) {
        const look = await read(
          'GET /repos/{owner}/{repo}/git/matching-refs/{ref}',
          {...split(repository), ref: `${kind}/${prefix}`, per_page: 25},
          refs,
          signal,
        )
        if (look.kind !== 'seen') return look
        found.push(...look.value.map(entry => entry.ref.replace(/^refs\/(heads|tags)\//, '')))
      }
      return {kind: 'seen', value: found.slice(0, 25)}
    },

    workflowUrl(repository, workflow) {
      return `${htmlBase(options.apiUrl)}/${repository}/actions/workflows/${encodeURIComponent(workflow)}`
    },
  }

  function readFailure(error: unknown): Exclude<Look<never>, {kind: 'seen'}> {
    const failure = classify(error, clock())
    switch (failure.kind) {
      case 'missing':
      case 'refused':
      case 'slow-down':
      case 'failed':
        return failure
      default:
        return {kind: 'failed', reason: 'no answer from GitHub'}
    }
  }
}

async function connect({auth, apiUrl}: OctokitCodeHostOptions): Promise<Octokit> {
  const Configured = Octokit.defaults({
    baseUrl: apiUrl,
    retry: {enabled: false},
    // Waiting out a limit is the deployment's own, visible business: the plugin never sleeps behind our back.
    throttle: {onRateLimit: () => false, onSecondaryRateLimit: () => false},
  })
  if (auth.kind === 'token') return new Configured({auth: auth.token})
  const app = new App({appId: auth.appId, privateKey: auth.privateKey, Octokit: Configured})
  return app.getInstallationOctokit(Number(auth.installationId))
}

function parse<T>(schema: z.ZodType<T>, data: unknown): Look<T> {
  const parsed = schema.safeParse(data)
  return parsed.success
    ? {kind: 'seen', value: parsed.data}
    : {kind: 'failed', reason: `an unexpected answer: ${z.prettifyError(parsed.error)}`}
}

function mapLook<T, U>(look: Look<T>, map: (value: T) => U): Look<U> {
  return look.kind === 'seen' ? {kind: 'seen', value: map(look.value)} : look
}

function split(repository: string): {readonly owner: string; readonly repo: string} {
  const [owner = '', repo = ''] = repository.split('/')
  return {owner, repo}
}

function toSummary(seen: z.output<typeof run>): RunSummary {
  return {
    id: seen.id,
    url: seen.html_url,
    name: seen.name ?? '',
    displayTitle: seen.display_title ?? '',
    event: seen.event,
    status: seen.status ?? 'queued',
    conclusion: seen.conclusion ?? null,
    attempt: seen.run_attempt ?? 1,
    createdAt: seen.created_at,
    updatedAt: seen.updated_at,
    ...(seen.run_started_at === undefined ? {} : {startedAt: seen.run_started_at}),
  }
}

function toJob(seen: z.output<typeof jobs>['jobs'][number]): JobDetail {
  return {
    id: seen.id,
    name: seen.name,
    url: seen.html_url ?? '',
    status: seen.status,
    conclusion: seen.conclusion ?? null,
    ...span(seen),
    steps: (seen.steps ?? []).map(part => ({
      name: part.name,
      number: part.number,
      status: part.status,
      conclusion: part.conclusion ?? null,
      ...span(part),
    })),
  }
}

function span(part: {readonly started_at?: number | undefined; readonly completed_at?: number | undefined}) {
  return {
    ...(part.started_at === undefined ? {} : {startedAt: part.started_at}),
    ...(part.completed_at === undefined ? {} : {endedAt: part.completed_at}),
  }
}

/** The end of a log of any size, holding no more than the end in memory. */
async function tail(body: unknown): Promise<string> {
  if (typeof body === 'string') return body.slice(-LOG_TAIL_BYTES)
  let kept = Buffer.alloc(0)
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    kept = Buffer.concat([kept, chunk])
    if (kept.length > 2 * LOG_TAIL_BYTES) kept = kept.subarray(-LOG_TAIL_BYTES)
  }
  return kept.subarray(-LOG_TAIL_BYTES).toString('utf8')
}

/** github.com for the public API; the same host without `/api/v3` for GitHub Enterprise and local servers. */
function htmlBase(apiUrl: string): string {
  const url = new URL(apiUrl)
  if (url.hostname === 'api.github.com') return 'https://github.com'
  return url.origin
}
