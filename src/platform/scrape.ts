const WITHIN_MS = 2_000

/** What a gauge asks for at each scrape, or undefined: a scrape waits for no database that is slow or away. */
export function inTimeForScrape<T>(answer: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>(resolve => {
    timer = setTimeout(() => resolve(undefined), WITHIN_MS)
  })
  return Promise.race([answer.catch(() => undefined), late]).finally(() => clearTimeout(timer))
}

/**
 * Keeps a label's values few: the first so many distinct ones are themselves, whatever comes later is `other`. Values
 * come from outside, and time series are for ever.
 */
export function boundedLabel(most: number): (value: string) => string {
  const known = new Set<string>()
  return value => {
    if (known.size < most) known.add(value)
    return known.has(value) ? value : 'other'
  }
}
