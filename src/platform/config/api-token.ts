import {randomBytes} from 'node:crypto'
import {chmod, link, mkdir, readFile, rm, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {AppError} from '../../kernel/errors.ts'
import {errorCode} from './secrets.ts'

/** The API's bearer token of an installation that configures none; see `ensureSecret`. */
export function ensureApiToken(home: string): Promise<string> {
  return ensureSecret(home, {file: 'api-token', what: 'The API token', variable: 'API_TOKEN'})
}

/** What rows with secrets are sealed with, where none is configured; see `ensureSecret`. */
export function ensureSecretKey(home: string): Promise<string> {
  return ensureSecret(home, {file: 'secret-key', what: 'The secret key', variable: 'SIGNALBOX_SECRET_KEY'})
}

interface Kept {
  readonly file: string
  /** For people: what it is, and what to set instead. */
  readonly what: string
  readonly variable: string
}

/**
 * A secret of the installation's own: made once, kept in the home folder, readable by its owner alone. Processes that
 * start together get the same one: it appears complete or not at all, and the first stays. Throws START_FAILED when the
 * folder can't be used.
 */
async function ensureSecret(home: string, {file, what, variable}: Kept): Promise<string> {
  const path = join(home, file)
  try {
    return (await readToken(path, variable)) ?? (await createToken(home, path, variable))
  } catch (error) {
    if (error instanceof AppError) throw error
    throw new AppError(
      'START_FAILED',
      `${what} can't be kept in ${home}${errorCode(error)}. Set ${variable}.`,
      {cause: error},
    )
  }
}

async function readToken(path: string, variable: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (errorCode(error) === ' (ENOENT)') return undefined
    throw error
  })
  if (text === undefined) return undefined
  const token = text.trim()
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new AppError('START_FAILED', `${path} does not hold a token. Delete it, or set ${variable}.`)
  }
  await chmod(path, 0o600)
  return token
}

async function createToken(home: string, path: string, variable: string): Promise<string> {
  await mkdir(home, {recursive: true, mode: 0o700})
  const token = randomBytes(32).toString('base64url')
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await writeFile(draft, `${token}\n`, {mode: 0o600, flag: 'wx'})
    // A link is made only where nothing is yet, unlike a rename, which would replace the token of whoever was first.
    await link(draft, path)
    return token
  } catch (error) {
    const theirs = errorCode(error) === ' (EEXIST)' ? await readToken(path, variable) : undefined
    if (theirs !== undefined) return theirs
    throw error
  } finally {
    await rm(draft, {force: true})
  }
}
