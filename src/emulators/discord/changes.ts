import type {Interaction} from './interactions.ts'
import type {MessageView} from './message-view.ts'
import type {RecordedRequest} from './rest.ts'

/** Something that happened in the emulated Discord, for the terminal view and for whoever awaits it. */
export type Change =
  | {readonly kind: 'message.created' | 'message.edited' | 'message.deleted'; readonly message: MessageView}
  | {
      readonly kind: 'interaction.sent' | 'interaction.acknowledged' | 'interaction.failed'
      readonly interaction: Interaction
    }
  | {readonly kind: 'gateway.ready' | 'gateway.resumed' | 'gateway.closed'; readonly sessionId: string}
  | {readonly kind: 'commands.changed'}
  | {readonly kind: 'channel.created'; readonly channelId: string}
  | {readonly kind: 'role.created'; readonly roleId: string}
  | {readonly kind: 'request'; readonly request: RecordedRequest}

export interface Changes {
  announce(change: Change): void
  /** Returns the way to stop listening. */
  on(listener: (change: Change) => void): () => void
  /**
   * Resolves with the first truthy value of `probe`, asked now, after every change and, for probes that also look
   * elsewhere, a few times a second. Rejects after
   * `timeoutMs` with a sentence that names `what` was awaited and shows what `describe` has to say by then. A
   * probe that throws rejects at once.
   */
  eventually<T>(
    probe: () => T | undefined | null | false,
    options?: {timeoutMs?: number; what?: string; describe?: () => string},
  ): Promise<T>
}

export function createChanges(): Changes {
  const listeners = new Set<(change: Change) => void>()
  const on: Changes['on'] = listener => {
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }
  return {
    on,
    announce(change) {
      for (const listener of [...listeners]) listener(change)
    },
    eventually<T>(
      probe: () => T | undefined | null | false,
      {timeoutMs = 5_000, what = 'what was expected', describe}: Parameters<Changes['eventually']>[1] = {},
    ) {
      return new Promise<T>((resolve, reject) => {
        const finish = (settle: () => void) => {
          clearTimeout(timer)
          clearInterval(tick)
          stop()
          settle()
        }
        const look = () => {
          try {
            const found = probe()
            if (found) finish(() => resolve(found))
          } catch (error) {
            finish(() => reject(error instanceof Error ? error : new Error(String(error))))
          }
        }
        const timer = setTimeout(() => {
          const seen = describe?.()
          const detail = seen ? `\n${seen}` : ''
          finish(() => reject(new Error(`Waited ${timeoutMs} ms in vain for ${what}.${detail}`)))
        }, timeoutMs)
        const tick = setInterval(look, 50)
        const stop = on(look)
        look()
      })
    },
  }
}
