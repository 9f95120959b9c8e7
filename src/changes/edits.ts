import type {ChangedText} from './checks.ts'

/** One replacement. Without `find`, `replace` is a whole new file. */
export interface Edit {
  readonly path: string
  readonly find: string | null
  readonly replace: string
}

/** The files as the edits leave them, or all that does not fit: a passage must stand there exactly once. */
export function applyEdits(
  edits: readonly Edit[],
  texts: ReadonlyMap<string, string>,
): {readonly files: readonly ChangedText[]; readonly faults: readonly string[]} {
  const after = new Map<string, string>()
  const faults: string[] = []
  for (const {path, find, replace} of edits) {
    const now = after.get(path) ?? texts.get(path)
    if (find === null || find === '') {
      if (now === undefined) after.set(path, replace)
      else faults.push(`${path} is there already: say which passage to replace.`)
      continue
    }
    const times = now === undefined ? 0 : now.split(find).length - 1
    if (now === undefined) faults.push(`${path} was not shown, so nothing in it can be replaced.`)
    else if (times !== 1) faults.push(`A passage to replace stands ${times} times in ${path}, not once.`)
    // As a function: a `$` in the text means itself.
    else
      after.set(
        path,
        now.replace(find, () => replace),
      )
  }
  const files = [...after].map(([path, text]) => ({path, before: texts.get(path), after: text}))
  return {files, faults}
}
