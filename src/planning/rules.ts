import {build, type Built, type Surroundings} from './build.ts'
import type {Facts, KnownNames} from './facts.ts'
import {understand} from './tasks.ts'

const ASK =
  'What should be done? I can review, test, ship or roll back, check health, write code or documentation: say it as in “review PR 7, then deploy it to staging”.'

/** The workflow that a description comes to, without any model. */
export function planByRules(
  description: string,
  known: KnownNames,
  surroundings: Surroundings,
  given: Facts = {},
): Built {
  const {tasks, doubt = ASK} = understand(description, known, given)
  return tasks.length === 0
    ? {kind: 'question', question: doubt, missing: 'task'}
    : build(tasks, surroundings)
}
