import type {Environment} from '../kernel/environment.ts'
import type {Surroundings} from './build.ts'
import type {Facts} from './facts.ts'
import {question, refused, type Stop, type Target} from './steps.ts'

/** The one target that is meant, or the question which. A pull request goes where its repository ships to. */
export function targetFor(
  {target: name, environment, pull, repository}: Facts,
  {targets, repositoryOf}: Pick<Surroundings, 'targets' | 'repositoryOf'>,
): Target | Stop {
  const listed = (some: readonly Target[]) => some.map(one => `${one.name} (${one.environment})`).join(', ')
  if (targets.length === 0)
    return refused('No target is configured here. An operator can add one to signalbox.yaml.')
  const named = name === undefined ? undefined : targets.find(one => one.name === name)
  if (named && (environment === undefined || named.environment === environment)) return named
  if (named)
    return question(
      `${named.name} ships to ${named.environment}, not to ${environment ?? ''}. Which target is meant: ${listed(targets)}?`,
      'target',
    )
  const there = targets.filter(one => environment === undefined || one.environment === environment)
  const [only, ...others] = there
  if (only && others.length === 0) return only
  if (only && pull !== undefined) {
    const its = repositoryOf(repository)
    const [own, ...more] = there.filter(one => one.repository === its)
    if (own && more.length === 0) return own
  }
  return only
    ? question(`Which target is meant: ${listed(there)}?`, 'target')
    : question(`No target ships to ${environment ?? ''}. Which is meant: ${listed(targets)}?`, 'target')
}

/** Where to look; nowhere in particular is fine. */
export function looked(
  facts: Facts,
  house: Surroundings,
): {readonly target?: string; readonly environment?: Environment} | Stop {
  const {target, environment} = facts
  if (target !== undefined) {
    const found = targetFor(facts, house)
    return 'stop' in found ? found : {target: found.name, environment: found.environment}
  }
  if (environment === undefined) return {}
  const there = house.targets.filter(one => one.environment === environment)
  return {environment, ...(there.length === 1 && there[0] ? {target: there[0].name} : {})}
}

export function environmentsOf({targets}: Surroundings): string {
  return [...new Set(targets.map(({environment}) => environment))].join(', ') || 'which environment'
}
