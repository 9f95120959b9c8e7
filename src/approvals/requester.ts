import {accountOf, type People} from '../access/people.ts'
import type {Actor} from '../sdk/index.ts'
import type {Requester} from './request.ts'

/** The actor as the one who asks: with their person, so that none of that person's accounts can approve. */
export async function requesterOf(people: Pick<People, 'personOf'>, actor: Actor): Promise<Requester> {
  const account = accountOf(actor)
  const person = account && (await people.personOf(account))
  return {
    name: actor.name,
    ...(person ? {person: person.id} : {}),
    ...(account ? {account} : {}),
  }
}
