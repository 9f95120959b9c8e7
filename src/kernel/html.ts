import {visible} from './markdown.ts'

/**
 * Any text as HTML text or as a quoted attribute's value. Control characters, and those that are invisible or turn the
 * direction of writing, are gone.
 */
export function escapeHtml(text: string): string {
  return visible(text).replace(/[&<>"']/g, mark => ENTITIES[mark] ?? '')
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/**
 * Foreign text in which programs that make links of whatever looks like an address find none: readers can't tell such
 * a link from ours. A space without width stands where an address would be one.
 */
export function unlinked(text: string): string {
  return text
    .replace(/:\/\//g, ':\u200b//')
    .replace(/\b(www)\./gi, '$1\u200b.')
    .replace(/([a-z\d-])\.([a-z]{2,})(?=[/?#])/gi, '$1.\u200b$2')
}
