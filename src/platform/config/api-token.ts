import {randomBytes} from 'node:crypto'
import {chmod, link, mkdir, readFile, rm, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {AppError} from '../../kernel/errors.ts'
import {errorCode} from './secrets.ts'

/**
 * The API's bearer token of an installation that configures none: made once, kept in the home folder, readable by
 * its owner alone. Processes that start together get the same one: it appears complete or not at all, and the
 * first stays. Throws START_FAILED when the folder can't be used.
 */
export async function ensureApiToken(home: string): Promise<string> {
  const path = join(home, 'api-token')
  try {
    return (await readToken(path)) ?? (await createToken(home, path))
  } catch (error) {
    if (error instanceof AppError) throw error
    throw new AppError(
      'START_FAILED',
      `The API token can't be kept in ${home}${errorCode(error)}. Set API_TOKEN.`,
      {
        cause: error,
      },
    )
  }
}

async function readToken(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (errorCode(error) === ' (ENOENT)') return undefined
    throw error
  })
  if (text === undefined) return undefined
  const token = text.trim()
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new AppError('START_FAILED', `${path} does not hold a token. Delete it, or set API_TOKEN.`)
  }
  await chmod(path, 0o600)
  return token
}

async function createToken(home: string, path: string): Promise<string> {
  await mkdir(home, {recursive: true, mode: 0o700})
  const token = randomBytes(32).toString('base64url')
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await writeFile(draft, `${token}\n`, {mode: 0o600, flag: 'wx'})
    // A link is made only where nothing is yet, unlike a rename, which would replace the token of whoever was first.
    await link(draft, path)
    return token
  } catch (error) {
    const theirs = errorCode(error) === ' (EEXIST)' ? await readToken(path) : undefined
    if (theirs !== undefined) return theirs
    throw error
  } finally {
    await rm(draft, {force: true})
  }
}
