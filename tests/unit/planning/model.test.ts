import {describe, expect, test} from 'vitest'
import {faultsOf} from '../../../src/planning/model.ts'
import {KNOWN} from './surroundings.ts'

describe('what a model lists', () => {
  const faults = (description: string, task: object) =>
    faultsOf(
      {tasks: [{kind: 'deploy', words: description, after: [], ...task}]},
      {description, touched: false, known: KNOWN, facts: {}},
    ).map(fault => fault.replace(/:.*/, ''))

  test.each<[string, object, readonly string[]]>([
    ['deploy api, not client', {target: 'api'}, []],
    ['deploy api, not client', {target: 'client'}, ['tasks.0.target']],
    ['deploy api. Client should not be deployed', {target: 'client'}, ['tasks.0.target']],
    ['deploy to staging', {target: 'api'}, []],
    ['deploy to staging', {target: 'client'}, ['tasks.0.target']],
    ['deploy api to production', {target: 'api'}, ['tasks.0.target']],
    ['deploy it', {target: 'client'}, ['tasks.0.target']],
    ['deploy client to production, not to staging', {target: 'client', environment: 'production'}, []],
    ['deploy client to production, not to staging', {environment: 'staging'}, ['tasks.0.environment']],
    ['deploy client, but not to production', {target: 'client'}, ['tasks.0.kind']],
    ['check the health of api, not of client', {kind: 'health', target: 'client'}, []],
  ])('of “%s” as %o', (description, task, expected) => {
    expect(faults(description, task)).toEqual(expected)
  })
})
