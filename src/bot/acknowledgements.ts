/**
 * Lets first answers overtake the work that follows them: in a burst, what comes after one person's acknowledgement
 * would otherwise take the processor from the acknowledgements of all the others, who have three seconds. The work
 * then starts together, and shares its statements. It waits for those that were under way when it came, not for
 * later ones, and never longer than `patienceMs`: a steady stream delays nobody by more than a round trip.
 */
export function createAcknowledgements(patienceMs = 1500) {
  // Both in the order of their coming, so that the first of each tells all.
  const underWay = new Set<number>()
  const waiting = new Map<number, () => void>()
  let last = 0

  function wake(): void {
    const [oldest = Infinity] = underWay
    for (const [upTo, resolve] of waiting) {
      if (upTo >= oldest) return
      waiting.delete(upTo)
      resolve()
    }
  }

  return {
    /** Counts an acknowledgement as under way until it settles. */
    async track<T>(acknowledgement: Promise<T>): Promise<T> {
      const ticket = ++last
      underWay.add(ticket)
      try {
        return await acknowledgement
      } finally {
        underWay.delete(ticket)
        wake()
      }
    },

    /** Resolves when all that are under way now have settled; at once, when none is. */
    async settled(): Promise<void> {
      if (underWay.size === 0) return
      // A number of its own, above those it waits for and below those to come.
      const upTo = ++last
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>(resolve => {
        waiting.set(upTo, resolve)
        timer = setTimeout(resolve, patienceMs)
      })
      clearTimeout(timer)
      waiting.delete(upTo)
    },
  }
}
