import type {Holder} from '../access/people.ts'
import {lackingApprovers} from './policy.ts'
import type {Requirement} from './request.ts'

/** Somebody who may decide, and at how many requests that wait for them they are called to no further one. */
export interface Bounded extends Pick<Holder, 'id' | 'roles'> {
  readonly most: number
}

/** Those of the persons who have a limit: the highest of the roles by which they may decide, none if one has none. */
export function bounded(
  persons: readonly Pick<Holder, 'id' | 'roles'>[],
  entitled: readonly string[],
  limits: ReadonlyMap<string, number>,
): readonly Bounded[] {
  return persons.flatMap(({id, roles}) => {
    const most = Math.max(
      ...roles.filter(role => entitled.includes(role)).map(role => limits.get(role) ?? Infinity),
    )
    return Number.isFinite(most) ? [{id, roles, most}] : []
  })
}

/**
 * Those who are not called, by id: they have enough to decide, and the others can make it up among them. Where they
 * can't, nobody is spared: a request never waits unseen.
 */
export function spared(
  required: Requirement,
  persons: readonly Pick<Holder, 'id' | 'roles'>[],
  busy: ReadonlySet<string>,
): readonly string[] {
  const rest = persons.filter(({id}) => !busy.has(id))
  if (rest.length === persons.length || lackingApprovers({...required, escalateTo: []}, rest)) return []
  return persons.filter(({id}) => busy.has(id)).map(({id}) => id)
}
