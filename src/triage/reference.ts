import {AppError} from '../kernel/errors.ts'
import {runNamed} from '../verification/run-facts.ts'

export type Reference =
  | {readonly kind: 'pull'; readonly number: number; readonly repository: string | undefined}
  | {readonly kind: 'run'; readonly id: string; readonly repository: string | undefined}

const LAST_SMALL_PULL = 9999
const FIRST_RUN = 1_000_000_000

/**
 * What a text means: a pull request by `#7` or a small number, a run by its large one, either by its address. The address
 * itself is never called.
 */
export function referenceIn(text: string): Reference {
  const trimmed = text.trim()
  const marked = /^#(\d{1,9})$/.exec(trimmed)?.[1]
  if (marked !== undefined && Number(marked) > 0) return pull(Number(marked))
  if (/^\d{1,20}$/.test(trimmed)) {
    const number = Number(trimmed)
    if (number >= 1 && number <= LAST_SMALL_PULL) return pull(number)
    if (number > FIRST_RUN) return {kind: 'run', id: trimmed, repository: undefined}
    throw unclear(`${trimmed} is neither: write #${trimmed} for a pull request.`)
  }
  const found = URL.canParse(trimmed) ? inAddress(trimmed) : undefined
  if (found) return found
  throw unclear()
}

function inAddress(text: string): Reference | undefined {
  const {protocol, pathname, username} = new URL(text)
  if ((protocol !== 'https:' && protocol !== 'http:') || username !== '') return undefined
  const run = runNamed(text)
  if (run) return {kind: 'run', id: run.id, repository: run.repository}
  const [, name, number] = /^\/([\w.-]+\/[\w.-]+)\/pull\/(\d{1,9})(?:\/|$)/.exec(pathname) ?? []
  return name === undefined ? undefined : {...pull(Number(number)), repository: name}
}

function pull(number: number) {
  return {kind: 'pull', number, repository: undefined} as const
}

function unclear(why = ''): AppError {
  const words = 'Name a pull request (#7), a run by its number, or the address of either.'
  return new AppError('INVALID_INPUT', why === '' ? words : `${why} ${words}`)
}
