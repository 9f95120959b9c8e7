import {describe, expect, test} from 'vitest'
import type {Json} from '../../../../src/kernel/json.ts'
import {inCheckout} from '../../../../src/platform/checkout.ts'
import {loadFolder} from '../../../../src/runtime/load-plugins.ts'
import type {AgentDefinition} from '../../../../src/sdk/index.ts'
import {decide} from '../../../../src/workflows/decide.ts'
import {describeFault} from '../../../../src/workflows/definition/fault.ts'
import {readInput} from '../../../../src/workflows/definition/input.ts'
import {createLibrary, loadWorkflows} from '../../../../src/workflows/definition/load.ts'
import {newRun} from '../../../../src/workflows/evolve.ts'
import {wakeAt} from '../../../../src/workflows/progress.ts'
import type {Effect, Message, Run} from '../../../../src/workflows/run.ts'

const agents = await loadFolder<AgentDefinition>('agents', agent => agent.id)
const loaded = await loadWorkflows(inCheckout('workflows'), agents)
const library = createLibrary(loaded, agents)

type Perform = Extract<Effect, {kind: 'perform'}>
type Approval = Extract<Effect, {kind: 'request-approval'}>
type Answers = Readonly<Record<string, (input: never, times: number) => Json>>

interface Played {
  readonly run: Run
  /** `action` or, for what undoes, `undo action`; with the lock that was held. */
  readonly performed: readonly string[]
  readonly inputs: readonly Json[]
  readonly asked: readonly Approval[]
}

/** Plays a run to its end, everything in memory. An answer that throws is a failed attempt. */
function play(workflow: string, input: Json, answers: Answers, approve = true): Played {
  const plan = library.current(workflow)?.plan
  const definition = library.definitions.get(workflow)
  if (!plan || !definition) throw new Error(`no workflow ${workflow}`)
  const performed: string[] = []
  const inputs: Json[] = []
  const asked: Approval[] = []
  let at = 1_000
  let run = newRun({id: 'wf-1', workflow, correlationId: 'c', input: readInput(definition, input)})
  const queue: Message[] = [{kind: 'begin', at}]

  const perform = ({path, attempt, action, input: given, compensation}: Perform): Message => {
    const name = `${compensation ? 'undo ' : ''}${action}`
    performed.push(name)
    inputs.push(given)
    try {
      const times = performed.filter(other => other === name).length
      const output = answers[action]?.(given as never, times) ?? null
      return {kind: 'attempt-succeeded', at, path, attempt, output}
    } catch (error) {
      const fault = {code: 'UPSTREAM_UNAVAILABLE', message: (error as Error).message}
      return {kind: 'attempt-failed', at, path, attempt, error: fault, retryable: true}
    }
  }
  for (let steps = 0; steps < 1_000; steps++) {
    const next = queue.shift()
    const due = wakeAt(run)
    if (!next && due === undefined) return {run, performed, inputs, asked}
    at = next ? at : Math.max(at, due ?? at)
    const decision = decide(plan, run, next ?? {kind: 'clock', at}, {hosts: () => true})
    run = decision.run
    for (const effect of decision.effects) {
      if (effect.kind === 'perform') queue.push(perform(effect))
      else if (effect.kind === 'lock') {
        performed.push(`lock ${effect.resource}`)
        queue.push({kind: 'lock-granted', at, path: effect.path, token: effect.token, fence: 1})
      } else if (effect.kind === 'unlock') performed.push(`unlock ${effect.resource}`)
      else if (effect.kind === 'request-approval') {
        asked.push(effect)
        queue.push({kind: 'signal', at, id: effect.signal, name: effect.signal, payload: {approved: approve}})
      }
    }
  }
  throw new Error('it does not end')
}

const broken = (): never => {
  throw new Error('broken')
}

test('all three are without faults, and fit the agents of this checkout', () => {
  expect(loaded.faults.map(describeFault)).toEqual([])
  expect([...loaded.definitions.keys()]).toEqual(['parallel-docs', 'pr-deployment', 'self-healing'])
})

