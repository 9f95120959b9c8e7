import {fits} from '../../qa/glob.ts'

/** Where GitHub looks for it, in this order. */
export const CODEOWNERS = ['.github/CODEOWNERS', 'CODEOWNERS', 'docs/CODEOWNERS'] as const

const MOST_PATHS = 5
const PATH = /(?:^|[\s`("'[])((?:[\w@.-]{1,80}\/){1,12}[\w@.-]{1,80}\.[a-z]\w{0,7})\b/gi

/** The files that a text names, as the repository would: at most five. */
export function pathsIn(text: string): readonly string[] {
  const found = [...text.matchAll(PATH)].flatMap(([, path]) => path ?? [])
  const inside = found.filter(path => !path.split('/').some(part => part === '..' || part === '.'))
  return [...new Set(inside)].filter(path => !/^(?:https?|www\.)/i.test(path)).slice(0, MOST_PATHS)
}

/** The first owner that CODEOWNERS names for a path, without its @; the last rule that fits counts. */
export function ownerOf(codeowners: string, path: string): string | undefined {
  const rules = codeowners
    .split('\n')
    .map(line =>
      line
        .replace(/(?:^|\s)#.*$/, '')
        .trim()
        .split(/\s+/),
    )
    .filter(([pattern = '']) => pattern !== '')
  const rule = rules.findLast(([pattern = '']) => covers(pattern, path))
  return rule
    ?.slice(1)
    .find(owner => /^@[\w-]+(?:\/[\w.-]+)?$/.test(owner))
    ?.slice(1)
}

/** A pattern with a slash inside stands for that place, one without for any folder; a folder for all below it. */
function covers(pattern: string, path: string): boolean {
  const bare = pattern.replace(/^\//, '').replace(/\/$/, '')
  const anchored = pattern.startsWith('/') || bare.includes('/')
  const at = anchored ? bare : `**/${bare}`
  // Of a place that ends in a star, what lies deeper belongs to nobody.
  const below = bare.endsWith('/*') ? [] : [`${at}/**`]
  return (pattern.endsWith('/') ? below : [at, ...below]).some(glob => fits(glob, path))
}
