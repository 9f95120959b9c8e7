import {stripVTControlCharacters} from 'node:util'
import {linesOfStep} from '../deployments/log-excerpt.ts'
import type {StepView} from '../deployments/state.ts'

/** Beyond this a line is data, not words; formats are told by their beginning. */
const LONGEST_LINE = 1000
const STAMP = /^\ufeff?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z ?/
/** Control, format and direction characters move, hide or reverse the words around them. */
const UNPRINTABLE = /[^\P{C}\t]/gu

/** What a job said, as its tools wrote it: of its failing step where the log tells. Redacted whole: a key spans lines. */
export function linesOfLog(
  log: string,
  step: StepView | undefined,
  redact: (text: string) => string,
): readonly string[] {
  const bare = linesOfStep(log, step).map(line =>
    stripVTControlCharacters(line.replace(STAMP, '').slice(0, LONGEST_LINE))
      .replace(UNPRINTABLE, '')
      .trimEnd(),
  )
  return redact(bare.join('\n')).split('\n')
}
