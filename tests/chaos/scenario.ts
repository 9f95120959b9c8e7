/** Moments of a watched deploy at which a process may die, in the order in which they usually come. */
export const PHASES = [
  'interaction sent',
  'interaction acknowledged',
  'command recorded',
  'first edit',
  'dispatch begun',
  'dispatch arriving',
  'run created',
  'dispatch answered',
  'run listed',
  'run observed',
  'job in progress',
  'job failed',
  'log read',
  'run completed',
  'final edit',
  'closing posted',
] as const

export type Phase = (typeof PHASES)[number]

/** All that chance decides about one run. The same seed gives the same one for ever. */
export interface Scenario {
  readonly seed: number
  readonly phase: Phase
  readonly victim: 'worker' | 'bot' | 'both'
  /** Dies with them: it takes the webhooks in. */
  readonly apiToo: boolean
  /** From the phase's event to the kill. */
  readonly jitterMs: number
  readonly flavour: 'modern' | 'legacy'
  readonly listingDelayMs: number
  readonly outcome: 'success' | 'failure'
  readonly webhooks: boolean
  /** A wish: without a Redis it runs on Postgres. */
  readonly queue: 'postgres' | 'redis'
}

/** Consecutive seeds go through the phases in turn, so that no phase is left out; the rest is drawn. */
export function scenarioOf(seed: number): Scenario {
  const random = generator(seed)
  const pick = <T>(...choices: readonly [T, ...T[]]): T =>
    choices[Math.floor(random() * choices.length)] ?? choices[0]
  const phase = PHASES[seed % PHASES.length] ?? PHASES[0]
  const victim = pick('worker', 'bot', 'both')
  // The dangerous windows are milliseconds wide: most kills come at once or nearly so.
  const jitterMs = Math.floor(random() * pick(0, 0, 30, 30, 120, 400))
  const flavour = phase === 'run listed' ? 'legacy' : pick('modern', 'legacy')
  return {
    seed,
    phase,
    victim,
    jitterMs,
    flavour,
    listingDelayMs: flavour === 'legacy' ? Math.floor(random() * 1500) : 0,
    outcome: phase === 'job failed' || phase === 'log read' ? 'failure' : pick('success', 'failure'),
    webhooks: pick(true, false),
    queue: pick('postgres', 'redis'),
    // Drawn last: what a seed gave before there was this choice, it gives still.
    apiToo: pick(false, false, true),
  }
}

export function titleOf({
  seed,
  phase,
  victim,
  jitterMs,
  flavour,
  outcome,
  webhooks,
  queue,
  apiToo,
}: Scenario): string {
  return `seed ${seed}: ${victim}${apiToo ? ' and api' : ''} killed ${jitterMs} ms after "${phase}" (${flavour}, ${outcome}, webhooks ${webhooks ? 'on' : 'off'}, ${queue})`
}

/** mulberry32: numbers from 0 to 1, the same for the same seed. */
function generator(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
