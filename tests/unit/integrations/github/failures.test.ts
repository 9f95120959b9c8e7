import {describe, expect, test} from 'vitest'
import {classify} from '../../../../src/integrations/github/failures.ts'

const NOW = Date.UTC(2025, 0, 15, 12)
const SECONDS = NOW / 1000

const answered = (status: number, headers: Record<string, string | number> = {}, message?: string) =>
  Object.assign(new Error('from octokit'), {
    status,
    response: {headers, data: message === undefined ? {} : {message}},
  })

const networkError = (cause: Error) =>
  Object.assign(new Error('from octokit', {cause: new TypeError('fetch failed', {cause})}), {status: 500})
const systemError = (code: string, syscall?: string) =>
  Object.assign(new Error(code), {code, ...(syscall === undefined ? {} : {syscall})})

describe('an answer means', () => {
  test.each([
    ['nothing new', answered(304), {kind: 'not-modified'}],
    ['it is not there', answered(404), {kind: 'missing'}],
    ['it is gone', answered(410), {kind: 'missing'}],
    ['it contradicts', answered(409), {kind: 'conflict'}],
    [
      'a server error that may have had its effect',
      answered(502),
      {kind: 'failed', reason: 'GitHub answered 502'},
    ],
    [
      'a server error even with a time to retry',
      answered(503, {'retry-after': '30'}),
      {kind: 'failed', reason: 'GitHub answered 503'},
    ],
    [
      'our token is no good',
      answered(401, {}, 'Bad credentials'),
      {kind: 'refused', reason: 'GitHub does not accept our token. An operator must renew it.'},
    ],
    [
      'our token may not',
      answered(403, {'x-ratelimit-remaining': '4999'}, 'Resource not accessible by integration'),
      {kind: 'refused', reason: 'Our GitHub token may not do this. An operator must grant it.'},
    ],
    [
      'our token may not, and what it lacks',
      answered(403, {'x-accepted-github-permissions': 'actions=write'}),
      {
        kind: 'refused',
        reason: 'Our GitHub token may not do this (needs actions=write). An operator must grant it.',
      },
    ],
    [
      'understood and declined',
      answered(422, {}, 'No ref found for: nope'),
      {kind: 'refused', reason: 'GitHub says: No ref found for: nope'},
    ],
    ['declined without a word', answered(422), {kind: 'refused', reason: 'GitHub answered 422.'}],
  ])('%s', (_name, thrown, expected) => {
    expect(classify(thrown, NOW)).toEqual(expected)
  })
})

describe('a limit says when to come back', () => {
  test.each([
    ['after the seconds it names', answered(403, {'retry-after': '40'}), NOW + 40_000],
    ['as a number too', answered(429, {'retry-after': 40}), NOW + 40_000],
    ['never at once', answered(429, {'retry-after': '0'}), NOW + 1000],
    ['never later than in an hour', answered(429, {'retry-after': '86400'}), NOW + 3_600_000],
    [
      'a second after an exhausted limit resets',
      answered(403, {'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(SECONDS + 100)}),
      NOW + 101_000,
    ],
    [
      'soon when the reset is past by our clock',
      answered(403, {'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(SECONDS - 100)}),
      NOW + 1000,
    ],
    [
      'in an hour when the reset is nonsense',
      answered(403, {'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '99999999999'}),
      NOW + 3_600_000,
    ],
    [
      'first by retry-after, then by reset',
      answered(403, {
        'retry-after': '5',
        'x-ratelimit-remaining': '0',
        'x-ratelimit-reset': String(SECONDS + 900),
      }),
      NOW + 5000,
    ],
    [
      'in a minute for a secondary limit without a time',
      answered(403, {}, 'You have exceeded a secondary rate limit'),
      NOW + 60_000,
    ],
    ['in a minute when only the status tells', answered(429), NOW + 60_000],
    [
      'in a minute when the time is a date',
      answered(429, {'retry-after': 'Wed, 15 Jan 2025 12:01:00 GMT'}),
      NOW + 60_000,
    ],
  ])('%s', (_name, thrown, until) => {
    expect(classify(thrown, NOW)).toEqual({kind: 'slow-down', until})
  })
})

describe('without an answer', () => {
  test.each([
    ['a refused connection', systemError('ECONNREFUSED', 'connect')],
    ['an unknown host', systemError('ENOTFOUND', 'getaddrinfo')],
    ['a name server that does not answer', systemError('EAI_AGAIN', 'getaddrinfo')],
    ['no route to connect by', systemError('EHOSTUNREACH', 'connect')],
    ['a connection not made in time', systemError('UND_ERR_CONNECT_TIMEOUT')],
    [
      'no address that could be connected to',
      Object.assign(
        new AggregateError([systemError('ECONNREFUSED', 'connect'), systemError('ENETUNREACH', 'connect')]),
        {code: 'ECONNREFUSED'},
      ),
    ],
  ])('%s proves that nothing was sent', (_name, cause) => {
    expect(classify(networkError(cause), NOW).kind).toBe('not-sent')
  })

  test.each([
    ['a reset connection', networkError(systemError('ECONNRESET', 'read'))],
    ['a closed socket', networkError(systemError('UND_ERR_SOCKET'))],
    ['a route lost under an open connection', networkError(systemError('EHOSTUNREACH', 'read'))],
    ['a request not answered in time', networkError(new DOMException('too slow', 'TimeoutError'))],
    ['an aborted request', new DOMException('aborted', 'AbortError')],
    ['an error of any other kind', new Error('surprise')],
    ['something that is no error', 'surprise'],
    ['nothing', undefined],
  ])('%s leaves open whether it had an effect', (_name, thrown) => {
    expect(classify(thrown, NOW).kind).toBe('failed')
  })

  test('causes in a circle are not followed for ever', () => {
    const error = new Error('round')
    error.cause = error
    expect(classify(error, NOW).kind).toBe('failed')
  })
})
