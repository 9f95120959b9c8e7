import type {Clock} from '../../kernel/clock.ts'

const DISCORD_EPOCH = 1_420_070_400_000n

/**
 * Ids as Discord makes them: the time in the upper bits, strictly growing even
 * when many are asked for within one millisecond or the clock is set back.
 */
export function createSnowflakes(now: Clock): () => string {
  let last = 0n
  return () => {
    const candidate = (BigInt(now()) - DISCORD_EPOCH) << 22n
    last = candidate > last ? candidate : last + 1n
    return last.toString()
  }
}
