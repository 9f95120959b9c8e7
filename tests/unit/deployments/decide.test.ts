import {describe, expect, test} from 'vitest'
import {decide, type DeploymentEvent} from '../../../src/deployments/decide.ts'
import {next, type Next} from '../../../src/deployments/next.ts'
import {newDeployment, type DeploymentState, type Verdict} from '../../../src/deployments/state.ts'
import {aDeployment, aJob, aRequest, aRun, ASKED_AT} from '../../support/deployments.ts'

type Told = DeploymentEvent extends infer Event
  ? Event extends DeploymentEvent
    ? Omit<Event, 'at'>
    : never
  : never

const requested = newDeployment(aRequest())
const dispatching: DeploymentState = {
  ...requested,
  phase: 'dispatching',
  dispatches: 1,
  dispatchBeganAt: ASKED_AT,
}
const locating: DeploymentState = {...dispatching, phase: 'locating', locatingSince: ASKED_AT}
const crashed: DeploymentState = {...locating, unclear: 'crashed'}
const watching = aDeployment()
const stopping = aDeployment({cancel: {by: 'ada', at: ASKED_AT}})

const ended = aRun({status: 'completed', conclusion: 'success'})
const failed = aRun({status: 'completed', conclusion: 'failure'})
const failedJob = aJob({status: 'completed', conclusion: 'failure'})
const failedBefore = {...failedJob, endedAt: ASKED_AT}
const failure = {jobId: '7', job: 'deploy', jobUrl: ''}

/** What becomes of a state when it is told facts, each `after` milliseconds since the request. */
function told(state: DeploymentState, ...facts: readonly [after: number, fact: Told][]): DeploymentState {
  return facts.reduce((known, [after, fact]) => decide(known, {...fact, at: ASKED_AT + after}), state)
}

const stopped = {type: 'cancel-requested', by: 'ada'} as const
const WINDOW = 30_000
const WATCH = 180_000

