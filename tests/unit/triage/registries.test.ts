import {expect, test} from 'vitest'
import type {SafeResponse} from '../../../src/platform/safe-http.ts'
import type {PackageName} from '../../../src/triage/fixes.ts'
import {createRegistries} from '../../../src/triage/registries.ts'

const signal = new AbortController().signal
const npm = (name: string): PackageName => ({registry: 'npm', name})

function registries(answer: Partial<SafeResponse>) {
  const asked: string[] = []
  const now = {at: 0}
  const ask = createRegistries({
    addresses: {npm: 'https://npm.example', pypi: 'https://pypi.example/simple'},
    http: {
      request(url, {method} = {}) {
        asked.push(`${method} ${url}`)
        return Promise.resolve({url, finalUrl: url, ok: false, ms: 1, headers: {}, body: '', ...answer})
      },
    },
    clock: () => now.at,
  })
  return {ask, asked, now}
}

test.each<[Partial<SafeResponse>, boolean | undefined]>([
  [{ok: true, status: 200}, true],
  [{status: 404}, false],
  [{status: 401}, undefined],
  [{status: 302}, undefined],
  [{status: 429}, undefined],
  [{status: 500}, undefined],
  [{failure: 'timeout', error: 'no answer within 5 s'}, undefined],
])('%j says %s', async (answer, has) => {
  expect(await registries(answer).ask(npm('left-pad'), signal)).toBe(has)
})

test.each<[PackageName, string]>([
  [npm('left-pad'), 'https://npm.example/left-pad'],
  [npm('@acme/ui'), 'https://npm.example/@acme%2Fui'],
  [{registry: 'pypi', name: 'Python_Dotenv'}, 'https://pypi.example/simple/python-dotenv/'],
])('%j is looked for by its name alone, without its content', async (wanted, url) => {
  const {ask, asked} = registries({ok: true, status: 200})
  await ask(wanted, signal)
  expect(asked).toEqual([`HEAD ${url}`])
})

test('an answer is believed for an hour; what nobody knows is asked again', async () => {
  const sure = registries({status: 404})
  await sure.ask(npm('x'), signal)
  sure.now.at = 3_599_999
  expect(await sure.ask(npm('x'), signal)).toBe(false)
  expect(sure.asked).toHaveLength(1)
  sure.now.at = 3_600_000
  await sure.ask(npm('x'), signal)
  expect(sure.asked).toHaveLength(2)

  const unsure = registries({status: 500})
  await unsure.ask(npm('x'), signal)
  await unsure.ask(npm('x'), signal)
  expect(unsure.asked).toHaveLength(2)
})

test('a registry that is not configured is never asked', async () => {
  const http = {request: () => Promise.reject(new Error('asked'))}
  const ask = createRegistries({addresses: {}, http, clock: () => 0})
  expect(await ask(npm('left-pad'), signal)).toBeUndefined()
})
