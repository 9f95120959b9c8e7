import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {checkPublicUrl, isPublicAddress, type UrlRules} from '../../../src/kernel/public-url.ts'

function codeOf(text: string, rules?: UrlRules): string {
  const verdict = checkPublicUrl(text, rules)
  return verdict.ok ? 'ok' : verdict.code
}

test.each([
  'https://example.com',
  'https://EXAMPLE.com/path?q=1#part',
  'https://api.example.com:3000/',
  'https://example.com:443',
  'https://xn--mller-kva.de',
  'https://1.1.1.1',
  'https://[2606:4700::1111]:8443/',
  'https://example.com/@someone',
])('%s is public', text => {
  expect(codeOf(text)).toBe('ok')
})

test.each([
  ['', 'empty'],
  ['   ', 'empty'],
  [`https://example.com/${'a'.repeat(2048)}`, 'too-long'],
  ['http://example.com', 'scheme'],
  ['ftp://example.com', 'scheme'],
  ['file:///etc/passwd', 'scheme'],
  ['javascript:alert(1)', 'scheme'],
  ['example.com', 'scheme'],
  ['https:example.com', 'scheme'],
  ['https:///example.com', 'scheme'],
  ['https:\\\\example.com', 'malformed'],
  ['https://example.com\\@127.0.0.1', 'malformed'],
  [' https://example.com', 'malformed'],
  ['https://exam\tple.com', 'malformed'],
  ['https://example.com/\u0000', 'malformed'],
  ['https://example.com/\u202ecod.exe', 'malformed'],
  ['https://exa\u00admple.com', 'malformed'],
  ['https://user@example.com', 'credentials'],
  ['https://user:pass@example.com', 'credentials'],
  ['https://@example.com', 'credentials'],
  ['https://example.com@127.0.0.1', 'credentials'],
  ['https://ex%61mple.com', 'host'],
  ['https://münchen.de', 'host'],
  ['https://раура1.com', 'host'],
  ['https://１２７.0.0.1', 'host'],
  ['https://①②⑦.0.0.1', 'host'],
  ['https://localhost.', 'host'],
  ['https://example.com.', 'host'],
  ['https://a..example.com', 'host'],
  ['https://-a.example.com', 'host'],
  ['https://999.1.1.1', 'malformed'],
  ['https://1.2.3.4.5', 'malformed'],
  ['https://localhost', 'private'],
  ['https://LOCALHOST:8443', 'private'],
  ['https://api.localhost', 'private'],
  ['https://intranet', 'private'],
  ['https://printer.local', 'private'],
  ['https://metadata.google.internal/computeMetadata/v1/', 'private'],
  ['https://metadata.goog', 'private'],
  ['https://10.0.0.1.nip.io', 'private'],
  ['https://169.254.169.254/latest/meta-data/', 'private'],
  ['https://100.100.100.200', 'private'],
  ['https://0.0.0.0', 'private'],
  ['https://255.255.255.255', 'private'],
  ['https://192.0.2.1', 'private'],
  ['https://[::]', 'private'],
  ['https://[::1]', 'private'],
  ['https://[fd00:ec2::254]', 'private'],
  ['https://[fe80::1]', 'private'],
  ['https://[ff02::1]', 'private'],
  ['https://[2001:db8::1]', 'private'],
  ['https://[::ffff:8.8.8.8]', 'private'],
  ['https://[fe80::1%25eth0]', 'malformed'],
  ['https://example.com:22', 'port'],
  ['https://example.com:0', 'port'],
  ['https://example.com:99999', 'malformed'],
])('%s is refused as %s', (text, code) => {
  expect(codeOf(text)).toBe(code)
})

test('something that is not a text is refused, not thrown at', () => {
  for (const value of [undefined, null, 7, {}, ['https://example.com']])
    expect(codeOf(value as string)).toBe('empty')
})

test('no text at all makes it throw, and what passes is a plain https address without credentials', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.webUrl(),
        fc.string(),
        fc.string({unit: 'binary'}).map(text => `https://${text}`),
      ),
      text => {
        const verdict = checkPublicUrl(text)
        if (!verdict.ok) return verdict.reason.endsWith('.')
        return verdict.url.protocol === 'https:' && verdict.url.username === '' && verdict.url.password === ''
      },
    ),
    {numRuns: 2000},
  )
})

describe('allowed domains', () => {
  const allowedDomains = ['example.com', '*.example.org']

  test.each([
    ['https://example.com', 'ok'],
    ['https://sub.example.com', 'not-allowed'],
    ['https://example.org', 'ok'],
    ['https://deep.sub.example.org', 'ok'],
    ['https://notexample.org', 'not-allowed'],
    ['https://example.org.evil.com', 'not-allowed'],
  ])('%s is %s', (text, code) => {
    expect(codeOf(text, {allowedDomains})).toBe(code)
  })

  test('a refusal lists them', () => {
    expect(checkPublicUrl('https://evil.com', {allowedDomains})).toMatchObject({
      reason: expect.stringContaining('example.com, *.example.org') as string,
    })
  })

  test('they hold for local addresses too', () => {
    expect(codeOf('https://localhost', {allowedDomains, allowLocal: true})).toBe('not-allowed')
  })
})

