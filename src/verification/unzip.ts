import {Unzip, UnzipInflate} from 'fflate'

/** Compressed bytes at a time: a thousand times as many may come of them before we look. */
const STEP = 1024

/**
 * The one JSON file of a zip that a stranger made, or why it can't be had. Stops as soon as more than `mostBytes` have
 * come out of it, whatever the zip says about itself.
 */
export function onlyJson(
  zip: Uint8Array,
  mostBytes: number,
): {readonly kind: 'text'; readonly text: string} | {readonly kind: 'unreadable'; readonly why: string} {
  const chunks: Uint8Array[] = []
  let size = 0
  let files = 0
  let complete = false
  let broken: Error | undefined
  const unzip = new Unzip(file => {
    if (!/\.json$/i.test(file.name)) return
    if (++files > 1) return
    file.ondata = (error, chunk, final) => {
      if (error) broken = error
      size += chunk?.length ?? 0
      if (size <= mostBytes && chunk) chunks.push(chunk)
      complete = final
    }
    file.start()
  })
  unzip.register(UnzipInflate)
  try {
    for (let at = 0; at < zip.length && size <= mostBytes && !broken; at += STEP)
      unzip.push(zip.subarray(at, at + STEP), at + STEP >= zip.length)
  } catch {
    return {kind: 'unreadable', why: 'it is not a zip that we can open'}
  }
  if (size > mostBytes) return {kind: 'unreadable', why: `it holds more than ${mostBytes} bytes`}
  if (files > 1) return {kind: 'unreadable', why: `it holds ${files} JSON files instead of one`}
  if (files === 0) return {kind: 'unreadable', why: 'it holds no JSON file'}
  if (broken || !complete) return {kind: 'unreadable', why: 'it is not a zip that we can open'}
  return {kind: 'text', text: Buffer.concat(chunks).toString('utf8')}
}
