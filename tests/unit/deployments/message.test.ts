import fc from 'fast-check'
import {describe as group, expect, test} from 'vitest'
import {closing, describe} from '../../../src/deployments/message.ts'
import type {Ask, DeploymentState, Gate, Verdict} from '../../../src/deployments/state.ts'
import {renderReply} from '../../../src/integrations/discord/render.ts'
import {aDeployment, aJob, aRequest, aRun, aStep, ASKED_AT} from '../../support/deployments.ts'
import {foreignText} from '../../support/foreign-text.ts'

const finished = (verdict: Verdict, changes: Partial<DeploymentState> = {}) =>
  aDeployment({phase: 'finished', verdict, endedAt: ASKED_AT + 72_000, ...changes})

const aGate = (ask: Partial<Ask> = {}): Gate => ({
  ...{round: 1, waitedMs: 0, release: {sha: '8c1e77f'.padEnd(40, '0'), workflowSha: 'a91b'.padEnd(40, '0')}},
  ask: {
    ...{approvalId: 'x', askedAt: ASKED_AT, version: 1, needed: 2, given: 0, looks: 0},
    ...{level: 'high', reasons: ['deploy to production'], roles: ['team_lead', 'tech_lead']},
    ...ask,
  },
})

const line = (state: DeploymentState) => renderReply(describe(state)).content
const text = (state: DeploymentState) => renderReply(describe(state)).embeds[0]?.description ?? ''
const buttons = (state: DeploymentState) => (describe(state).controls ?? []).map(control => control.label)

group('the first line', () => {
  test.each<[string, DeploymentState, string]>([
    ['while nothing is asked yet', aDeployment({phase: 'requested'}), '🟡 client → production · starting'],
    [
      'while the run is looked for',
      aDeployment({phase: 'locating'}),
      '🟡 client → production · started, looking for the run',
    ],
    ['while the run waits', aDeployment({run: aRun({status: 'queued'})}), '🟡 client → production · queued'],
    ['while the run goes on', aDeployment(), '🟡 client → production · deploying'],
    [
      'while it is being stopped',
      aDeployment({cancel: {by: 'ada', at: ASKED_AT}}),
      '🟡 client → production · stopping',
    ],
    [
      'while GitHub makes us wait',
      aDeployment({slowUntil: ASKED_AT + 40_000}),
      '🟡 client → production · waiting for GitHub',
    ],
    [
      'while it reads what would ship',
      aDeployment({phase: 'inspecting', gate: {round: 1, waitedMs: 0}}),
      '🟡 client → production · reading what would ship',
    ],
    [
      'while it waits for people',
      aDeployment({phase: 'parked', gate: aGate({given: 1})}),
      '⏳ client → production · waits for 2 approvals (1 of 2)',
    ],
    [
      'while it waits for one',
      aDeployment({phase: 'parked', gate: aGate({needed: 1})}),
      '⏳ client → production · waits for approval',
    ],
    [
      'when somebody said no',
      finished({kind: 'not-approved', how: 'rejected', by: 'ada', surface: 'linear', reason: 'no'}),
      '⛔ client → production · rejected by ada',
    ],
    [
      'when nobody decided',
      finished({kind: 'not-approved', how: 'expired'}),
      '⚪ client → production · approval expired',
    ],
    [
      'when it may not ship',
      finished({kind: 'blocked', reason: 'tests fail'}),
      '⛔ client → production · not started',
    ],
    [
      'when another commit ran',
      finished({kind: 'wrong-commit', sha: 'b'.repeat(40), conclusion: 'success'}),
      '🔴 client → production · ran another commit, see its run',
    ],
    ['for who does not wait', finished({kind: 'started'}), '🟡 client → production · started'],
    [
      'on success',
      finished({kind: 'concluded', conclusion: 'success'}),
      '🟢 client → production · success after 1m 12s',
    ],
    [
      'on failure',
      finished({kind: 'concluded', conclusion: 'failure'}),
      '🔴 client → production · failed after 1m 12s',
    ],
    [
      'on any other ending, by its name',
      finished({kind: 'concluded', conclusion: 'timed_out'}),
      '⚪ client → production · timed out after 1m 12s',
    ],
    [
      'when we stopped watching',
      finished({kind: 'watch-timeout'}),
      '⏱️ client → production · still running after 1m 12s',
    ],
    [
      'when GitHub does not show the run any more',
      finished({kind: 'run-hidden'}),
      '⚠️ client → production · lost sight of its run after 1m 12s',
    ],
    [
      'when the run was not found',
      finished({kind: 'not-found', unclear: false}),
      '⚠️ client → production · dispatched, run not located yet',
    ],
    [
      'when not even that is sure',
      finished({kind: 'not-found', unclear: true}),
      '⚠️ client → production · not sure it started',
    ],
    [
      'when it was stopped in time',
      finished({kind: 'cancelled-before-start'}),
      '⚪ client → production · cancelled before it started',
    ],
    [
      'when GitHub refused',
      finished({kind: 'refused', reason: 'no such ref'}),
      '🔴 client → production · not started',
    ],
  ])('%s', (_when, state, expected) => {
    expect(line(state)).toBe(expected)
  })

  test('is green for a run that succeeded, and for nothing else', () => {
    const verdicts = fc.oneof(
      fc.record({
        kind: fc.constant('concluded' as const),
        conclusion: fc.oneof(fc.string(), fc.constantFrom('failure', 'Success', 'success ')),
      }),
      fc.constantFrom<Verdict>(
        {kind: 'started'},
        {kind: 'watch-timeout'},
        {kind: 'run-hidden', reason: 'success'},
        {kind: 'not-found', unclear: true},
        {kind: 'cancelled-before-start'},
        {kind: 'refused', reason: 'success'},
      ),
    )
    fc.assert(
      fc.property(verdicts, fc.boolean(), (verdict, jobsAreGreen) => {
        fc.pre(!(verdict.kind === 'concluded' && verdict.conclusion === 'success'))
        const jobs = jobsAreGreen ? [aJob({status: 'completed', conclusion: 'success'})] : []
        expect(
          line(finished(verdict, {jobs, run: aRun({status: 'completed', conclusion: 'success'})})).startsWith(
            '🟢',
          ),
        ).toBe(false)
      }),
    )
  })
})

