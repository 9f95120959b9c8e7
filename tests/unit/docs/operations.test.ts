import {readFileSync} from 'node:fs'
import {expect, test} from 'vitest'
import {loadConfig} from '../../../src/platform/config/load-config.ts'

const guide = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8')
const samples = [...guide.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, yaml]) => yaml ?? '')

test('what operations.md shows of signalbox.yaml is valid, all of it together', () => {
  expect(samples.length).toBeGreaterThanOrEqual(2)
  const config = loadConfig({
    cwd: '/app',
    env: {GRACE_TOKEN: 'a-token-for-this-test-only'},
    readFile(path) {
      if (path === '/app/signalbox.yaml') return samples.join('\n')
      throw Object.assign(new Error(`no such file ${path}`), {code: 'ENOENT'})
    },
  })
  expect(config.principals.map(({id}) => id)).toEqual(['ada', 'grace'])
  expect(config.approvals.freezes).toHaveLength(2)
  expect(config.approvals.breakGlass?.roles).toEqual(['tech_lead'])
})
