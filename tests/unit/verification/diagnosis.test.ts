import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {closing, describe as show, refusalOf} from '../../../src/verification/diagnosis-message.ts'
import {
  decide,
  newDiagnosis,
  next,
  verdictOfEnding,
  type DiagnosisEvent,
  type DiagnosisState,
  type Evidence,
} from '../../../src/verification/diagnosis.ts'
import {parseReport, verdictOf} from '../../../src/verification/report.ts'

const ID = '9f3c21aa-5b1e-4d7a-9c55-0d6a1f4b7e21'
const RUN = {id: '7', url: 'https://github.com/acme/web/actions/runs/7'}

function aDiagnosis(): DiagnosisState {
  return newDiagnosis({
    id: ID,
    requester: 'ada',
    command: ID,
    repository: 'acme/web',
    workflow: 'diagnose-dispatch.yml',
    ref: 'main',
    artifact: 'diagnose-summary',
    inputs: {correlation_id: ID, requester: 'ada', api_base: 'https://api.example.com'},
    requestedAt: 0,
    patience: {discoveryMs: 30_000, watchMs: 180_000, pollMs: 3_000},
    workflowUrl: 'https://github.com/acme/web/actions/workflows/diagnose-dispatch.yml',
  })
}

const after = (...events: readonly DiagnosisEvent[]) => events.reduce(decide, aDiagnosis())
const began: DiagnosisEvent = {type: 'dispatch-began', at: 0}
const dispatched: DiagnosisEvent = {type: 'dispatch-accepted', at: 0, run: RUN}
const lost: DiagnosisEvent = {type: 'dispatch-unclear', at: 0, cause: 'answer-lost'}
const crashed: DiagnosisEvent = {type: 'dispatch-unclear', at: 0, cause: 'crashed'}
const seen = (at: number, status: string, conclusion: string | null = null): DiagnosisEvent => ({
  type: 'run-seen',
  at,
  run: {...RUN, status, conclusion},
  jobs: [{name: 'diagnose', status, conclusion}],
})
const evidenceOf = (evidence: Evidence): DiagnosisEvent => ({type: 'evidence-read', at: 60_000, evidence})

function reportWith(change: object = {}): Evidence {
  const good = {ok: true}
  const checks = {
    ...{oidc: good, s3_read: good, cloudfront: good},
    ...{api_health: {ok: true, status: 200, ms: 40}, api_hello: good},
    ...change,
  }
  const parsed = parseReport(JSON.stringify({checks}), ID)
  if (parsed.kind !== 'report') throw new Error(parsed.why)
  return {found: {...parsed, from: 'artifact'}}
}

const concluded = (conclusion: string, evidence: Evidence) =>
  after(began, dispatched, seen(50_000, 'completed', conclusion), evidenceOf(evidence))

describe('one dispatch', () => {
  test('is written down before GitHub hears of it, and followed to the end', () => {
    const doing = [
      aDiagnosis(),
      after(began, dispatched),
      after(began, dispatched, seen(0, 'completed', 'success')),
    ]
    expect(doing.map(state => next(state, 0).do)).toEqual(['dispatch', 'observe', 'read'])
    expect(next(after(began), 0)).toEqual({do: 'reconcile'})
    expect(next(concluded('success', reportWith()), 0)).toEqual({do: 'nothing'})
  })

  test('whose answer was lost is looked for, and never made again', () => {
    const state = after(began, lost)
    expect(next(state, 10_000)).toEqual({do: 'locate'})
    const given = decide(state, {type: 'run-missing', at: 30_000})
    expect(given.ending).toEqual({kind: 'not-found', unclear: true})
  })

  test('that a crash cut short is made again only once GitHub would list its run', () => {
    const early = after(began, crashed, {type: 'run-missing', at: 29_000})
    expect(early.phase).toBe('locating')
    const late = decide(early, {type: 'run-missing', at: 30_000})
    expect(late.phase).toBe('requested')
    expect(next(late, 30_000)).toEqual({do: 'dispatch'})
    expect(after(began, crashed, seen(5_000, 'queued')).phase).toBe('watching')
  })

  test('that GitHub turned away for its limits is made when it says, and nobody’s time is lost', () => {
    const state = after(began, {type: 'slowed', at: 0, until: 60_000})
    expect(next(state, 59_999)).toEqual({do: 'wait', until: 60_000})
    expect(next(state, 60_000)).toEqual({do: 'dispatch'})
    expect(state.until).toBe(240_000)
    expect(show(state).title).toBe('diagnosis · waiting for GitHub')
  })

  test('that can’t be sent is given up in the end', () => {
    const once = after(began, {type: 'dispatch-not-sent', at: 1_000})
    expect(next(once, 4_000)).toEqual({do: 'dispatch'})
    const ended = after(began, {type: 'dispatch-not-sent', at: 180_000})
    expect(refusalOf(ended)).toBe('It could not be sent to GitHub. Nothing was started.')
  })
})