group('the message', () => {
  test('always names who asked and the id', () => {
    for (const state of [
      aDeployment(),
      finished({kind: 'watch-timeout'}),
      finished({kind: 'refused', reason: 'no'}),
    ]) {
      expect(text(state)).toContain('asked by grace · `9f3c21aa…`')
      expect(buttons(state)[0]).toBe('Copy id')
    }
  })

  test('says why a run is out of sight, and where to look', () => {
    const deleted = text(finished({kind: 'run-hidden'}))
    expect(deleted).toContain('it was deleted, or we lost access to its repository')
    const forbidden = text(finished({kind: 'run-hidden', reason: 'Our GitHub token may not do this.'}))
    expect(forbidden).toContain('does not let us see the run any more. Our GitHub token may not do this.')
    for (const said of [deleted, forbidden]) expect(said).toContain('actions/workflows/client-deploy.yml')
  })

  test('shows the jobs, or the steps when there is one job only', () => {
    const steps = [
      aStep({name: 'build', startedAt: ASKED_AT, endedAt: ASKED_AT + 41_000}),
      aStep({name: 'upload', status: 'in_progress', conclusion: null}),
      aStep({name: 'notify', status: 'queued', conclusion: null}),
    ]
    expect(text(aDeployment({jobs: [aJob({steps})]}))).toContain('build ✅ 41s · upload ▶ · notify ·')
    const jobs = [
      aJob({name: 'test', status: 'completed', conclusion: 'failure'}),
      aJob({name: 'deploy', status: 'completed', conclusion: 'skipped'}),
    ]
    expect(text(aDeployment({jobs}))).toContain('test ❌ · deploy ⏭')
  })

  test('names job, step and exit code of a failure, and shows its log', () => {
    const failure = {
      jobId: '7',
      job: 'deploy',
      jobUrl: 'https://github.com/acme/web/job/7',
      step: 'Upload to bucket',
      exitCode: 1,
      excerpt: 'AccessDenied',
      moreLines: 6,
    }
    const shown = text(finished({kind: 'concluded', conclusion: 'failure'}, {failure}))
    expect(shown).toContain('job `deploy` › step `Upload to bucket` (exit 1)')
    expect(shown).toContain('6 more lines in [the log](<https://github.com/acme/web/job/7>)')
    expect(shown.endsWith('```\nAccessDenied\n```')).toBe(true)
  })

  test('says that a log could not be read', () => {
    const failure = {jobId: '7', job: 'deploy', jobUrl: 'https://github.com/acme/web/job/7'}
    expect(text(finished({kind: 'concluded', conclusion: 'failure'}, {failure}))).toContain(
      'its log could not be read',
    )
  })

  test('marks a guess as a guess', () => {
    const {run: _run, ...unfound} = finished({kind: 'not-found', unclear: false})
    const state = {...unfound, bestGuessUrl: 'https://github.com/acme/web/actions/runs/1'}
    expect(text(state)).toContain('(best guess, not followed)')
    expect(buttons(state)).toEqual(['Copy id'])
  })

  test('says until when GitHub makes us wait', () => {
    expect(text(aDeployment({slowUntil: ASKED_AT + 40_000}))).toContain(
      `next look <t:${ASKED_AT / 1000 + 40}:R>`,
    )
  })

  test('has a button to stop only while there is something to stop, and one to retry only after it failed', () => {
    expect(buttons(aDeployment())).toEqual(['Copy id', 'Run ↗', 'Cancel'])
    expect(buttons(aDeployment({cancel: {by: 'ada', at: ASKED_AT}}))).toEqual(['Copy id', 'Run ↗'])
    expect(buttons(finished({kind: 'concluded', conclusion: 'failure'}))).toEqual([
      'Copy id',
      'Retry',
      'Run ↗',
    ])
    expect(buttons(finished({kind: 'concluded', conclusion: 'success'}))).toEqual(['Copy id', 'Run ↗'])
    const ofRelease = {request: aRequest({decidedElsewhere: true})}
    expect(buttons(finished({kind: 'concluded', conclusion: 'failure'}, ofRelease))).toEqual([
      'Copy id',
      'Run ↗',
    ])
  })

  test('closes with the verdict, its cause and who asked', () => {
    const failure = {jobId: '7', job: 'deploy', jobUrl: 'x', step: 'Upload', excerpt: 'long'}
    const last = closing(finished({kind: 'concluded', conclusion: 'failure'}, {failure}))
    expect(last).toMatchObject({state: 'failure', title: 'client → production · failed after 1m 12s'})
    expect(last.lines).toEqual(['job `deploy` › step `Upload`', '`9f3c21aa…` · asked by grace'])
    expect(last.excerpt).toBeUndefined()
  })
})

