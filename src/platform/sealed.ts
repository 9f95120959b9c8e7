import {createCipheriv, createDecipheriv, hkdfSync, randomBytes} from 'node:crypto'
import {AppError} from '../kernel/errors.ts'

export interface Seal {
  /** Encrypts and authenticates a text for one place: what was sealed for another does not open here. */
  seal(text: string, place: string): string
  /** @throws NOT_CONFIGURED when it was sealed with another key or for another place, or was changed since. */
  open(sealed: string, place: string): string
}

/** AES-256-GCM with a key made of the secret, whatever its length. */
export function createSeal(secret: string): Seal {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'signalbox sealed rows', 32))
  return {
    seal(text, place) {
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(place))
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return `v1.${[nonce, cipher.getAuthTag(), body].map(part => part.toString('base64url')).join('.')}`
    },

    open(sealed, place) {
      try {
        const [version, nonce = '', tag = '', body = ''] = sealed.split('.')
        if (version !== 'v1') throw new Error('unknown version')
        const bytes = (part: string) => Buffer.from(part, 'base64url')
        const decipher = createDecipheriv('aes-256-gcm', key, bytes(nonce), {authTagLength: 16})
          .setAAD(Buffer.from(place))
          .setAuthTag(bytes(tag))
        return Buffer.concat([decipher.update(bytes(body)), decipher.final()]).toString('utf8')
      } catch (cause) {
        throw new AppError(
          'NOT_CONFIGURED',
          `What is kept sealed for ${place} does not open: SIGNALBOX_SECRET_KEY is not the one it was sealed with.`,
          {cause},
        )
      }
    },
  }
}
