/** What a comment asks for. Words are as they were written. */
export type LinearCommand =
  | {readonly kind: 'approve'; readonly words: string | undefined}
  | {readonly kind: 'deny'; readonly words: string | undefined}
  | {readonly kind: 'request-info'; readonly words: string | undefined}
  /** There are commands in it, and what is meant can't be told. */
  | {readonly kind: 'unclear'}
  | {readonly kind: 'none'}

const KINDS: Readonly<Record<string, 'approve' | 'deny' | 'request-info'>> = {
  '/approve': 'approve',
  '/deny': 'deny',
  '/reject': 'deny',
  '/request-info': 'request-info',
}
const COMMAND = /(?<![\w/\\-])\/(?:approve|deny|reject|request-info)(?![\w/-])/gi
const LONGEST_WORDS = 1000

/**
 * The command that a comment begins with; a mention may stand before it. Quotes, code and HTML comments are not the
 * writer's words. A command in the middle of a sentence decides nothing ("I would not /approve this"), nor do two.
 */
export function commandIn(body: string): LinearCommand {
  const prose = ownWords(body)
  const found = [...prose.matchAll(COMMAND)]
  const [first] = found
  if (!first) return {kind: 'none'}
  const kind = KINDS[first[0].toLowerCase()]
  const before = prose.slice(0, first.index).trim()
  if (kind === undefined || found.length > 1 || !isMention(before)) return {kind: 'unclear'}
  const words = prose.slice(first.index + first[0].length).trim()
  return {kind, words: words === '' ? undefined : words.slice(0, LONGEST_WORDS)}
}

/**
 * A choice of a session's question: exactly its label or value, or a command as in a comment. Anything else is unclear.
 */
export function choiceIn(text: string): Exclude<LinearCommand, {kind: 'none'}> {
  const said = text.trim().toLowerCase()
  if (said === 'approve') return {kind: 'approve', words: undefined}
  if (said === 'deny' || said === 'reject') return {kind: 'deny', words: undefined}
  const command = commandIn(text)
  return command.kind === 'none' ? {kind: 'unclear'} : command
}

/** What a reaction on the question means: Linear sends names and glyphs alike, with or without a skin tone. */
export function voteIn(emoji: string): 'approve' | 'deny' | undefined {
  if (emoji === '+1' || emoji === 'thumbsup' || emoji.startsWith('👍')) return 'approve'
  if (emoji === '-1' || emoji === 'thumbsdown' || emoji.startsWith('👎')) return 'deny'
  return undefined
}

/** Without quotes and code, as markdown reads them: a quote goes on until an empty line. */
function ownWords(body: string): string {
  const own: string[] = []
  let fence: string | undefined
  let quoted = false
  for (const line of body
    .replace(/\r\n?/g, '\n')
    .replace(/<!--[\s\S]*?(?:-->|$)/g, ' ')
    .split('\n')) {
    const [, mark = ''] = /^\s*(`{3,}|~{3,})/.exec(line) ?? []
    if (fence !== undefined) {
      if (mark.startsWith(fence) && line.trim() === mark) fence = undefined
      continue
    }
    quoted = /^\s*>/.test(line) || (quoted && line.trim() !== '')
    if (quoted) continue
    if (mark !== '' && !line.includes('`', line.indexOf(mark) + mark.length)) fence = mark
    else if (!/^(?:\t| {4})/.test(line)) own.push(line)
  }
  return withoutSpans(own.join('\n'))
}

/** Without inline code: from a run of back-ticks to the next one of the same length. */
function withoutSpans(text: string): string {
  const runs = [...text.matchAll(/`+/g)]
  const closing = new Map<number, number>()
  const partner = runs.map((): number | undefined => undefined)
  for (let i = runs.length - 1; i >= 0; i--) {
    const {length} = runs[i]?.[0] ?? ''
    partner[i] = closing.get(length)
    closing.set(length, i)
  }
  let kept = ''
  let at = 0
  for (let i = 0; i < runs.length; i++) {
    const run = runs[i]
    const end = partner[i]
    const last = end === undefined ? undefined : runs[end]
    if (!run || end === undefined || !last) continue
    kept += `${text.slice(at, run.index)} `
    at = last.index + last[0].length
    i = end
  }
  return kept + text.slice(at)
}

/** Nothing, or one name or address of whom it is said to. */
function isMention(text: string): boolean {
  return (
    text === '' ||
    /^(?:@[\w.-]+|<?https?:\/\/[^\s<>]+\/profiles\/[\w.-]+>?|\[@?[\w .-]+\]\([^\s()]+\))[,:]?$/.test(text)
  )
}
