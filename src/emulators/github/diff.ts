const CONTEXT = 3

/** What differs between two texts, as one hunk: the lines between their common beginning and their common end. */
function hunk(before: string, after: string) {
  const old = linesOf(before)
  const now = linesOf(after)
  let start = 0
  while (start < old.length && start < now.length && old[start] === now[start]) start++
  let end = 0
  while (
    end < old.length - start &&
    end < now.length - start &&
    old[old.length - 1 - end] === now[now.length - 1 - end]
  ) {
    end++
  }
  return {old, now, start, end}
}

export function changedLines(before: string, after: string): {additions: number; deletions: number} {
  const {old, now, start, end} = hunk(before, after)
  return {additions: now.length - start - end, deletions: old.length - start - end}
}

/** A unified diff without its head, as GitHub's `patch`. */
export function unifiedDiff(before: string, after: string): string {
  const {old, now, start, end} = hunk(before, after)
  const from = Math.max(0, start - CONTEXT)
  const trailing = Math.min(end, CONTEXT)
  const lead = old.slice(from, start).map(line => ` ${line}`)
  const removed = old.slice(start, old.length - end).map(line => `-${line}`)
  const added = now.slice(start, now.length - end).map(line => `+${line}`)
  const tail = old.slice(old.length - end, old.length - end + trailing).map(line => ` ${line}`)
  const span = (lines: number) => `${lines === 0 ? 0 : from + 1},${lines}`
  const context = lead.length + tail.length
  const head = `@@ -${span(context + removed.length)} +${span(context + added.length)} @@`
  return [head, ...lead, ...removed, ...added, ...tail].join('\n')
}

function linesOf(text: string): string[] {
  if (text === '') return []
  return text.replace(/\n$/, '').split('\n')
}
