import {setTimeout as sleep} from 'node:timers/promises'
import {findRun} from '../deployments/find-run.ts'
import type {CodeHost, JobDetail, RunDetail} from '../integrations/github/code-host.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import type {Logger} from '../platform/logger.ts'
import type {DispatchRequest, JobReport, PipelinesPort, RunReport, StartedRun} from '../sdk/index.ts'
import {pauseMs} from './choose.ts'

/** A dispatch is looked for among the last of its workflow; how old it is does not matter, our id is in it. */
const LOOK_BACK_MS = 7 * 86_400_000

export interface Patience {
  /** How long GitHub may take to list a new run. */
  readonly discoveryMs: number
  readonly pollMs: number
}

/**
 * Starts runs and follows them, in an attempt that may be cut short and made again: everything it has to know is at
 * GitHub, found by the correlation id.
 */
export function createFollower({
  codeHost,
  patience,
  clock,
  log,
}: {
  readonly codeHost: CodeHost
  readonly patience: Patience
  readonly clock: Clock
  readonly log: Logger
}): Pick<PipelinesPort, 'dispatch' | 'find' | 'follow'> {
  async function find(request: DispatchRequest): Promise<StartedRun | undefined> {
    const {repository, workflow, correlationId, signal} = request
    const until = clock() + patience.discoveryMs
    for (;;) {
      const since = clock() - LOOK_BACK_MS
      const look = await codeHost.dispatchedRuns({repository, workflow, since})
      // A window in which GitHub does not answer says nothing about what it started: then it is longer.
      const over = clock() >= until
      if (look.kind === 'seen') {
        const {run, twins} = findRun(look.value, correlationId)
        if (twins.length > 0) {
          const ids = twins.map(twin => twin.id)
          log.error({correlationId, runs: ids}, 'more than one run carries this id')
        }
        if (run) return {repository, id: run.id, url: run.url}
        if (over) return undefined
      }
      if (look.kind === 'refused') throw new AppError('UPSTREAM_REFUSED', look.reason)
      if (look.kind === 'missing') return undefined
      const slow = look.kind === 'slow-down' ? look.until - clock() : 0
      await sleep(Math.max(patience.pollMs, slow), undefined, {signal})
    }
  }

  /** Looks for a run that was, or may have been, started a moment ago. */
  async function located(request: DispatchRequest): Promise<StartedRun> {
    const found = await find(request)
    if (found) return found
    throw new AppError(
      'UPSTREAM_REFUSED',
      `GitHub did not say whether it started ${request.workflow}, and lists no run with our id ${request.correlationId}. Look before you try again: ${codeHost.workflowUrl(request.repository, request.workflow)}`,
    )
  }

  /** Says what came of it. */
  async function stop({repository, id, url}: StartedRun): Promise<string> {
    const outcome = await codeHost.cancel({repository, runId: id, force: false})
    if (outcome.kind === 'refused') throw new AppError('UPSTREAM_REFUSED', outcome.reason)
    if (outcome.kind === 'slow-down' || outcome.kind === 'failed')
      throw new AppError('UPSTREAM_UNAVAILABLE', `GitHub did not stop ${url}.`)
    return outcome.kind === 'accepted' ? 'it was told to stop' : 'it had ended before it could be stopped'
  }

  return {
    find,

    async dispatch(request) {
      const {repository, workflow, ref, inputs, correlationId, requester, signal} = request
      signal.throwIfAborted()
      const outcome = await codeHost.dispatch({
        repository,
        workflow,
        ref,
        inputs: {...inputs, correlation_id: correlationId, requester},
      })
      switch (outcome.kind) {
        case 'accepted':
          return outcome.run ? {repository, ...outcome.run} : located(request)
        case 'unclear':
          log.warn(
            {correlationId, reason: outcome.reason},
            'the answer to a dispatch was lost; looking for its run',
          )
          return located(request)
        case 'refused':
          throw new AppError('UPSTREAM_REFUSED', outcome.reason)
        case 'slow-down':
          throw new AppError('UPSTREAM_RATE_LIMITED', 'GitHub asks us to slow down.', {
            retryAfterMs: Math.max(0, outcome.until - clock()),
          })
        case 'not-sent':
          throw new AppError('UPSTREAM_UNAVAILABLE', 'GitHub can’t be reached.', {
            details: {reason: outcome.reason},
          })
      }
    },

    async follow(run, {signal, onChange, sha}) {
      const began = clock()
      let told = ''
      for (;;) {
        signal.throwIfAborted()
        const look = await codeHost.run({repository: run.repository, runId: run.id})
        let pause = pauseMs(clock() - began, patience.pollMs)
        switch (look.kind) {
          case 'seen': {
            if (sha !== undefined && look.value.headSha !== sha) {
              const stopped = await stop(run)
              throw new AppError(
                'CONFLICT',
                `${run.url} runs ${look.value.headSha.slice(0, 7)} instead of ${sha.slice(0, 7)}, since its branch moved; ${stopped}.`,
              )
            }
            if (look.value.status === 'completed') return toReport(look.value)
            const jobs = look.value.jobs.map(job => toJob(job, clock()))
            const shape = JSON.stringify(jobs.map(({name, status, conclusion}) => [name, status, conclusion]))
            if (shape !== told) onChange?.(jobs)
            told = shape
            break
          }
          case 'slow-down':
            pause = Math.max(pause, look.until - clock())
            break
          case 'failed':
            break
          case 'missing':
            // A new run may be hidden for a moment by a replica that lags.
            if (clock() - began < patience.discoveryMs) break
            throw new AppError('UPSTREAM_REFUSED', `The run ${run.url} is gone, or our token can’t see it.`)
          case 'refused':
            throw new AppError('UPSTREAM_REFUSED', look.reason)
        }
        await sleep(pause, undefined, {signal})
      }
    },
  }
}

function toReport(run: RunDetail): RunReport {
  return {
    conclusion: run.conclusion ?? 'unknown',
    url: run.url,
    sha: run.headSha,
    jobs: run.jobs.map(job => toJob(job, run.updatedAt)),
  }
}

function toJob({name, status, conclusion, startedAt, endedAt}: JobDetail, now: number): JobReport {
  return {
    name,
    status,
    conclusion,
    ...(startedAt === undefined ? {} : {ms: Math.max(0, (endedAt ?? now) - startedAt)}),
  }
}
