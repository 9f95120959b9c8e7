import {z} from 'zod'

/** From first served to last. */
export const PRIORITIES = ['urgent', 'high', 'normal', 'low'] as const
export type Priority = (typeof PRIORITIES)[number]

const SYNONYMS: Readonly<Record<string, Priority>> = {medium: 'normal', critical: 'urgent'}

/** Also takes `medium` for normal and `critical` for urgent. */
export const prioritySchema = z
  .preprocess(value => (typeof value === 'string' ? (SYNONYMS[value] ?? value) : value), z.enum(PRIORITIES))
  .default('normal')
