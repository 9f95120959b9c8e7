import {evidenceAt, isForeign, repositoryPath, type Failure, type Parser} from './failure.ts'

/** How far below its head a failure's own lines may be. */
const REACH = 25

/** Compilers, linters, test runners and the runtime of JavaScript and TypeScript, and npm. */
export const javascript: Parser = lines => [
  ...tsc(lines),
  ...eslint(lines),
  ...testRunners(lines),
  ...bundlers(lines),
  ...thrown(lines),
  ...npm(lines),
]

const TSC = /^(?:##\[error\])?([^\s():][^():]*)(?:\((\d+),\d+\): |:(\d+):\d+ - )error (TS\d+): (.+)$/
const ABSENT_MODULE = /Cannot find (?:module|package) ['"]([^'"]+)['"]/
const MEANT =
  /(?:Property|Cannot find name|no exported member(?: named)?|Module .* has no exported member) ['"]?([\w$]+)['"]?.*Did you mean (?:the (?:instance|static) member )?['"](?:this\.)?([\w$]+)['"]/

const tsc: Parser = lines =>
  lines.flatMap((text, at): Failure[] => {
    const [, file, round, colon, code, message] = TSC.exec(text) ?? []
    if (file === undefined || code === undefined || message === undefined) return []
    const subject = ABSENT_MODULE.exec(message)?.[1]
    const [, wrong, right] = MEANT.exec(message) ?? []
    return [
      {
        ...{kind: subject === undefined ? 'code_error' : 'missing_dependency', tool: 'tsc', code, message},
        ...{
          file: repositoryPath(file),
          line: Number(round ?? colon),
          evidence: evidenceAt(lines, at, at + 4),
        },
        ...(subject === undefined ? {} : {subject}),
        ...(wrong === undefined || right === undefined ? {} : {meant: {wrong, right}}),
      },
    ]
  })

const SOURCE_LINE = /^((?:\/|[\w.@-]+\/)*[\w.@[\]()-]+\.(?:[cm]?[jt]sx?|vue|svelte|astro))$/
const PROBLEM = /^\s+(\d+):\d+\s+error\s+(\S.*?)(?:\s{2,}(@?[\w-]+(?:\/[\w-]+)*))?$/

/** The format `stylish`: a file's name, its problems below. */
const eslint: Parser = lines => {
  const found: Failure[] = []
  let file: string | undefined
  for (const [at, text] of lines.entries()) {
    if (text === '') file = undefined
    const named = SOURCE_LINE.exec(text)?.[1]
    if (named !== undefined) file = repositoryPath(named)
    const [, line, message, rule] = PROBLEM.exec(text) ?? []
    if (file === undefined || line === undefined || message === undefined) continue
    found.push({
      ...{kind: 'lint', tool: 'eslint', message, file, line: Number(line)},
      ...(rule === undefined ? {} : {code: rule}),
      evidence: [file, ...evidenceAt(lines, at, at)],
    })
  }
  return found
}

const VITEST_FAIL = /^\s*(?:FAIL|×)\s+(?:\|[\w-]+\|\s+)?(\S+\.(?:[cm]?[jt]sx?))(?: > (.+)| \[ .+ \])?$/
const JEST_FILE = /^\s*FAIL\s+(\S+\.[cm]?[jt]sx?)(?:\s+\([\d.]+ m?s\))?$/
const JEST_TEST = /^\s+● (.+)$/
const ERROR_LINE = /^\s*(?:Uncaught )?([A-Z]\w*(?:Error|Exception)|Error)(?: \[(\w+)\])?: (.+)$/
const EXPECTATION = /^\s*(expect\(.+|Expected.*|Error: .+)$/
const PLACE =
  /(?:❯ |\()?((?:file:\/\/|\/|[A-Z]:\\)?[\w@.[\]-]+(?:[\\/][\w@.[\]-]+)*\.[cm]?[jt]sx?):(\d+):\d+\)?$/

/** vitest and jest: `FAIL` names the file, and the test with it or below it. */
const testRunners: Parser = lines => {
  const found = new Map<string, Failure>()
  let file: string | undefined
  for (const [at, text] of lines.entries()) {
    const [, suite, below] = VITEST_FAIL.exec(text) ?? []
    file = suite ?? JEST_FILE.exec(text)?.[1] ?? file
    const test = below ?? (file === undefined ? undefined : JEST_TEST.exec(text)?.[1])
    if (file === undefined || (test === undefined && suite === undefined)) continue
    const failure = testFailure(lines, {at, file: repositoryPath(file), test: test?.trim()})
    if (failure === undefined) continue
    const key = `${failure.file ?? ''} ${(failure.subject ?? '').replace(/ [>›] /g, ' ')}`
    if (!found.has(key)) found.set(key, failure)
  }
  return [...found.values()]
}

function testFailure(
  lines: readonly string[],
  {at, file, test}: {readonly at: number; readonly file: string; readonly test: string | undefined},
): Failure | undefined {
  const end = endOfBlock(lines, at)
  const block = lines.slice(at + 1, end)
  const error = block.map(line => ERROR_LINE.exec(line)).find(match => match !== null)
  const message =
    error?.[3] ?? block.map(line => EXPECTATION.exec(line)?.[1]).find(words => words !== undefined)
  // The list of failures at the end only repeats names; the file's own line comes before its tests.
  if (message === undefined) return undefined
  const place = placeIn(block, path => path === file) ?? placeIn(block, path => !isForeign(path))
  const subject = ABSENT_MODULE.exec(message)?.[1] ?? UNRESOLVED.exec(message)?.[1]
  if (subject === undefined && test === undefined) return undefined
  const code = error?.[2] ?? error?.[1]
  return {
    ...{kind: subject === undefined ? 'test_failure' : 'missing_dependency', tool: 'tests', message},
    ...(code === undefined ? {} : {code}),
    ...(place ?? {file}),
    ...{subject: subject ?? test ?? file, evidence: evidenceAt(lines, at, end - 1)},
  }
}

function endOfBlock(lines: readonly string[], at: number): number {
  const next = lines
    .slice(at + 1, at + REACH)
    .findIndex(line => VITEST_FAIL.test(line) || JEST_FILE.test(line) || JEST_TEST.test(line))
  return next === -1 ? Math.min(lines.length, at + REACH) : at + 1 + next
}

function placeIn(
  lines: readonly string[],
  wanted: (path: string) => boolean,
): {readonly file: string; readonly line: number} | undefined {
  for (const text of lines) {
    const [, path, line] = PLACE.exec(text) ?? []
    const file = path === undefined ? undefined : repositoryPath(path)
    if (file !== undefined && wanted(file)) return {file, line: Number(line)}
  }
  return undefined
}

const UNRESOLVED = /(?:failed to resolve import|could not resolve|can't resolve) ["']([^"']+)["']/i
const IMPORTER = /(?: from | in )["']?([^\s"']+\.[cm]?[jt]sx?)["']?/

/** vite, rollup, webpack and esbuild: an import that leads nowhere. */
const bundlers: Parser = lines =>
  lines.flatMap((text, at): Failure[] => {
    const subject = UNRESOLVED.exec(text)?.[1]
    if (subject === undefined) return []
    const importer = IMPORTER.exec(text)?.[1]
    const file = importer === undefined ? undefined : repositoryPath(importer)
    return [
      {
        ...{kind: 'missing_dependency', tool: 'bundler', message: text.trim().replace(/^##\[error\]/, '')},
        ...{subject, evidence: evidenceAt(lines, at, at + 5)},
        ...(file === undefined || isForeign(file) ? {} : {file}),
      },
    ]
  })

/** An error with the stack below it; one inside a test's report is that test's. */
const thrown: Parser = lines =>
  lines.flatMap((text, at): Failure[] => {
    const [, name, errorCode, message] = ERROR_LINE.exec(text.replace(/^##\[error\]/, '')) ?? []
    if (name === undefined || message === undefined) return []
    const stack = lines.slice(at + 1, at + REACH)
    const frames = stack.findIndex(line => /^\s+at /.test(line))
    if (frames === -1 || frames > 10) return []
    const trace = stack.slice(frames).filter(line => /^\s+at /.test(line))
    const importer = /imported from (\S+)/.exec(message)?.[1]
    const place =
      (importer === undefined ? undefined : {file: repositoryPath(importer)}) ??
      placeIn(trace, path => !isForeign(path))
    const subject = ABSENT_MODULE.exec(message)?.[1]
    return [
      {
        ...{kind: subject === undefined ? 'code_error' : 'missing_dependency', tool: 'node', message},
        code: errorCode ?? name,
        ...(subject === undefined ? {} : {subject}),
        ...place,
        evidence: evidenceAt(lines, at, at + frames + 4),
      },
    ]
  })

const NPM = /^npm (?:ERR!|error) (.+)$/
const NPM_CODE = /^code (E[A-Z0-9]+)$/
const NPM_ABSENT = /^404\s+['"]?(@?[\w./-]+?)@[^\s'"]*['"]? is not in this registry/

const npm: Parser = lines => {
  const said = lines.flatMap((line, at) => {
    const words = NPM.exec(line)?.[1]
    return words === undefined ? [] : [{words, at}]
  })
  const [first] = said
  if (!first) return []
  const words = said.map(one => one.words)
  const codes = words.flatMap(one => NPM_CODE.exec(one)?.[1] ?? [])
  const absent = words.map(one => NPM_ABSENT.exec(one)?.[1]).find(name => name !== undefined)
  const script = words.map(one => /^Missing script: "([^"]+)"/.exec(one)).find(match => match !== null)
  const [code] = codes
  // Of a script that failed, npm only repeats that it did.
  if (script === undefined && (code === undefined || code === 'ELIFECYCLE')) return []
  const message = words.find(one => !NPM_CODE.test(one) && one.length > 15) ?? words.join(' ')
  return [
    {
      ...{kind: script ? 'configuration' : kindOfNpm(code ?? ''), tool: 'npm', message},
      ...(code === undefined ? {} : {code}),
      ...(absent === undefined ? {} : {subject: absent}),
      ...(script ? {file: 'package.json'} : {}),
      evidence: evidenceAt(lines, first.at, said.at(-1)?.at ?? first.at),
    },
  ]
}

function kindOfNpm(code: string): Failure['kind'] {
  if (/^(?:ECONN|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|E5\d\d)/.test(code)) return 'network'
  return /^(?:E401|E403|EACCES|EPERM|ENEEDAUTH)$/.test(code) ? 'permission' : 'missing_dependency'
}