describe('pr-deployment', () => {
  const input = {pr_number: 7, repo_url: 'https://github.com/acme/web'}
  const review = {
    verdict: 'proceed',
    summary: 'fine',
    comments: 2,
    findings: [],
    head_sha: 'abc',
    base_sha: 'def',
  }
  const answers: Answers = {
    find_target: () => ({
      target: 'client',
      environment: 'production',
      service: 'web',
      repository: 'acme/web',
    }),
    review_code: () => review,
    run_pipeline: () => ({conclusion: 'success', run_url: 'https://github.com/acme/web/actions/runs/1'}),
    deploy_service: () => ({target: 'client', sha: 'abc', previous_sha: 'old'}),
    health_check: () => ({issues: []}),
  }

  test('reviews, tests, asks, and ships the commit that was approved, under a lock', () => {
    const {run, performed, inputs, asked} = play('pr-deployment', input, answers)
    expect(performed).toEqual([
      'find_target',
      'review_code',
      'run_pipeline',
      'lock deployment:production:web',
      'deploy_service',
      'health_check',
      'unlock deployment:production:web',
    ])
    expect(asked).toMatchObject([
      {
        request: {
          title: 'Deploy #7 to client, production',
          operation: 'deploy',
          details: {sha: 'abc', comments: 2},
        },
      },
    ])
    expect(inputs).toContainEqual({
      ...{target: 'client', environment: 'production', sha: 'abc'},
      ...{repo_url: input.repo_url, pr_number: 7},
    })
    expect(run).toMatchObject({
      status: 'completed',
      result: {deployment_status: 'success', sha: 'abc', review_comments: 2, approval_status: 'approved'},
    })
  })

  test.each<[string, Partial<Answers>, RegExp]>([
    [
      'a review',
      {review_code: () => ({...review, verdict: 'block', summary: 'a secret'})},
      /review blocks it: a secret/,
    ],
    [
      'a failed test',
      {run_pipeline: () => ({conclusion: 'failure', run_url: 'u'})},
      /tests ended as failure: u/,
    ],
  ])('%s that blocks ends it before anyone is asked', (_what, change, message) => {
    const {run, performed, asked} = play('pr-deployment', input, {...answers, ...change} as Answers)
    expect(run).toMatchObject({status: 'failed', error: {message: expect.stringMatching(message) as unknown}})
    expect(performed).not.toContain('deploy_service')
    expect(asked).toEqual([])
  })

  test('rejected, nothing is deployed', () => {
    const {run, performed} = play('pr-deployment', input, answers, false)
    expect(run.status).toBe('failed')
    expect(performed).toEqual(['find_target', 'review_code', 'run_pipeline'])
  })

  test('what is not well after it was deployed is rolled back, after five looks', () => {
    const sick: Answers = {...answers, health_check: () => ({issues: [{kind: 'down'}]})}
    const {run, performed, inputs} = play('pr-deployment', input, sick)
    expect(run.status).toBe('failed')
    expect(performed.filter(name => name === 'health_check')).toHaveLength(5)
    expect(inputs.at(-1)).toEqual({target: 'client', from: 'abc', to: 'old'})
    expect(performed.indexOf('undo rollback')).toBeGreaterThan(performed.lastIndexOf('health_check'))
  })

  test('what becomes well in time stays', () => {
    const slow: Answers = {
      ...answers,
      health_check: (_, times) => ({issues: times < 3 ? [{kind: 'down'}] : []}),
    }
    const {run, performed} = play('pr-deployment', input, slow)
    expect(run.status).toBe('completed')
    expect(performed).not.toContain('undo rollback')
  })
})

describe('parallel-docs', () => {
  const input = {repo_url: 'https://github.com/acme/web'}
  const write = ({doc_type}: {readonly doc_type: string}): Json => ({
    markdown: `# ${doc_type}`,
    files: [],
    pr_url: null,
  })

  test('writes three at the same time', () => {
    const {run, inputs} = play('parallel-docs', input, {generate_docs: write})
    expect(inputs.slice(0, 3)).toMatchObject(
      ['api_reference', 'user_guide', 'deployment_guide'].map(doc_type => ({doc_type, publish: false})),
    )
    expect(run).toMatchObject({
      status: 'completed',
      result: {status: 'complete', missing: [], api_docs: {markdown: '# api_reference'}},
    })
  })

  test('one that fails is tried again, and does not sink the others', () => {
    const {run, performed} = play('parallel-docs', input, {
      generate_docs: given =>
        (given as {doc_type: string}).doc_type === 'user_guide' ? broken() : write(given),
    })
    expect(performed).toHaveLength(5)
    expect(run).toMatchObject({
      status: 'completed',
      result: {
        status: 'partial',
        missing: ['user_guide'],
        user_guide: null,
        api_docs: {markdown: '# api_reference'},
      },
    })
  })

  test('only those that were missing can be written', () => {
    const {run, performed} = play('parallel-docs', {...input, only: ['user_guide']}, {generate_docs: write})
    expect(performed).toHaveLength(1)
    expect(run).toMatchObject({status: 'completed', result: {status: 'complete', api_docs: null}})
  })

  test('with none written it has failed', () => {
    const {run} = play('parallel-docs', input, {generate_docs: broken})
    expect(run).toMatchObject({
      status: 'failed',
      error: {message: expect.stringMatching(/None of the documents could be written/) as unknown},
    })
  })
})

