const CONTEXT = 3

/** A unified diff that adds a line at the end of a file. */
export function appended(path: string, text: string, line: string): string {
  const lines = text.replace(/\n$/, '').split('\n')
  const had = text === '' ? [] : lines
  const shown = had.slice(-CONTEXT)
  const from = had.length - shown.length + (had.length === 0 ? 0 : 1)
  return [
    ...head(path),
    `@@ -${from},${shown.length} +${Math.max(from, 1)},${shown.length + 1} @@`,
    ...shown.map(kept => ` ${kept}`),
    `+${line}`,
    '',
  ].join('\n')
}

/** A unified diff that writes another word on one line; undefined where the line does not hold it exactly once. */
export function replacedWord(
  path: string,
  text: string,
  {line, wrong, right}: {readonly line: number; readonly wrong: string; readonly right: string},
): string | undefined {
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
  return [
    ...head(path),
    `@@ -${first + 1},${length} +${first + 1},${length} @@`,
    ...above.map(kept => ` ${kept}`),
    `-${before}`,
    `+${pieces.join(right)}`,
    ...below.map(kept => ` ${kept}`),
    '',
  ].join('\n')
}

function head(path: string): readonly string[] {
  return [`--- a/${path}`, `+++ b/${path}`]
}
