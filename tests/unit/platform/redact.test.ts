import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {createRedactor, redactText, redactValue} from '../../../src/platform/redact.ts'
import {cpuMs} from '../../support/cost.ts'

// Assembled here, so that no scanner takes this file for a leak.
const body = 'aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1cD3fG5'
const SAMPLES = {
  'GitHub personal token': `ghp_${body}`,
  'GitHub OAuth token': `gho_${body}`,
  'GitHub user token': `ghu_${body}`,
  'GitHub server token': `ghs_${body}`,
  'GitHub server token in the long form': `ghs_12345_eyJ${body}.eyJ${body}.${body}`,
  'GitHub refresh token': `ghr_${body}`,
  'GitHub fine-grained token': `github_pat_${body}_${body}`,
  'Linear API key': `lin_api_${body}`,
  'Linear OAuth token': `lin_oauth_${body}`,
  'Linear webhook secret': `lin_wh_${body}`,
  'Discord bot token': `MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.${body}`,
  'Slack token': `xoxb-1234567890-${body}`,
  'AWS key id': `AKIA${'ABCDEFGH23456789'}`,
  JWT: `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.${body}`,
} as const

test.each(Object.entries(SAMPLES))('a %s vanishes wherever it stands', (_kind, secret) => {
  for (const text of [
    secret,
    `use ${secret}, please`,
    `"${secret}"`,
    `(${secret})`,
    `x=${secret}&y`,
    `a\n${secret}\nb`,
  ]) {
    expect(redactText(text)).not.toContain(secret)
    expect(redactText(text)).not.toContain(secret.slice(-12))
  }
})

test.each([
  ['Authorization: Bearer abc.def-ghi', 'Authorization: ***'],
  ['authorization: "Basic dXNlcjpwYXNz"', 'authorization: "***"'],
  ['sent Bearer abcdef0123', 'sent Bearer ***'],
  ['sent Basic dXNlcjpwYXNz', 'sent Basic ***'],
  ['Authorization: Bot abc', 'Authorization: ***'],
  ['postgres://app:hunter2@db.example.com:5432/app', 'postgres://***@db.example.com:5432/app'],
  ['postgres://app:p@ss/w#rd@db.example.com/app', 'postgres://***@db.example.com/app'],
  ['https://token@github.com/acme/web.git', 'https://***@github.com/acme/web.git'],
  ['redis://:hunter2@127.0.0.1:6379', 'redis://***@127.0.0.1:6379'],
  [
    'POST /api/v10/interactions/123456789012345678/aW50ZXJhY3Rpb246/callback',
    'POST /api/v10/interactions/123456789012345678/***/callback',
  ],
  [
    'https://discord.com/api/webhooks/123456789012345678/abc-DEF_1/messages/@original',
    'https://discord.com/api/webhooks/123456789012345678/***/messages/@original',
  ],
  ['https://logs.example.com/1?sv=2020&sig=a%2Bb%3D&se=1', 'https://logs.example.com/1?sv=2020&sig=***&se=1'],
  [
    'https://s3.example.com/x?X-Amz-Signature=abcd&X-Amz-Expires=60',
    'https://s3.example.com/x?X-Amz-Signature=***&X-Amz-Expires=60',
  ],
  ['https://example.com/cb?access_token=abc&page=2', 'https://example.com/cb?access_token=***&page=2'],
  ['password=hunter2, user=ada', 'password=***, user=ada'],
  ['DB_PASSWORD = hunter2', 'DB_PASSWORD = ***'],
  ['dbPassword: hunter2', 'dbPassword: ***'],
  ['url: password=hunter2', 'url: password=***'],
  ['{"password":"a\\"b","user":"ada"}', '{"password":"***","user":"ada"}'],
  ['{\\"api_key\\":\\"abc\\",\\"user\\":1}', '{\\"api_key\\":\\"***\\",\\"user\\":1}'],
  ["{clientSecret: 'it is long'}", "{clientSecret: '***'}"],
  ["secret: it's", 'secret: ***'],
  ['password="never closed and on', 'password="***"'],
  ['deploy --token abc --verbose', 'deploy --token *** --verbose'],
  ['X-Api-Key: abc', 'X-Api-Key: ***'],
])('%s becomes %s', (text, clean) => {
  expect(redactText(text)).toBe(clean)
})

