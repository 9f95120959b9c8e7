import {findingsAtRest, isReadable} from '../reviews/rules.ts'
import {holdsSecretShape, MASK} from '../platform/secret-text.ts'
import type {WrittenChange} from '../sdk/index.ts'

/** A file of a change: how it is, undefined for a new one, and how it is to be. */
export interface ChangedText {
  readonly path: string
  readonly before: string | undefined
  readonly after: string
}

export const MOST_FILES = 10
export const MOST_LINES = 500
const LONGEST_FILE = 200_000

/** What runs, installs or decides elsewhere: a small change to it can do much. Those are for people. */
const FORBIDDEN: readonly RegExp[] = [
  /(?:^|\/)\./,
  /(?:^|\/)(?:package\.json|pyproject\.toml|setup\.(?:py|cfg)|Cargo\.toml|go\.mod|Gemfile|composer\.json|requirements[^/]*\.txt)$/,
  /(?:^|\/)(?:Dockerfile[^/]*|(?:docker-)?compose[^/]*|Makefile|Jenkinsfile|Procfile|CODEOWNERS)$/i,
  /(?:^|\/)(?:migrations?|terraform|k8s|kubernetes|helm|charts|infra|deploy|scripts?|bin)\//,
  /\.(?:tf|tfvars|sh|bash|ps1|sql|ya?ml|pem|key)$/,
  /(?:^|\/)[^/]*\.config\.[^/]+$/,
]

/** Why a file may not be changed here; undefined where it may. */
export function refusePath(path: string): string | undefined {
  // No tricks: what it is on GitHub is what it is on every disk.
  if (
    !/^[\w.@+-][\w .@+()-]*(?:\/[\w@+.[\]()-][\w .@+()[\]-]*)*$/.test(path) ||
    /(?:^|\/)\.\.?(?:\/|$)/.test(path)
  )
    return `${path} is no plain path inside of the repository`
  if (path.length > 200) return 'a path is longer than 200 characters'
  if (FORBIDDEN.some(pattern => pattern.test(path)))
    return `${path} is changed by people alone: it decides what runs, is installed or may be done`
  return isReadable(path) ? undefined : `${path} is no source or text file`
}

/** Lines that a change adds and takes away, counted as a set: moving one is free. */
export function linesChanged({before, after}: ChangedText): {
  readonly added: number
  readonly removed: number
} {
  const counts = new Map<string, number>()
  for (const line of linesOf(before ?? '')) counts.set(line, (counts.get(line) ?? 0) + 1)
  let added = 0
  for (const line of linesOf(after)) {
    const left = counts.get(line) ?? 0
    if (left === 0) added++
    else counts.set(line, left - 1)
  }
  return {added, removed: [...counts.values()].reduce((sum, count) => sum + count, 0)}
}

/**
 * All that keeps a change from being proposed, in whole sentences; empty when nothing does. `words` are those of the
 * pull request: a secret is as public there as in a file.
 */
export function faultsIn(files: readonly ChangedText[], words: string): readonly string[] {
  const changed = files.filter(({before, after}) => before !== after)
  const lines = changed.map(linesChanged).reduce((sum, {added, removed}) => sum + added + removed, 0)
  const critical = findingsAtRest(changed.map(({path, after}) => ({path, text: after}))).filter(
    ({severity}) => severity === 'critical',
  )
  return [
    ...(changed.length === 0 ? ['It changes nothing.'] : []),
    ...(changed.length > MOST_FILES
      ? [`It changes ${changed.length} files; ${MOST_FILES} are allowed.`]
      : []),
    ...(lines > MOST_LINES ? [`It changes ${lines} lines; ${MOST_LINES} are allowed.`] : []),
    ...changed.flatMap(({path}) => sentence(refusePath(path))),
    ...changed.flatMap(({path, before, after}) => [
      ...(after.length > LONGEST_FILE ? [`${path} would be longer than ${LONGEST_FILE / 1000} kB.`] : []),
      ...(after.includes('\0') ? [`${path} would be no text.`] : []),
      // What stands for bytes that are no UTF-8: writing it back would change all of them.
      ...(after.includes('\uFFFD') ? [`${path} is no UTF-8 text.`] : []),
      ...(after.split(MASK).length > (before ?? '').split(MASK).length
        ? [`${path} would hold ${MASK}, which stands for what the model was not shown.`]
        : []),
    ]),
    ...critical.map(({rule, file, line}) => `${rule}: ${file ?? ''}${line === null ? '' : `:${line}`}.`),
    ...(holdsSecretShape(words) ? ['Its description holds a secret.'] : []),
  ]
}

/** Files that were checked, as a change. */
export function writtenOf(
  files: readonly ChangedText[],
  about: Pick<WrittenChange, 'author' | 'sha' | 'title' | 'summary'>,
): WrittenChange {
  const changed = files.filter(({before, after}) => before !== after)
  const lines = changed.map(linesChanged)
  return {
    ...{kind: 'written', ...about},
    files: changed.map(({path, after}) => ({path, text: after})),
    added: lines.reduce((sum, {added}) => sum + added, 0),
    removed: lines.reduce((sum, {removed}) => sum + removed, 0),
  }
}

function linesOf(text: string): readonly string[] {
  return text === '' ? [] : text.replace(/\r?\n$/, '').split(/\r?\n/)
}

function sentence(reason: string | undefined): readonly string[] {
  return reason === undefined ? [] : [`${reason}.`]
}
