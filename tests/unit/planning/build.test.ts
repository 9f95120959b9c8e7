import {beforeAll, describe, expect, test} from 'vitest'
import type {Surroundings} from '../../../src/planning/build.ts'
import {planByRules} from '../../../src/planning/rules.ts'
import {checkout, KNOWN} from './surroundings.ts'

let house: Surroundings
beforeAll(async () => {
  house = await checkout()
})

function planned(description: string, where: Surroundings = house) {
  const built = planByRules(description, KNOWN, where)
  if (built.kind !== 'built') throw new Error(JSON.stringify(built))
  return built
}
const stepOf = (description: string, id: string) =>
  planned(description).definition.steps.find(step => step.id === id)

describe('what is shipped', () => {
  test('is the very commit that was reviewed, tested and approved, under its lock', () => {
    const description = 'review PR 7, run its tests and deploy it to staging in acme/api'
    const sha = '${{ steps.review.output.head_sha }}'
    expect(stepOf(description, 'approve_deploy')).toMatchObject({
      approval: {environment: 'staging', details: {target: 'api', repo_url: 'acme/api', pr_number: 7, sha}},
      if: 'steps.review.output.verdict == "proceed" && steps.test.output.passed',
    })
    expect(stepOf(description, 'deploy')).toMatchObject({
      needs: expect.arrayContaining(['approve_deploy']) as string[],
      with: {target: 'api', environment: 'staging', pr_number: 7, sha},
      lock: {resource: 'deployment:staging:api', kind: 'deploy'},
    })
    const reads = planned(description).plan.steps.map(step => [step.id, step.reads.join()])
    expect(Object.fromEntries(reads)).toMatchObject({review: '', test: 'pull_7', deploy: 'review'})
    expect(stepOf(description, 'test_check')).toMatchObject({fail: expect.any(String) as string})
  })

  test('is one pull request of one repository, that which its target ships', () => {
    const reviewed = (description: string) => stepOf(description, 'review')?.with
    expect(reviewed('review PR 7, then deploy it to staging')).toMatchObject({repo_url: 'acme/api'})
    expect(reviewed('review PR 7, then ship it')).toMatchObject({repo_url: 'acme/web'})
    expect(stepOf('review PR 7, then ship it', 'deploy')?.with).toMatchObject({target: 'client'})
    expect(planByRules('ship it', KNOWN, house)).toMatchObject({kind: 'question', missing: 'target'})
  })

  test.each([
    'deploy client but not to production',
    'ship it, but not to production',
    "don't touch production. Deploy, please",
    "don't ship client",
    'never deploy on Fridays',
    "don't forget the client",
    'The client should not be deployed to production',
    'client must never be deployed',
    'Deploy client. Production must not be touched',
    'Deploy client, but not to production',
    'deploy client but don’t ship it to production',
    'ship it to staging, not the client',
    'deploy client, except on production',
    'roll back client and leave production alone',
    'set LOG_LEVEL to debug for client, never in production',
  ])('is never what was excepted: %s', words => {
    expect(planByRules(words, KNOWN, house)).toMatchObject({kind: 'question'})
  })

  test.each<[string, string]>([
    ['deploy client to production, not staging', 'client'],
    ['deploy api, not client', 'api'],
    ['The client should not be deployed. Deploy the api.', 'api'],
    ["We don't want client deployed to production. Deploy api to staging.", 'api'],
  ])('goes where it was said to: %s', (words, target) => {
    expect(stepOf(words, 'deploy')?.with).toMatchObject({target})
  })

  test('tells its risk', () => {
    expect(planned('deploy client').plan.risk.level).toBe('high')
    expect(planned('ship api').plan.risk.level).toBe('medium')
    expect(planned('set A_FLAG=1').plan.risk.level).toBe('high')
    expect(planned('review PR 7').plan.risk).toEqual({level: 'low', reasons: []})
    // Words can only raise it.
    expect(planned('ship api, it drops the customers table').plan.risk.level).not.toBe('medium')
    expect(planned('deploy client, the tiny readme change').plan.risk.level).toBe('high')
  })
})

test('words are input of the run, never part of the definition', () => {
  const {definition, input} = planned('implement ${{ run.id }} and "${{ 1 }}" in the footer')
  expect(JSON.stringify(definition)).not.toContain('run.id')
  expect(input).toEqual({implement_description: 'implement ${{ run.id }} and "${{ 1 }}" in the footer'})
})

test('the same steps have the same name and content, whatever the words', () => {
  const [one, other] = [planned('implement dark mode please'), planned('build the CSV export')]
  expect(one.definition).toEqual(other.definition)
  expect(one.input).not.toEqual(other.input)
})

test('what nothing of it does is said', () => {
  const {plan} = planned('the cat of our neighbour is hungry, review PR 7')
  expect(plan.notes).toEqual([
    'Nothing of this plan does “the cat of our neighbour is hungry”: say it in other words if it should.',
  ])
})

test('who is not up is said, and who is not there is not planned with', () => {
  expect(planned('review PR 7', {...house, isUp: () => false}).plan.notes).toEqual([
    'code-review is not up now; its steps wait for it.',
  ])
  const nobody = planByRules('review PR 7', KNOWN, {...house, agents: new Map()})
  expect(nobody).toMatchObject({
    kind: 'refused',
    reasons: [expect.stringContaining('Nobody here can review')],
  })
})

test('eleven things are too many for one plan', () => {
  const many = Array.from({length: 11}, (_, i) => `review PR ${i + 1}`).join(', ')
  expect(planByRules(many, KNOWN, house)).toMatchObject({kind: 'refused'})
})

test.each([
  ['deploy client to staging', 'client ships to production, not to staging'],
  ['review the pull request', 'Which pull request'],
  ['explain the code', 'Which file'],
  ['fix it', 'What should be changed'],
  ['did CI pass?', 'build of which pull request'],
  ['set the variable', 'Which variable'],
])('%s is asked about: %s', (description, question) => {
  expect(planByRules(description, KNOWN, house)).toMatchObject({
    kind: 'question',
    question: expect.stringContaining(question) as string,
  })
})
