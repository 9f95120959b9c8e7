/** What survives a trip through a jsonb column or a queue payload unchanged. */
export type Json =
  string | number | boolean | null | readonly Json[] | {readonly [key: string]: Json | undefined}

/** The same value for the same content whatever the order of keys: equal options have equal digests. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
