import {readFileSync} from 'node:fs'
import {join, resolve} from 'node:path'
import {parse as parseDotenv} from 'dotenv'
import {assembleConfig} from './assemble.ts'
import {halfSet} from './completeness.ts'
import type {Config} from './config.ts'
import {crossCheck} from './cross-checks.ts'
import {environmentSchema, type Variable} from './environment.ts'
import {ConfigError, type Fault} from './faults.ts'
import {readSignalboxFile} from './read-file.ts'
import {tokenVariables, type SignalboxFile} from './signalbox-file.ts'
import {errorCode, withSecretFiles, type ReadText, type Variables} from './secrets.ts'

export interface ConfigSource {
  readonly env: Variables
  /** Where `.env` and `signalbox.yaml` lie, and what relative paths start from. */
  readonly cwd: string
  readonly readFile?: ReadText
}

/**
 * The whole configuration, read once: the environment, a `.env` beside it (which never overrides it), secrets in
 * files, and signalbox.yaml. Throws one `ConfigError` with everything that is wrong. Changes nothing: `process.env`
 * stays as it was.
 */
export function loadConfig({env, cwd, readFile = path => readFileSync(path, 'utf8')}: ConfigSource): Config {
  const faults: Fault[] = []
  const readText: ReadText = path => readFile(resolve(cwd, path))

  const dotenv = readIfPresent(join(cwd, '.env'), readText, faults)
  const everything = {...(dotenv === undefined ? {} : parseDotenv(dotenv)), ...env}

  const yaml = readYaml(everything['SIGNALBOX_CONFIG'], readText, faults)
  const tokens = yaml ? tokenVariables(yaml.file) : []

  const {values, faults: secretFaults} = withSecretFiles(everything, readText, tokens)
  faults.push(...secretFaults)
  const isSet = (name: Variable): boolean =>
    values[name] !== undefined || values[`${name}_FILE`] !== undefined
  faults.push(...halfSet(isSet))

  const parsed = environmentSchema.safeParse(values, {error: () => 'is not valid'})
  if (!parsed.success) {
    const named = new Set<string>()
    for (const {path, message} of parsed.error.issues) {
      const name = String(path[0])
      if (!named.has(name)) faults.push({path: name, message: `${name} ${message}.`})
      named.add(name)
    }
  } else if (parsed.data.AGENT_LEASE_MS <= parsed.data.AGENT_HEARTBEAT_MS) {
    faults.push({path: 'AGENT_LEASE_MS', message: 'AGENT_LEASE_MS must be greater than AGENT_HEARTBEAT_MS.'})
  }
  if (yaml) {
    faults.push(
      ...crossCheck(yaml.file, yaml.locate, {
        githubConfigured: isSet('GITHUB_TOKEN') || isSet('GITHUB_APP_ID'),
        defaultRepository: isSet('GITHUB_REPOSITORY'),
        statusChannel: isSet('DISCORD_STATUS_CHANNEL_ID'),
      }),
      ...missingTokens(tokens, values),
      ...weakPersonalTokens(yaml.file, values),
    )
  }
  if (faults.length > 0 || !parsed.success || !yaml) throw new ConfigError(faults)
  return assembleConfig({environment: parsed.data, file: yaml.file, values, cwd})
}

function readYaml(configured: string | undefined, readText: ReadText, faults: Fault[]) {
  const explicit = configured !== undefined && configured.trim() !== ''
  const name = explicit ? configured : 'signalbox.yaml'
  const text = readIfPresent(name, readText, faults)
  if (text === undefined && explicit && faults.every(({path}) => path !== name)) {
    faults.push({path: 'SIGNALBOX_CONFIG', message: 'SIGNALBOX_CONFIG names a file that does not exist.'})
  }
  const read = readSignalboxFile(text ?? '', name.split(/[/\\]/).at(-1) ?? name)
  if (read.ok) return read
  faults.push(...read.faults)
  return undefined
}

function readIfPresent(path: string, readText: ReadText, faults: Fault[]): string | undefined {
  try {
    return readText(path)
  } catch (error) {
    if (errorCode(error) !== ' (ENOENT)')
      faults.push({path, message: `${path} can't be read${errorCode(error)}.`})
    return undefined
  }
}

function missingTokens(names: readonly string[], values: Variables): Fault[] {
  return [...new Set(names)]
    .filter(name => values[name] === undefined && values[`${name}_FILE`] === undefined)
    .map(name => ({
      path: name,
      message: `${name} is missing; signalbox.yaml takes a token from it.`,
    }))
}

/** A person's token decides approvals in their name: nobody may guess it, and it is nobody else's. */
function weakPersonalTokens({principals}: SignalboxFile, values: Variables): Fault[] {
  const owners = new Map([[values['API_TOKEN'], 'API_TOKEN']])
  return principals.flatMap(({tokenFrom}) => {
    const token = tokenFrom === undefined ? undefined : values[tokenFrom]
    if (tokenFrom === undefined || token === undefined) return []
    const owner = owners.get(token)
    owners.set(token, owner ?? tokenFrom)
    const message =
      owner !== undefined
        ? `${tokenFrom} holds the same token as ${owner}; each needs one of their own.`
        : /^[\x21-\x7e]{20,}$/.test(token)
          ? undefined
          : `${tokenFrom} must be a token of at least 20 characters without spaces.`
    return message === undefined ? [] : [{path: tokenFrom, message}]
  })
}
