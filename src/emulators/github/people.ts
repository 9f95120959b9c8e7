import type {Ids} from './ids.ts'

/** A GitHub account. Apps act as `<slug>[bot]`. */
interface Person {
  readonly id: number
  readonly login: string
  readonly type: 'User' | 'Bot'
}

export interface People {
  /** The account of that login, made known if it was not. */
  meet(login: string): Person
  /** Only whom the emulator has met: a token's owner, an actor, a collaborator. */
  find(login: string): Person | undefined
}

export function createPeople(ids: Ids): People {
  const known = new Map<string, Person>()
  return {
    meet(login) {
      const person = known.get(login.toLowerCase()) ?? {
        id: ids.next() % 2 ** 31,
        login,
        type: login.endsWith('[bot]') ? 'Bot' : 'User',
      }
      known.set(login.toLowerCase(), person)
      return person
    },
    find: login => known.get(login.toLowerCase()),
  }
}
