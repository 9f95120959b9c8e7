import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import documentation from '../../../agents/documentation.ts'
import {
  startGithubEmulator,
  type GithubEmulator,
  type Repository,
} from '../../../src/emulators/github/index.ts'
import {githubAgents, type GithubAgents} from '../../support/github-agents.ts'

const KINDS = ['api_reference', 'user_guide', 'deployment_guide'] as const

let github: GithubEmulator
let web: Repository
let agents: GithubAgents
beforeEach(async () => {
  github = await startGithubEmulator()
  web = github.repository('acme/web')
  web.commit('begin', {
    files: {
      'README.md': '# Web\n\nShips [things](javascript:alert) to @people.\n',
      'package.json': JSON.stringify({scripts: {start: 'node .', test: 'vitest'}}),
      '.env.example': '# where the API is\nAPI_BASE=https://secret.example.com\n',
      'src/server.ts':
        "/** Answers who is there. */\nexport function hello() {}\n\napp.get('/hello', hello)\n",
      'tests/server.test.ts': 'export const hidden = 1\n',
      Dockerfile: 'FROM node:20\nEXPOSE 8080\n',
    },
  })
  web.workflow('client-deploy.yml', {name: 'Client Deploy'})
  agents = await githubAgents(github)
})
afterEach(() => github.close())

const generate = (doc_type: string, more = {}, how = {}) =>
  agents.perform(
    documentation,
    'generate_docs',
    {repo_url: 'https://github.com/acme/web', doc_type, ...more},
    how,
  )

describe('what is written comes from the files', () => {
  test('the API reference from the sources, without the tests', async () => {
    const {output} = await generate('api_reference')
    const markdown = output['markdown'] as string
    expect(markdown).toContain('| GET | `/hello` | `src/server.ts` |')
    expect(markdown).toContain('- function `hello`: Answers who is there.')
    expect(markdown).not.toContain('hidden')
    expect(output).toMatchObject({sources: ['src/server.ts'], files: [], pr_url: null})
  })
  test('the user guide from README, scripts and the names of variables', async () => {
    const markdown = (await generate('user_guide')).output['markdown'] as string
    expect(markdown).toContain('Ships things to @\u200bpeople.')
    expect(markdown).toContain('| `npm run test` | `vitest` |')
    expect(markdown).toContain('| `API_BASE` | where the API is |')
    expect(markdown).not.toContain('secret.example.com')
  })
  test('the deployment guide from workflows and images', async () => {
    const markdown = (await generate('deployment_guide')).output['markdown'] as string
    expect(markdown).toContain('### `.github/workflows/client-deploy.yml`')
    expect(markdown).toContain('- input `correlation_id`')
    expect(markdown).toContain('- built from `node:20`')
    expect(markdown).toContain('- listens on `8080`')
  })
})

describe('published', () => {
  test('three documents at the same time meet in one draft, on a branch of its own', async () => {
    const main = web.branches().get('main')
    const all = await Promise.all(KINDS.map(kind => generate(kind, {publish: true})))
    expect(web.pulls).toHaveLength(1)
    const [pull] = web.pulls
    expect(pull).toMatchObject({draft: true, base: 'main', head: `signalbox/docs-${main?.slice(0, 12)}`})
    expect(all.map(({output}) => output['pr_url'])).toEqual([pull?.url, pull?.url, pull?.url])
    expect(web.branches().get('main')).toBe(main)
    for (const {output} of all) {
      const [file] = output['files'] as string[]
      expect(web.file(file ?? '', pull?.head)).toBe(output['markdown'])
    }
  })

  test('again without a change writes nothing; with one it goes to the same draft', async () => {
    await generate('user_guide', {publish: true})
    await generate('user_guide', {publish: true}, {attempt: 2})
    expect(github.count('writeContents')).toBe(1)
    web.commit('more', {files: {'package.json': JSON.stringify({scripts: {build: 'tsc'}})}})
    await generate('user_guide', {publish: true}, {attempt: 3})
    expect(web.pulls).toHaveLength(1)
    expect(web.file('docs/generated/user-guide.md', web.pulls[0]?.head)).toContain('npm run build')
  })

  test('after the draft was closed a new one begins where the default branch is', async () => {
    await generate('user_guide', {publish: true})
    web.pulls[0]?.close()
    const sha = web.commit('more', {files: {'src/b.ts': 'export const b = 1\n'}})
    await generate('api_reference', {publish: true}, {attempt: 2})
    expect(web.pulls.map(({state}) => state)).toEqual(['open', 'closed'])
    expect(web.pulls[0]?.head).toBe(`signalbox/docs-${sha.slice(0, 12)}`)
  })

  test.each(['createRef', 'writeContents', 'createPull'])(
    'a lost answer to %s leaves one draft',
    async route => {
      github.misbehave({route, kind: 'serverError', takesEffect: true})
      const rows = new Map()
      await generate('user_guide', {publish: true}, {rows}).catch(() =>
        generate('user_guide', {publish: true}, {rows}),
      )
      expect(web.pulls).toHaveLength(1)
      expect(web.file('docs/generated/user-guide.md', web.pulls[0]?.head)).toContain('# User guide')
    },
  )

  test('a secret in the sources is not published', async () => {
    web.commit('oops', {
      files: {'src/oops.ts': `/** Use ghp_${'a1B2c3D4'.repeat(4)} here. */\nexport const oops = 1\n`},
    })
    const {output} = await generate('api_reference', {publish: true})
    expect(output['markdown']).not.toContain('ghp_')
  })

  test('the README lists what is there, between its marks, and keeps the rest', async () => {
    await generate('user_guide', {publish: true})
    const {output} = await agents.perform(
      documentation,
      'update_readme',
      {repository: 'acme/web'},
      {attempt: 2},
    )
    const readme = web.file('README.md', web.pulls[0]?.head) ?? ''
    expect(output['pr_url']).toBe(web.pulls[0]?.url)
    expect(readme).toMatch(/^# Web\n\nShips /)
    expect(readme).toContain('- [User guide](docs/generated/user-guide.md)')
    expect(readme).not.toContain('api-reference.md')
  })

  test('the README is not written twice: after a lost answer, and by a later attempt', async () => {
    await generate('user_guide', {publish: true})
    const rows = new Map()
    const update = (how: object) =>
      agents.perform(documentation, 'update_readme', {repository: 'acme/web'}, how)
    github.misbehave({route: 'writeContents', kind: 'serverError', takesEffect: true})
    await update({rows}).catch(() => update({rows}))
    await update({attempt: 3})
    expect(web.pulls).toHaveLength(1)
    const readme = web.file('README.md', web.pulls[0]?.head) ?? ''
    expect(readme.split('user-guide.md')).toHaveLength(2)
    // The guide, and the README with the answer that was lost.
    expect(github.count('writeContents')).toBe(2)
  })

  test('is refused by a token that may not write', async () => {
    const weak = await githubAgents(github, {permissions: {metadata: 'read', contents: 'read'}})
    await expect(
      weak.perform(documentation, 'generate_docs', {
        repository: 'acme/web',
        doc_type: 'user_guide',
        publish: true,
      }),
    ).rejects.toMatchObject({code: 'UPSTREAM_REFUSED'})
    expect(web.pulls).toHaveLength(0)
  })
})
