const WITHIN_MS = 2_000

/** What a gauge asks for at each scrape, or undefined: a scrape waits for no database that is slow or away. */
export function inTimeForScrape<T>(answer: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>(resolve => {
    timer = setTimeout(() => resolve(undefined), WITHIN_MS)
  })
  return Promise.race([answer.catch(() => undefined), late]).finally(() => clearTimeout(timer))
}