test('a private key vanishes whole, also one that was cut off', () => {
  const key = `-----BEGIN RSA PRIVATE KEY-----\n${body}\n${body}\n-----END RSA PRIVATE KEY-----`
  expect(redactText(`before ${key} after`)).toBe('before *** after')
  expect(redactText(`before ${key.slice(0, 60)}`)).toBe('before ***')
  expect(redactText(JSON.stringify({pem: key}))).not.toContain(body)
})

test.each([
  'the monkey pressed a keyboard key: enter',
  'monkey=banana',
  'tokens: 1200',
  'token_count=5 max_tokens: 100',
  'Basic usage: see the docs',
  'see https://example.com:8443/path?page=2#part',
  'http://localhost:4873/@scope/package',
  'https://medium.com/@someone/post',
  'commit 4f2e9d1c0b7a6958473625140f9e8d7c6b5a4938 by @ana',
  '/api/v10/channels/123456789012345678/messages',
  'DISCORD_TOKEN is set but DISCORD_APPLICATION_ID is missing.',
  '9f3c21aa-0d3e-4a55-9d53-8f6f6a4b1c2d',
])('%s is left alone', text => {
  expect(redactText(text)).toBe(text)
})

test('no secret survives among quotes, names, separators and other secrets', () => {
  const secrets = Object.values(SAMPLES)
  const mark = fc.constantFrom(
    ' ',
    '"',
    "'",
    '&',
    '?',
    ' password=',
    ' token: ',
    '\\"',
    ':',
    '://',
    '@',
    ' Bearer ',
    '\n',
    ', ',
    '`',
    '{',
    '}',
  )
  const piece = fc.tuple(fc.constantFrom(...secrets, 'word'), fc.array(mark, {minLength: 1, maxLength: 3}))
  fc.assert(
    fc.property(fc.array(piece, {maxLength: 6}), pieces => {
      const clean = redactText(pieces.map(([text, marks]) => text + marks.join('')).join(''))
      return !secrets.some(secret => clean.includes(secret))
    }),
    {numRuns: 3000},
  )
})

test('the time it takes grows with the length, not with its square', () => {
  const pieces = [
    'a',
    'A',
    '-',
    '\\',
    ' ',
    'eyJ',
    'eyJaaaaa.',
    'password="',
    "password='\\",
    'password=',
    'password=\\"',
    'a:',
    'a=',
    '--a ',
    '?a',
    '?a=',
    '://',
    '://a:',
    'bearer ',
    'basic ',
    'MMMMMMMMMMMMMMMMMMMMMMMMM.',
    'mfa.',
    'ghp_',
    'sk-',
    '-----BEGIN PRIVATE KEY-----',
    '-----BEGIN A ',
    '/webhooks/12345/',
    'aA',
    'tokens:1',
  ]
  for (const piece of pieces) {
    const text = piece.repeat(Math.ceil(300_000 / piece.length))
    // Linear is a fraction of a second; the square of this length is minutes.
    expect(
      cpuMs(() => redactText(text)),
      piece,
    ).toBeLessThan(3_000)
  }
}, 120_000)

