import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {startGithubEmulator, type GithubEmulator, type Repository} from '../../src/emulators/github/index.ts'
import {createOctokitRepositoryHost} from '../../src/integrations/github/octokit-repository-host.ts'
import {sealFor} from '../../src/integrations/github/sealed-box.ts'
import {loadConfig} from '../../src/platform/config/load-config.ts'
import {examineSettings} from '../../src/runtime/doctor-settings.ts'

const WEB = {repository: 'acme/web', name: 'VITE_API_BASE'}
const VALUE = 'https://api.example.com/ünï?q=1'

let github: GithubEmulator
let web: Repository
beforeEach(async () => {
  github = await startGithubEmulator()
  web = github.repository('acme/web')
})
afterEach(() => github.close())

type Level = 'read' | 'write'
const hostWith = (permissions: Record<string, Level>) =>
  createOctokitRepositoryHost({
    auth: {kind: 'token', token: github.token({permissions})},
    apiUrl: github.url,
    throttle: false,
    clock: Date.now,
  })

async function keyOf(host: Awaited<ReturnType<typeof hostWith>>, repository = 'acme/web') {
  const look = await host.secretsKey({repository})
  if (look.kind !== 'seen') throw new Error(look.kind)
  return look.value
}

describe('a secret', () => {
  test('sealed for the repository opens there, and never comes back over the API', async () => {
    const host = await hostWith({secrets: 'write'})
    expect(await host.secret(WEB)).toEqual({kind: 'missing'})
    const {keyId, key} = await keyOf(host)
    const encrypted = await sealFor(key, VALUE)
    expect(encrypted).not.toContain(VALUE)
    expect(await host.putSecret({...WEB, keyId, encrypted})).toMatchObject({kind: 'seen'})
    expect(web.secrets()).toEqual(new Map([['VITE_API_BASE', VALUE]]))
    const shown = await host.secret(WEB)
    expect(shown).toMatchObject({kind: 'seen', value: {updatedAt: expect.any(Number) as number}})
    expect(JSON.stringify(shown)).not.toContain('example.com')
    // Each sealing is another text, and replaces the value all the same.
    expect(await sealFor(key, VALUE)).not.toBe(encrypted)
    expect(await host.putSecret({...WEB, keyId, encrypted: await sealFor(key, 'other')})).toMatchObject({
      kind: 'seen',
    })
    expect(web.secrets().get('VITE_API_BASE')).toBe('other')
  })

  test('sealed for another repository, under another key, or not at all is refused', async () => {
    github.repository('acme/api')
    const host = await hostWith({secrets: 'write'})
    const own = await keyOf(host)
    const other = await keyOf(host, 'acme/api')
    const sealed = await sealFor(own.key, VALUE)
    for (const [keyId, encrypted] of [
      [own.keyId, await sealFor(other.key, VALUE)],
      [other.keyId, sealed],
      [own.keyId, Buffer.from(VALUE).toString('base64')],
      [own.keyId, `${sealed.slice(0, -8)}AAAAAAA=`],
    ] as const)
      expect(await host.putSecret({...WEB, keyId, encrypted})).toMatchObject({kind: 'refused'})
    expect(web.secrets().size).toBe(0)
  })

  test('takes the permission for secrets, that for variables does not do', async () => {
    const reader = await hostWith({secrets: 'read'})
    const {keyId, key} = await keyOf(reader)
    const encrypted = await sealFor(key, VALUE)
    expect(await reader.putSecret({...WEB, keyId, encrypted})).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining('needs secrets=write') as string,
    })
    const other = await hostWith({variables: 'write'})
    expect(await other.putSecret({...WEB, keyId, encrypted})).toMatchObject({kind: 'refused'})
    const privately = github.repository('acme/private', {private: true})
    expect(await other.secretsKey({repository: privately.fullName})).toMatchObject({kind: 'refused'})
  })
})

test('a variable is taken away once, by whoever may write variables', async () => {
  const host = await hostWith({variables: 'write'})
  const change = {repository: 'acme/web', name: 'FRONTEND_BASE_URL'}
  await host.createVariable({...change, value: 'a'})
  expect(await (await hostWith({variables: 'read'})).deleteVariable(change)).toMatchObject({kind: 'refused'})
  expect(await host.deleteVariable(change)).toMatchObject({kind: 'seen'})
  expect(await host.deleteVariable(change)).toEqual({kind: 'missing'})
})

describe('the doctor says whether settings can be written', () => {
  const found = async (permissions: Record<string, Level>, env: Record<string, string> = {}) => {
    const config = loadConfig({
      cwd: '/app',
      env: {
        GITHUB_TOKEN: github.token({permissions: {metadata: 'read', ...permissions}}),
        GITHUB_API_URL: github.url,
        GITHUB_REPOSITORY: 'acme/web',
        GITHUB_THROTTLE: 'false',
        ALLOW_SECRET_WRITES: 'true',
        ADMIN_USER_IDS: '9',
        ...env,
      },
      readFile: path => {
        throw Object.assign(new Error(`no such file ${path}`), {code: 'ENOENT'})
      },
    })
    return (await examineSettings(config)).map(
      ({ok, what, next}) => `${ok ? '✅' : '❌'} ${what}${next === undefined ? '' : ` → ${next}`}`,
    )
  }

  test('and changes nothing to find out', async () => {
    expect(await found({variables: 'write', secrets: 'write'})).toEqual([
      '✅ settings: variables of acme/web can be written',
      '✅ settings: secrets of acme/web can be written',
    ])
    const [variables, secrets] = await found({variables: 'write', secrets: 'read'})
    expect(variables).toMatch(/^✅/)
    expect(secrets).toMatch(/^❌ settings: secrets of acme\/web can’t be written .*needs secrets=write/)
    expect([web.variables().size, web.secrets().size]).toEqual([0, 0])
  })

  test('of a repository that is not to be seen says that, and of nobody who could write says that too', async () => {
    const all = await found(
      {variables: 'write', secrets: 'write'},
      {GITHUB_REPOSITORY: 'acme/gone', ADMIN_USER_IDS: ''},
    )
    expect(all[0]).toContain('nobody is an admin')
    expect(all[1]).toContain('can’t see the repository')
  })

  test('only where writing is switched on', async () => {
    expect(await found({}, {ALLOW_SECRET_WRITES: 'false'})).toEqual([])
  })
})
