import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import * as rules from '../../../src/deployments/decide.ts'
import type {DeploymentState, JobView} from '../../../src/deployments/state.ts'
import {simulate, type Scenario, type Story} from '../../support/deployment-simulator.ts'
import {ASKED_AT, PATIENCE} from '../../support/deployments.ts'

const probability = (max: number) => fc.oneof(fc.constant(0), fc.double({min: 0, max, noNaN: true}))
const withinMinutes = (minutes: number) => fc.integer({min: 0, max: minutes * 60_000})

const scenarios: fc.Arbitrary<Scenario> = fc.record({
  seed: fc.integer(),
  wait: fc.boolean(),
  cancelAfterMs: fc.option(fc.oneof(withinMinutes(5), fc.integer({min: 0, max: 5000})), {nil: undefined}),
  hintsAfterMs: fc.array(withinMinutes(5), {maxLength: 5}),
  script: fc.record({
    returnsRunDetails: fc.boolean(),
    listingDelayMs: fc.integer({min: 0, max: PATIENCE.discoveryMs}),
    queueMs: withinMinutes(1),
    jobs: fc.array(fc.record({lastsMs: withinMinutes(2), fails: fc.boolean()}), {minLength: 1, maxLength: 4}),
    obeysCancel: fc.constantFrom('at-once' as const, 'when-forced' as const, 'never' as const),
    staleMs: fc.oneof(fc.constant(0), fc.integer({min: 0, max: 6000})),
    rerunAfterMs: fc.option(fc.integer({min: 0, max: 20_000}), {nil: undefined}),
  }),
  crash: probability(0.3),
  slow: probability(0.4),
  readFails: fc.oneof(probability(0.5), fc.constant(1)),
  cancelFails: fc.oneof(probability(0.5), fc.constant(1)),
  forceFails: fc.oneof(probability(0.5), fc.constant(1)),
  logFails: fc.oneof(probability(0.5), fc.constant(1)),
  dispatch: fc.record({lost: probability(0.5), notSent: probability(0.9), refused: probability(0.2)}),
  latencyMs: fc.integer({min: 1, max: 3000}),
})

/** Every life that matters here holds to this promise. */
function always(
  promise: (story: Story, scenario: Scenario) => void,
  among = scenarios,
  numRuns = 3000,
): void {
  fc.assert(
    fc.property(among, scenario => {
      promise(simulate(scenario), scenario)
    }),
    {numRuns},
  )
}

const calm: Scenario = {
  seed: 1,
  wait: true,
  cancelAfterMs: undefined,
  hintsAfterMs: [],
  script: {
    returnsRunDetails: true,
    listingDelayMs: 1000,
    queueMs: 2000,
    jobs: [{lastsMs: 10_000, fails: false}],
    obeysCancel: 'at-once',
    staleMs: 0,
    rerunAfterMs: undefined,
  },
  crash: 0,
  slow: 0,
  readFails: 0,
  cancelFails: 0,
  forceFails: 0,
  logFails: 0,
  dispatch: {lost: 0, notSent: 0, refused: 0},
  latencyMs: 200,
}

