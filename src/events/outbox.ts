import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import type {Frames} from './frames.ts'
import type {Transport} from './transport.ts'

const BATCH = 500
const RETRY_MS = 200

/**
 * The events that this process has yet to hand to the transport, in order. While the transport is away they stay
 * here, `limit` of them: then the oldest gives way. After a gap it waits `settleMs` for the others to be listening
 * again, since a server that forgot us has forgotten them too.
 */
export function createOutbox({
  frames,
  transport,
  clock,
  limit,
  settleMs,
  onDropped,
}: {
  readonly frames: Frames
  readonly transport: Transport
  readonly clock: Clock
  readonly limit: number
  readonly settleMs: number
  readonly onDropped: () => void
}) {
  interface Entry {
    readonly topic: string
    readonly message: unknown
    readonly settled: (taken: boolean) => void
  }
  const entries: Entry[] = []
  let flying = 0
  let pumping = false
  let settledAt = 0
  let timer: NodeJS.Timeout | undefined

  const open = (): boolean => transport.isUp() && clock() >= settledAt

  async function pump(): Promise<void> {
    if (pumping) return
    pumping = true
    try {
      while (entries.length > 0 && open()) {
        const batch = entries.slice(0, BATCH)
        flying = batch.length
        const results = await Promise.allSettled(batch.map(({topic, message}) => frames.send(topic, message)))
        flying = 0
        // What may or may not have arrived is sent again, with all that came after it; receivers know it by its id.
        const firstLost = results.findIndex(result => result.status === 'rejected' && !refused(result.reason))
        for (const {settled} of entries.splice(0, firstLost === -1 ? batch.length : firstLost)) settled(true)
        if (firstLost !== -1) {
          // Usually `up` wakes us; it may have come while we were still hearing of the failure.
          wakeIn(RETRY_MS)
          break
        }
      }
    } finally {
      pumping = false
    }
    for (const {settled} of entries) settled(false)
  }

  function wakeIn(ms: number): void {
    clearTimeout(timer)
    timer = setTimeout(() => void pump(), ms)
  }

  transport.watch({
    up: () => void pump(),
    down: () => undefined,
    gap() {
      settledAt = clock() + settleMs
      wakeIn(settleMs + 1)
    },
  })

  return {
    /** Whether what is sent now is expected to reach everyone who listens. */
    open,
    /** Resolves with true when the transport has it; with false when it has to wait here for the transport. */
    push(topic: string, message: unknown): Promise<boolean> {
      return new Promise(settled => {
        if (entries.length >= limit) {
          entries.splice(flying, 1)[0]?.settled(false)
          onDropped()
        }
        entries.push({topic, message, settled})
        void pump()
      })
    },
    size: () => entries.length,
    close(): void {
      clearTimeout(timer)
    },
  }
}

/** Never to be taken, however often it is tried. */
function refused(error: unknown): boolean {
  return error instanceof AppError && error.code === 'INVALID_INPUT'
}
