import {Counter, Gauge, Histogram, type LabelValues, type Registry} from 'prom-client'

const SCRAPED_WITHIN_MS = 2_000

/** Makes what a feature counts and measures. Values of labels are closed sets: never user text, never ids. */
export function createInstruments(registry: Registry) {
  const registers = [registry]
  return {
    counter: <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
      new Counter({name, help, labelNames, registers}),

    /** `buckets`: upper bounds, in seconds. */
    histogram: <L extends string = never>(
      name: string,
      help: string,
      buckets: readonly number[],
      labelNames: readonly L[] = [],
    ) => new Histogram({name, help, labelNames, buckets: [...buckets], registers}),

    /** A gauge that asks at each scrape. While the answer does not come in time it is absent, not old. */
    gauge: <T, L extends string = never>(
      name: string,
      help: string,
      {
        labelNames = [],
        ask,
        show,
      }: {
        readonly labelNames?: readonly L[]
        readonly ask: () => Promise<T | undefined>
        /** Every series, with its value. */
        readonly show: (answer: T) => Iterable<readonly [LabelValues<L>, number]>
      },
    ): void => {
      new Gauge({
        name,
        help,
        labelNames,
        registers,
        async collect() {
          const answer = await inTimeForScrape(ask())
          this.reset()
          // What has no labels is only set to 0 by a reset.
          this.remove({})
          if (answer !== undefined) for (const [labels, value] of show(answer)) this.set(labels, value)
        },
      })
    },
  }
}

/** The answer, or undefined: a scrape waits for no database that is slow or away. */
export function inTimeForScrape<T>(answer: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>(resolve => {
    timer = setTimeout(() => resolve(undefined), SCRAPED_WITHIN_MS)
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
