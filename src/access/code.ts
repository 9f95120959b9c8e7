import {createHash, randomBytes, randomInt} from 'node:crypto'

// No letter that another one could be taken for: 31 of them, ten in a code are 49 bits.
const ALPHABET = 'ABCDEFGHJKMNPQRSTUVWXYZ23456789'
const HALF = 5
const CODE = new RegExp(`(?<![\\w-])SB-[${ALPHABET}]{${HALF}}-[${ALPHABET}]{${HALF}}(?![\\w-])`, 'gi')
const MOST_CODES = 5

/** A one-time code such as `SB-7K2MQ-X4HTD`. */
export function newCode(): string {
  const half = () => Array.from({length: HALF}, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
  return `SB-${half()}-${half()}`
}

/** What looks like such a code in a text, as it would have been written by us; at most 5 different ones. */
export function codesIn(text: string): readonly string[] {
  return [...new Set([...text.matchAll(CODE)].map(([code]) => code.toUpperCase()))].slice(0, MOST_CODES)
}

/** A token of 256 random bits that says whose it is: `sbx_…`. */
export function newToken(): string {
  return `sbx_${randomBytes(32).toString('base64url')}`
}

/** What is kept of a code or a token: its SHA-256, in hex. */
export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}
