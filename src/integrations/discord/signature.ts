import {createPublicKey, verify, type KeyObject} from 'node:crypto'

/** DER prefix that turns a raw 32-byte Ed25519 key into SubjectPublicKeyInfo. RFC 8410. */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const FRESH_MS = 60_000

/**
 * Checks Discord's Ed25519 signature over timestamp and raw body, and that the timestamp is at most a minute off:
 * Discord documents no window, and a replay inside it is caught by the interaction's id.
 */
export function createSignatureCheck(publicKeyHex: string, clock: () => number) {
  const key: KeyObject = createPublicKey({
    key: Buffer.concat([SPKI_PREFIX, Buffer.from(publicKeyHex, 'hex')]),
    format: 'der',
    type: 'spki',
  })
  return function isSigned(
    rawBody: Buffer,
    signature: string | undefined,
    timestamp: string | undefined,
  ): boolean {
    if (
      signature === undefined ||
      timestamp === undefined ||
      !/^[0-9a-f]{128}$/i.test(signature) ||
      !/^\d{1,12}$/.test(timestamp)
    )
      return false
    if (Math.abs(clock() - Number(timestamp) * 1000) > FRESH_MS) return false
    return verify(null, Buffer.concat([Buffer.from(timestamp), rawBody]), key, Buffer.from(signature, 'hex'))
  }
}
