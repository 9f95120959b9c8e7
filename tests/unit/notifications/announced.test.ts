import {describe, expect, test} from 'vitest'
import {failureOf, noticeOf as deploymentNotice} from '../../../src/deployments/notice.ts'
import type {Verdict} from '../../../src/deployments/state.ts'
import {noticeOf as agentNotice} from '../../../src/worker/agent-error.ts'
import {isTold, noticeOf as runNotice} from '../../../src/workflows/notice.ts'
import type {ShownRun} from '../../../src/workflows/shown.ts'
import {aDeployment, aRequest} from '../../support/deployments.ts'

describe('a deployment that failed', () => {
  test.each<[Verdict, string | undefined]>([
    [{kind: 'concluded', conclusion: 'failure'}, 'ended as failure'],
    [{kind: 'concluded', conclusion: 'timed_out'}, 'ended as timed out'],
    [{kind: 'concluded', conclusion: 'startup_failure'}, 'ended as startup failure'],
    [{kind: 'refused', reason: 'x'}, 'was not started'],
    [{kind: 'not-found', unclear: true}, 'may not have started'],
    [{kind: 'not-found', unclear: false}, 'was asked for, but no run is to be seen'],
    [{kind: 'run-hidden'}, 'is out of sight'],
    [{kind: 'wrong-commit', sha: 'x', conclusion: null}, 'would have shipped another commit'],
    [{kind: 'concluded', conclusion: 'success'}, undefined],
    [{kind: 'concluded', conclusion: 'cancelled'}, undefined],
    [{kind: 'started'}, undefined],
    [{kind: 'watch-timeout'}, undefined],
    [{kind: 'cancelled-before-start'}, undefined],
    [{kind: 'blocked', reason: 'x'}, undefined],
  ])('is told, and no other end: %j', (verdict, expected) => {
    expect(failureOf(verdict)).toBe(expected)
    const deployment = aDeployment({phase: 'finished', verdict})
    expect(deploymentNotice(deployment, {requester: 'ada'}) === undefined).toBe(expected === undefined)
  })

  test('is as grave as where it was to go, and its requester is to act', () => {
    const notice = (environment: 'production' | 'staging' | 'development', requester?: string) =>
      deploymentNotice(
        aDeployment({
          request: aRequest({environment}),
          phase: 'finished',
          verdict: {kind: 'concluded', conclusion: 'failure'},
        }),
        {requester, project: 'web'},
      )
    expect(notice('production', 'ada')).toMatchObject({
      event: 'task_failed',
      level: 'high',
      project: 'web',
      people: ['ada'],
      watchers: [],
    })
    expect(notice('staging')).toMatchObject({level: 'medium', people: []})
    expect(notice('development')).toMatchObject({level: 'low'})
    const {key, story, correlationId} = notice('staging') ?? {}
    expect([key, story]).toEqual([`deployment:${correlationId}:end`, `deployment:${correlationId}`])
  })
})

describe('a run that ended', () => {
  const aRun = (more: Partial<ShownRun>): ShownRun =>
    ({
      id: 'wf-1',
      workflow: 'pr-deployment',
      status: 'failed',
      current_step: 'test',
      input: {},
      error: {code: 'FAILED', message: 'token=hunter2'},
      correlation_id: 'c',
      ...more,
    }) as ShownRun
  const told = (more: Partial<ShownRun>, asker?: string) =>
    runNotice(aRun(more), {seq: 7, asker, redact: text => text.replace('hunter2', '•••')})

  test('is told when it failed, to whoever asked for it, with its secrets out of sight', () => {
    expect(told({}, 'ada')).toMatchObject({
      key: 'run:wf-1:7',
      story: 'run:wf-1',
      event: 'task_failed',
      level: 'medium',
      people: ['ada'],
      title: 'pr-deployment failed',
      data: {error: 'token=•••', step: 'test'},
    })
  })

  test('is told when it went well only where something outside waits for it', () => {
    const done = {status: 'completed', error: null} as const
    expect(told({...done, input: {sha: 'x'}})).toBeUndefined()
    expect(told({...done, input: {project: 'web', issue: 'OPS-12'}}, 'ada')).toMatchObject({
      event: 'task_completed',
      level: 'low',
      people: [],
      watchers: ['ada'],
      project: 'web',
      data: {issue: 'OPS-12'},
    })
    expect(told({...done, input: {repo_url: 'https://github.com/acme/web', pr_number: 7}})).toMatchObject({
      pullRequest: {repository: 'acme/web', number: 7},
    })
    expect(isTold({status: 'cancelled', input: {project: 'web'}})).toBe(false)
    expect(isTold({status: 'running', input: {project: 'web'}})).toBe(false)
  })

  test.each([
    [{repo_url: 'acme/web', pr_number: 7}, 'acme/web'],
    [{repo_url: 'https://github.com/acme/web.git/', pr_number: 7}, 'acme/web'],
    [{repo_url: 'https://github.com/acme/web', pr_number: '7'}, undefined],
    [{repo_url: 'https://evil.example/a/b/c', pr_number: 7}, undefined],
    [{pr_number: 7}, undefined],
    [null, undefined],
    ['text', undefined],
  ])('is about a pull request when its input says so: %j', (input, repository) => {
    expect(told({input})?.pullRequest?.repository).toBe(repository)
  })

  test('is about an issue only when that is an issue’s name', () => {
    expect(told({input: {issue: 'OPS-12'}})?.data['issue']).toBe('OPS-12')
    for (const issue of ['ops 12', 'https://linear.app/x', '12', 12])
      expect(told({input: {issue}})?.data['issue']).toBeUndefined()
  })
})

test('an agent that failed is told by its name, not by the words of its error', () => {
  const invocation = {id: 'i', command: 'status', agent: 'status_reporter', action: 'status'}
  expect(agentNotice(invocation, 'INTERNAL', 'ada')).toMatchObject({
    key: 'command:i:error',
    event: 'agent_error',
    level: 'medium',
    watchers: ['ada'],
    data: {error: 'agent status_reporter, action status: INTERNAL'},
  })
})
