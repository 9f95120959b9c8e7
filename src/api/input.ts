import {createHash} from 'node:crypto'
import {z} from 'zod'
import {AppError} from '../kernel/errors.ts'
import type {Actor} from '../sdk/index.ts'

/** A text that Postgres keeps: no half surrogate pairs and no zero character. */
export function text(max: number) {
  return z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\0\p{Cs}]*$/u)
}

/** What a caller sent, as the shape has it. @throws INVALID_INPUT with the first fault and its place. */
export function given<T extends z.ZodType>(value: unknown, shape: T): z.output<T> {
  const parsed = shape.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new AppError('INVALID_INPUT', `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'is wrong'}`)
}

/** The correlation id of a request by a caller's own key, which is theirs alone. A UUID, as commands have. */
export function keyed({id}: Pick<Actor, 'id'>, key: string): string {
  const hex = createHash('sha256').update(`${id} ${key}`).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  )
}
