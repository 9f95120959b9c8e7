/**
 * Text that somebody else wrote, made harmless inside a Discord message: markdown marks are escaped, mentions
 * can't form (allowedMentions is empty as well: two locks), control and direction-changing characters vanish,
 * line breaks become spaces. Longer text is cut with an ellipsis.
 */
export function plain(text: string, maxLength = 200): string {
  return ellipsis(visible(text), maxLength)
    .replace(/[\\`*_~|>#[\]()-]/g, mark => (mark === '-' ? mark : `\\${mark}`))
    .replace(/@/g, '@\u200b')
    .replace(/<(?=[@#:/a-z])/gi, '<\u200b')
    .replace(/:\/\//g, ':\u200b//')
}

/** Inline code holding any text: back-ticks inside become look-alikes, since nothing can escape them there. */
export function code(text: string, maxLength = 100): string {
  return `\`${ellipsis(visible(text), maxLength).replaceAll('`', 'ˋ') || ' '}\``
}

/**
 * Without the characters that let a text pretend to be another one: line breaks and control characters become
 * spaces; zero-width, direction-changing and other format characters and half surrogate pairs (which no JSON
 * parser takes) vanish.
 */
export function visible(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/[\p{Cf}\p{Cs}]/gu, '')
    .trim()
}

/** A masked link. The caller vouches for the address: it comes from configuration or from a vendor's own field. */
export function link(label: string, url: string): string {
  return `[${plain(label, 80)}](<${url.replace(/[<>\s]/g, encodeURIComponent)}>)`
}

/** Of the mark of a cut, `…`. */
const MARK_BYTES = 3

/** Discord shows it in each reader's own zone: `R` relative, `t` time of day, `f` date and time. */
export function timestamp(ms: number, style: 'R' | 't' | 'f' = 'R'): string {
  return `<t:${Math.floor(ms / 1000)}:${style}>`
}

/** At most `maxLength` characters, never half a surrogate pair, the cut marked. */
export function ellipsis(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text
  return `${text.slice(0, maxLength - 1).replace(/[\ud800-\udbff]$/, '')}…`
}

/** At most so many bytes of UTF-8, never half a character, the cut marked: what a model's budget counts. */
export function ellipsisBytes(text: string, most: number): string {
  if (Buffer.byteLength(text) <= most) return text
  const {read} = new TextEncoder().encodeInto(text, new Uint8Array(Math.max(0, most - MARK_BYTES)))
  return `${text.slice(0, read)}…`
}