describe('the verdict', () => {
  test.each<[string, DeploymentState, readonly [number, Told][], Verdict | undefined]>([
    [
      'is what GitHub refused',
      dispatching,
      [[1, {type: 'dispatch-refused', reason: 'no such ref'}]],
      {kind: 'refused', reason: 'no such ref'},
    ],
    [
      'is that nothing started, when stopped before anything was asked',
      requested,
      [[1, stopped]],
      {kind: 'cancelled-before-start'},
    ],
    [
      'is that nothing started, when stopped while GitHub limits us',
      dispatching,
      [
        [1, stopped],
        [2, {type: 'slowed', until: ASKED_AT + 60_000}],
      ],
      {kind: 'cancelled-before-start'},
    ],
    [
      'is that nothing started, when stopped while GitHub can’t be reached',
      dispatching,
      [
        [1, stopped],
        [2, {type: 'dispatch-not-sent'}],
      ],
      {kind: 'cancelled-before-start'},
    ],
    [
      'is that nothing started, when stopped and the dead worker’s run never showed',
      crashed,
      [
        [1, stopped],
        [WINDOW, {type: 'run-missing'}],
      ],
      {kind: 'cancelled-before-start'},
    ],
    ['waits while GitHub can’t be reached', dispatching, [[1, {type: 'dispatch-not-sent'}]], undefined],
    [
      'is a refusal once GitHub could not be reached for the whole window',
      dispatching,
      [[WINDOW, {type: 'dispatch-not-sent'}]],
      {kind: 'refused', reason: expect.stringContaining('could not be reached') as string},
    ],
    ['waits for a run that is not listed yet', locating, [[WINDOW - 1, {type: 'run-missing'}]], undefined],
    [
      'is not found, when the window has passed',
      locating,
      [[WINDOW, {type: 'run-missing'}]],
      {kind: 'not-found', unclear: false},
    ],
    [
      'is not found and unclear, when the answer was lost',
      {...locating, unclear: 'answer-lost'},
      [[WINDOW, {type: 'run-missing'}]],
      {kind: 'not-found', unclear: true},
    ],
    [
      'is not found and unclear, when a second worker died as well',
      {...crashed, dispatches: 2},
      [[WINDOW, {type: 'run-missing'}]],
      {kind: 'not-found', unclear: true},
    ],
    [
      'waits longer when nothing can be learnt',
      locating,
      [[4 * WINDOW - 1, {type: 'look-failed'}]],
      undefined,
    ],
    [
      'does not wait for ever when nothing can be learnt',
      locating,
      [[4 * WINDOW, {type: 'look-failed'}]],
      {kind: 'not-found', unclear: false},
    ],
    [
      'is success for a run that succeeded',
      watching,
      [[1, {type: 'run-observed', run: ended, jobs: []}]],
      {kind: 'concluded', conclusion: 'success'},
    ],
    [
      'is each other ending by its name',
      watching,
      [
        [
          1,
          {type: 'run-observed', run: aRun({status: 'completed', conclusion: 'action_required'}), jobs: []},
        ],
      ],
      {kind: 'concluded', conclusion: 'action_required'},
    ],
    [
      'is unknown for a run that ended without a word',
      watching,
      [[1, {type: 'run-observed', run: aRun({status: 'completed'}), jobs: []}]],
      {kind: 'concluded', conclusion: 'unknown'},
    ],
    [
      'waits for the log of the job that failed',
      watching,
      [[1, {type: 'run-observed', run: failed, jobs: [failedJob]}]],
      undefined,
    ],
    [
      'comes with the log of the job that failed',
      watching,
      [
        [1, {type: 'run-observed', run: failed, jobs: [failedJob]}],
        [2, {type: 'log-read', failure}],
      ],
      {kind: 'concluded', conclusion: 'failure'},
    ],
    [
      'waits for the log though we come back long after the end',
      watching,
      [[10 * WATCH, {type: 'run-observed', run: failed, jobs: [failedJob]}]],
      undefined,
    ],
    [
      'comes without a log that can’t be read three times',
      watching,
      [
        [1, {type: 'run-observed', run: failed, jobs: [failedJob]}],
        [2, {type: 'log-unreadable'}],
        [3, {type: 'log-unreadable'}],
        [4, {type: 'log-unreadable'}],
      ],
      {kind: 'concluded', conclusion: 'failure'},
    ],
    [
      'waits for jobs that lag behind the end of their run',
      watching,
      [[1, {type: 'run-observed', run: failed, jobs: [aJob()]}]],
      undefined,
    ],
    [
      'does not wait for ever for jobs that lag behind',
      watching,
      [
        [1, {type: 'run-observed', run: ended, jobs: [aJob()]}],
        [2, {type: 'run-observed', run: ended, jobs: [aJob()]}],
        [3, {type: 'run-observed', run: ended, jobs: [aJob()]}],
      ],
      {kind: 'concluded', conclusion: 'success'},
    ],
    [
      'waits for the jobs of its latest attempt, when those of the one before are listed still',
      watching,
      [
        [
          1,
          {type: 'run-observed', run: {...ended, attempt: 2, startedAt: ASKED_AT + 1}, jobs: [failedBefore]},
        ],
      ],
      undefined,
    ],
    [
      'reads no log of what a run that succeeded allowed to fail',
      watching,
      [[1, {type: 'run-observed', run: ended, jobs: [failedJob]}]],
      {kind: 'concluded', conclusion: 'success'},
    ],
    [
      'waits for a run that goes on',
      watching,
      [[WATCH - 1, {type: 'run-observed', run: aRun(), jobs: []}]],
      undefined,
    ],
    [
      'is that we stopped watching, when it goes on too long',
      watching,
      [[WATCH, {type: 'run-observed', run: aRun(), jobs: []}]],
      {kind: 'watch-timeout'},
    ],
    [
      'is that we stopped watching, when nothing can be learnt',
      watching,
      [[WATCH, {type: 'look-failed'}]],
      {kind: 'watch-timeout'},
    ],
    [
      'gives a run that GitHub does not show any more the time to come back',
      watching,
      [
        [1000, {type: 'run-hidden'}],
        [30_999, {type: 'run-hidden'}],
      ],
      undefined,
    ],
    [
      'is that we lost sight of the run, when it does not come back',
      watching,
      [
        [1000, {type: 'run-hidden'}],
        [31_000, {type: 'run-hidden'}],
      ],
      {kind: 'run-hidden'},
    ],
    [
      'is that we lost sight of the run with GitHub’s reason, when it gives one',
      watching,
      [
        [1000, {type: 'run-hidden', reason: 'Our token may not do this.'}],
        [31_000, {type: 'run-hidden', reason: 'Our token may not do this.'}],
      ],
      {kind: 'run-hidden', reason: 'Our token may not do this.'},
    ],
    [
      'starts anew to count when the run has come back',
      watching,
      [
        [1000, {type: 'run-hidden'}],
        [20_000, {type: 'run-observed', run: aRun(), jobs: []}],
        [31_000, {type: 'run-hidden'}],
      ],
      undefined,
    ],
    [
      'is never "still running" for a run that was out of sight to the last',
      watching,
      [
        [WATCH - 1000, {type: 'run-hidden'}],
        [WATCH, {type: 'look-failed'}],
      ],
      {kind: 'run-hidden'},
    ],
    [
      'stays the conclusion of a run that is hidden after it ended',
      {...watching, run: aRun({status: 'completed', conclusion: 'failure'})},
      [[1000, {type: 'run-hidden'}]],
      {kind: 'concluded', conclusion: 'failure'},
    ],
    [
      'gives a stop two minutes to take effect',
      watching,
      [
        [WATCH - 1, stopped],
        [WATCH + 119_000, {type: 'run-observed', run: aRun(), jobs: []}],
      ],
      undefined,
    ],
    [
      'is that it runs on, when it ignores a stop',
      watching,
      [
        [WATCH - 1, stopped],
        [WATCH + 120_000, {type: 'run-observed', run: aRun(), jobs: []}],
      ],
      {kind: 'watch-timeout'},
    ],
    [
      'does not count the time that GitHub told us to wait',
      watching,
      [
        [1000, {type: 'slowed', until: ASKED_AT + 1000 + 3_600_000}],
        [3_601_000, {type: 'run-observed', run: aRun(), jobs: []}],
      ],
      undefined,
    ],
    [
      'counts overlapping waits once',
      watching,
      [
        [0, {type: 'slowed', until: ASKED_AT + 60_000}],
        [30_000, {type: 'slowed', until: ASKED_AT + 90_000}],
        [WATCH + 90_000, {type: 'look-failed'}],
      ],
      {kind: 'watch-timeout'},
    ],
  ])('%s', (_name, state, facts, verdict) => {
    const after = told(state, ...facts)
    expect(after.verdict).toEqual(verdict)
    expect(after.phase === 'finished').toBe(verdict !== undefined)
  })

  test('of a run that succeeded after all comes without the failure of its earlier attempt', () => {
    const again = {...ended, attempt: 2, startedAt: ASKED_AT + 4}
    const listed = {type: 'run-observed', run: again, jobs: [failedBefore]} as const
    const explained = told(
      watching,
      [1, {type: 'run-observed', run: aRun(), jobs: [failedBefore]}],
      [2, {type: 'log-read', failure}],
      [5, listed],
      [6, listed],
      [7, listed],
    )
    expect(explained.verdict).toEqual({kind: 'concluded', conclusion: 'success'})
    expect(explained.failure).toBeUndefined()
  })

  test('for who does not wait is that it started, with where it is', () => {
    const impatient = {...dispatching, request: aRequest({wait: false})}
    const run = {id: '42', url: 'https://github.com/acme/web/actions/runs/42'}
    expect(told(impatient, [1, {type: 'dispatch-accepted', run}])).toMatchObject({
      phase: 'finished',
      verdict: {kind: 'started'},
      run,
    })
  })

  test('for who does not wait but stopped it meanwhile is how the run obeyed', () => {
    const impatient = {...dispatching, request: aRequest({wait: false})}
    const after = told(impatient, [1, stopped], [2, {type: 'dispatch-accepted', run: aRun()}])
    expect(after.phase).toBe('watching')
    expect(next(after, ASKED_AT + 2)).toEqual({do: 'cancel', force: false})
  })
})

