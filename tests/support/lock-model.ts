import {agree, type LockKind} from '../../src/locks/decide.ts'

/** One who may want a lock: always the same one, as the same kind. */
export interface Player {
  readonly token: string
  readonly resource: string
  readonly kind: LockKind
  readonly priority: number
}

/** What the database must amount to, in a page: holders and a line for each resource, and one rule of admission. */
export function createLockModel() {
  const holders = new Map<string, {readonly player: Player; readonly fence: number; lapsed: boolean}>()
  const line = new Map<string, {readonly player: Player; readonly arrived: number; silent: boolean}>()
  const fences = new Map<string, number>()
  let arrivals = 0

  const holdersOf = (resource: string) =>
    [...holders.values()].filter(({player}) => player.resource === resource)
  const lineOf = (resource: string) =>
    [...line.values()]
      .filter(({player}) => player.resource === resource)
      .sort((a, b) => b.player.priority - a.player.priority || a.arrived - b.arrived)
  const admits = (taken: readonly Player[], player: Player) =>
    taken.every(other => agree(other.kind, player.kind))

  function grant(player: Player): void {
    const fence = (fences.get(player.resource) ?? 0) + 1
    fences.set(player.resource, fence)
    holders.set(player.token, {player, fence, lapsed: false})
    line.delete(player.token)
  }

  /** Serves, in order, whoever agrees with all who hold and with all who wait before. */
  function handOver(resource: string): void {
    const taken = holdersOf(resource).map(({player}) => player)
    for (const {player, silent} of lineOf(resource)) {
      if (silent) continue
      if (admits(taken, player)) grant(player)
      taken.push(player)
    }
  }

  function reap(resource: string): boolean {
    const lapsed = holdersOf(resource).filter(holder => holder.lapsed)
    for (const {player} of lapsed) holders.delete(player.token)
    return lapsed.length > 0
  }

  return {
    claim(player: Player, wait: boolean): 'granted' | 'held' {
      const mine = holders.get(player.token)
      if (mine?.lapsed === false) return 'granted'
      const {resource} = player
      const reaped = reap(resource)
      const place = line.get(player.token)
      const arrived = place?.arrived ?? arrivals++
      const ahead = lineOf(resource).filter(
        other =>
          !other.silent &&
          other.player.token !== player.token &&
          (other.player.priority > player.priority ||
            (other.player.priority === player.priority && other.arrived < arrived)),
      )
      const taken = [...holdersOf(resource), ...ahead].map(({player: other}) => other)
      const granted = admits(taken, player)
      if (granted) grant(player)
      else if (wait) line.set(player.token, {player, arrived, silent: false})
      else line.delete(player.token)
      if (reaped || (!granted && !wait && place)) handOver(resource)
      return granted ? 'granted' : 'held'
    },

    release({token, resource}: Player): 'released' | 'left' | 'gone' {
      const mine = holders.get(token)
      const was = holders.delete(token)
        ? mine?.lapsed
          ? 'gone'
          : 'released'
        : line.delete(token)
          ? 'left'
          : 'gone'
      if (mine || was === 'left') handOver(resource)
      return was
    },

    renew({token}: Player): boolean {
      return holders.get(token)?.lapsed === false
    },

    force(resource: string): readonly string[] {
      const previous = holdersOf(resource).map(({player}) => player.token)
      for (const token of previous) holders.delete(token)
      handOver(resource)
      return previous.sort()
    },

    /** As if nobody had renewed the leases of the resource. */
    lapse(resource: string): void {
      for (const holder of holdersOf(resource)) holder.lapsed = true
    },

    /** As if the waiter's process had died. */
    silence({token}: Player): void {
      const place = line.get(token)
      if (place) place.silent = true
    },

    sweep(resources: readonly string[]): void {
      for (const resource of resources) {
        const silent = lineOf(resource).filter(place => place.silent)
        if (!reap(resource) && silent.length === 0) continue
        for (const {player} of silent) line.delete(player.token)
        handOver(resource)
      }
    },

    /** Who holds under which fence, and who waits in which order. */
    state(resource: string) {
      return {
        holders: holdersOf(resource)
          .map(({player, fence}) => `${player.token} ${fence}`)
          .sort(),
        line: lineOf(resource).map(({player}) => player.token),
      }
    },
  }
}
