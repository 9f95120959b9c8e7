import {spawn} from 'node:child_process'
import {once} from 'node:events'
import type {LockTask} from './lock-client.ts'

export interface LockProcess {
  /** The next message it says. */
  heard<T>(): Promise<T>
  tell(message: unknown): void
  pause(): void
  resume(): void
  /** Ends it without a chance to say goodbye, paused or not. */
  kill(): Promise<void>
}

/** Starts tests/support/lock-client.ts as a process of its own. */
export function startLockProcess(task: LockTask): LockProcess {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'tests/support/lock-client.ts', JSON.stringify(task)],
    {stdio: ['ignore', 'inherit', 'inherit', 'ipc']},
  )
  const said: unknown[] = []
  let listening: ((message: unknown) => void) | undefined
  child.on('message', message => {
    if (listening) listening(message)
    else said.push(message)
    listening = undefined
  })
  const ended = once(child, 'exit')

  async function heard<T>(): Promise<T> {
    if (said.length > 0) return said.shift() as T
    const message = new Promise<unknown>(resolve => (listening = resolve))
    const early = ended.then(([code, signal]) => {
      throw new Error(`the process ended early (${String(signal ?? code)})`)
    })
    return (await Promise.race([message, early])) as T
  }

  return {
    heard,
    tell: message => void child.send(message as object),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await ended
    },
  }
}
