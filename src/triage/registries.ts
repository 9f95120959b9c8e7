import type {Clock} from '../kernel/clock.ts'
import type {SafeHttp} from '../platform/safe-http.ts'
import type {PackageName} from './fixes.ts'

const FRESH_MS = 3_600_000
const MOST_KEPT = 500

/** Where packages are looked for. A registry without an address is never asked. */
export interface RegistryAddresses {
  readonly npm?: string
  readonly pypi?: string
}

/**
 * Whether a registry has a package; undefined where it is not configured, or does not say. Only its answer is looked at,
 * never what the package holds, and it is believed for an hour.
 */
export type AskRegistry = (wanted: PackageName, signal: AbortSignal) => Promise<boolean | undefined>

export function createRegistries({
  addresses,
  http,
  clock,
}: {
  readonly addresses: RegistryAddresses
  readonly http: Pick<SafeHttp, 'request'>
  readonly clock: Clock
}): AskRegistry {
  const known = new Map<string, {readonly at: number; readonly has: boolean}>()
  return async ({registry, name}, signal) => {
    const address = addresses[registry]
    if (address === undefined) return undefined
    const url = `${address}/${pathOf({registry, name})}`
    const before = known.get(url)
    if (before && clock() - before.at < FRESH_MS) return before.has
    const {ok, status} = await http.request(url, {method: 'HEAD', signal})
    if (!ok && status !== 404) return undefined
    if (known.size >= MOST_KEPT) known.clear()
    known.set(url, {at: clock(), has: ok})
    return ok
  }
}

/** As each registry names it: npm with the slash of a scope encoded, PyPI in its normal form and with a slash behind. */
function pathOf({registry, name}: PackageName): string {
  return registry === 'npm'
    ? name.split('/').map(encodeURIComponent).join('%2F').replace(/^%40/, '@')
    : `${name.toLowerCase().replace(/[-_.]+/g, '-')}/`
}