describe('the next step', () => {
  const at = (after: number) => ASKED_AT + after

  test.each<[string, DeploymentState, number, Next]>([
    ['of a request is to dispatch', requested, 0, {do: 'dispatch'}],
    [
      'of a dispatch that somebody left behind is to find out about it first',
      dispatching,
      0,
      {do: 'reconcile'},
    ],
    ['after an accepted dispatch is to look for its run', locating, 0, {do: 'locate'}],
    [
      'after a look is to wait for the next',
      {...locating, lookedAt: at(0)},
      2999,
      {do: 'wait', until: at(3000)},
    ],
    ['after the wait is to look', {...locating, lookedAt: at(0)}, 3000, {do: 'locate'}],
    [
      'after failed looks is to wait longer',
      aDeployment({lookedAt: at(0), misses: 2}),
      3000,
      {do: 'wait', until: at(12_000)},
    ],
    [
      'after very many failed looks is to wait half a minute',
      aDeployment({lookedAt: at(0), misses: 50}),
      3000,
      {do: 'wait', until: at(30_000)},
    ],
    [
      'is never set past the deadline',
      aDeployment({lookedAt: at(WATCH - 1000), misses: 5}),
      WATCH - 500,
      {do: 'wait', until: at(WATCH)},
    ],
    [
      'is to wait as long as GitHub told us',
      aDeployment({slowUntil: at(60_000)}),
      59_999,
      {do: 'wait', until: at(60_000)},
    ],
    ['goes on when GitHub lets us', aDeployment({slowUntil: at(60_000)}), 60_000, {do: 'observe'}],
    [
      'is to read the log of a job as soon as it failed',
      aDeployment({lookedAt: at(0), jobs: [aJob({id: '1'}), failedJob]}),
      1,
      {do: 'read-log', job: failedJob},
    ],
    [
      'is not to read a log twice',
      aDeployment({lookedAt: at(0), jobs: [failedJob], failure, logReads: 3}),
      1,
      {do: 'wait', until: at(3000)},
    ],
    [
      'is to try an unreadable log again a little later',
      aDeployment({lookedAt: at(0), jobs: [failedJob], logReads: 1}),
      1,
      {do: 'wait', until: at(3000)},
    ],
    [
      'is to pass on a stop before anything else',
      {...stopping, lookedAt: at(0), jobs: [failedJob]},
      1,
      {do: 'cancel', force: false},
    ],
    [
      'is to pass on a stop although looks fail',
      {...stopping, lookedAt: at(0), misses: 4},
      1,
      {do: 'cancel', force: false},
    ],
    [
      'is to look at the run between tries to stop it',
      {...stopping, cancel: {by: 'ada', at: at(0), failedAt: at(3000)}, lookedAt: at(0)},
      3001,
      {do: 'observe'},
    ],
    [
      'is to try a stop again in time',
      {...stopping, cancel: {by: 'ada', at: at(0), failedAt: at(1000)}, lookedAt: at(2000)},
      3000,
      {do: 'wait', until: at(4000)},
    ],
    [
      'leaves a run a minute to stop',
      {...stopping, cancel: {by: 'ada', at: at(0), sentAt: at(0)}, lookedAt: at(59_000)},
      59_999,
      {do: 'wait', until: at(60_000)},
    ],
    [
      'is to force a run that did not stop',
      {...stopping, cancel: {by: 'ada', at: at(0), sentAt: at(0)}},
      60_000,
      {do: 'cancel', force: true},
    ],
    [
      'is not to force a run twice',
      {...stopping, cancel: {by: 'ada', at: at(0), sentAt: at(0), forcedAt: at(60_000)}},
      70_000,
      {do: 'observe'},
    ],
    [
      'is not to hammer a force that fails',
      {
        ...stopping,
        cancel: {by: 'ada', at: at(0), sentAt: at(0), failedAt: at(60_000)},
        lookedAt: at(60_000),
      },
      60_001,
      {do: 'wait', until: at(63_000)},
    ],
    [
      'is not to stop what is over',
      aDeployment({cancel: {by: 'ada', at: at(0)}, run: failed, jobs: [failedJob]}),
      0,
      {do: 'read-log', job: failedJob},
    ],
    [
      'of what is finished is nothing',
      {...watching, phase: 'finished', verdict: {kind: 'watch-timeout'}},
      0,
      {do: 'nothing'},
    ],
  ])('%s', (_name, state, after, expected) => {
    expect(next(state, at(after))).toEqual(expected)
  })
})