describe('self-healing', () => {
  const input = {environment: 'staging'}
  const rollback = {
    agent: 'infrastructure',
    action: 'rollback',
    with: {target: 'client'},
  }
  const deploy = {agent: 'infrastructure', action: 'deploy_service', with: {sha: 'abc'}}
  const sick = {issues: [{service: 'web', kind: 'down'}]}
  const well = {issues: []}
  const find_target = ({environment}: {readonly environment: string}): Json => ({
    target: 'client',
    environment,
    service: 'web',
    repository: 'acme/web',
  })

  test('well already, nothing is done', () => {
    const {run, performed} = play('self-healing', input, {find_target, health_check: () => well})
    expect(performed).toEqual([
      'find_target',
      'lock infrastructure:staging',
      'health_check',
      'unlock infrastructure:staging',
    ])
    expect(run).toMatchObject({status: 'completed', result: {is_resolved: true}})
  })

  test('the surest diagnosis is followed first, and what did not help is not tried again', () => {
    const {run, performed, asked} = play('self-healing', input, {
      find_target,
      execute_task: () => ({diagnosis: 'the last deploy', fix: deploy, confidence: 0.8}),
      health_check: (_, times) => (times < 4 ? sick : well),
    })
    expect(performed.filter(name => name === 'deploy_service' || name === 'rollback')).toEqual([
      'deploy_service',
      'rollback',
    ])
    expect(asked).toMatchObject([
      {request: {operation: 'deploy_service', details: {target: 'client', sha: 'abc'}}},
      {request: {operation: 'rollback', details: {target: 'client', sha: null}}},
    ])
    expect(run).toMatchObject({
      status: 'completed',
      result: {is_resolved: true, last: {heal: {fix: rollback, tried: [deploy]}}},
    })
  })

  test('nobody knows better: the last version that was well', () => {
    const {run, performed} = play('self-healing', input, {
      find_target,
      execute_task: broken,
      health_check: (_, times) => (times < 2 ? sick : well),
    })
    expect(performed).toContain('rollback')
    expect(run.status).toBe('completed')
  })

  test('it ends when every fix was tried, and says so', () => {
    const {run, performed} = play('self-healing', input, {
      find_target,
      execute_task: () => ({diagnosis: '', fix: null, confidence: 0}),
      health_check: () => sick,
    })
    expect(performed.filter(name => name === 'rollback')).toHaveLength(1)
    expect(run).toMatchObject({
      status: 'failed',
      error: {message: expect.stringMatching(/Every fix that is known was tried/) as unknown},
    })
  })

  test('after three rounds it gives up, with three different fixes', () => {
    const fixes = [deploy, {...deploy, with: {sha: 'def'}}, {...deploy, with: {sha: 'ghi'}}]
    let round = 0
    const {run, inputs} = play('self-healing', input, {
      find_target,
      execute_task: () => ({
        diagnosis: '',
        fix: fixes[Math.min(2, Math.floor(round++ / 3))] ?? null,
        confidence: 1,
      }),
      health_check: () => sick,
    })
    const shas = inputs.map(given => (given as {sha?: string}).sha).filter(sha => sha !== undefined)
    expect(shas).toEqual(['abc', 'def', 'ghi'])
    expect(run).toMatchObject({status: 'failed', error: {code: 'EXHAUSTED'}})
  })

  test.each(['production', 'staging', 'development'])(
    'in %s it is asked for before anything is shipped',
    environment => {
      const answers: Answers = {
        find_target,
        execute_task: () => ({diagnosis: 'the last deploy', fix: rollback, confidence: 0.9}),
        health_check: (_, times) => (times < 2 ? sick : well),
      }
      const yes = play('self-healing', {environment}, answers)
      expect(yes.asked).toMatchObject([{request: {title: `Apply rollback to client, ${environment}`}}])
      expect(yes.run.status).toBe('completed')
      const no = play('self-healing', {environment}, answers, false)
      expect(no.performed).not.toContain('rollback')
      expect(no.run.status).toBe('failed')
    },
  )

  test('a fix outside of what may be done by itself is not done', () => {
    const {performed} = play('self-healing', input, {
      find_target,
      execute_task: () => ({
        diagnosis: '',
        fix: {agent: 'cicd', action: 'deploy_artifact', with: {}},
        confidence: 1,
      }),
      health_check: (_, times) => (times < 2 ? sick : well),
    })
    expect(performed).not.toContain('deploy_artifact')
    expect(performed).toContain('rollback')
  })
})
