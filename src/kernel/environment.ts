/** Where things are deployed to, the least weighty first. */
export const ENVIRONMENTS = ['development', 'staging', 'production'] as const

/** One of `ENVIRONMENTS`. */
export type Environment = (typeof ENVIRONMENTS)[number]
