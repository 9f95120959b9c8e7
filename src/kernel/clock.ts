/** Milliseconds since the epoch. Injected everywhere time matters, so tests own it. */
export type Clock = () => number

/** The clock of this machine. */
export const systemClock: Clock = () => Date.now()