test('while it waits for people it says what, who, until when and bound to what', () => {
  const card = {files: 14, migrations: 1, pullRequests: [41, 42, 44], checks: 'success'} as const
  const url = 'https://discord.com/channels/1/2/3'
  const gate = {...aGate({card, url, expiresAt: ASKED_AT + 60_000}), moved: ['sha: a → b']}
  const shown = text(aDeployment({phase: 'parked', gate, jobs: []}))
  expect(shown.split('\n').slice(2)).toEqual([
    'asks again, for it moved: sha: a → b',
    'risk high: deploy to production · 14 files · 1 migration · 3 PRs (#41 #42 #44) · tests ✅',
    `who can: team lead, tech lead, not grace · [decide here](<${url}>) · expires <t:1736942460:R>`,
    'bound to `8c1e77f` + `client-deploy.yml@a91b`: if either moves, this asks again',
  ])
})

test('whatever names, reasons and logs others write, the message fits and nothing in it is live', () => {
  const word = foreignText(300)
  const part = fc.record({
    name: word,
    status: fc.oneof(word, fc.constantFrom('completed', 'in_progress', 'queued')),
    conclusion: fc.option(fc.oneof(word, fc.constantFrom('success', 'failure'))),
  })
  const worlds = fc.record({
    name: word,
    ref: word,
    by: word,
    conclusion: word,
    status: word,
    reason: foreignText(5000),
    jobs: fc.array(part, {maxLength: 30}),
    kind: fc.constantFrom(
      ...(['concluded', 'refused', 'blocked', 'not-approved', 'parked', 'running'] as const),
    ),
    failure: fc.record({
      jobId: fc.constant('7'),
      job: word,
      jobUrl: fc.webUrl(),
      step: word,
      excerpt: foreignText(900),
    }),
  })
  fc.assert(
    fc.property(worlds, ({name, ref, by, conclusion, status, reason, jobs, kind, failure}) => {
      const verdict: Verdict | undefined =
        kind === 'concluded'
          ? {kind, conclusion}
          : kind === 'refused' || kind === 'blocked'
            ? {kind, reason}
            : kind === 'not-approved'
              ? {kind, how: 'rejected', by, surface: 'mail', reason}
              : undefined
      const state = aDeployment({
        request: aRequest({requester: {id: '1', name, kind: 'discord'}, ref, apiBase: `https://${ref}`}),
        run: aRun({status}),
        jobs: jobs.map((job, index) => aJob({...job, id: String(index)})),
        cancel: {by, at: ASKED_AT, refusal: reason},
        failure,
        gate: {...aGate({reasons: [reason], roles: [by]}), moved: [reason]},
        ...(kind === 'parked' ? {phase: 'parked' as const} : {}),
        ...(verdict ? {phase: 'finished' as const, verdict} : {}),
      })
      expect(describe(state).title.length).toBeLessThanOrEqual(80)
      for (const reply of [describe(state), closing(state)]) {
        const {content, embeds} = renderReply(reply)
        const description = embeds[0]?.description ?? ''
        expect(description.length).toBeLessThanOrEqual(4096)
        const words = `${content}\n${description}`
          .replace(/```\n[^]*\n```$/, '')
          .replace(/(?<!\\)`[^`\n]+`/g, '')
          .replace(/<t:\d+:R>/g, '')
          .replace(/\]\(<https?:\/\/[^<>\s]*>\)/g, '')
        expect(words).not.toMatch(/@(everyone|here)|<(@|#|:|\/|[a-z])|:\/\//i)
      }
    }),
    {numRuns: 300},
  )
})
