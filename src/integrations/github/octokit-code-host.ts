import {z} from 'zod'
import {mapLook, openGithubClient, split, unread, type GithubClientOptions} from './client.ts'
import type {CancelOutcome, CodeHost, DispatchOutcome, JobDetail, RunDetail, RunSummary} from './code-host.ts'
import {id} from './octokit-schemas.ts'

const LOG_TAIL_BYTES = 512 * 1024
/** Of a run: four matrices as large as GitHub makes them. */
const MOST_JOBS = 1024

const instant = z.iso.datetime({offset: true}).transform(text => Date.parse(text))
const optionalInstant = instant.nullish().transform(ms => ms ?? undefined)

const run = z.object({
  id,
  html_url: z.string(),
  name: z.string().nullish(),
  display_title: z.string().nullish(),
  event: z.string(),
  head_sha: z.string().nullish(),
  path: z.string().nullish(),
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
const job = z.object({
  id,
  name: z.string(),
  html_url: z.string().nullish(),
  status: z.string(),
  conclusion: z.string().nullish(),
  started_at: optionalInstant,
  completed_at: optionalInstant,
  steps: z.array(step).nullish(),
})
const jobs = z.object({jobs: z.array(job)}).transform(seen => seen.jobs)
const artifacts = z.object({
  artifacts: z.array(
    z.object({id, size_in_bytes: z.number(), expired: z.boolean(), created_at: optionalInstant}),
  ),
})
const dispatched = z.object({workflow_run_id: id, html_url: z.string()})
const refs = z.array(z.object({ref: z.string()}))

/** The code host over GitHub's REST API, by token or as an installed GitHub App. */
export async function createOctokitCodeHost(options: GithubClientOptions): Promise<CodeHost> {
  const github = await openGithubClient(options)
  const {read} = github
  // Learnt from the first refusal: servers older than the parameter stay so for the life of the process.
  let returnsRunDetails = true

  async function attemptDispatch(
    request: Parameters<CodeHost['dispatch']>[0],
    details: boolean,
  ): Promise<DispatchOutcome | 'unknown-parameter'> {
    try {
      const answer = await github.send(
        'POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches',
        {
          ...split(request.repository),
          workflow_id: request.workflow,
          ref: request.ref,
          inputs: request.inputs,
          ...(details ? {return_run_details: true} : {}),
        },
      )
      const body = dispatched.safeParse(answer.data)
      return {
        kind: 'accepted',
        ...(body.success ? {run: {id: body.data.workflow_run_id, url: body.data.html_url}} : {}),
      }
    } catch (error) {
      const failure = github.failureOf(error)
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
        github.readAll(
          'GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs',
          {...parameters, filter: 'latest'},
          jobs,
          {most: MOST_JOBS},
        ),
      ])
      if (head.kind !== 'seen') return head
      if (list.kind !== 'seen') return list
      return {
        kind: 'seen',
        value: {...toSummary(head.value), jobs: list.value.items.map(toJob)} satisfies RunDetail,
      }
    },

    async jobLog({repository, jobId}) {
      try {
        const answer = await github.send(
          'GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs',
          {...split(repository), job_id: Number(jobId)},
          {raw: true},
        )
        return {kind: 'seen', value: await tail(answer.data)}
      } catch (error) {
        return unread(github.failureOf(error))
      }
    },

    async artifacts({repository, runId, name}) {
      const look = await read(
        'GET /repos/{owner}/{repo}/actions/runs/{run_id}/artifacts',
        {...split(repository), run_id: runId, name, per_page: 100},
        artifacts,
      )
      return mapLook(look, value =>
        value.artifacts
          .toSorted((a, b) => (b.created_at ?? 0) - (a.created_at ?? 0))
          .map(({id: artifactId, size_in_bytes, expired}) => ({
            id: artifactId,
            bytes: size_in_bytes,
            expired,
          })),
      )
    },

    async artifactZip({repository, artifactId, mostBytes}) {
      try {
        const answer = await github.send(
          'GET /repos/{owner}/{repo}/actions/artifacts/{artifact_id}/{archive_format}',
          {...split(repository), artifact_id: Number(artifactId), archive_format: 'zip'},
          {raw: true},
        )
        const value = await upTo(mostBytes, answer.data as AsyncIterable<Uint8Array>)
        return value
          ? {kind: 'seen', value}
          : {kind: 'refused', reason: `It holds more than ${mostBytes} bytes.`}
      } catch (error) {
        return unread(github.failureOf(error))
      }
    },

    async cancel({repository, runId, force}): Promise<CancelOutcome> {
      try {
        await github.send(
          `POST /repos/{owner}/{repo}/actions/runs/{run_id}/${force ? 'force-cancel' : 'cancel'}`,
          {...split(repository), run_id: Number(runId)},
        )
        return {kind: 'accepted'}
      } catch (error) {
        const failure = github.failureOf(error)
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
        {
          ...split(repository),
          workflow_id: workflow,
          ...(branch === undefined ? {} : {branch}),
          per_page: Math.min(count, 100),
        },
        runs,
        {signal},
      )
      return mapLook(look, value => value.workflow_runs.map(toSummary).slice(0, count))
    },

    async runsOf({repository, sha, signal}) {
      const look = await read(
        'GET /repos/{owner}/{repo}/actions/runs',
        {...split(repository), head_sha: sha, per_page: 100},
        runs,
        {signal},
      )
      return mapLook(look, value => value.workflow_runs.map(toSummary))
    },

    async refs({repository, prefix, signal}) {
      const found: string[] = []
      for (const kind of ['heads', 'tags']) {
        const look = await read(
          'GET /repos/{owner}/{repo}/git/matching-refs/{ref}',
          {...split(repository), ref: `${kind}/${prefix}`, per_page: 25},
          refs,
          {signal},
        )
        if (look.kind !== 'seen') return look
        found.push(...look.value.map(entry => entry.ref.replace(/^refs\/(heads|tags)\//, '')))
      }
      return {kind: 'seen', value: found.slice(0, 25)}
    },

    workflowUrl(repository, workflow) {
      return `${github.htmlUrl}/${repository}/actions/workflows/${encodeURIComponent(workflow)}`
    },
  }
}

function toSummary(seen: z.output<typeof run>): RunSummary {
  return {
    id: seen.id,
    url: seen.html_url,
    name: seen.name ?? '',
    displayTitle: seen.display_title ?? '',
    event: seen.event,
    headSha: seen.head_sha ?? '',
    path: seen.path ?? '',
    status: seen.status ?? 'queued',
    conclusion: seen.conclusion ?? null,
    attempt: seen.run_attempt ?? 1,
    createdAt: seen.created_at,
    updatedAt: seen.updated_at,
    ...(seen.run_started_at === undefined ? {} : {startedAt: seen.run_started_at}),
  }
}

function toJob(seen: z.output<typeof job>): JobDetail {
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

/** All of a body, or undefined when there is more of it; the rest is not waited for. */
async function upTo(mostBytes: number, body: AsyncIterable<Uint8Array>): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    // Leaving the loop ends the download.
    if (size > mostBytes) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
