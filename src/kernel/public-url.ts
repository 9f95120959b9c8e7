import ipaddr from 'ipaddr.js'

/** Why an address was refused, for machines; `reason` says it to people. */
export type UrlRefusal =
  'empty' | 'too-long' | 'malformed' | 'scheme' | 'credentials' | 'host' | 'private' | 'port' | 'not-allowed'

/** Whether an address may be called. `reason`: a sentence for people. */
export type UrlVerdict =
  | {readonly ok: true; readonly url: URL}
  | {readonly ok: false; readonly code: UrlRefusal; readonly reason: string}

/** What is allowed besides, or instead of, any public https address. */
export interface UrlRules {
  /** `example.com` allows that host, `*.example.com` also everything below it. Empty: any public host. */
  readonly allowedDomains?: readonly string[]
  readonly allowHttp?: boolean
  /** Accepts hosts and addresses of this machine and its network. The other rules hold all the same. */
  readonly allowLocal?: boolean
}

const MAX_LENGTH = 2048

/**
 * Whether an address that somebody typed may be called, or handed to something that calls it. Only plain public ones
 * pass: https, a full domain name or a public IP address, no credentials, port 443 or one from 1024 up.
 *
 * Strict where parsers are lenient, because two of them may differ about such a text: an IPv4 address must be four
 * decimal numbers, and a host must be ASCII as written — an internationalised name passes in its `xn--` form, which
 * can't be taken for another. A name is judged by itself here; where it leads is judged when it is dialled
 * (`isPublicAddress` on every DNS answer, see platform/safe-http.ts).
 */
export function checkPublicUrl(text: string, rules: UrlRules = {}): UrlVerdict {
  if (typeof text !== 'string' || text.trim() === '')
    return refuse('empty', 'An address is needed, such as https://api.example.com.')
  if (text.length > MAX_LENGTH)
    return refuse('too-long', `The address is longer than ${MAX_LENGTH} characters.`)
  if (DECEPTIVE.test(text))
    return refuse('malformed', 'The address contains spaces, control characters or backslashes.')
  const [, scheme, authority] = SHAPE.exec(text) ?? []
  if (scheme === undefined || authority === undefined) return refuse('scheme', schemeReason(rules))
  if (scheme.toLowerCase() !== 'https' && !(rules.allowHttp === true && scheme.toLowerCase() === 'http')) {
    return refuse('scheme', schemeReason(rules))
  }
  if (authority.includes('@')) return refuse('credentials', 'The address contains a user name or password.')
  if (!URL.canParse(text)) return refuse('malformed', 'This is not a valid address.')
  const url = new URL(text)
  return (
    hostRefusal(authority, url, rules) ??
    portRefusal(url, rules) ??
    allowlistRefusal(url, rules) ?? {ok: true, url}
  )
}

/**
 * Whether an IP address, as DNS answers it, belongs to the public internet. Everything special is not: private,
 * loopback, link-local and metadata, shared (CGNAT), multicast, documentation, and IPv6 forms that carry an IPv4
 * address. Of those only NAT64 passes, when the address inside is public: networks without IPv4 reach it that way.
 */
export function isPublicAddress(ip: string): boolean {
  if (ipaddr.IPv4.isValidFourPartDecimal(ip)) return ipaddr.IPv4.parse(ip).range() === 'unicast'
  if (!ip.includes(':') || !ipaddr.IPv6.isValid(ip)) return false
  const address = ipaddr.IPv6.parse(ip)
  if (address.match(NAT64)) return isPublicAddress(address.toByteArray().slice(12).join('.'))
  // ISATAP hides an IPv4 address behind an ordinary prefix.
  const isatap = address.parts[5] === 0x5efe && ((address.parts[4] ?? 0) & 0xfdff) === 0
  return address.range() === 'unicast' && address.match(GLOBAL_UNICAST) && !isatap
}

const NAT64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96')
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3')

/** Whitespace, controls, backslashes, and characters without a width or that turn the direction of writing. */
const DECEPTIVE = /[\s\\\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u
const SHAPE = /^([a-z][a-z\d+.-]*):\/\/([^/?#]+)/i

/** Top-level names that never lead to the public internet. */
const LOCAL_SUFFIXES = [
  'localhost',
  'local',
  'localdomain',
  'internal',
  'intranet',
  'private',
  'corp',
  'home',
  'lan',
  'home.arpa',
  'invalid',
  'onion',
]
/** Public names that lead to cloud metadata, or exist to lead wherever their first labels say. */
const LEADING_INSIDE = [
  'metadata.goog',
  'metadata.tencentyun.com',
  'nip.io',
  'sslip.io',
  'xip.io',
  'localtest.me',
  'lvh.me',
  'vcap.me',
  'lacolhost.com',
]

function hostRefusal(authority: string, url: URL, rules: UrlRules): UrlVerdict | undefined {
  const written = authority.replace(/:\d*$/, '').toLowerCase()
  const host = url.hostname
  if (host.startsWith('[')) {
    return rules.allowLocal === true || isPublicAddress(host.slice(1, -1)) ? undefined : inside()
  }
  if (written !== host) {
    return refuse(
      'host',
      'The host is written in an unusual way. Use a plain domain name, or four decimal numbers.',
    )
  }
  if (ipaddr.IPv4.isValidFourPartDecimal(host)) {
    return rules.allowLocal === true || isPublicAddress(host) ? undefined : inside()
  }
  if (!isDomainName(host)) return refuse('host', 'The host is not a valid domain name.')
  if (rules.allowLocal === true) return undefined
  if (!host.includes('.')) return inside()
  return [...LOCAL_SUFFIXES, ...LEADING_INSIDE].some(name => isWithin(host, name)) ? inside() : undefined
}

function isDomainName(host: string): boolean {
  return (
    host.length <= 253 && host.split('.').every(label => /^[a-z\d_]([a-z\d_-]{0,61}[a-z\d_])?$/.test(label))
  )
}

function portRefusal(url: URL, rules: UrlRules): UrlVerdict | undefined {
  // Ports below 1024 belong to other protocols (mail, shells): nothing a web address needs.
  if (url.port === '' || rules.allowLocal === true || Number(url.port) >= 1024) return undefined
  return refuse('port', `Port ${url.port} is not allowed. Use 443 or one from 1024 up.`)
}

function allowlistRefusal(url: URL, rules: UrlRules): UrlVerdict | undefined {
  const allowed = rules.allowedDomains ?? []
  const matches = (rule: string): boolean =>
    rule.startsWith('*.')
      ? isWithin(url.hostname, rule.slice(2).toLowerCase())
      : url.hostname === rule.toLowerCase()
  if (allowed.length === 0 || allowed.some(matches)) return undefined
  return refuse('not-allowed', `The host is not one of the allowed domains: ${allowed.join(', ')}.`)
}

function isWithin(host: string, domain: string): boolean {
  return host === domain || host.endsWith(`.${domain}`)
}

function inside(): UrlVerdict {
  return refuse(
    'private',
    'The address leads to a private or local network. Only public addresses are allowed.',
  )
}

function schemeReason(rules: UrlRules): string {
  return `Only ${rules.allowHttp === true ? 'https:// and http://' : 'https://'} addresses are allowed.`
}

function refuse(code: UrlRefusal, reason: string): UrlVerdict {
  return {ok: false, code, reason}
}
