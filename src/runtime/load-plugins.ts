import {readdir} from 'node:fs/promises'
import {AppError, toError} from '../kernel/errors.ts'

/**
 * Imports every plugin of a folder beside src/ (or dist/src/): the default export of each file, which must declare
 * the file's own name. Found from this module's place, never from the working directory.
 */
export async function loadFolder<T>(
  folder: 'commands' | 'agents',
  nameOf: (plugin: T) => unknown,
  root = new URL('../../', import.meta.url),
): Promise<ReadonlyMap<string, T>> {
  const directory = new URL(`${folder}/`, root)
  const files = (await readdir(directory)).filter(file => /^[a-z][a-z0-9_-]*\.[jt]s$/.test(file)).sort()
  const plugins = new Map<string, T>()
  for (const file of files) {
    const where = `${folder}/${file}`
    const plugin = await importDefault<T>(new URL(file, directory), where)
    if (plugin === undefined || plugin === null)
      throw new AppError('START_FAILED', `${where} has no default export.`)
    const name = nameOf(plugin)
    const expected = file.replace(/\.[jt]s$/, '')
    if (typeof name !== 'string' || name === '')
      throw new AppError('START_FAILED', `${where} declares no name.`)
    if (plugins.has(name))
      throw new AppError(
        'START_FAILED',
        `${where} declares ${name}, which another file in ${folder}/ declares too.`,
      )
    if (name !== expected)
      throw new AppError('START_FAILED', `${where} declares ${name}: file name and name must be the same.`)
    plugins.set(name, plugin)
  }
  return plugins
}

async function importDefault<T>(file: URL, where: string): Promise<T | undefined> {
  try {
    return ((await import(file.href)) as {default?: T}).default
  } catch (error) {
    throw new AppError('START_FAILED', `${where} can't be loaded: ${toError(error).message}`, {cause: error})
  }
}
