import type {HttpConfig} from '../platform/config/config.ts'

export type PublicUrl = ReturnType<typeof createPublicUrl>

/** How the outside reaches us: as configured, else where this process listens, without a slash at its end. */
export function createPublicUrl({publicUrl, host, port}: HttpConfig) {
  let derived = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  return {
    current: () => publicUrl ?? derived,
    /** The port may have been any free one. */
    listensAt(url: string) {
      derived = url
    },
  }
}
