import type {JobView, RunView} from '../../src/deployments/state.ts'

/** How a run will go once it is dispatched, and how well GitHub tells of it. */
export interface RunScript {
  readonly returnsRunDetails: boolean
  /** How long a run that exists is missing from the listing. */
  readonly listingDelayMs: number
  readonly queueMs: number
  /** One after the other; the first that fails ends the run. */
  readonly jobs: readonly {readonly lastsMs: number; readonly fails: boolean}[]
  readonly obeysCancel: 'at-once' | 'when-forced' | 'never'
  /** Answers about a run, and separately about its jobs, may be this old. */
  readonly staleMs: number
  /** Somebody starts a second attempt this long after the first one failed; it succeeds. */
  readonly rerunAfterMs: number | undefined
}

export interface HostedRun {
  readonly id: string
  readonly url: string
  /** The commit it runs. */
  readonly sha: string
  readonly createdAt: number
  readonly stopAskedAt?: number
  readonly forcedAt?: number
  /** Ends that GitHub has told of, in the order it told them. */
  readonly told: readonly {readonly attempt: number; readonly conclusion: string}[]
}

type Mutable<T> = {-readonly [K in keyof T]: T[K]}

const OBEY_MS = 2000

/** A code host whose runs are functions of time: nothing happens in the background, so any moment can be asked about. */
export function createScriptedGithub(
  script: RunScript,
  {random, correlationId}: {readonly random: () => number; readonly correlationId: string},
) {
  const runs: Mutable<HostedRun>[] = []
  const find = (id: string) => {
    const run = runs.find(known => known.id === id)
    if (!run) throw new Error(`asked about run ${id}, which does not exist`)
    return run
  }

  function attemptAt(run: HostedRun, at: number): {readonly attempt: number; readonly base: number} {
    const first = timeline(script, run, 1, run.createdAt)
    if (script.rerunAfterMs === undefined || first.conclusion !== 'failure')
      return {attempt: 1, base: run.createdAt}
    const base = first.endsAt + script.rerunAfterMs
    return at >= base ? {attempt: 2, base} : {attempt: 1, base: run.createdAt}
  }

  function headAt(run: HostedRun, at: number): RunView {
    const {attempt, base} = attemptAt(run, at)
    const {startsAt, endsAt, conclusion} = timeline(script, run, attempt, base)
    const shared = {id: run.id, url: run.url, sha: run.sha, attempt}
    if (at >= endsAt)
      return {...shared, status: 'completed', conclusion, startedAt: startsAt, endedAt: endsAt}
    return at < startsAt
      ? {...shared, status: 'queued', conclusion: null}
      : {...shared, status: 'in_progress', conclusion: null, startedAt: startsAt}
  }

  function jobsAt(run: HostedRun, at: number): readonly JobView[] {
    const {attempt, base} = attemptAt(run, at)
    return timeline(script, run, attempt, base).jobs.map(({name, from, to, conclusion}, index): JobView => {
      const shared = {id: `${run.id}${attempt}${index}`, name, url: `${run.url}/job/${index}`, steps: []}
      if (at >= to) return {...shared, status: 'completed', conclusion, endedAt: to}
      return {...shared, status: at >= from ? 'in_progress' : 'queued', conclusion: null}
    })
  }

  return {
    runs: runs as readonly HostedRun[],

    dispatch(at: number, sha: string): HostedRun {
      const id = String(100 + runs.length)
      const run: Mutable<HostedRun> = {
        id,
        url: `https://github.com/acme/web/actions/runs/${id}?${correlationId}`,
        sha,
        createdAt: at,
        told: [],
      }
      runs.push(run)
      return run
    },

    /** The oldest run with our id that the listing shows by now. */
    listed(at: number): RunView | undefined {
      const run = runs.find(known => known.createdAt + script.listingDelayMs <= at)
      if (!run) return undefined
      return tell(run, headAt(run, at))
    },

    run(id: string, at: number): {readonly run: RunView; readonly jobs: readonly JobView[]} {
      const run = find(id)
      const earlier = () => Math.max(run.createdAt, at - Math.floor(random() * script.staleMs))
      return {run: tell(run, headAt(run, earlier())), jobs: jobsAt(run, earlier())}
    },

    cancel(id: string, force: boolean, at: number): 'accepted' | 'already-ended' {
      const run = find(id)
      if (headAt(run, at).status === 'completed') return 'already-ended'
      run.stopAskedAt ??= at
      if (force) run.forcedAt ??= at
      return 'accepted'
    },
  }

  function tell(run: Mutable<HostedRun>, view: RunView): RunView {
    if (view.status === 'completed')
      run.told = [...run.told, {attempt: view.attempt, conclusion: view.conclusion ?? ''}]
    return view
  }
}

function timeline(script: RunScript, run: HostedRun, attempt: number, base: number) {
  const startsAt = base + script.queueMs
  let at = startsAt
  let failed = false
  const planned = script.jobs.map(({lastsMs, fails}, index) => {
    const from = at
    if (!failed) at += lastsMs
    const conclusion = failed ? 'skipped' : fails && attempt === 1 ? 'failure' : 'success'
    failed ||= conclusion === 'failure'
    return {name: `job ${index}`, from, to: at, conclusion}
  })
  const stopsAt = stopTime(script, run)
  if (stopsAt >= at) return {startsAt, endsAt: at, conclusion: failed ? 'failure' : 'success', jobs: planned}
  const endsAt = Math.max(stopsAt, base)
  const jobs = planned.map(job => (job.to <= endsAt ? job : {...job, to: endsAt, conclusion: 'cancelled'}))
  return {startsAt: Math.min(startsAt, endsAt), endsAt, conclusion: 'cancelled', jobs}
}

function stopTime({obeysCancel}: RunScript, run: HostedRun): number {
  switch (obeysCancel) {
    case 'at-once':
      return (run.stopAskedAt ?? Number.POSITIVE_INFINITY) + OBEY_MS
    case 'when-forced':
      return (run.forcedAt ?? Number.POSITIVE_INFINITY) + OBEY_MS
    case 'never':
      return Number.POSITIVE_INFINITY
  }
}