describe('with local addresses allowed', () => {
  test.each([
    'https://localhost:3000',
    'https://127.0.0.1',
    'https://[::1]:8080',
    'https://api.internal',
    'https://web:81',
  ])('%s passes', text => expect(codeOf(text, {allowLocal: true})).toBe('ok'))

  test('credentials and plain http are refused all the same', () => {
    expect(codeOf('https://a:b@localhost', {allowLocal: true})).toBe('credentials')
    expect(codeOf('http://localhost', {allowLocal: true})).toBe('scheme')
    expect(codeOf('http://localhost', {allowLocal: true, allowHttp: true})).toBe('ok')
  })
})

/** Addresses from every special IPv4 block. */
const specialIpv4 = fc
  .constantFrom(
    ...([
      [0, 0, 8],
      [10, 0, 8],
      [100, 64, 10],
      [127, 0, 8],
      [169, 254, 16],
      [172, 16, 12],
      [192, 168, 16],
      [198, 18, 15],
      [224, 0, 4],
      [240, 0, 4],
    ] as const),
  )
  .chain(([a, b, bits]) => fc.nat(2 ** (32 - bits) - 1).map(rest => (a * 2 ** 24 + b * 2 ** 16 + rest) >>> 0))

const octets = (ip: number): number[] => [ip >>> 24, (ip >>> 16) & 255, (ip >>> 8) & 255, ip & 255]
const dotted = (ip: number): string => octets(ip).join('.')

/** The ways of writing a number that URL parsers know. */
const written = (value: number): fc.Arbitrary<string> =>
  fc.constantFrom(
    String(value),
    `0x${value.toString(16)}`,
    `0X${value.toString(16).toUpperCase()}`,
    `0${value.toString(8)}`,
    `0x000${value.toString(16)}`,
    `000${value.toString(8)}`,
  )

/** Every split of the address: one number, two, three (the last one takes the rest) or four, each written any way. */
const anyWriting = specialIpv4.chain(ip => {
  const [a = 0, b = 0, c = 0, d = 0] = octets(ip)
  const splits = [[ip], [a, (b << 16) | (c << 8) | d], [a, b, (c << 8) | d], [a, b, c, d]]
  return fc
    .constantFrom(...splits)
    .chain(parts => fc.tuple(fc.tuple(...parts.map(written)), fc.constantFrom('', '.')))
    .map(([parts, dot]) => parts.join('.') + dot)
})

test('a special IPv4 address is refused however it is written', () => {
  fc.assert(
    fc.property(
      anyWriting,
      fc.constantFrom('', ':443', ':8443'),
      (host, port) => codeOf(`https://${host}${port}/x`) !== 'ok',
    ),
    {numRuns: 5000},
  )
})

test('no IPv6 form that carries a special IPv4 address is public', () => {
  const prefixes = [
    '::',
    '::ffff:',
    '::ffff:0:',
    '64:ff9b::',
    '64:ff9b:1::',
    'fe80::5efe:',
    '2001:db8::',
    'fd00::',
  ]
  fc.assert(
    fc.property(specialIpv4, fc.constantFrom(...prefixes), fc.boolean(), (ip, prefix, asHex) => {
      const hex = `${(ip >>> 16).toString(16)}:${(ip & 0xffff).toString(16)}`
      const address = prefix + (asHex ? hex : dotted(ip))
      return !isPublicAddress(address) && codeOf(`https://[${address}]/`) !== 'ok'
    }),
    {numRuns: 2000},
  )
  fc.assert(
    fc.property(specialIpv4, ip => {
      const hex = `${(ip >>> 16).toString(16)}:${(ip & 0xffff).toString(16)}`
      const inverted = `${((ip >>> 16) ^ 0xffff).toString(16)}:${((ip & 0xffff) ^ 0xffff).toString(16)}`
      return [
        `2002:${hex}::1`,
        `2001::${inverted}`,
        `2606:4700::5efe:${hex}`,
        `2606:4700::200:5efe:${hex}`,
      ].every(address => !isPublicAddress(address))
    }),
  )
})

test.each([
  ['1.1.1.1', true],
  ['8.8.8.8', true],
  ['2606:4700:4700::1111', true],
  ['64:ff9b::8.8.8.8', true],
  ['::ffff:8.8.8.8', false],
  ['2002:808:808::1', false],
  ['172.15.255.255', true],
  ['172.16.0.0', false],
  ['172.32.0.0', true],
  ['100.63.255.255', true],
  ['100.64.0.0', false],
  ['192.88.99.1', false],
  ['0x08.8.8.8', false],
  ['8.8', false],
  ['fe80::1%eth0', false],
  ['4000::1', false],
  ['', false],
  ['example.com', false],
])('as an answer of DNS, %s is public: %s', (ip, isPublic) => {
  expect(isPublicAddress(ip)).toBe(isPublic)
})
