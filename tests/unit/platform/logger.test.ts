import {Buffer} from 'node:buffer'
import fc from 'fast-check'
import {expect, test} from 'vitest'
import {correlation} from '../../../src/kernel/correlation.ts'
import {createLogger, silentLogger, type Logger, type LogLevel} from '../../../src/platform/logger.ts'
import {createRedactor} from '../../../src/platform/redact.ts'

function capture(options: {readonly level?: LogLevel; readonly secrets?: readonly string[]} = {}) {
  const lines: string[] = []
  const log = createLogger({
    level: options.level ?? 'debug',
    redactor: createRedactor(options.secrets ?? []),
    destination: {write: line => void lines.push(line)},
  })
  return {log, lines, last: () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown>}
}

test('a line is one JSON object with time, level, message and fields', () => {
  const {log, lines, last} = capture()
  log.info({step: 'build', count: 2}, 'step finished')
  expect(lines).toEqual([expect.stringMatching(/^\{.*\}\n$/)])
  expect(last()).toEqual({
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
    level: 'info',
    step: 'build',
    count: 2,
    msg: 'step finished',
  })
})

test('levels below the chosen one are not written', () => {
  const {log, lines} = capture({level: 'warn'})
  log.debug({}, 'a')
  log.info({}, 'b')
  log.warn({}, 'c')
  log.error({}, 'd')
  expect(lines.map(line => (JSON.parse(line) as {msg: string}).msg)).toEqual(['c', 'd'])
})

test('the correlation id is on every line inside it, after awaits too, and on none outside', async () => {
  const {log, last} = capture()
  await correlation.run('id-1', async () => {
    await Promise.resolve()
    log.info({}, 'inside')
  })
  expect(last()).toMatchObject({correlation_id: 'id-1'})
  log.info({}, 'outside')
  expect(last()).not.toHaveProperty('correlation_id')
  log.info({correlationId: 'id-2'}, 'by hand')
  expect(last()).toMatchObject({correlation_id: 'id-2'})
})

test('a child carries its fields, its own child more of them, and a line may say otherwise', () => {
  const {log, last} = capture()
  const child = log.child({run: 'r1'}).child({step: 's1'})
  child.info({step: 's2'}, 'x')
  expect(last()).toMatchObject({run: 'r1', step: 's2'})
  child.info({}, 'x')
  expect(last()).toMatchObject({run: 'r1', step: 's1'})
})

test('a field can not pretend to be the line’s own time, level or message', () => {
  const {log, lines, last} = capture()
  log.info({time: 1, level: 'x', msg: 'y'}, 'real')
  expect(last()).toMatchObject({level: 'info', msg: 'real', field_time: 1, field_level: 'x', field_msg: 'y'})
  expect(lines[0]?.match(/"level":/g)).toHaveLength(1)
})

test('a message with line breaks stays one line', () => {
  const {log, lines} = capture()
  log.info({}, 'a\n{"level":"error"}\u2028b')
  expect(lines).toHaveLength(1)
  expect(lines[0]?.indexOf('\n')).toBe((lines[0]?.length ?? 0) - 1)
})

/** Puts a secret somewhere into what is logged. */
const PLACES: readonly ((log: Logger, secret: string) => void)[] = [
  (log, s) => log.info({}, `said ${s} aloud`),
  (log, s) => log.info({text: `x ${s} y`}, 'm'),
  (log, s) => log.info({a: {b: [{c: s}]}}, 'm'),
  (log, s) => log.info({[s]: 1}, 'm'),
  (log, s) => log.info({token: s}, 'm'),
  (log, s) => log.error({err: new Error(`failed with ${s}`)}, 'm'),
  (log, s) => log.error({err: new Error('x', {cause: new Error('y', {cause: s})})}, 'm'),
  (log, s) => log.error({err: Object.assign(new Error('x'), {requestBody: s, code: s, details: {s}})}, 'm'),
  (log, s) => log.error({err: new AggregateError([new Error(s)], s)}, 'm'),
  (log, s) =>
    log.info(
      {
        map: new Map([['k', s]]),
        set: new Set([s]),
        bytes: Buffer.from(s),
        url: new URL(`https://example.com/?q=${encodeURIComponent(s)}`),
      },
      'm',
    ),
  (log, s) => log.child({bound: s}).info({}, 'm'),
  (log, s) =>
    log
      .child({deep: {bound: s}})
      .child({})
      .warn({}, s),
  (log, s) => correlation.run(s, () => log.info({}, 'm')),
  (log, s) => log.info({correlationId: s}, 'm'),
  (log, s) => log.info({json: JSON.stringify({inner: JSON.stringify({s})})}, 'm'),
]

test('no secret appears in any position, whether known by its shape or by configuration', () => {
  const alphabet = fc.constantFrom(...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789')
  const tail = fc.string({unit: alphabet, minLength: 36, maxLength: 40})
  const shaped = fc
    .tuple(fc.constantFrom('ghp_', 'ghs_', 'github_pat_', 'lin_api_', 'lin_wh_', 'xoxb-'), tail)
    .map(([prefix, text]) => prefix + text)
  const configured = fc
    .string({unit: fc.constantFrom(...'abcXYZ019 /+=&?:@$()[]{}"\\\'é'), minLength: 12, maxLength: 30})
    .filter(text => /[a-zA-Z0-9]{4}/.test(text))
  fc.assert(
    fc.property(shaped, configured, fc.constantFrom(...PLACES), (known, secret, put) => {
      for (const [text, secrets] of [
        [known, []],
        [secret, [secret]],
      ] as const) {
        const {log, lines} = capture({secrets})
        put(log, text)
        const line = lines.join('')
        const forms = [text, encodeURIComponent(text), JSON.stringify(text).slice(1, -1)]
        if (lines.length !== 1 || forms.some(form => line.includes(form))) return false
      }
      return true
    }),
    {numRuns: 1000},
  )
})

test('a hostile value never makes logging throw', () => {
  const {log, lines} = capture()
  const hostile = new Proxy(
    {},
    {
      get: () => {
        throw new Error('no')
      },
      ownKeys: () => {
        throw new Error('no')
      },
    },
  )
  log.info({hostile}, 'm')
  log.info(hostile, 'm')
  expect(lines).toHaveLength(2)
})

test('the silent logger says nothing and has silent children', () => {
  expect(silentLogger.child({}).child({})).toBe(silentLogger)
})
