import {ensureSecretKey} from '../platform/config/api-token.ts'
import type {Config} from '../platform/config/config.ts'
import {createSeal, type Seal} from '../platform/sealed.ts'

/** The installation's seal, made when it is first needed: only then must the home folder hold its key. */
export function createSealOpener({secretKey, home}: Pick<Config, 'secretKey' | 'home'>): () => Promise<Seal> {
  let seal: Seal | undefined
  return async () => (seal ??= createSeal(secretKey ?? (await ensureSecretKey(home))))
}
