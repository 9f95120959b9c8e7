import PostalMime from 'postal-mime'

/** A mail as its reader sees it. */
export interface Mail {
  /** In this mailbox; counts up. */
  readonly number: number
  /** Whose inbox it is in: of the envelope, not of the headers. */
  readonly recipient: string
  readonly from: string
  readonly to: readonly string[]
  readonly subject: string
  readonly text: string
  readonly html: string
  /** What one can click: of the HTML part. */
  readonly links: readonly {readonly label: string; readonly url: string}[]
  /** With its brackets, as in the other headers. */
  readonly messageId: string
  readonly inReplyTo: string
  readonly references: readonly string[]
  /** All headers as they came, names in lower case. */
  readonly headers: readonly {readonly name: string; readonly value: string}[]
  /** Whole and unparsed. */
  readonly source: string
  readonly at: number
  /** How often it came: mailboxes show a second one of the same Message-ID once. */
  copies: number
}

/** Takes a mail apart. */
export async function readMail(
  source: Buffer,
  {number, recipient, at}: {readonly number: number; readonly recipient: string; readonly at: number},
): Promise<Mail> {
  const parsed = await new PostalMime().parse(source)
  const html = parsed.html ?? ''
  return {
    number,
    recipient,
    at,
    from: parsed.from?.address ?? '',
    to: (parsed.to ?? []).map(each => each.address ?? ''),
    subject: parsed.subject ?? '',
    text: parsed.text ?? '',
    html,
    links: linksIn(html),
    messageId: parsed.messageId ?? '',
    inReplyTo: parsed.inReplyTo ?? '',
    references: (parsed.references ?? '').split(/\s+/).filter(id => id !== ''),
    headers: parsed.headers.map(({key, value}) => ({name: key, value})),
    source: source.toString('latin1'),
    copies: 1,
  }
}

function linksIn(html: string): Mail['links'] {
  return [...html.matchAll(/<a\b[^>]*\bhref="([^"]*)"[^>]*>([\s\S]*?)<\/a>/gi)].map(
    ([, url = '', label = '']) => ({
      url: decoded(url),
      label: decoded(label.replace(/<[^>]*>/g, '')).trim(),
    }),
  )
}

function decoded(text: string): string {
  return text
    .replace(/&#(\d+);/g, (_match, code: string) => String.fromCodePoint(Number(code)))
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, '&')
}
