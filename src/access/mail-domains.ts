/**
 * The domains that the operator's configuration names in an address: codes and requests go nowhere else, so that a
 * decision can't be made from a mailbox of anywhere.
 */
export function mailDomains(addresses: readonly (string | undefined)[]): ReadonlySet<string> {
  return new Set(
    addresses.flatMap(address => {
      const [, domain] = /@([^\s@<>]+?)>?\s*$/.exec(address ?? '') ?? []
      return domain === undefined ? [] : [domain.toLowerCase()]
    }),
  )
}