describe('in every life of a deployment', () => {
  test('at most one run is created, as long as the listing shows it within the discovery window', () => {
    always(({runs}) => expect(runs.length).toBeLessThanOrEqual(1))
  })

  test('there is an end, and asking for it stays polite', () => {
    always(({endless, requests}, {hintsAfterMs}) => {
      expect(endless).toBe(false)
      const busiest = Math.max(
        0,
        ...requests.map(
          (at, index) => requests.slice(index).filter(other => other < at + PATIENCE.pollMs).length,
        ),
      )
      // A look at the run, its log, a stop, its force, in each of at most two polls; and whatever webhooks ask for.
      expect(busiest).toBeLessThanOrEqual(8 + hintsAfterMs.length)
    })
  })

  test('there is exactly one verdict, and nothing that happens later changes it', () => {
    always(({state, folds}) => {
      const endings = folds.filter(
        ({before, after}) => before.phase !== 'finished' && after.phase === 'finished',
      )
      expect(endings).toHaveLength(1)
      expect(state.verdict).toBeDefined()
      expect(state.endedAt).toBe(endings[0]?.event.at)
      for (const {event} of folds) expect(rules.decide(state, event)).toBe(state)
    })
  })

  test('a verdict about the run is one that GitHub gave, and never success for another ending', () => {
    always(({state, runs}) => {
      if (state.verdict?.kind !== 'concluded') return
      const told = runs.find(run => run.id === state.run?.id)?.told ?? []
      expect(told).toContainEqual({attempt: state.run?.attempt, conclusion: state.verdict.conclusion})
    })
  })

  test('once a stop is recorded no dispatch begins', () => {
    always(({folds}) => {
      const stopped = folds.findIndex(({event}) => event.type === 'cancel-requested')
      if (stopped === -1) return
      expect(
        folds
          .slice(stopped + 1)
          .filter(({before, after}) => before.phase === 'requested' && after.phase === 'dispatching'),
      ).toEqual([])
    })
  })

  test('a stop reaches a run that was found and is not over', () => {
    always(
      ({state, folds}) => {
        const stopped = folds.find(({event}) => event.type === 'cancel-requested')
        if (!stopped || stopped.before.phase === 'finished' || !state.run || state.run.status === 'completed')
          return
        expect(folds.some(({event}) => event.type === 'cancel-sent')).toBe(true)
      },
      scenarios.map(scenario => ({...scenario, cancelFails: 0})),
    )
  })

  test('time that GitHub told us to wait is never counted against the run', () => {
    always(({state, folds}) => {
      if (state.verdict?.kind !== 'watch-timeout') return
      expect(unslowedMs(folds, state.watchingSince, state.endedAt)).toBeGreaterThanOrEqual(PATIENCE.watchMs)
    })
  })

  test('time that GitHub told us to wait for one thing gives no extra patience with another', () => {
    always(
      ({state, folds}, {latencyMs}) => {
        if (state.verdict?.kind !== 'not-found') return
        const searched = unslowedMs(folds, state.locatingSince, state.endedAt)
        const slowed = folds.filter(({event}) => event.type === 'slowed').length
        expect(searched).toBeLessThanOrEqual(
          PATIENCE.discoveryMs + PATIENCE.pollMs + (2 + slowed) * 2 * latencyMs,
        )
      },
      scenarios.map(scenario => ({
        ...scenario,
        crash: 0,
        readFails: 0,
        slow: 0.4,
        cancelAfterMs: undefined,
        dispatch: {lost: 0.9, notSent: 0.2, refused: 0},
      })),
    )
  })

  test('a run seen to be over is never reported as still running', () => {
    always(({state}) => {
      if (state.run?.status === 'completed') expect(state.verdict?.kind).not.toBe('watch-timeout')
    })
  })

  test('a run that succeeded in a later attempt is not explained by the failure of an earlier one', () => {
    always(({state}) => {
      if (state.run?.conclusion === 'success') expect(state.failure).toBeUndefined()
    })
  })

  test('progress never goes back within an attempt', () => {
    always(({folds}) => {
      for (const {before, after} of folds) expect(compareProgress(after, before)).toBeGreaterThanOrEqual(0)
    })
  })

  test('who does not wait hears that it started, and nothing of its end, unless they stopped it', () => {
    always(
      ({state, folds}, {cancelAfterMs}) => {
        const located = folds.some(({before, after}) => before.run === undefined && after.run !== undefined)
        if (cancelAfterMs === undefined && located) expect(state.verdict).toEqual({kind: 'started'})
        expect(state.verdict?.kind).not.toBe(cancelAfterMs === undefined ? 'concluded' : undefined)
      },
      scenarios.map(scenario => ({...scenario, wait: false})),
    )
  })

  test('a failed job is explained by its log whenever GitHub gives it, however late we come', () => {
    always(
      ({state}) => {
        if (state.verdict?.kind !== 'concluded' || state.verdict.conclusion !== 'failure') return
        expect(state.failure?.excerpt).toBeDefined()
      },
      scenarios.map(scenario => ({
        ...scenario,
        logFails: 0,
        cancelAfterMs: undefined,
        hintsAfterMs: [],
        script: {...scenario.script, staleMs: Math.min(scenario.script.staleMs, PATIENCE.pollMs)},
      })),
    )
  })

  test('without faults the verdict is what the run did', () => {
    always(
      ({state, runs}, {script}) => {
        expect(state.verdict).toEqual({
          kind: 'concluded',
          conclusion: script.jobs.some(job => job.fails) ? 'failure' : 'success',
        })
        expect(state.run?.id).toBe(runs[0]?.id)
        expect(state.jobs.every(job => job.status === 'completed')).toBe(true)
      },
      scenarios.map(({seed, script, hintsAfterMs}) => ({
        ...calm,
        seed,
        hintsAfterMs,
        script: {
          ...calm.script,
          jobs: script.jobs.slice(0, 2).map(job => ({...job, lastsMs: job.lastsMs / 2})),
          listingDelayMs: script.listingDelayMs / 2,
          returnsRunDetails: script.returnsRunDetails,
        },
      })),
    )
  })
})

