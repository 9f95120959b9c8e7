import sodium from 'libsodium-wrappers'

/** A text that only the holder of the private key can read: what GitHub takes secrets as. Both are base64. */
export async function sealFor(publicKey: string, text: string): Promise<string> {
  await sodium.ready
  const key = sodium.from_base64(publicKey, sodium.base64_variants.ORIGINAL)
  return sodium.to_base64(sodium.crypto_box_seal(text, key), sodium.base64_variants.ORIGINAL)
}
