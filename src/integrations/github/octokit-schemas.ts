import {z} from 'zod'
import type {ChangedFile} from './repository-host.ts'

/** Large ones come as bigints, and none is calculated with. */
export const id = z.union([z.number(), z.bigint(), z.string()]).transform(String)
/** Whose account is gone is `ghost` on GitHub, too. */
export const login = z
  .object({login: z.string()})
  .nullish()
  .transform(user => user?.login ?? 'ghost')
/** An answer that says nothing beyond having come. */
export const nothing = z.unknown().transform(() => null)
/** A file as comparisons and pull requests list it. */
export const changedFile = z
  .object({
    filename: z.string(),
    status: z.enum(['added', 'removed', 'modified', 'renamed', 'copied', 'changed', 'unchanged']),
    additions: z.number(),
    deletions: z.number(),
    patch: z.string().optional(),
  })
  .transform(({filename, status, additions, deletions, patch}): ChangedFile => ({
    path: filename,
    status,
    additions,
    deletions,
    ...(patch === undefined ? {} : {patch}),
  }))
