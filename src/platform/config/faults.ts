/** One thing wrong with the configuration. `message` is a whole sentence that begins with where it is. */
export interface Fault {
  /** A variable's name, or a path in signalbox.yaml such as `targets.client.environment`. */
  readonly path: string
  readonly message: string
}

/** Everything that is wrong, at once. No secret is ever part of it: faults name settings, not their values. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly faults: readonly Fault[]

  constructor(faults: readonly Fault[]) {
    super(faults.map(fault => fault.message).join('\n'))
    this.faults = faults
  }
}

/** ` Did you mean "x"?` when one of the words is a slip of the pen away, else nothing. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const reach = word.length <= 4 ? 1 : word.length <= 8 ? 2 : 3
  const [best] = [...known]
    .map(candidate => ({candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase())}))
    .filter(({distance}) => distance <= reach)
    .sort((a, b) => a.distance - b.distance)
  return best ? ` Did you mean "${best.candidate}"?` : ''
}

/** Levenshtein's distance. Words longer than any setting's name are as far apart as they are long. */
function editDistance(a: string, b: string): number {
  if (a.length > 64 || b.length > 64) return Math.max(a.length, b.length)
  let previous = Array.from({length: b.length + 1}, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const substituted = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      current.push(Math.min(substituted, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[b.length] ?? 0
}