describe('a fact', () => {
  const everything: readonly Told[] = [
    {type: 'dispatch-began'},
    {type: 'dispatch-accepted', run: {id: '42', url: ''}},
    {type: 'dispatch-accepted'},
    {type: 'dispatch-refused', reason: 'no'},
    {type: 'dispatch-not-sent'},
    {type: 'dispatch-unclear', cause: 'crashed'},
    {type: 'dispatch-unclear', cause: 'answer-lost'},
    {type: 'run-found', run: aRun()},
    {type: 'run-missing', bestGuessUrl: 'x'},
    {type: 'run-observed', run: ended, jobs: [failedJob]},
    {type: 'log-read', failure},
    {type: 'log-unreadable'},
    {type: 'look-failed'},
    {type: 'cancel-sent', forced: false},
    {type: 'cancel-refused', reason: 'no'},
    {type: 'cancel-failed'},
  ]
  const counted: Readonly<Record<string, readonly Told['type'][]>> = {
    requested: ['dispatch-began'],
    dispatching: ['dispatch-accepted', 'dispatch-refused', 'dispatch-not-sent', 'dispatch-unclear'],
    locating: ['run-found', 'run-missing', 'look-failed'],
    watching: ['run-observed', 'log-read', 'log-unreadable', 'look-failed'],
    stopping: [
      'run-observed',
      'log-read',
      'log-unreadable',
      'look-failed',
      'cancel-sent',
      'cancel-refused',
      'cancel-failed',
    ],
    finished: [],
  }
  const states: Readonly<Record<string, DeploymentState>> = {
    requested,
    dispatching,
    locating,
    watching,
    stopping,
    finished: {...watching, phase: 'finished', verdict: {kind: 'watch-timeout'}},
  }

  test.each(Object.keys(states))('that does not fit changes nothing of what is %s', name => {
    const state = states[name] ?? requested
    for (const fact of everything) {
      const changed = decide(state, {...fact, at: ASKED_AT + 1}) !== state
      expect(changed, fact.type).toBe(counted[name]?.includes(fact.type))
    }
  })

  test('that a stop was asked for counts once: the first asker is remembered', () => {
    const twice = told(watching, [1, stopped], [2, {type: 'cancel-requested', by: 'mallory'}])
    expect(twice.cancel).toEqual({by: 'ada', at: ASKED_AT + 1})
  })

  test('about an earlier state of the run changes nothing that is shown', () => {
    const job = aJob({steps: [{name: 'a', number: 1, status: 'completed', conclusion: 'success'}]})
    const seen = told(watching, [1, {type: 'run-observed', run: aRun(), jobs: [job]}])
    const later = told(seen, [
      2,
      {type: 'run-observed', run: aRun({status: 'queued'}), jobs: [aJob({status: 'queued'})]},
    ])
    expect(later).toMatchObject({run: {status: 'in_progress'}, jobs: [job]})
  })

  test('about an earlier attempt changes nothing that is shown', () => {
    const second = told(watching, [
      1,
      {type: 'run-observed', run: aRun({attempt: 2}), jobs: [aJob({id: '8'})]},
    ])
    const later = told(second, [2, {type: 'run-observed', run: failed, jobs: [failedJob]}])
    expect(later).toMatchObject({phase: 'watching', run: {attempt: 2}, jobs: [{id: '8'}]})
  })

  test('about a later attempt starts its story afresh', () => {
    const first = told(
      watching,
      [1, {type: 'run-observed', run: aRun(), jobs: [failedJob]}],
      [2, {type: 'log-read', failure}],
    )
    const again = told(first, [
      3,
      {
        type: 'run-observed',
        run: aRun({attempt: 2}),
        jobs: [aJob({id: '8', status: 'completed', conclusion: 'failure'})],
      },
    ])
    expect(again.failure).toBeUndefined()
    expect(next(again, ASKED_AT + 4)).toMatchObject({do: 'read-log', job: {id: '8'}})
  })

  test('that GitHub can be asked again clears that it could not', () => {
    const slow = told(dispatching, [1, {type: 'slowed', until: ASKED_AT + 60_000}])
    expect(slow).toMatchObject({phase: 'requested', slowUntil: ASKED_AT + 60_000, dispatches: 0})
    expect(told(slow, [60_000, {type: 'dispatch-began'}])).not.toHaveProperty('slowUntil')
  })
})

describe('a second dispatch', () => {
  test('comes only when a worker died and the whole window showed no run', () => {
    const early = told(
      dispatching,
      [1, {type: 'dispatch-unclear', cause: 'crashed'}],
      [2, {type: 'run-missing'}],
    )
    expect(next(early, ASKED_AT + 5000)).toEqual({do: 'locate'})
    const late = told(early, [WINDOW + 1, {type: 'run-missing'}])
    expect(next(late, ASKED_AT + WINDOW + 1)).toEqual({do: 'dispatch'})
  })

  test('does not come when all that is known is that no look succeeded', () => {
    const blind = told(crashed, [WINDOW, {type: 'look-failed'}], [2 * WINDOW, {type: 'look-failed'}])
    expect(next(blind, ASKED_AT + 10 * WINDOW)).toEqual({do: 'locate'})
  })

  test('that a run appeared late is found by, too, since the listing is asked from the first one on', () => {
    const again = told(crashed, [WINDOW, {type: 'run-missing'}], [WINDOW + 1, {type: 'dispatch-began'}])
    expect(again).toMatchObject({phase: 'dispatching', dispatches: 2, dispatchBeganAt: ASKED_AT})
  })
})
