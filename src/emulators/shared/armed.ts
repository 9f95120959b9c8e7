/** The faults still to come, in the order they were asked for; each once, unless it says how often. */
export function createArmed<F extends {readonly times?: number}>() {
  const armed: {readonly fault: F; left: number}[] = []

  /** The answer disarms it. */
  function add(fault: F): () => void {
    const entry = {fault, left: fault.times ?? 1}
    armed.push(entry)
    return () => void (entry.left = 0)
  }

  /** The first that fits, used up once by asking. */
  function take<G extends F>(fits: (fault: F) => fault is G): G | undefined
  function take(fits: (fault: F) => boolean): F | undefined
  function take(fits: (fault: F) => boolean): F | undefined {
    const entry = armed.find(({fault, left}) => left > 0 && fits(fault))
    if (entry) entry.left--
    return entry?.fault
  }

  return {add, take}
}