describe('whatever comes, in whatever order', () => {
  const at = fc.integer({min: 0, max: 400_000})
  const events: fc.Arbitrary<DiagnosisEvent> = fc.oneof(
    at.map(moment => ({type: 'dispatch-began' as const, at: moment})),
    at.map(moment => ({type: 'dispatch-accepted' as const, at: moment})),
    at.map(moment => ({type: 'dispatch-accepted' as const, at: moment, run: RUN})),
    at.map(moment => ({type: 'dispatch-unclear' as const, at: moment, cause: 'answer-lost' as const})),
    at.map(moment => ({type: 'dispatch-not-sent' as const, at: moment})),
    at.map(moment => ({type: 'slowed' as const, at: moment, until: moment + 60_000})),
    at.map(moment => ({type: 'run-missing' as const, at: moment})),
    at.map(moment => seen(moment, 'in_progress')),
    at.map(moment => seen(moment, 'completed', 'success')),
    at.map(moment => ({type: 'run-hidden' as const, at: moment})),
    at.map(moment => ({type: 'look-failed' as const, at: moment})),
    at.map(moment => ({type: 'stop-asked' as const, at: moment, by: 'ada'})),
    at.map(moment => ({type: 'stop-sent' as const, at: moment})),
  )

  test('nothing is dispatched again once GitHub may have begun it', () => {
    fc.assert(
      fc.property(fc.array(events, {maxLength: 30}), story => {
        let state = aDiagnosis()
        let mayHaveBegun = false
        for (const event of story) {
          const before = state
          state = decide(before, event)
          if (
            before.phase === 'dispatching' &&
            ['dispatch-accepted', 'dispatch-unclear'].includes(event.type)
          )
            mayHaveBegun = true
          if (mayHaveBegun) expect(next(state, Number.MAX_SAFE_INTEGER).do).not.toBe('dispatch')
          expect(show(state).title.length).toBeLessThanOrEqual(80)
        }
      }),
      {numRuns: 500},
    )
  })
})

describe('watching', () => {
  test('ends when nobody waits any longer, and does not say how the run ended', () => {
    const state = after(began, dispatched, seen(180_000, 'in_progress'))
    expect(state.ending).toEqual({kind: 'watch-timeout'})
    expect(show(state)).toMatchObject({state: 'timed-out', title: 'diagnosis · still running after 3m'})
  })

  test('counts no time that GitHub asked us to wait', () => {
    const state = after(
      began,
      dispatched,
      {type: 'slowed', at: 100_000, until: 160_000},
      seen(190_000, 'in_progress'),
    )
    expect(state.phase).toBe('watching')
  })

  test('forgives a run that is not shown yet, not one that is gone', () => {
    expect(after(began, dispatched, {type: 'run-hidden', at: 10_000}).phase).toBe('watching')
    const gone = after(began, dispatched, {
      type: 'run-hidden',
      at: 31_000,
      reason: 'Our token may not do this.',
    })
    expect(gone.ending).toEqual({kind: 'hidden', reason: 'Our token may not do this.'})
  })

  test('results that can’t be had in the end are said to be missing', () => {
    const state = after(began, dispatched, seen(0, 'completed', 'success'), {type: 'look-failed', at: 30_000})
    expect(state.ending).toMatchObject({kind: 'concluded', evidence: {found: {kind: 'none'}}})
  })
})

describe('stopping', () => {
  const asked: DiagnosisEvent = {type: 'stop-asked', at: 1_000, by: 'ada'}

  test('before anything began ends it', () => {
    expect(after(asked).ending).toEqual({kind: 'cancelled-before-start'})
  })

  test('while GitHub is asked keeps it from being asked again', () => {
    expect(after(began, asked, {type: 'dispatch-not-sent', at: 2_000}).ending).toEqual({
      kind: 'cancelled-before-start',
    })
    expect(after(began, asked, {type: 'slowed', at: 2_000, until: 60_000}).phase).toBe('ended')
  })

  test('a run is told once, and its end is still read', () => {
    const state = after(began, dispatched, asked)
    expect(next(state, 1_000)).toEqual({do: 'stop'})
    const told = decide(state, {type: 'stop-sent', at: 1_000})
    expect(next(told, 4_000)).toEqual({do: 'observe'})
    expect(show(told).controls).not.toContainEqual(expect.objectContaining({action: 'cancel'}))
    const refused = decide(state, {type: 'stop-refused', at: 1_000, reason: 'Our token may not do this.'})
    expect(show(refused).lines).toContain('GitHub did not stop the run: Our token may not do this.')
  })
})

