/** How a service stands, and what people know of it. Times are milliseconds since the epoch. */
export interface Watch {
  readonly standing: 'up' | 'down' | 'unknown'
  /** Since when it stands so: of an outage, its first failure. */
  readonly since: number
  /** The failures in a row that may become an outage, and when the first one was. */
  readonly failures: number
  readonly failingSince: number
  /** When it went from up to down or back, lately. */
  readonly flips: readonly number[]
  /** Nothing is told of single changes until it has been steady for a while. */
  readonly flapping: boolean
  /** Outages told of so far, and words told in all: names for their stories and notices that never repeat. */
  readonly outages: number
  readonly told: number
}

export type Tell =
  | {readonly what: 'down'}
  | {readonly what: 'up'; readonly downMs: number}
  | {readonly what: 'flapping'}
  | {readonly what: 'steady'; readonly standing: 'up' | 'down'}

/** One failure may be the network's; two in a row are an outage. */
const FAILURES_OF_AN_OUTAGE = 2
const FLIPS_OF_FLAPPING = 4
const FLAPPING_WITHIN_MS = 30 * 60_000
const STEADY_AFTER_MS = 15 * 60_000

export const UNWATCHED: Watch = {
  standing: 'unknown',
  since: 0,
  failures: 0,
  failingSince: 0,
  flips: [],
  flapping: false,
  outages: 0,
  told: 0,
}

/**
 * Folds one look in, and says what people are to be told because of it: an outage once, its end once, and of a service
 * that keeps changing only that it does, and how it stands when that is over. Pure and total.
 */
export function fold(
  watch: Watch,
  look: 'up' | 'down',
  at: number,
): {readonly watch: Watch; readonly tell?: Tell} {
  const moved = look === 'up' ? seenUp(watch, at) : seenDown(watch, at)
  const flipped = moved.flips.length > 0 && moved.flips.at(-1) === at && moved.standing !== watch.standing
  const tell = wordFor(watch, moved, flipped, at)
  if (!tell) return {watch: moved}
  return {
    tell,
    watch: {
      ...moved,
      told: moved.told + 1,
      outages: moved.outages + (tell.what === 'down' ? 1 : 0),
      flapping: tell.what === 'flapping',
    },
  }
}

function seenUp(watch: Watch, at: number): Watch {
  const calm = {...watch, failures: 0, failingSince: 0}
  switch (watch.standing) {
    case 'up':
      return calm
    case 'unknown':
      return {...calm, standing: 'up', since: at}
    case 'down':
      return {...calm, standing: 'up', since: at, flips: recent(watch, at)}
  }
}

function seenDown(watch: Watch, at: number): Watch {
  if (watch.standing === 'down') return watch
  const failures = watch.failures + 1
  const failingSince = watch.failures === 0 ? at : watch.failingSince
  const failing = {...watch, failures, failingSince}
  if (failures < FAILURES_OF_AN_OUTAGE) return failing
  return {...failing, standing: 'down', since: failingSince, failures: 0, flips: recent(watch, at)}
}

function recent({flips}: Watch, at: number): readonly number[] {
  return [...flips.filter(flip => at - flip < FLAPPING_WITHIN_MS), at]
}

function wordFor(before: Watch, now: Watch, flipped: boolean, at: number): Tell | undefined {
  if (before.flapping) {
    const steady = !flipped && at - (now.flips.at(-1) ?? 0) >= STEADY_AFTER_MS && now.failures === 0
    return steady && now.standing !== 'unknown' ? {what: 'steady', standing: now.standing} : undefined
  }
  if (!flipped) return undefined
  if (now.flips.length >= FLIPS_OF_FLAPPING) return {what: 'flapping'}
  return now.standing === 'down' ? {what: 'down'} : {what: 'up', downMs: at - before.since}
}
