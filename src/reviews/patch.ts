/** A line that a change adds, where it stands afterwards. */
export interface AddedLine {
  readonly line: number
  readonly text: string
}

/** The lines a unified diff adds. Total: what is no diff adds nothing. */
export function addedLines(patch: string): readonly AddedLine[] {
  const added: AddedLine[] = []
  let line = 0
  for (const row of patch.split('\n')) {
    const [, start] = /^@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@/.exec(row) ?? []
    if (start !== undefined) line = Number(start)
    else if (line === 0) continue
    else if (row.startsWith('+')) added.push({line: line++, text: row.slice(1)})
    else if (row.startsWith(' ') || row === '') line++
  }
  return added
}
