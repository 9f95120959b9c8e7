import {setTimeout as sleep} from 'node:timers/promises'
import {z} from 'zod'
import type {Clock} from '../kernel/clock.ts'
import type {Frames} from './frames.ts'
import {requestSchema, responseSchema, type AgentRequest, type AgentResponse} from './request.ts'
import type {Transport} from './transport.ts'

/** What one process puts into the box of another. */
export type Letter =
  | {readonly kind: 'request'; readonly from: string; readonly to: string; readonly request: AgentRequest}
  | {readonly kind: 'response'; readonly from: string; readonly response: AgentResponse}

const letterSchema = z.discriminatedUnion('kind', [
  z.object({kind: z.literal('request'), from: z.string(), to: z.string(), request: requestSchema}),
  z.object({kind: z.literal('response'), from: z.string(), response: responseSchema}),
])

/** `doubtful`: the time is over and it may or may not be there. */
export type Delivery = 'delivered' | 'unreachable' | 'doubtful'

export interface Post {
  /**
   * Tries until the letter is in the other's box, the other has not been on the transport for `reachWithinMs`, or
   * `until` (milliseconds since the epoch) has come. May put it there twice.
   */
  deliver(
    instanceId: string,
    letter: Letter,
    limits: {readonly until: number; readonly reachWithinMs: number; readonly signal?: AbortSignal},
  ): Promise<Delivery>
  /** Resolves when letters of other processes can arrive. */
  readonly ready: Promise<void>
  close(): Promise<void>
}

const PAUSE_MS = {least: 25, most: 500} as const

/** Addressed delivery: each process has one box on the transport, under its node's id. */
export function createPost({
  transport,
  frames,
  clock,
  receive,
  onMalformed,
}: {
  readonly transport: Transport
  readonly frames: Frames
  readonly clock: Clock
  readonly receive: (letter: Letter) => void
  readonly onMalformed: () => void
}): Post {
  const box = transport.subscribe(boxOf(transport.nodeId), messages => {
    for (const message of messages) {
      const letter = letterSchema.safeParse(message)
      if (letter.success) receive(letter.data)
      else onMalformed()
    }
  })

  return {
    ready: box.ready,

    async deliver(instanceId, letter, {until, reachWithinMs, signal}) {
      if (instanceId === transport.nodeId) {
        receive(letter)
        return 'delivered'
      }
      let doubt = false
      let missingSince: number | undefined
      for (let pause: number = PAUSE_MS.least; clock() < until; pause = Math.min(pause * 2, PAUSE_MS.most)) {
        if (signal?.aborted) break
        if (transport.isUp()) {
          try {
            if ((await frames.send(boxOf(instanceId), letter)) > 0) return 'delivered'
            // Not there: dead, or not back yet on a transport that had forgotten us all.
            missingSince ??= clock()
            if (!doubt && clock() - missingSince >= reachWithinMs) return 'unreachable'
          } catch {
            doubt = true
          }
        } else {
          missingSince = undefined
        }
        await sleep(Math.min(pause, Math.max(1, until - clock())), undefined, {
          ...(signal ? {signal} : {}),
          ref: false,
        }).catch(() => undefined)
      }
      return 'doubtful'
    },

    close: () => box.close(),
  }
}

const boxOf = (instanceId: string): string => `nodes.${instanceId}`
