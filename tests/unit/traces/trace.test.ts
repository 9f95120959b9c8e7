import {describe, expect, test} from 'vitest'
import type {AuditCase} from '../../../src/audit/store.ts'
import {newDeployment, type DeploymentState} from '../../../src/deployments/state.ts'
import type {TraceFacts} from '../../../src/traces/store.ts'
import {traceOf} from '../../../src/traces/trace.ts'

const ID = '9f3c21aa-0000-4000-8000-000000000000'
const T = 1_000_000

function aCommand(more: Partial<TraceFacts> = {}): TraceFacts {
  return {
    id: ID,
    command: 'status',
    agent: 'status_reporter',
    action: 'runs',
    status: 'succeeded',
    attempt: 1,
    receivedAt: T - 40,
    recordedAt: T,
    startedAt: T + 10,
    endedAt: T + 250,
    errorCode: undefined,
    effects: [],
    deployment: undefined,
    run: undefined,
    answer: {
      view: {state: 'info', title: 'status'},
      shown: true,
      changedAt: T + 250,
      deliveredAt: T + 300,
      undeliverable: undefined,
    },
    ...more,
  }
}

function anAudited(phase: AuditCase['line']['phase'], outcome?: AuditCase['line']['phase']): AuditCase {
  const line = {
    seq: 1,
    id: 'i',
    at: new Date(T + 20).toISOString(),
    action: 'relay.send',
    actor: {id: '1', name: 'ada'},
    subject: '42',
    correlation_id: ID,
    phase,
    intent: null,
    details: {},
    previous: '',
    hash: '',
  }
  return {
    line,
    outcome: outcome && {
      ...line,
      phase: outcome,
      at: new Date(T + 120).toISOString(),
      details: outcome === 'failed' ? {reason: 'No access.'} : {},
    },
  }
}

function aDeployment(more: Partial<DeploymentState>): TraceFacts['deployment'] {
  const request = {
    correlationId: ID,
    target: 'client',
    repository: 'acme/web',
    workflow: 'client-deploy.yml',
    ref: 'main',
    environment: 'development',
    service: 'web',
    inputs: {},
    requester: {kind: 'discord', id: '1', name: 'ada'},
    wait: true,
    requestedAt: T,
    patience: {discoveryMs: 1, watchMs: 1, pollMs: 1},
    workflowUrl: '',
  } as const
  return {state: {...newDeployment(request), ...more}, recordedAt: T + 30}
}

const trace = (facts: TraceFacts, audited: readonly AuditCase[] = []) =>
  traceOf(facts, audited, {now: T + 1000, redact: text => text.replaceAll('hunter2', '***')})

describe('a trace', () => {
  test('tells each step of a command with how long it took', () => {
    expect(trace(aCommand())).toEqual({
      id: ID,
      command: 'status',
      status: 'succeeded',
      startedAt: T,
      ms: 250,
      error: undefined,
      runUrl: undefined,
      steps: [
        {name: 'acknowledged and recorded', status: 'done', ms: 40},
        {name: 'waited for a worker', status: 'done', ms: 10},
        {name: 'status_reporter · runs', status: 'done', ms: 240},
        {name: 'answer', status: 'done', ms: 50},
      ],
    })
  })

  test('is in progress, with no end, while the command goes on', () => {
    const going = trace(aCommand({status: 'running', endedAt: undefined, attempt: 2}))
    expect(going).toMatchObject({status: 'open', ms: undefined})
    expect(going.steps[2]).toEqual({
      name: 'status_reporter · runs',
      status: 'open',
      ms: 990,
      detail: 'try 2',
    })
    const waiting = trace(aCommand({status: 'queued', startedAt: undefined, endedAt: undefined}))
    expect(waiting.steps[1]).toEqual({name: 'waits for a worker', status: 'open', ms: 1000})
  })

  test('of a failed command says why, without the secret in it', () => {
    const failed = trace(
      aCommand({
        status: 'failed',
        errorCode: 'UPSTREAM_REFUSED',
        answer: {
          view: {state: 'error', title: '/status could not be done', lines: ['token hunter2 is bad']},
          shown: false,
          changedAt: T,
          deliveredAt: undefined,
          undeliverable: 'Discord error 10062 (HTTP 404)',
        },
      }),
    )
    expect(failed.error).toBe('UPSTREAM_REFUSED: /status could not be done · token *** is bad')
    expect(failed.steps[2]).toMatchObject({status: 'failed', detail: 'UPSTREAM_REFUSED'})
    expect(failed.steps.at(-1)).toEqual({
      name: 'answer',
      status: 'failed',
      detail: 'Discord error 10062 (HTTP 404)',
    })
  })

  test.each([
    [anAudited('intent', 'done'), 'done', {ms: 100}],
    [anAudited('intent', 'failed'), 'failed', {ms: 100, detail: 'No access.'}],
    [anAudited('intent', 'unknown'), 'unknown', {ms: 100}],
    [anAudited('intent'), 'unknown', {}],
    [anAudited('refused'), 'failed', {detail: 'refused'}],
  ] as const)('shows what was done outside as the audit has it (%#)', (one, status, more) => {
    expect(trace(aCommand(), [one]).steps[3]).toEqual({name: 'relay.send 42', status, ...more})
  })

  test('never claims that an effect is done which nobody wrote down the end of', () => {
    const effect = {name: 'tag', done: false, beganAt: T + 20, doneAt: undefined}
    expect(trace(aCommand({effects: [effect]})).steps[3]).toEqual({name: 'tag', status: 'unknown'})
    expect(trace(aCommand({effects: [{...effect, done: true, doneAt: T + 60}]})).steps[3]).toEqual({
      name: 'tag',
      status: 'done',
      ms: 40,
    })
  })

  test('of a deployment follows it through dispatch, search and run to its verdict', () => {
    const {steps, runUrl} = trace(
      aCommand({
        command: 'deploy-client',
        deployment: aDeployment({
          phase: 'finished',
          dispatchBeganAt: T + 40,
          locatingSince: T + 140,
          watchingSince: T + 240,
          endedAt: T + 640,
          run: {
            id: '7',
            url: 'https://github.com/r/7',
            status: 'completed',
            conclusion: 'failure',
            attempt: 1,
          },
          verdict: {kind: 'concluded', conclusion: 'failure'},
        }),
      }),
    )
    expect(runUrl).toBe('https://github.com/r/7')
    expect(steps.slice(3, 7)).toEqual([
      {name: 'dispatch', status: 'done', ms: 100},
      {name: 'find the run', status: 'done', ms: 100},
      {name: 'run 7', status: 'failed', ms: 400},
      {name: 'verdict', status: 'failed', detail: 'failure'},
    ])
  })
})
