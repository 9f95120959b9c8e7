import {listen, type Listener} from '../platform/postgres.ts'

/** Rings when something happened to one token: it was granted, refused, or taken away. */
export interface Bell {
  /** Resolves at a ring since the last call, or after `ms`, whichever comes first. */
  heard(ms: number): Promise<void>
  /** Rings it from here. */
  ring(): void
  close(): void
}

export interface Bells {
  /** A bell hears every ring from now on, also those between two calls of `heard`. */
  open(token: string): Bell
  /** From now on tells of rings for tokens that have no bell here: somebody else's, or ones that live in a row only. */
  hearStrangers(told: (token: string) => void): void
  close(): Promise<void>
}

/**
 * Wake-ups from the database: one LISTEN connection for all of them, opened with the first bell. They are hints, and
 * may be lost while the connection is away; when it is back, every bell rings once.
 */
export function createBells(options: {
  readonly databaseUrl: string
  readonly onError: (error: Error) => void
}): Bells {
  const {databaseUrl, onError} = options
  const bells = new Map<string, Bell>()
  let listener: Listener | undefined
  let onStranger: (token: string) => void = () => undefined

  function start(): Listener {
    return listen({
      connectionString: databaseUrl,
      channels: ['locks'],
      onNotify(_channel, token) {
        const bell = bells.get(token)
        if (bell) bell.ring()
        else onStranger(token)
      },
      onListening() {
        for (const bell of bells.values()) bell.ring()
      },
      onError,
    })
  }

  return {
    open(token) {
      listener ??= start()
      let rung = false
      let wake: (() => void) | undefined
      const bell: Bell = {
        async heard(ms) {
          if (!rung && ms > 0) {
            await new Promise<void>(resolve => {
              const timer = setTimeout(resolve, ms)
              wake = () => {
                clearTimeout(timer)
                resolve()
              }
            })
            wake = undefined
          }
          rung = false
        },
        ring() {
          rung = true
          wake?.()
        },
        close() {
          bells.delete(token)
        },
      }
      bells.set(token, bell)
      return bell
    },

    hearStrangers(told) {
      onStranger = told
      listener ??= start()
    },

    async close() {
      await listener?.close()
    },
  }
}
