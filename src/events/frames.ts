import type {Transport} from './transport.ts'

const MAX_MESSAGES = 200
/** Characters; the transport takes 512 KiB, and a character may be three bytes. */
const MAX_CHARACTERS = 128 * 1024

/**
 * Sends messages with as few frames as possible and no timer: what arrives while a frame is under way goes together
 * in the next, so that order is kept. Resolves with the number of processes reached; rejects when that is not certain.
 */
export function createFrames(transport: Pick<Transport, 'publish'>) {
  interface Pending {
    readonly message: unknown
    readonly resolve: (reached: number) => void
    readonly reject: (error: unknown) => void
  }
  const waiting = new Map<string, Pending[]>()
  const flying = new Set<string>()

  async function fly(topic: string): Promise<void> {
    for (let queue = waiting.get(topic); queue && queue.length > 0; queue = waiting.get(topic)) {
      const frame = queue.splice(0, frameLength(queue))
      try {
        const {reached} = await transport.publish(
          topic,
          frame.map(each => each.message),
        )
        for (const each of frame) each.resolve(reached)
      } catch (error) {
        for (const each of frame) each.reject(error)
      }
    }
    waiting.delete(topic)
    flying.delete(topic)
  }

  function frameLength(queue: readonly Pending[]): number {
    if (queue.length === 1) return 1
    let characters = 0
    let length = 0
    for (const {message} of queue) {
      characters += JSON.stringify(message).length
      if (length > 0 && (length === MAX_MESSAGES || characters > MAX_CHARACTERS)) break
      length++
    }
    return length
  }

  return {
    send(topic: string, message: unknown): Promise<number> {
      return new Promise((resolve, reject) => {
        const queue = waiting.get(topic)
        if (queue) queue.push({message, resolve, reject})
        else waiting.set(topic, [{message, resolve, reject}])
        if (flying.has(topic)) return
        flying.add(topic)
        // A turn later, so that messages of the same event-loop turn share a frame.
        queueMicrotask(() => void fly(topic))
      })
    },
  }
}
export type Frames = ReturnType<typeof createFrames>