describe('values', () => {
  test('fields named like a secret are masked whole, others are read', () => {
    expect(
      redactValue({
        token: 'x',
        clientSecret: {value: 'x'},
        'X-Api-Key': ['x'],
        password: 12345,
        smtp: {auth: {user: 'u', pass: 'p'}},
        tokenCount: 3,
        tokens: 1200,
        pass: 12,
        monkey: 'm',
        key: 'k',
        allowSecretWrites: true,
        cookie: '',
        tokenFile: '/run/x',
      }),
    ).toEqual({
      token: '***',
      clientSecret: '***',
      'X-Api-Key': '***',
      password: '***',
      smtp: {auth: {user: 'u', pass: '***'}},
      tokenCount: 3,
      tokens: 1200,
      pass: 12,
      monkey: 'm',
      key: 'k',
      allowSecretWrites: true,
      cookie: '',
      tokenFile: '/run/x',
    })
  })

  test('a list of named values is read like fields', () => {
    expect(
      redactValue([
        {name: 'password', value: 'x'},
        {name: 'ref', value: 'main'},
      ]),
    ).toEqual([
      {name: 'password', value: '***'},
      {name: 'ref', value: 'main'},
    ])
  })

  test('an error keeps what explains it and loses what a library hung on it', () => {
    const secret = SAMPLES['GitHub personal token']
    const error = Object.assign(new TypeError(`bad ${secret}`, {cause: new Error(`inner ${secret}`)}), {
      code: 50_035,
      status: 400,
      url: 'https://x/webhooks/1/tok',
      requestBody: {json: 'anything'},
      rawError: {},
    })
    const clean = redactValue(error) as Record<string, unknown>
    expect(Object.keys(clean)).toEqual(['name', 'message', 'code', 'status', 'cause', 'stack'])
    expect(clean).toMatchObject({
      name: 'TypeError',
      message: 'bad ***',
      code: 50_035,
      cause: {message: 'inner ***'},
    })
    expect(JSON.stringify(clean)).not.toContain(secret)
  })

  test('cycles, depth, size, bytes, big numbers and hostile objects all have an answer', () => {
    const cycle: Record<string, unknown> = {name: 'a'}
    cycle['self'] = cycle
    let deep: unknown = 'bottom'
    for (let i = 0; i < 50; i++) deep = {deep}
    const hostile = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('no')
        },
      },
    )
    expect(redactValue(cycle)).toEqual({name: 'a', self: '[circular]'})
    expect(JSON.stringify(redactValue(deep))).toContain('[…]')
    expect(redactValue(Array.from({length: 1000}, () => 1))).toHaveLength(201)
    expect(
      redactValue({
        bytes: Buffer.from('secret'),
        big: 10n,
        map: new Map([['token', 'x']]),
        set: new Set(['a']),
        hostile,
      }),
    ).toEqual({
      bytes: '[6 bytes]',
      big: '10',
      map: {token: '***'},
      set: ['a'],
      hostile: '[unreadable]',
    })
    expect((redactValue('x'.repeat(2_000_000)) as string).length).toBeLessThan(40_000)
  })

  test('the same object twice is no cycle, and the original stays as it was', () => {
    const shared = {token: 'x'}
    expect(redactValue([shared, shared])).toEqual([{token: '***'}, {token: '***'}])
    expect(shared.token).toBe('x')
  })

  test('anything can be redacted and then written as JSON', () => {
    fc.assert(
      fc.property(
        fc.anything({
          withBigInt: true,
          withMap: true,
          withSet: true,
          withDate: true,
          withTypedArray: true,
          withNullPrototype: true,
        }),
        value => {
          JSON.stringify(redactValue(value))
        },
      ),
    )
  })
})

describe('configured secrets', () => {
  const redactor = createRedactor(['correct horse', 'short', 'a/b+c?d', '$(x)[y]'])

  test('vanish wherever they stand, as written or escaped', () => {
    expect(redactor.text('it is correct horse!')).toBe('it is ***!')
    expect(redactor.text(encodeURIComponent('a/b+c?d'))).toBe('***')
    expect(redactor.text('x $(x)[y] x')).toBe('x *** x')
    expect(redactor.value({'correct horse': ['correct horse']})).toEqual({'***': ['***']})
  })

  test('shorter than 6 characters are ignored, or words would vanish', () => {
    expect(redactor.text('a short text')).toBe('a short text')
    expect(createRedactor(['', 'a']).text('banana')).toBe('banana')
  })
})
