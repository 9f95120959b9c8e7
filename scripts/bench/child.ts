import {fork, type ChildProcess} from 'node:child_process'
import {once} from 'node:events'
import {basename, extname} from 'node:path'
import {fileURLToPath} from 'node:url'

/** A process of this folder that answers each message with one message. */
export interface Child {
  readonly pid: number
  ask<T>(message: unknown): Promise<T>
  kill(): Promise<void>
}

/** Forks a file beside this one, by its name without ending: compiled or run by tsx, as this one is. */
export function forkChild(
  name: string,
  {execArgv = process.execArgv}: {readonly execArgv?: readonly string[]} = {},
): Child {
  const file = new URL(`./${name}${extname(fileURLToPath(import.meta.url))}`, import.meta.url)
  return forkFile(fileURLToPath(file), {execArgv})
}

/** Forks a file that speaks the same way. */
export function forkFile(
  file: string,
  {
    args = [],
    execArgv = process.execArgv,
  }: {readonly args?: readonly string[]; readonly execArgv?: readonly string[]} = {},
): Child {
  const child: ChildProcess = fork(file, args, {
    execArgv: withoutScript(execArgv),
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const ended = new Promise<never>((_resolve, reject) => {
    child.once('exit', (code, signal) =>
      reject(new Error(`${basename(file)} ended early (${signal ?? code})`)),
    )
  })
  ended.catch(() => undefined)
  return {
    pid: child.pid ?? 0,
    async ask<T>(message: unknown) {
      const answer = once(child, 'message') as Promise<[T]>
      child.send(message as object)
      return (await Promise.race([answer, ended]))[0]
    },
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

/** A child given its parent's `-e` would run that instead of its file, and fork in turn, without end. */
function withoutScript(execArgv: readonly string[]): string[] {
  const evaluates = (arg: string | undefined) => arg !== undefined && /^(-e|-p|-pe|--eval|--print)$/.test(arg)
  return execArgv.filter(
    (arg, index) => !evaluates(arg) && !evaluates(execArgv[index - 1]) && !/^--(eval|print)=/.test(arg),
  )
}