describe('told as single stories', () => {
  const live = (changes: Partial<Scenario>, script: Partial<Scenario['script']> = {}) =>
    simulate({...calm, ...changes, script: {...calm.script, ...script}})

  test('a stop while GitHub can not be reached ends the matter before it starts', () => {
    const {state, runs} = live({dispatch: {lost: 0, notSent: 1, refused: 0}, cancelAfterMs: 100})
    expect(state.verdict).toEqual({kind: 'cancelled-before-start'})
    expect(runs).toEqual([])
  })

  test('a run that ends while stopping it keeps failing is told by its own ending', () => {
    const {state} = live({cancelFails: 1, cancelAfterMs: 5000}, {jobs: [{lastsMs: 20_000, fails: false}]})
    expect(state.verdict).toEqual({kind: 'concluded', conclusion: 'success'})
  })

  test('a run that ignores a stop is forced after a minute', () => {
    const {state, runs, folds} = live(
      {cancelAfterMs: 10_000},
      {obeysCancel: 'when-forced', jobs: [{lastsMs: 170_000, fails: false}]},
    )
    expect(state.verdict).toEqual({kind: 'concluded', conclusion: 'cancelled'})
    const sent = folds.find(({event}) => event.type === 'cancel-sent')
    expect((runs[0]?.forcedAt ?? 0) - (sent?.event.at ?? 0)).toBeGreaterThanOrEqual(60_000)
  })

  test('a run that outlasts our patience is left running, with its link', () => {
    const {state} = live({}, {jobs: [{lastsMs: 600_000, fails: false}]})
    expect(state.verdict).toEqual({kind: 'watch-timeout'})
    expect(state.run?.url).toContain('/actions/runs/')
    expect((state.endedAt ?? 0) - ASKED_AT).toBeLessThan(PATIENCE.watchMs + 10_000)
  })

  test('a listing that never shows the run ends with a link and without a second dispatch', () => {
    const {state, runs} = live({}, {returnsRunDetails: false, listingDelayMs: 3_600_000})
    expect(state.verdict).toEqual({kind: 'not-found', unclear: false})
    expect(state.bestGuessUrl).toBeDefined()
    expect(runs).toHaveLength(1)
  })

  test('an accepted dispatch stays certain though no look at the listing succeeded', () => {
    const {state} = live({readFails: 1}, {returnsRunDetails: false})
    expect(state.verdict).toEqual({kind: 'not-found', unclear: false})
  })
})

describe('the simulated world notices rules that', () => {
  const broken = (decide: typeof rules.decide, next: typeof rules.next = rules.next) => ({decide, next})
  const someLife = (breaks: (story: Story) => boolean, withRules: ReturnType<typeof broken>) =>
    fc.check(
      fc.property(scenarios, scenario => !breaks(simulate(scenario, withRules))),
      {numRuns: 2000},
    ).failed

  test('dispatch again at once after a crash', () => {
    const hasty = broken((state, event) =>
      event.type === 'dispatch-unclear' && state.phase === 'dispatching'
        ? {...state, phase: 'requested'}
        : rules.decide(state, event),
    )
    expect(someLife(({runs}) => runs.length > 1, hasty)).toBe(true)
  })

  test('treat waiting for a limit as watching', () => {
    const impatient = broken((state, event) => {
      const {slowedMs: _counted, ...after} = rules.decide(state, event)
      return {...after, slowedMs: 0}
    })
    const early = ({state, folds}: Story) =>
      state.verdict?.kind === 'watch-timeout' &&
      unslowedMs(folds, state.watchingSince, state.endedAt) < PATIENCE.watchMs
    expect(someLife(early, impatient)).toBe(true)
  })

  test('never stop looking', () => {
    const stubborn = broken((state, event) => {
      const after = rules.decide(state, event)
      return after.verdict?.kind === 'watch-timeout' ? state : after
    })
    expect(someLife(({endless}) => endless, stubborn)).toBe(true)
  })
})

/** The time between two moments that was not spent waiting because GitHub told us to. */
function unslowedMs(folds: Story['folds'], from = 0, to = 0): number {
  let until = from
  let slowed = 0
  for (const {event, after} of folds) {
    if (event.type !== 'slowed' || event.at < from || after.phase === 'finished') continue
    slowed += Math.max(0, event.until - Math.max(until, event.at))
    until = Math.max(until, event.until)
  }
  return to - from - slowed
}

/** Positive when `a` is further than `b`: attempt, then status of the run, then each job that both know. */
function compareProgress(a: DeploymentState, b: DeploymentState): number {
  if (!b.run) return 0
  if (!a.run) return -1
  if (a.run.attempt !== b.run.attempt) return a.run.attempt - b.run.attempt
  const run = rank(a.run.status) - rank(b.run.status)
  const jobs = b.jobs.flatMap(job => {
    const later = a.jobs.find((known: JobView) => known.id === job.id)
    return later ? [rank(later.status) - rank(job.status)] : []
  })
  return Math.min(run, ...jobs)
}

function rank(status: string): number {
  return ['queued', 'in_progress', 'completed'].indexOf(status)
}
