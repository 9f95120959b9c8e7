import {evidenceAt, isForeign, repositoryPath, type Failure, type Parser} from './failure.ts'

/** pytest and the interpreter's own tracebacks. */
export const python: Parser = lines => [...pytest(lines), ...tracebacks(lines)]

const SUMMARY = /^(?:FAILED|ERROR) ([^\s:]+\.py)(?:::(\S+))?(?: - (.+))?$/
const PLACE = /^([^\s:]+\.py):(\d+): (?:in .+|(\w+))$/
const SAID = /^E\s+(.+)$/
const NAMED =
  /^((?:[\w]+\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Warning)|(?:[\w]+\.)*[A-Z]\w*Timeout): (.*)$/
const ABSENT = /No module named ['"]([^'"]+)['"]/
const MEANT =
  /(?:name|attribute|module .* has no attribute|cannot import name) ['"](\w+)['"](?: is not defined| from .*)?\. Did you mean:? ['"](\w+)['"]\?/

const LONGEST_TRACE = 100
/** Summary lines that are read: beyond them nobody looks. */
const MOST_TESTS = 100

/** One failure for each line of the short summary, with what was said about it above. */
const pytest: Parser = lines => {
  const found: Failure[] = []
  const rules = lines.flatMap((line, at) => (RULE.test(line) ? [{line, at}] : []))
  for (const [at, text] of lines.entries()) {
    const [, path, test, short = ''] = SUMMARY.exec(text) ?? []
    if (path === undefined || found.length === MOST_TESTS) continue
    const file = repositoryPath(path)
    const head = headOf(rules, at, test ?? path)
    const end = rules.find(rule => head !== undefined && rule.at > head)?.at ?? at
    const block = head === undefined ? [] : lines.slice(head, Math.min(end, at))
    const said = block.map(line => SAID.exec(line)?.[1]).find(words => words !== undefined)
    const words = short === '' || short.endsWith('...') ? (said ?? short) : short
    const place = block.map(line => PLACE.exec(line)).find(match => match !== null && match[1] === path)
    const subject = ABSENT.exec(`${words} ${block.join(' ')}`)?.[1]
    found.push({
      ...described(subject === undefined ? words : (block.map(innerSaid).find(isAbsent) ?? words)),
      ...{kind: subject === undefined ? 'test_failure' : 'missing_dependency', tool: 'pytest', file},
      ...(place ? {line: Number(place[2])} : {}),
      subject: subject ?? test ?? file,
      evidence: head === undefined ? [text] : evidenceAt(lines, Math.max(head, lastCode(lines, head)), at),
    })
  }
  return found
}

function innerSaid(line: string): string | undefined {
  return SAID.exec(line)?.[1]
}

function isAbsent(words: string | undefined): words is string {
  return words !== undefined && ABSENT.test(words)
}

/** `____ test_name ____`, `____ ERROR collecting tests/test_a.py ____`, `==== short test summary info ====`. */
const RULE = /^(?:_{3,} .+ _{3,}|={3,} .+ ={3,})$/

interface Rule {
  readonly line: string
  readonly at: number
}

function headOf(rules: readonly Rule[], before: number, name: string): number | undefined {
  const last = name.split('::').at(-1)?.replace(/\[.*$/, '') ?? name
  return rules.findLast(({line, at}) => at < before && line.startsWith('_') && line.includes(last))?.at
}

/** Where the failing statement is shown, so that the evidence is the error and not the test's whole body. */
function lastCode(lines: readonly string[], head: number): number {
  const said = lines.slice(head, head + LONGEST_TRACE).findIndex(line => SAID.test(line))
  return said === -1 ? head : head + said - 3
}

const FRAME = /^\s*File "([^"]+)", line (\d+)(?:, in .+)?$/

const tracebacks: Parser = lines =>
  lines.flatMap((text, at): Failure[] => {
    if (!/^\s*Traceback \(most recent call last\):$/.test(text)) return []
    const length = lines.slice(at + 1, at + LONGEST_TRACE).findIndex(line => NAMED.test(line.trim()))
    if (length === -1) return []
    const end = at + 1 + length
    const words = lines[end]?.trim() ?? ''
    const frames = lines.slice(at, end).flatMap(line => {
      const [, path, number] = FRAME.exec(line) ?? []
      return path === undefined ? [] : [{file: repositoryPath(path), line: Number(number)}]
    })
    const subject = ABSENT.exec(words)?.[1]
    return [
      {
        ...described(words),
        ...{kind: subject === undefined ? 'code_error' : 'missing_dependency', tool: 'python'},
        ...frames.findLast(({file}) => !isForeign(file)),
        ...(subject === undefined ? {} : {subject}),
        evidence: evidenceAt(lines, Math.max(at, end - 7), end),
      },
    ]
  })

function described(words: string): Pick<Failure, 'message' | 'code' | 'meant'> {
  const [, name, rest] = NAMED.exec(words) ?? []
  const [, wrong, right] = MEANT.exec(words) ?? []
  return {
    message: rest === undefined || rest === '' ? words : rest,
    ...(name === undefined ? (/^assert\b/.test(words) ? {code: 'AssertionError'} : {}) : {code: name}),
    ...(wrong === undefined || right === undefined ? {} : {meant: {wrong, right}}),
  }
}
