import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import * as rules from '../../../src/deployments/decide.ts'
import {next as nextByRules} from '../../../src/deployments/next.ts'
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
  gate: fc.constant(undefined),
  pushesAfterMs: fc.array(fc.oneof(withinMinutes(600), withinMinutes(1)), {maxLength: 4}),
  pushedBetween: probability(0.3),
  crash: probability(0.3),
  slow: probability(0.4),
  readFails: fc.oneof(probability(0.5), fc.constant(1)),
  cancelFails: fc.oneof(probability(0.5), fc.constant(1)),
  forceFails: fc.oneof(probability(0.5), fc.constant(1)),
  logFails: fc.oneof(probability(0.5), fc.constant(1)),
  dispatch: fc.record({lost: probability(0.5), notSent: probability(0.9), refused: probability(0.2)}),
  latencyMs: fc.integer({min: 1, max: 3000}),
})

const guarded: fc.Arbitrary<Scenario> = fc
  .tuple(
    scenarios,
    fc.record({
      answers: fc.array(
        fc.record({
          afterMs: withinMinutes(600),
          outcome: fc.constantFrom('approved', 'approved', 'approved', 'rejected', 'expired'),
        }),
        {maxLength: 3},
      ),
      told: fc.constantFrom(1, 2),
    }),
  )
  .map(([scenario, gate]) => ({...scenario, gate}))

// Enough for each of the broken rules below to show.
const LIVES = 1000

