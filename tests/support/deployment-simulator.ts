import {decide as decideByRules, type DeploymentEvent} from '../../src/deployments/decide.ts'
import {next as nextByRules, type Next} from '../../src/deployments/next.ts'
import {newDeployment, type DeploymentState, type JobView, type Phase} from '../../src/deployments/state.ts'
import type {Release} from '../../src/approvals/releases.ts'
import {aRequest, ASKED_AT, CORRELATION_ID} from './deployments.ts'
import {createScriptedGithub, type HostedRun, type RunScript} from './scripted-github.ts'
import {createScriptedPeople, type AskedPeople, type PeopleScript} from './scripted-people.ts'

/** One world to live through: what GitHub will do, what goes wrong, and when people interfere. Everything else follows from `seed`. */
export interface Scenario {
  readonly seed: number
  readonly wait: boolean
  /** After the request, in milliseconds. */
  readonly cancelAfterMs: number | undefined
  /** When webhooks about the run arrive, after the request; they carry nothing but "look". */
  readonly hintsAfterMs: readonly number[]
  readonly script: RunScript
  /** The target is guarded, and this is how people take it. */
  readonly gate: PeopleScript | undefined
  /** When somebody pushes to the branch, after the request. */
  readonly pushesAfterMs: readonly number[]
  /** Somebody pushes in the moment between the last look at the branch and the dispatch. */
  readonly pushedBetween: number
  /** Probabilities, 0 to 1, drawn for each request or each point at which a worker may die. */
  readonly crash: number
  readonly slow: number
  readonly readFails: number
  readonly cancelFails: number
  readonly forceFails: number
  readonly logFails: number
  readonly dispatch: {readonly lost: number; readonly notSent: number; readonly refused: number}
  /** A request takes up to this long, and so does its effect to happen. */
  readonly latencyMs: number
}

/** What happened, told from outside the record as well, so that the record can be held against it. */
export interface Story {
  readonly state: DeploymentState
  readonly folds: readonly {
    readonly event: DeploymentEvent
    readonly before: DeploymentState
    readonly after: DeploymentState
  }[]
  readonly runs: readonly HostedRun[]
  /** What people were asked, and what came of it. */
  readonly asked: readonly AskedPeople[]
  /** Moments at which GitHub was asked for anything. */
  readonly requests: readonly number[]
  /** Gave up following: the rules never came to an end. */
  readonly endless: boolean
}

const LEASE_MS = 30_000
const STEPS_PER_TICK = 20
const MAX_STEPS = 5000

/** What a nudge brings forward. */
const LOOKS: Partial<Record<Phase, {readonly do: 'observe'} | {readonly do: 'consult'}>> = {
  watching: {do: 'observe'},
  parked: {do: 'consult'},
}

class WorkerDied extends Error {}

/**
 * Lives one deployment through to its end: the loop of src/deployments/service.ts (claim, next, act, record) in
 * virtual time, on a record that survives workers, which die wherever the seed says. Plain and synchronous, so
 * thousands of lives take seconds and each replays exactly. Other rules may be passed in, to see them fail.
 */
