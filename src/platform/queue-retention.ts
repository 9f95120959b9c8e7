import type {Queue} from 'bullmq'

/** How long an ended job is remembered, and its id with it. */
export const KEEP_MS = {completed: 3_600_000, failed: 7 * 86_400_000} as const

const EVERY_MS = 300_000
const AT_MOST = 10_000

/**
 * Forgets ended jobs every five minutes. On Postgres that is left to us: BullMQ's own way looks through all the jobs
 * that are kept each time one ends, which after a thousand of them is more work than everything else about a job.
 */
export function startForgetting({
  queue,
  onError,
}: {
  readonly queue: Pick<Queue, 'clean'>
  readonly onError: (error: Error) => void
}): {stop(): void} {
  async function forget(): Promise<void> {
    for (const state of ['completed', 'failed'] as const)
      while ((await queue.clean(KEEP_MS[state], AT_MOST, state)).length === AT_MOST);
  }
  const timer = setInterval(() => void forget().catch(onError), EVERY_MS).unref()
  return {stop: () => clearInterval(timer)}
}
