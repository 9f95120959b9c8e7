import {stripVTControlCharacters} from 'node:util'
import type {JobView, StepView} from './state.ts'

const MAX_CHARACTERS = 900
const TIMESTAMP = /^\ufeff?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z /
/** Control, format and direction characters move, hide or reverse the words around them. Tabs may stay. */
const UNPRINTABLE = /[^\P{C}\t]/gu

export interface LogExcerpt {
  readonly text: string
  /** Lines of the failing step that came before the excerpt. */
  readonly moreLines: number
  readonly exitCode?: number
}

/** The step that broke the job: the first failed one, since those after it only follow. */
export function failingStep(job: JobView): StepView | undefined {
  return job.steps.find(step => step.conclusion === 'failure')
}

/**
 * The last lines of the failing step in a job's log. GitHub's log is one text for all steps, so the step's own
 * times pick its lines (second resolution: neighbours share a second) and its last error ends them.
 */
export function excerptOf(
  log: string,
  step: StepView | undefined,
  redact: (text: string) => string,
): LogExcerpt {
  const lines = linesOfStep(log, step)
  const exit = lines.map(line => /exit code (-?\d+)/.exec(line)?.[1]).findLast(found => found !== undefined)
  const output = wordsOf(withoutHeader(lines), redact)
  // A step that says nothing of its own is at least shown by what it ran.
  const words = output.length > 0 ? output : wordsOf(lines, redact)
  const kept = lastThatFit(words)
  return {
    text: kept.join('\n'),
    moreLines: words.length - kept.length,
    ...(exit === undefined ? {} : {exitCode: Number(exit)}),
  }
}

/** The step's own lines, up to its last error; the whole log's where the step can't be told. */
export function linesOfStep(log: string, step: StepView | undefined): readonly string[] {
  const all = log.split(/\r?\n/).filter(line => line !== '')
  const own = step ? linesWithin(all, step) : []
  return upToLastError(own.length > 0 ? own : all)
}

/** As a reader wants them: no stamps, colours and runner commands. Redacted last and whole: a key spans lines. */
function wordsOf(lines: readonly string[], redact: (text: string) => string): readonly string[] {
  const bare = lines.map(line => printable(line.replace(TIMESTAMP, '')).replace(/^##\[error\]/, ''))
  return redact(bare.join('\n'))
    .split('\n')
    .map(line => line.trimEnd())
    .filter(line => line !== '' && !/^##\[/.test(line) && !/^Process completed with exit code/.test(line))
}

/** What a terminal would show in the end: a progress bar's last state. */
function printable(line: string): string {
  return stripVTControlCharacters(line)
    .replace(/^[^\n]*\r(?=[^\r])/, '')
    .replace(UNPRINTABLE, '')
}

function linesWithin(lines: readonly string[], step: StepView): readonly string[] {
  if (step.startedAt === undefined) return []
  const from = wholeSecond(step.startedAt)
  const to = wholeSecond(step.endedAt ?? Number.POSITIVE_INFINITY)
  let at = Number.NEGATIVE_INFINITY
  return lines.filter(line => {
    const stamp = TIMESTAMP.exec(line)?.[1]
    if (stamp !== undefined) at = Date.parse(`${stamp}Z`)
    return at >= from && at <= to
  })
}

function wholeSecond(ms: number): number {
  return Math.floor(ms / 1000) * 1000
}

/** What follows the last error belongs to the steps that clean up. */
function upToLastError(lines: readonly string[]): readonly string[] {
  const last = lines.findLastIndex(line => line.includes('##[error]'))
  return last === -1 ? lines : lines.slice(0, last + 1)
}

/** The runner echoes command and environment in a group "Run …" before a step's own output, which may hold groups too. */
function withoutHeader(lines: readonly string[]): readonly string[] {
  const header = lines.findLastIndex(line => line.includes('##[group]Run '))
  const end = lines.findIndex((line, index) => index > header && line.includes('##[endgroup]'))
  return header === -1 || end === -1 ? lines : lines.slice(end + 1)
}

function lastThatFit(lines: readonly string[]): readonly string[] {
  let length = 0
  let first = lines.length
  while (first > 0) {
    const line = lines[first - 1] ?? ''
    if (length + line.length + 1 > MAX_CHARACTERS) break
    length += line.length + 1
    first--
  }
  const kept = lines.slice(first)
  if (kept.length > 0 || lines.length === 0) return kept
  return [(lines.at(-1) ?? '').slice(-MAX_CHARACTERS).replace(/^[\udc00-\udfff]/, '')]
}
