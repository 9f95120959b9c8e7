import {escapeHtml, unlinked} from '../../kernel/html.ts'
import {visible} from '../../kernel/markdown.ts'

/** Where a click leads. Only the address is ours: it comes from configuration or from a vendor's own field. */
export interface Link {
  readonly label: string
  readonly url: string
}

/** What a mail says, without how it looks. Every text in it may be somebody else's: no text becomes markup or a link. */
export interface MailDocument {
  readonly heading: string
  readonly blocks: readonly Block[]
  /** Small print. */
  readonly footer: readonly string[]
}

export type Block =
  | {readonly kind: 'paragraph'; readonly text: string}
  | {readonly kind: 'facts'; readonly title?: string; readonly facts: readonly (readonly [string, string])[]}
  | {readonly kind: 'list'; readonly title: string; readonly items: readonly (string | Link)[]}
  /** Verbatim, with its line breaks. */
  | {readonly kind: 'quote'; readonly title?: string; readonly text: string}
  | {readonly kind: 'buttons'; readonly buttons: readonly (Link & {readonly look: Look})[]}

type Look = 'primary' | 'danger' | 'plain'
/** What a piece of a document is dressed as; a web page has a stylesheet, a mail only attributes. */
type Dress = (part: keyof typeof STYLES) => string

/** The two parts of one mail: the same facts twice. No images, nothing loaded from elsewhere. */
export function renderMail(document: MailDocument): {readonly html: string; readonly text: string} {
  return {html: mailHtml(document), text: mailText(document)}
}

/** The blocks as HTML for a page that brings its own stylesheet: no attribute says how anything looks. */
export function blocksHtml(blocks: readonly Block[], dress: Dress = () => ''): string {
  return blocks.map(block => blockHtml(block, dress)).join('\n')
}

// Nothing sets the colour of text or ground, so that both follow the reader's light or dark mode.
const STYLES = {
  body: 'margin:0;padding:16px;font:16px/1.5 system-ui,-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif',
  frame: 'max-width:600px;margin:0 auto',
  h1: 'font-size:20px;line-height:1.3;margin:0 0 16px',
  h2: 'font-size:16px;margin:20px 0 4px',
  p: 'margin:0 0 12px',
  table: 'border-collapse:collapse;margin:0 0 12px',
  th: 'text-align:left;vertical-align:top;font-weight:600;padding:2px 16px 2px 0;white-space:nowrap',
  td: 'vertical-align:top;padding:2px 0;overflow-wrap:anywhere',
  ul: 'margin:0 0 12px;padding-left:20px;overflow-wrap:anywhere',
  quote:
    'margin:0 0 12px;padding:8px 12px;border-left:3px solid #8888;font:14px/1.5 ui-monospace,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere',
  primary:
    'display:inline-block;margin:4px 8px 4px 0;padding:12px 20px;border-radius:6px;background:#1a7f37;color:#ffffff;text-decoration:none;font-weight:600',
  danger:
    'display:inline-block;margin:4px 8px 4px 0;padding:12px 20px;border-radius:6px;background:#b42318;color:#ffffff;text-decoration:none;font-weight:600',
  plain:
    'display:inline-block;margin:4px 8px 4px 0;padding:11px 19px;border-radius:6px;border:1px solid #888888;text-decoration:none;font-weight:600',
  footer: 'margin:24px 0 0;padding-top:12px;border-top:1px solid #8888;font-size:13px',
} as const

const inline: Dress = part => ` style="${STYLES[part]}"`

function mailHtml({heading, blocks, footer}: MailDocument): string {
  const title = foreign(heading)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>${title}</title>
<style>:root{color-scheme:light dark}</style>
</head>
<body${inline('body')}>
<div role="article" lang="en" aria-label="${title}"${inline('frame')}>
<h1${inline('h1')}>${title}</h1>
${blocksHtml(blocks, inline)}
<div${inline('footer')}>${footer.map(line => `<p${inline('p')}>${foreign(line)}</p>`).join('')}</div>
</div>
</body>
</html>
`
}

function blockHtml(block: Block, dress: Dress): string {
  switch (block.kind) {
    case 'paragraph':
      return `<p${dress('p')}>${foreign(block.text)}</p>`
    case 'facts': {
      const rows = block.facts.map(
        ([label, text]) =>
          `<tr><th scope="row"${dress('th')}>${foreign(label)}</th><td${dress('td')}>${foreign(text)}</td></tr>`,
      )
      return `${titleHtml(block.title, dress)}<table${dress('table')}>${rows.join('')}</table>`
    }
    case 'list': {
      const items = block.items.map(
        item => `<li>${typeof item === 'string' ? foreign(item) : linkHtml(item)}</li>`,
      )
      return `${titleHtml(block.title, dress)}<ul${dress('ul')}>${items.join('')}</ul>`
    }
    case 'quote': {
      const lines = block.text.split('\n').map(foreign).join('\n')
      return `${titleHtml(block.title, dress)}<blockquote${dress('quote')}>${lines}</blockquote>`
    }
    case 'buttons':
      return `<p${dress('p')}>${block.buttons.map(button => linkHtml(button, dress(button.look))).join('\n')}</p>`
  }
}

function titleHtml(title: string | undefined, dress: Dress): string {
  return title === undefined ? '' : `<h2${dress('h2')}>${foreign(title)}</h2>`
}

function linkHtml({label, url}: Link, style = ''): string {
  const href = safeUrl(url)
  return href === undefined ? foreign(label) : `<a href="${escapeHtml(href)}"${style}>${foreign(label)}</a>`
}

function mailText({heading, blocks, footer}: MailDocument): string {
  return [
    plainText(heading),
    ...blocks.map(blockText),
    ['-- ', ...footer.map(plainText)].join('\n'),
    '',
  ].join('\n\n')
}

function blockText(block: Block): string {
  switch (block.kind) {
    case 'paragraph':
      return plainText(block.text)
    case 'facts':
      return lines(
        block.title,
        block.facts.map(([label, text]) => `${plainText(label)}: ${plainText(text)}`),
      )
    case 'list':
      return lines(
        block.title,
        block.items.map(item =>
          typeof item === 'string' ? `- ${plainText(item)}` : `- ${linkText(item, '\n  ')}`,
        ),
      )
    case 'quote':
      return lines(
        block.title,
        block.text.split('\n').map(line => `> ${plainText(line)}`),
      )
    case 'buttons':
      return block.buttons.map(button => linkText(button, ':\n')).join('\n\n')
  }
}

function lines(title: string | undefined, rest: readonly string[]): string {
  return [...(title === undefined ? [] : [`${plainText(title)}:`]), ...rest].join('\n')
}

function linkText({label, url}: Link, between: string): string {
  const href = safeUrl(url)
  return href === undefined ? plainText(label) : `${plainText(label)}${between}${href}`
}

/** Web addresses only, as the parser writes them: percent-encoded, without blanks. */
function safeUrl(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined
  const parsed = new URL(url)
  return parsed.protocol === 'https:' || parsed.protocol === 'http:' ? parsed.href : undefined
}

function plainText(text: string): string {
  return unlinked(visible(text))
}

/** `escapeHtml` takes away what has no width, so the marks of `unlinked` go in after it. */
function foreign(text: string): string {
  return unlinked(escapeHtml(text))
}
