import {wordsOf} from './kinds.ts'

/** From here on two issues say nearly the same. */
const ALIKE = 0.6
/** Of a text; what follows repeats more often than it tells. */
const MOST_WORDS = 300
/** Below this many pairs of words, chance is too good at matching. */
const LEAST_PAIRS = 2

const FILLERS = new Set(
  'a an and are as at be but by can for from has have i if in is it its me my of on or our so that the there this to was we when will with you your please'.split(
    ' ',
  ),
)

export interface Text {
  readonly number: number
  readonly title: string
  readonly body: string
}

/**
 * For each issue the earliest one that says nearly the same: by pairs of neighbouring words that both have, as a share
 * of those that either has. A chain of duplicates leads to its beginning.
 */
export function duplicatesAmong(
  issues: readonly Text[],
): ReadonlyMap<number, {readonly of: number; readonly likeness: number}> {
  const ordered = [...issues].sort((one, other) => one.number - other.number)
  const found = new Map<number, {of: number; likeness: number}>()
  const known: {readonly number: number; readonly pairs: ReadonlySet<string>}[] = []
  const holders = new Map<string, number[]>()
  for (const issue of ordered) {
    const pairs = pairsOf(issue)
    const shared = new Map<number, number>()
    for (const pair of pairs)
      for (const place of holders.get(pair) ?? []) shared.set(place, (shared.get(place) ?? 0) + 1)
    let best: {of: number; likeness: number} | undefined
    for (const [place, common] of shared) {
      const other = known[place]
      if (!other) continue
      const likeness = common / (pairs.size + other.pairs.size - common)
      const isBetter = best === undefined || likeness > best.likeness
      if (likeness >= ALIKE && isBetter) best = {of: found.get(other.number)?.of ?? other.number, likeness}
    }
    if (best) found.set(issue.number, best)
    if (pairs.size < LEAST_PAIRS) continue
    for (const pair of pairs) {
      const places = holders.get(pair)
      if (places) places.push(known.length)
      else holders.set(pair, [known.length])
    }
    known.push({number: issue.number, pairs})
  }
  return found
}

function pairsOf({title, body}: Text): ReadonlySet<string> {
  const words = `${title}\n${wordsOf(body)}`
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu)
    ?.filter(word => !FILLERS.has(word))
    .slice(0, MOST_WORDS)
  return new Set(words?.slice(1).map((word, index) => `${words[index] ?? ''} ${word}`))
}
