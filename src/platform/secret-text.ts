/** What stands where a secret stood. No last characters: four of them are a quarter of a short password. */
export const MASK = '***'

/**
 * The text without the secrets in it: tokens by their shape (GitHub, Linear, Discord, Slack, AWS, JWTs, keys in PEM),
 * Authorization headers, credentials and signatures in URLs, interaction and webhook tokens in Discord's paths, and
 * whatever follows a name such as `password=` or `"api_key":`. In doubt it takes away too much. Linear in the
 * length of the text: a pattern either can't fail after a long scan or starts only where a word starts.
 */
export function redactText(text: string): string {
  return STEPS.reduce((clean, step) => step(clean), text)
}

/**
 * Whether a field or parameter of this name holds a secret. Judges by whole words, so `client_secret`,
 * `clientSecret` and `X-Api-Key` do; `monkey` and `tokenCount` don't. What it holds decides the doubtful ones:
 * `{pass: 12, fail: 1}` is a test result, `auth: {user, pass}` is judged field by field, and a number of tokens is
 * what language models are paid by.
 */
export function isSecretName(name: string, holds: 'text' | 'number' | 'object' = 'text'): boolean {
  const words = name
    .slice(-200)
    .replace(/([a-z\d])([A-Z])|([A-Z])(?=[A-Z][a-z])/g, '$1$3 $2')
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .filter(word => word !== '')
  const last = words.at(-1)
  if (last === undefined || ABOUT.has(last) || (holds === 'number' && last === 'tokens')) return false
  if (holds === 'text' && (last === 'pass' || last === 'auth')) return true
  return words.some((word, i) => SECRET_WORD.test(word) || SECRET_PAIR.test(`${words[i - 1] ?? ''} ${word}`))
}

const SECRET_WORD =
  /(?:token|secret|password|passwd|passphrase|passcode|credential|apikey|privatekey|accesskey|secretkey)s?$|^(?:pwd|authorization|cookie|jwt|bearer)s?$/
const SECRET_PAIR =
  /^(?:api|access|private|secret|signing|encryption|account|auth|deploy|service|master|ssh) keys?$/

/** What a name ends in when it speaks about the secret instead of holding it. */
const ABOUT = new Set(
  'id name type kind count length limit used usage path file url uri endpoint at ms expiry expires expiration present missing valid set writes'.split(
    ' ',
  ),
)

type Step = (text: string) => string

function swap(pattern: RegExp, replacement: string | ((match: string, ...groups: string[]) => string)): Step {
  // The two signatures of replace() don't take a union.
  return typeof replacement === 'string'
    ? text => text.replace(pattern, replacement)
    : text => text.replace(pattern, replacement)
}

/** Secrets as a query parameter though an ordinary word elsewhere. */
const SECRET_PARAMETER = /^(?:sig|signature|code|key|x-(?:amz|goog)-(?:signature|credential))$/i

/** A key cut off by a length limit has no END line: then the rest of the text belongs to it. */
const PRIVATE_KEY =
  /-----BEGIN [A-Z ]{0,30}PRIVATE KEY[A-Z ]{0,10}-----[\s\S]*?(?:-----END [A-Z ]{0,30}PRIVATE KEY[A-Z ]{0,10}-----|$)/g

/** Tokens that nothing else looks like. */
const SHAPES: readonly RegExp[] = [
  /gh[pousr]_[\w.-]{16,}|github_pat_\w{16,}/g,
  /\bv1\.[0-9a-f]{40}\b/g,
  /lin_(?:api|oauth|wh)_\w{10,}/g,
  // Ours: src/access/code.ts.
  /(?<![\w-])sbx_[\w-]{20,}/g,
  // A bot token starts with the bot's id, decimal digits in base64: hence M, N or O.
  /(?<![\w-])[MNO][\w-]{22,30}\.[\w-]{5,8}\.[\w-]{25,}|(?<![\w-])mfa\.[\w-]{20,}/g,
  /(?<![A-Za-z0-9])(?:(?:xox[a-z]|xapp)-[\w-]{10,}|(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16})/g,
  /(?<![A-Za-z0-9])(?:AIza[\w-]{35}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,}|sk-[\w-]{20,}|[rs]k_(?:live|test)_\w{16,}|whsec_\w{16,}|npm_[A-Za-z0-9]{36}|glpat-[\w-]{20,})/g,
]

