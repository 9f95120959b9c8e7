import type {Clock} from '../kernel/clock.ts'

/**
 * Remembers ids for at least `ttlMs`, for at most twice that: two generations, the older thrown away whole. Under
 * more than `max` ids in that time the memory is shorter, never larger.
 */
export function createSeen({
  clock,
  ttlMs = 600_000,
  max = 200_000,
}: {
  readonly clock: Clock
  readonly ttlMs?: number
  readonly max?: number
}) {
  let newer = new Set<string>()
  let older = new Set<string>()
  let turned = clock()
  return {
    /** True the first time. */
    add(id: string): boolean {
      const age = clock() - turned
      if (age >= ttlMs || newer.size >= max) {
        older = age >= 2 * ttlMs ? new Set() : newer
        newer = new Set()
        // On whole turns, so that no id is kept longer for coming after a pause.
        turned = age >= ttlMs ? turned + ttlMs * Math.floor(age / ttlMs) : clock()
      }
      if (newer.has(id) || older.has(id)) return false
      newer.add(id)
      return true
    },
  }
}
export type Seen = ReturnType<typeof createSeen>
