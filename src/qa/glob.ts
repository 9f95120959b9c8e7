/**
 * Whether a path fits a pattern: `*` stands for anything within a name, `?` for one character, `**` for any number of
 * folders. Its time is bounded by the product of the two lengths, whatever the pattern.
 */
export function fits(pattern: string, path: string): boolean {
  return matches(pattern.split('/'), path.split('/'), '**', fitsName)
}

export function fitsAny(patterns: readonly string[], path: string): boolean {
  return patterns.some(pattern => fits(pattern, path))
}

function fitsName(pattern: string, name: string): boolean {
  return matches([...pattern], [...name], '*', (one, other) => one === '?' || one === other)
}

/**
 * A wildcard match that never goes back further than the last wildcard: what an earlier one took can stay as it is,
 * since a later one makes up for any difference.
 */
function matches<T>(
  pattern: readonly T[],
  text: readonly T[],
  wildcard: T,
  equal: (pattern: T, text: T) => boolean,
): boolean {
  let [p, t, wildAt, taken] = [0, 0, -1, 0]
  while (t < text.length) {
    const wanted = pattern[p]
    if (wanted === wildcard) {
      wildAt = p++
      taken = t
    } else if (wanted !== undefined && equal(wanted, text[t] as T)) {
      p++
      t++
    } else if (wildAt >= 0) {
      p = wildAt + 1
      t = ++taken
    } else return false
  }
  return pattern.slice(p).every(rest => rest === wildcard)
}