export function simulate(
  scenario: Scenario,
  {decide, next} = {decide: decideByRules, next: nextByRules},
): Story {
  const random = seeded(scenario.seed)
  const chance = (p: number) => random() < p
  const upTo = (ms: number) => Math.floor(random() * (ms + 1))
  const github = createScriptedGithub(scenario.script, {random, correlationId: CORRELATION_ID})

  const folds: Story['folds'][number][] = []
  const requests: number[] = []
  let now = ASKED_AT
  let steps = 0
  let nudged = false
  let recorded = newDeployment(aRequest({wait: scenario.wait}), {guarded: scenario.gate !== undefined})
  let head = 0
  const shaNow = () => `commit-${head}`
  const people = createScriptedPeople(scenario.gate, {
    later: (at, happen) => plan(at, happen),
    tell: request => (fold({type: 'ask-seen', at: now, ...people.seen(request)}), void (nudged = true)),
  })

  function fold(event: DeploymentEvent): DeploymentState {
    const before = recorded
    recorded = decide(before, event)
    folds.push({event, before, after: recorded})
    return recorded
  }

  /** What others do meanwhile, in the order of time. */
  const meanwhile: {readonly at: number; readonly happen: () => void}[] = []
  function plan(at: number, happen: () => void): void {
    meanwhile.push({at, happen})
    meanwhile.sort((a, b) => a.at - b.at)
  }
  for (const ms of scenario.hintsAfterMs) plan(ASKED_AT + ms, () => void (nudged = true))
  for (const ms of scenario.pushesAfterMs) plan(ASKED_AT + ms, () => void head++)
  if (scenario.cancelAfterMs !== undefined)
    plan(ASKED_AT + scenario.cancelAfterMs, () => {
      const before = recorded
      if (fold({type: 'cancel-requested', at: now, by: 'ada'}).phase === 'finished')
        people.withdraw(before.gate?.ask?.approvalId)
      nudged = true
    })

  /** Lets time pass; a sleeper wakes early when somebody nudges. */
  function pass(ms: number, wakesEarly = false): void {
    const until = now + ms
    for (let first = meanwhile[0]; first && first.at <= until; first = meanwhile[0]) {
      now = Math.max(now, first.at)
      meanwhile.shift()
      first.happen()
      if (wakesEarly && nudged) return
    }
    now = until
  }

  /** A point at which the process may be killed. */
  function mayDie(): void {
    if (chance(scenario.crash)) throw new WorkerDied()
  }

  /** One request to GitHub: it takes effect somewhere within its latency, and may be told to slow down instead. */
  function ask(effect: () => DeploymentEvent): DeploymentEvent {
    requests.push(now)
    pass(upTo(scenario.latencyMs))
    if (chance(scenario.slow)) {
      const until = now + 1000 + upTo(120_000)
      return {type: 'slowed', at: now, until}
    }
    const event = effect()
    pass(upTo(scenario.latencyMs))
    return {...event, at: now}
  }

  function dispatch(): DeploymentEvent {
    const {lost, notSent, refused} = scenario.dispatch
    if (chance(notSent)) return {type: 'dispatch-not-sent', at: now}
    if (chance(refused)) return {type: 'dispatch-refused', at: now, reason: 'no such ref'}
    if (chance(scenario.pushedBetween)) head++
    if (chance(lost)) {
      if (chance(0.5)) github.dispatch(now, shaNow())
      return {type: 'dispatch-unclear', at: now, cause: 'answer-lost'}
    }
    const run = github.dispatch(now, shaNow())
    return {
      type: 'dispatch-accepted',
      at: now,
      ...(scenario.script.returnsRunDetails ? {run: {id: run.id, url: run.url}} : {}),
    }
  }

  function locate(): DeploymentEvent {
    if (chance(scenario.readFails)) return {type: 'look-failed', at: now}
    const found = github.listed(now)
    return found
      ? {type: 'run-found', at: now, run: found}
      : {type: 'run-missing', at: now, bestGuessUrl: 'https://github.com/acme/web/actions/runs/1'}
  }

  function observe(state: DeploymentState): DeploymentEvent {
    if (chance(scenario.readFails)) return {type: 'look-failed', at: now}
    return {type: 'run-observed', at: now, ...github.run(state.run?.id ?? '', now)}
  }

  function readLog(job: JobView): DeploymentEvent {
    if (chance(scenario.logFails)) return {type: 'log-unreadable', at: now}
    return {
      type: 'log-read',
      at: now,
      failure: {jobId: job.id, job: job.name, jobUrl: job.url, excerpt: `log of ${job.id}`},
    }
  }

  function cancel(state: DeploymentState, force: boolean): DeploymentEvent {
    if (chance(force ? scenario.forceFails : scenario.cancelFails)) return {type: 'cancel-failed', at: now}
    const outcome = github.cancel(state.run?.id ?? '', force, now)
    return {type: 'cancel-sent', at: now, forced: force || outcome === 'already-ended'}
  }

  function learn(
    state: DeploymentState,
    step: Exclude<Next, {do: 'wait' | 'nothing' | 'dispatch' | 'inspect'}>,
  ): DeploymentEvent {
    switch (step.do) {
      case 'consult':
        return {type: 'ask-seen', at: now, ...people.seen(state.gate?.ask?.approvalId ?? '')}
      case 'reconcile':
        return {type: 'dispatch-unclear', at: now, cause: 'crashed'}
      case 'locate':
        return ask(locate)
      case 'observe':
        return ask(() => observe(state))
      case 'read-log':
        return ask(() => readLog(step.job))
      case 'cancel':
        return ask(() => cancel(state, step.force))
    }
  }

  /** What would ship by now, or that GitHub does not say. */
  function read(): Release | DeploymentEvent {
    let release: Release | undefined
    const told = ask(() => {
      if (chance(scenario.readFails)) return {type: 'look-failed', at: now}
      release = {sha: shaNow(), workflowSha: 'blob'}
      return {type: 'log-unreadable', at: now}
    })
    return release ?? told
  }

  /** As the transaction that parks it: nobody is asked about what was stopped meanwhile. */
  function inspect(): DeploymentState {
    const release = read()
    mayDie()
    if ('type' in release) return fold(release)
    if (recorded.phase !== 'inspecting') return recorded
    return fold({type: 'parked', at: now, release, ask: people.ask(release, now)})
  }

  /** As the transaction that records the beginning; `fresh` was read before it. */
  function begin(fresh: Release | undefined): DeploymentEvent {
    const {gate, phase} = recorded
    if (phase !== 'requested' || !gate?.ask || !gate.release || !fresh)
      return {type: 'dispatch-began', at: now}
    const same = fresh.sha === gate.release.sha
    if (gate.used) return same ? {type: 'dispatch-began', at: now} : moved(gate.release, fresh)
    switch (people.redeem(gate.ask.approvalId, fresh)) {
      case 'go':
        return {type: 'dispatch-began', at: now}
      case 'stop':
        return {type: 'gate-closed', at: now, reason: 'stop'}
      case 'void':
        return moved(gate.release, fresh)
    }
  }

  function moved(from: Release, to: Release): DeploymentEvent {
    return {type: 'release-moved', at: now, changes: [`${from.sha} → ${to.sha}`]}
  }

  function advance(state: DeploymentState, step: Exclude<Next, {do: 'wait' | 'nothing'}>): DeploymentState {
    mayDie()
    let learnt: DeploymentEvent
    if (step.do === 'inspect') return inspect()
    if (step.do === 'dispatch') {
      const fresh = state.gate ? read() : undefined
      if (fresh && 'type' in fresh) return fold(fresh)
      const begun = fold(begin(fresh))
      if (begun.phase !== 'dispatching') return begun
      mayDie()
      learnt = ask(dispatch)
    } else learnt = learn(state, step)
    mayDie()
    return fold(learnt)
  }

  /** As the worker's tick: its own view of the record is only renewed by what it records itself. */
  function tick(): void {
    let state = recorded
    let fresh = nudged
    nudged = false
    for (let count = 0; count < STEPS_PER_TICK; count++) {
      steps++
      let step = next(state, now)
      if (step.do === 'nothing') return
      if (step.do === 'wait') {
        const look = LOOKS[state.phase]
        if (!fresh || !look || (state.slowUntil ?? 0) > now) break
        step = look
        fresh = false
      } else if (step.do === 'observe') fresh = false
      state = advance(state, step)
    }
    mayDie()
    const step = next(state, now)
    if (step.do !== 'wait' || nudged) return
    // Waiting for news without end: there is some, or the deployment never ends.
    const until = Number.isFinite(step.until) ? step.until : (meanwhile[0]?.at ?? now)
    pass(until - now, true)
  }

  while (recorded.phase !== 'finished' && steps < MAX_STEPS) {
    try {
      steps++
      tick()
    } catch (error) {
      if (!(error instanceof WorkerDied)) throw error
      pass(LEASE_MS + upTo(5000))
      nudged = true
    }
  }
  return {
    state: recorded,
    folds,
    runs: github.runs,
    asked: people.asked,
    requests,
    endless: recorded.phase !== 'finished',
  }
}

/** Mulberry32: small, even, and the same everywhere. */
function seeded(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), a | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
