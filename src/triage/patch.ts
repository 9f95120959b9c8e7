const CONTEXT = 3

/** A change of one file, as people read it and as it leaves the file. */
export interface Patch {
  /** Unified. */
  readonly diff: string
  readonly text: string
}

/** Adds a line at the end of a file. */
export function appended(path: string, text: string, line: string): Patch {
  const lines = text.replace(/\n$/, '').split('\n')
  const had = text === '' ? [] : lines
  const shown = had.slice(-CONTEXT)
  const from = had.length - shown.length + (had.length === 0 ? 0 : 1)
  const diff = [
    ...head(path),
    `@@ -${from},${shown.length} +${Math.max(from, 1)},${shown.length + 1} @@`,
    ...shown.map(kept => ` ${kept}`),
    `+${line}`,
    '',
  ].join('\n')
  return {diff, text: `${text === '' || text.endsWith('\n') ? text : `${text}\n`}${line}\n`}
}

/** Writes another word on one line; undefined where the line does not hold it exactly once. */
export function replacedWord(
  path: string,
  text: string,
  {line, wrong, right}: {readonly line: number; readonly wrong: string; readonly right: string},
): Patch | undefined {
  const lines = text.split(/\r?\n/)
  const before = lines[line - 1]
  if (before === undefined || !/^[\w$]+$/.test(wrong) || !/^[\w$]+$/.test(right)) return undefined
  const pieces = before.split(new RegExp(`(?<![\\w$])${wrong.replaceAll('$', '\\$')}(?![\\w$])`))
  if (pieces.length !== 2) return undefined
  const first = Math.max(line - 1 - CONTEXT, 0)
  const above = lines.slice(first, line - 1)
  const below = lines
    .slice(line, line + CONTEXT)
    .slice(0, text.endsWith('\n') ? lines.length - 1 - line : CONTEXT)
  const length = above.length + 1 + below.length
  const after = pieces.join(right)
  const diff = [
    ...head(path),
    `@@ -${first + 1},${length} +${first + 1},${length} @@`,
    ...above.map(kept => ` ${kept}`),
    `-${before}`,
    `+${after}`,
    ...below.map(kept => ` ${kept}`),
    '',
  ].join('\n')
  // By place, not by splitting and joining: the ends of all other lines stay what they are.
  const at = text.split('\n', line - 1).join('\n').length + (line > 1 ? 1 : 0)
  return {diff, text: `${text.slice(0, at)}${after}${text.slice(at + before.length)}`}
}

function head(path: string): readonly string[] {
  return [`--- a/${path}`, `+++ b/${path}`]
}