/** Every life that matters here holds to this promise. */
function always(
  promise: (story: Story, scenario: Scenario) => void,
  among: fc.Arbitrary<Scenario> = scenarios,
): void {
  fc.assert(
    fc.property(among, scenario => {
      promise(simulate(scenario), scenario)
    }),
    {numRuns: LIVES},
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
  gate: undefined,
  pushesAfterMs: [],
  pushedBetween: 0,
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
        // What ended by itself after the stop was asked for had nothing left to stop; a later attempt is somebody's wish.
        if (folds.slice(folds.indexOf(stopped)).some(({after}) => after.run?.status === 'completed')) return
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

describe('in every life of a guarded deployment', () => {
  test('each run was begun by one approval of its own, which permits no second one', () => {
    always(({runs, asked}) => {
      for (const {uses} of asked) expect(uses).toBeLessThanOrEqual(1)
      expect(runs.length).toBeLessThanOrEqual(asked.reduce((sum, {uses}) => sum + uses, 0))
    }, guarded)
  })

  test('nothing is asked of GitHub but reading while people are waited for', () => {
    always(({folds}) => {
      for (const {before, after} of folds) {
        if (after.phase !== 'dispatching' || before.phase === 'dispatching') continue
        expect(before.gate?.passed).toBeDefined()
      }
    }, guarded)
  })

  test('what nobody approved is never shipped', () => {
    always(
      ({state, runs}) => {
        expect(runs).toEqual([])
        expect(state.verdict?.kind).not.toBe('concluded')
      },
      guarded.map(scenario => ({
        ...scenario,
        gate: {
          told: 2 as const,
          answers: Array.from({length: 3}, () => ({afterMs: 5000, outcome: 'rejected' as const})),
        },
      })),
    )
  })

  test('success is only ever told of the commit that was approved', () => {
    always(({state, runs, asked}) => {
      const {verdict} = state
      if (verdict?.kind !== 'concluded' && verdict?.kind !== 'started') return
      const run = runs.find(({id}) => id === state.run?.id)
      expect(asked.some(request => request.uses === 1 && request.release.sha === run?.sha)).toBe(true)
    }, guarded)
  })

  test('a run of another commit than the approved one is told to stop', () => {
    always(
      ({state, folds}) => {
        if (state.verdict?.kind !== 'wrong-commit') return
        const known = folds.find(({after}) => after.run?.sha !== undefined)?.after.run
        if (known?.status !== 'completed')
          expect(folds.some(({event}) => event.type === 'cancel-sent')).toBe(true)
      },
      guarded.map(scenario => ({...scenario, cancelFails: 0, slow: 0, pushedBetween: 0.8})),
    )
  })

  test('what keeps moving is asked for three times and no more', () => {
    always(({asked}) => expect(asked.length).toBeLessThanOrEqual(3), guarded)
  })

  test('the time of people is counted once, and not against the queue', () => {
    always(({state, folds}) => {
      const asks = folds.filter(({event, before, after}) => event.type === 'parked' && before !== after)
      const ends = folds.filter(({before, after}) => before.phase === 'parked' && after.phase !== 'parked')
      const answered = ends.filter(({event}) => event.type === 'ask-seen')
      const waited = answered.reduce(
        (sum, {event}, index) => sum + event.at - (asks[index]?.event.at ?? 0),
        0,
      )
      expect(state.gate?.waitedMs).toBe(waited)
    }, guarded)
  })

  test('is watched with all patience, however long people took', () => {
    always(
      ({state, runs}) => {
        expect(state.verdict).toEqual({kind: 'concluded', conclusion: 'success'})
        expect(runs).toHaveLength(1)
      },
      fc.record({seed: fc.integer(), afterMs: withinMinutes(600)}).map(({seed, afterMs}) => ({
        ...calm,
        seed,
        gate: {answers: [{afterMs, outcome: 'approved' as const}], told: 1 as const},
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

describe('the story of a gate', () => {
  const live = (changes: Partial<Scenario>) => simulate({...calm, gate: {answers: [], told: 1}, ...changes})

  test('a branch that moves while people think is asked for again, and ships what was approved then', () => {
    const {state, asked, runs} = live({
      gate: {answers: [{afterMs: 60_000, outcome: 'approved'}], told: 1},
      pushesAfterMs: [30_000],
    })
    expect(asked.map(({status, uses, release}) => [release.sha, status, uses])).toEqual([
      ['commit-0', 'cancelled', 0],
      ['commit-1', 'approved', 1],
    ])
    expect(runs.map(({sha}) => sha)).toEqual(['commit-1'])
    expect(state.gate).toMatchObject({round: 2, moved: ['commit-0 → commit-1']})
    expect(state.verdict).toEqual({kind: 'concluded', conclusion: 'success'})
  })

  test('what moves each time is asked for three times, and given up then', () => {
    const answers = Array.from({length: 5}, () => ({afterMs: 60_000, outcome: 'approved' as const}))
    const {state, asked, runs} = live({
      gate: {answers, told: 1},
      pushesAfterMs: [30_000, 90_000, 150_000, 210_000, 270_000],
    })
    expect(asked.map(({status}) => status)).toEqual(['cancelled', 'cancelled', 'cancelled'])
    expect(state.verdict).toMatchObject({
      kind: 'blocked',
      reason: expect.stringMatching(/moved 3 times/) as string,
    })
    expect(runs).toEqual([])
  })

  test('a push in the last moment ends as what it is, with the run stopped', () => {
    const {state, runs} = live({pushedBetween: 1})
    expect(state.verdict).toEqual({kind: 'wrong-commit', sha: 'commit-1', conclusion: 'cancelled'})
    expect(runs[0]?.stopAskedAt).toBeDefined()
  })

  test('a stop while people think takes the request back', () => {
    const {state, asked, runs} = live({
      gate: {answers: [{afterMs: 600_000, outcome: 'approved'}], told: 1},
      cancelAfterMs: 10_000,
    })
    expect(state.verdict).toEqual({kind: 'cancelled-before-start'})
    expect(asked.map(({status}) => status)).toEqual(['cancelled'])
    expect(runs).toEqual([])
  })
})

describe('the simulated world notices rules that', () => {
  const broken = (decide: typeof rules.decide, next = nextByRules) => ({decide, next})
  const someLife = (
    breaks: (story: Story) => boolean,
    withRules: ReturnType<typeof broken>,
    among: fc.Arbitrary<Scenario> = scenarios,
  ) =>
    fc.check(
      fc.property(among, scenario => !breaks(simulate(scenario, withRules))),
      // The same lives each time: a broken rule is noticed, or it is not. The first one that shows it is enough.
      {numRuns: LIVES, seed: 1, endOnFailure: true},
    ).failed

  test('begin without an answer', () => {
    const hasty = broken((state, event) =>
      event.type === 'parked'
        ? {...rules.decide(state, event), phase: 'requested'}
        : rules.decide(state, event),
    )
    // The record of the approval still says no.
    expect(someLife(({state}) => state.verdict?.kind === 'blocked', hasty, guarded)).toBe(true)
    const blind = broken((state, event) =>
      event.type === 'gate-closed' ? state : hasty.decide(state, event),
    )
    expect(someLife(({endless}) => endless, blind, guarded)).toBe(true)
  })

  test('call any run of theirs a success', () => {
    const trusting = broken((state, event) => {
      const after = rules.decide(state, event)
      return after.verdict?.kind === 'wrong-commit'
        ? {...after, verdict: {kind: 'concluded', conclusion: 'success'}}
        : after
    })
    expect(
      someLife(
        ({state, runs, asked}) =>
          state.verdict?.kind === 'concluded' &&
          state.gate !== undefined &&
          !asked.some(({uses, release}) => uses === 1 && release.sha === runs.at(-1)?.sha),
        trusting,
        guarded,
      ),
    ).toBe(true)
  })

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
