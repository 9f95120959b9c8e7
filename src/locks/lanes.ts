/** A contender's turn to ask the database. `pass` lets the next one go; passing again does nothing. */
export interface Turn {
  pass(): void
}

/**
 * The line inside this process: of all who want the same thing, one at a time asks the database, so a hot lock costs
 * one contender per process instead of one per caller. Turns come in the order of arrival. A turn also comes by itself
 * after `atMostMs`: whoever waits that long belongs in the line that everybody can see.
 */
export function createLanes() {
  const lanes = new Map<string, Contender[]>()

  interface Contender {
    readonly go: () => void
  }

  return {
    /** Resolves when it is this contender's turn, and at the latest after `atMostMs`; `waited` when it was not free. */
    async enter(lane: string, atMostMs: number): Promise<Turn & {readonly waited: boolean}> {
      const line = lanes.get(lane) ?? []
      lanes.set(lane, line)
      const waited = line.length > 0
      let me!: Contender
      const turn = new Promise<void>(resolve => {
        me = {go: resolve}
        line.push(me)
      })
      if (waited) {
        const timer = setTimeout(me.go, atMostMs)
        await turn
        clearTimeout(timer)
      }
      return {
        waited,
        pass() {
          const at = line.indexOf(me)
          if (at < 0) return
          line.splice(at, 1)
          if (at === 0) line[0]?.go()
          if (line.length === 0 && lanes.get(lane) === line) lanes.delete(lane)
        },
      }
    },
  }
}