/** In order: what spans most goes first. */
const STEPS: readonly Step[] = [
  swap(PRIVATE_KEY, MASK),
  swap(/:\/\/([^\s"'<>`]+)/g, (_match, rest) => `://${withoutCredentials(rest)}`),
  swap(/(\/(?:interactions|webhooks)\/\d{5,}\/)[\w.%~-]+/g, `$1${MASK}`),
  swap(/([?&;#])([\w.-]+)=[^&\s"'<>#`]+/g, (match, mark, name) =>
    isSecretName(name) || SECRET_PARAMETER.test(name) ? `${mark}${name}=${MASK}` : match,
  ),
  maskPairs,
  ...SHAPES.map(shape => swap(shape, MASK)),
  swap(/(?<![\w-])eyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*){0,3}/g, MASK),
  swap(/\b(bearer\s{1,4})[\w.~+/=-]{6,}/gi, `$1${MASK}`),
  swap(/\b(basic\s{1,4})([A-Za-z0-9+/]{6,}={0,2})/gi, (match, scheme, value) =>
    Buffer.from(value, 'base64').includes(':') ? `${scheme}${MASK}` : match,
  ),
]

const PRIVATE_KEY_BEGINS = /-----BEGIN [A-Z ]{0,30}PRIVATE KEY/
/** The long runs of one character and the ending by which documentation marks a token as none. */
const PLACEHOLDER = /(.)\1{7,}|\w*EXAMPLE(?:KEY)?\b/g

/**
 * Whether the text holds something that is a secret by its shape alone: a token of a known vendor, a private key.
 * Unlike `redactText` it does not suspect ordinary words, so that it may be told to people as a fact.
 */
export function holdsSecretShape(text: string): boolean {
  const real = text.replace(PLACEHOLDER, '')
  // A token without a single digit is a name with dashes in it.
  return (
    PRIVATE_KEY_BEGINS.test(real) || SHAPES.some(shape => real.match(shape)?.some(found => /\d/.test(found)))
  )
}

/** A name, its quotes and a separator; or a long command line flag. */
const NAME =
  /(?<![\w.-])(?:([\w.-]+)(?:\\{0,4}["'`])?\s{0,4}(?:=>|:=|[=:])\s{0,4}|(--[\w-]+)\s{1,4}(?=[^\s-]))/g

/**
 * A quoted value, or everything up to the next space, with the scheme of an Authorization header before it. A quote
 * that is opened and never closed reaches to the end of the text; one inside a word does not end the value.
 */
const VALUE =
  /(\\{1,4}["'])[^"']*(?:["']|$)|"(?:[^"\\]|\\[\s\S]?)*(?:"|$)|'(?:[^'\\]|\\[\s\S]?)*(?:'|$)|`[^`]*(?:`|$)|(?:(?:bearer|basic|bot|token|digest)\s{1,4})?(?:[^\s"'`]|['`"](?=\w))+/iy

/** Masks what follows a secret's name. A name that is none gives its value back to the search: it may hold a pair. */
function maskPairs(text: string): string {
  let clean = ''
  let from = 0
  NAME.lastIndex = 0
  for (let found = NAME.exec(text); found; found = NAME.exec(text)) {
    const name = found[1] ?? found[2] ?? ''
    // The name is judged before its value is read: reading the value of every name would be quadratic.
    if (!isSecretName(name)) continue
    VALUE.lastIndex = NAME.lastIndex
    const [value, escapedQuote] = VALUE.exec(text) ?? []
    if (value === undefined || !isSecretName(name, looksLikeCount(value))) continue
    clean += text.slice(from, NAME.lastIndex) + maskValue(value, escapedQuote)
    from = NAME.lastIndex = VALUE.lastIndex
  }
  return clean + text.slice(from)
}

function looksLikeCount(value: string): 'text' | 'number' {
  return /^[\d.,;)\]}]+$/.test(value) ? 'number' : 'text'
}

function maskValue(value: string, escapedQuote: string | undefined): string {
  if (escapedQuote !== undefined) return `${escapedQuote}${MASK}${escapedQuote}`
  // A query parameter that the step before has masked; what follows it is another one.
  if (value.startsWith(`${MASK}&`)) return value
  const quote = /^["'`]/.exec(value)?.[0]
  if (quote !== undefined) return `${quote}${MASK}${quote}`
  // Brackets and commas at its end belong to the sentence around it.
  let end = value.length
  while (end > 0 && ',;)]}'.includes(value.charAt(end - 1))) end--
  return MASK + value.slice(end)
}

/** `rest` is what follows `://`. A password with a raw slash or at-sign in it is common enough to look for. */
function withoutCredentials(rest: string): string {
  const authority = /^[^/?#]*/.exec(rest)?.[0] ?? ''
  const oddPassword = /^[^/?#:@]*:(?!\d{0,5}(?:[/?#]|$))/.test(rest)
  const at = (oddPassword ? rest : authority).lastIndexOf('@')
  return at === -1 ? rest : `${MASK}${rest.slice(at)}`
}
