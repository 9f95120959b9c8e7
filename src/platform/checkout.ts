import {existsSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {AppError} from '../kernel/errors.ts'

/**
 * Where a file or folder of this installation is: beside its package.json, also for the code in `dist/`, into which
 * only code is compiled. Throws START_FAILED when it is missing.
 */
export function inCheckout(name: string): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder)) folder = dirname(folder)
  const path = join(folder, name)
  if (!existsSync(path)) throw new AppError('START_FAILED', `${name} of this installation is missing.`)
  return path
}