describe('how it ended', () => {
  test.each([
    ['all well', concluded('success', reportWith()), 'ok', 'success', 'all well after 1m'],
    [
      'sign-in fails',
      concluded('failure', reportWith({oidc: {ok: false}})),
      'failed',
      'failure',
      'something is broken',
    ],
    [
      'a run that succeeds but reports a broken bucket',
      concluded('success', reportWith({s3_read: {ok: false}})),
      'failed',
      'failure',
      'something is broken',
    ],
    [
      'one API endpoint down',
      concluded('success', reportWith({api_hello: {ok: false, status: 503}})),
      'partial',
      'partial',
      'not all well',
    ],
    [
      'no results',
      concluded('success', {found: {kind: 'none', why: 'it left no artifact'}}),
      'partial',
      'partial',
      'no results',
    ],
    [
      'a failed run without results',
      concluded('failure', {found: {kind: 'none', why: 'x'}}),
      'failed',
      'failure',
      'something is broken',
    ],
    [
      'cancelled',
      concluded('cancelled', {found: {kind: 'none', why: 'x'}}),
      'other',
      'other',
      'cancelled after 1m',
    ],
    [
      'refused',
      after(began, {type: 'dispatch-refused', at: 1, reason: 'Not there.'}),
      'failed',
      'failure',
      'not started',
    ],
    [
      'located nowhere',
      after(began, {type: 'dispatch-accepted', at: 0}, {type: 'run-missing', at: 30_000}),
      'other',
      'partial',
      'started, run not located',
    ],
  ] as const)('%s', (_what, state, verdict, glyph, words) => {
    if (!state.ending) throw new Error('it has not ended')
    expect(verdictOfEnding(state.ending, verdictOf)).toBe(verdict)
    expect(show(state).state).toBe(glyph)
    expect(show(state).title).toContain(words)
  })

  test('tells each check, then what to do about those that are bad', () => {
    const {lines} = show(
      concluded(
        'failure',
        reportWith({
          oidc: {ok: false, details: 'Not authorized to perform sts:AssumeRoleWithWebIdentity @here'},
          api_health: {ok: false, status: 503, ms: 41.4},
          cloudfront: {ok: false, details: 'not configured'},
        }),
      ),
    )
    expect(lines?.slice(2)).toEqual([
      '❌ cloud sign-in: Not authorized to perform sts:AssumeRoleWithWebIdentity @\u200bhere',
      '✅ bucket',
      '⚠️ CDN: not configured',
      '❌ API /health: 503 · 41 ms',
      '✅ API /hello',
      '🔧 check that the workflow has `id-token: write` and that the cloud role trusts this repository and branch',
      '🔧 check that the API is deployed, and its address',
    ])
  })

  test('says so where there are no results, and where it broke', () => {
    const state = concluded('failure', {
      found: {kind: 'none', why: 'its artifact has expired'},
      failure: {job: 'diagnose', step: 'Assume role', excerpt: 'AccessDenied'},
    })
    expect(show(state)).toMatchObject({excerpt: 'AccessDenied'})
    expect(show(state).lines).toEqual(
      expect.arrayContaining([
        'the run ended with `failure`, but there are no results to show: its artifact has expired',
        'job `diagnose` › step `Assume role`',
      ]),
    )
  })

  test('the closing message is short and names the first thing that is bad', () => {
    const {lines, title} = closing(
      concluded('failure', reportWith({s3_read: {ok: false, details: 'denied'}})),
    )
    expect(title).toMatch(/^diagnosis · something is broken/)
    expect(lines).toEqual(['❌ bucket: denied', '`9f3c21aa…` · asked by ada'])
  })

  test('the message shows what was not configured, and its progress', () => {
    const {lines, state} = show(after(began, dispatched, seen(1_000, 'in_progress')))
    expect(state).toBe('waiting')
    expect(lines).toContain('frontend not configured · API `https://api.example.com`')
    expect(lines).toContain('diagnose ▶')
  })

  test('is final: nothing that comes later changes it', () => {
    const ended = concluded('success', reportWith())
    const late: DiagnosisEvent[] = [
      began,
      dispatched,
      lost,
      seen(90_000, 'in_progress'),
      {type: 'stop-asked', at: 1, by: 'x'},
    ]
    for (const event of late) expect(decide(ended, event)).toBe(ended)
  })
})
