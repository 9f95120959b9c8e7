import {strToU8, zipSync} from 'fflate'
import {describe, expect, test} from 'vitest'
import {fencedJson, parseReport, verdictOf, type DiagnosisReport} from '../../../src/verification/report.ts'
import {onlyJson} from '../../../src/verification/unzip.ts'
import {cpuMs} from '../../support/cost.ts'

const ID = '9f3c21aa-5b1e-4d7a-9c55-0d6a1f4b7e21'
const GOOD = {
  oidc: {ok: true, details: 'arn:aws:sts::1:assumed-role/deployer'},
  s3_read: {ok: true},
  cloudfront: {ok: true},
  api_health: {ok: true, status: 200, ms: 41},
  api_hello: {ok: true, status: 200, ms: 39},
}

function reportOf(checks: object): DiagnosisReport {
  const parsed = parseReport(JSON.stringify({checks}), ID)
  if (parsed.kind !== 'report') throw new Error(parsed.why)
  return parsed.report
}

describe('what the checks come to', () => {
  const bad = {ok: false, status: 503, ms: 12}
  const unset = {ok: false, details: 'not configured'}
  test.each([
    ['all is well', {}, 'ok'],
    ['sign-in fails', {oidc: {ok: false}}, 'failed'],
    ['the bucket can’t be read', {s3_read: {ok: false}}, 'failed'],
    ['the CDN can’t be read', {cloudfront: {ok: false}}, 'failed'],
    ['both API endpoints are down', {api_health: bad, api_hello: bad}, 'failed'],
    ['one API endpoint is down', {api_hello: bad}, 'partial'],
    ['the API is not configured', {api_health: unset, api_hello: unset}, 'partial'],
    ['a check is left out', {cloudfront: null}, 'partial'],
    ['a check does not say', {cloudfront: {ok: null}}, 'partial'],
  ] as const)('%s', (_what, change, verdict) => {
    expect(verdictOf(reportOf({...GOOD, ...change}))).toBe(verdict)
  })

  test('a success that the report claims for itself counts for nothing', () => {
    const json = JSON.stringify({conclusion: 'success', checks: {...GOOD, oidc: {ok: false}}})
    const parsed = parseReport(json, ID)
    expect(parsed.kind === 'report' && verdictOf(parsed.report)).toBe('failed')
  })
})

describe('reading a report', () => {
  test('takes what it understands and leaves the rest', () => {
    const json = {
      correlation_id: ID,
      requester: 'ada',
      checks: {...GOOD, api_hello: {ok: true, status: '200', ms: 'fast', details: 7}, more: {ok: false}},
      durations: {total_s: 42.5},
    }
    const parsed = parseReport(JSON.stringify(json), ID)
    expect(parsed).toMatchObject({kind: 'report', report: {totalSeconds: 42.5}})
    expect(parsed.kind === 'report' && parsed.report.checks.at(-1)).toEqual({name: 'api_hello', state: 'ok'})
  })

  test.each([
    ['{', 'it is not JSON'],
    ['[]', 'it does not have the shape of a diagnosis'],
    ['{"checks": {"oidc": {"ok": "yes"}}}', 'it does not have the shape of a diagnosis'],
    [JSON.stringify({correlation_id: 'another', checks: GOOD}), 'it is about another request'],
  ])('%s is none: %s', (json, why) => {
    expect(parseReport(json, ID)).toEqual({kind: 'unreadable', why})
  })
})

describe('a fenced block in a log', () => {
  const stamp = '2026-01-01T10:00:00.1234567Z '
  test('is found between the stamps of the runner', () => {
    const log = ['\ufeff' + stamp + 'hello', '```json', '{"a":', ' 1}', '```', 'bye']
      .map((line, i) => (i === 0 ? line : stamp + line))
      .join('\n')
    expect(JSON.parse(fencedJson(log) ?? '')).toEqual({a: 1})
  })

  test.each([
    ['no fence', 'nothing here'],
    ['an open fence', '```json\n{"a": 1}'],
    ['broken JSON', '```json\n{"a": \n```'],
    ['no object', '```json\n[1]\n```'],
    ['another language', '```yaml\na: 1\n```'],
  ])('%s is none', (_what, log) => {
    expect(fencedJson(log)).toBeNull()
  })
})

describe('an artifact’s zip', () => {
  const MOST = 64 * 1024
  const zip = (files: Record<string, string>) =>
    zipSync(Object.fromEntries(Object.entries(files).map(([name, text]) => [name, strToU8(text)])))

  test.each([
    ['alone', {'summary.json': '{"a":1}'}],
    ['beside other files', {'summary.md': '# x', 'out/summary.json': '{"a":1}', 'z.log': 'y'.repeat(9000)}],
  ])('gives its one JSON file, %s', (_what, files) => {
    expect(onlyJson(zip(files), MOST)).toEqual({kind: 'text', text: '{"a":1}'})
  })

  test('is stopped as soon as more comes out of it than may, whatever it claims', () => {
    const bomb = zipSync({'summary.json': new Uint8Array(12_000_000)}, {level: 1})
    expect(bomb.length).toBeLessThan(MOST)
    // Says of itself, in both headers, that it holds a hundred bytes.
    const lying = Buffer.from(bomb)
    lying.writeUInt32LE(100, 22)
    lying.writeUInt32LE(100, lying.indexOf(Buffer.from([0x50, 0x4b, 1, 2])) + 24)
    const cost = cpuMs(() => {
      for (const each of [bomb, lying])
        expect(onlyJson(each, MOST)).toEqual({kind: 'unreadable', why: `it holds more than ${MOST} bytes`})
    })
    expect(cost).toBeLessThan(1000)
  })

  test.each([
    ['no JSON file', zip({'a.md': 'x'}), 'it holds no JSON file'],
    ['two of them', zip({'a.json': '{}', 'b.json': '{}'}), 'it holds 2 JSON files instead of one'],
    ['no zip', strToU8('hello'), 'it holds no JSON file'],
    [
      'half a zip',
      zip({'a.json': Math.PI.toString().repeat(50)}).slice(0, 50),
      'it is not a zip that we can open',
    ],
    ['nothing', new Uint8Array(), 'it holds no JSON file'],
  ])('%s: %s', (_what, bytes, why) => {
    expect(onlyJson(bytes, MOST)).toEqual({kind: 'unreadable', why})
  })
})
