import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {join} from 'node:path'
import {text} from 'node:stream/consumers'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import type {Conversation, MessageView} from '../../src/emulators/discord/index.ts'
import type {Fault, Repository} from '../../src/emulators/github/index.ts'
import {build} from '../support/processes.ts'
import {DEFAULT_YAML, openWorld, type World} from '../support/world.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const YAML = `${DEFAULT_YAML.replace(/^relay: .*$/m, '')}
qa: { postReviews: comment }
diagnose: { workflow: diagnose.yml }
`
const RULES = `rules:
  - {id: tests, title: tests go with the source, fix: add a test, when: ["src/**"], check: {changed: ["tests/**"]}}
  - {id: secrets, title: no line prints a secret, check: {forbids: {in: ["**"], all: [secret], any: [print]}}}
`
const SENT = {correlation_id: {}, requester: {}, frontend_url: {}, api_base: {}, channel_id: {}}

const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`
const says = (talk: Conversation, words: string) =>
  talk.settled(({reply}) => textOf(reply()).includes(words), {timeoutMs: 20_000, what: words})

let world: World
let web: Repository
let api: Repository
beforeAll(async () => {
  world = await openWorld({
    yaml: YAML,
    permissions: {contents: 'write', workflows: 'write', pull_requests: 'write'},
    env: {GITHUB_TIMEOUT_MS: '600'},
  })
  web = world.github.repository('acme/web')
  api = world.github.repository('acme/api')
  web.workflow('diagnose.yml', {name: 'Diagnose', inputs: SENT})
  web.commit('rules', {files: {'qa.yaml': RULES, 'src/a.ts': 'a\n'}})
})
afterAll(() => world.close())

describe('/qa', () => {
  const good = () =>
    web.pullRequest({title: 'B', head: `b-${Math.random()}`, files: {'src/b.ts': 'b\n', 'tests/b.ts': 'b\n'}})

  test('passes a pull request with its evidence, and says so on it in one review', async () => {
    const pull = good()
    const talk = await world.ada.runs(`/qa pr:${pull.number}`)
    await says(talk, `🟢 #${pull.number} of acme/web · QA passes`)
    expect(talk.ephemeral).toBe(false)
    expect(textOf(talk.reply())).toContain('3 checks: 3 passed')
    expect(textOf(talk.reply())).toContain('rules: `qa.yaml` of `main`')
    expect(pull.reviews).toMatchObject([{state: 'COMMENTED'}])
  })

  test('fails one with file, line and fix first; the review is updated when it is mended', async () => {
    const pull = web.pullRequest({
      title: 'Leaky',
      head: 'leaky',
      files: {'src/c.py': 'a = 1\nprint("secret", s)\n'},
    })
    const talk = await world.ada.runs(`/qa pr:${pull.number} target:client`)
    await says(talk, `🔴 #${pull.number} of acme/web · QA fails`)
    const lines = textOf(talk.reply()).split('\n')
    expect(lines[1]).toBe('3 checks: 1 passed, 2 failed')
    expect(lines[2]).toMatch(/^❌ tests go with the source: nothing changes in tests/)
    expect(lines[3]).toBe('→ add a test')
    expect(lines[4]).toContain(
      `[\`src/c.py:2\`](<${world.github.htmlUrl}/acme/web/blob/${pull.headSha}/src/c.py#L2>)`,
    )
    expect(pull.reviews[0]?.body).toContain('🔴 QA fails')

    pull.push('Mend', {'src/c.py': 'a = 1\n', 'tests/c.py': 'c\n'})
    const again = await world.ada.runs(`/qa pr:${pull.number} repository:acme/web`)
    await says(again, 'QA passes')
    expect(pull.reviews).toHaveLength(1)
    expect(pull.reviews[0]?.body).toContain('🟢 QA passes')
  })

  test('says plainly that there is no such pull request', async () => {
    const talk = await world.ada.runs('/qa pr:4711')
    await says(talk, '🔴 #4711 of acme/web · QA fails')
    expect(textOf(talk.reply())).toContain('acme/web has no pull request \\#4711, or our token can’t see it')
  })

  test('is for those whom the configuration names, and for our repositories', async () => {
    const stranger = await world.bob.runs('/qa pr:1')
    await says(stranger, '⛔')
    const abroad = await world.ada.runs('/qa pr:1 repository:evil/other')
    await says(abroad, 'evil/other is not one of our repositories')
  })

  test.each<[string, Fault, string]>([
    ['403', {route: 'pullFiles', kind: 'forbidden'}, 'Our GitHub token may not do this'],
    ['404', {route: 'pullFiles', kind: 'notFound'}, 'is gone'],
    ['403 to the review', {route: 'createReview', kind: 'forbidden'}, 'Our GitHub token may not do this'],
  ])('says why it was not done when GitHub answers %s', async (_what, fault, words) => {
    const pull = good()
    const disarm = world.github.misbehave({...fault, times: 9})
    const talk = await world.ada.runs(`/qa pr:${pull.number}`)
    await says(talk, '❌ /qa could not be done')
    disarm()
    expect(textOf(talk.reply())).toContain(words)
    expect(pull.reviews).toEqual([])
  })

  test.each<[string, Fault]>([
    ['429', {route: 'pull', kind: 'secondaryLimit', status: 429, retryAfterS: 1}],
    ['502', {route: 'pullFiles', kind: 'serverError'}],
    ['no answer in time', {route: 'pullFiles', kind: 'timeout'}],
    [
      'no answer to a review that was written all the same',
      {route: 'createReview', kind: 'timeout', takesEffect: true},
    ],
  ])('goes on after %s, with one review', async (_what, fault) => {
    const pull = good()
    const disarm = world.github.misbehave(fault)
    const talk = await world.ada.runs(`/qa pr:${pull.number}`)
    await says(talk, 'QA passes')
    disarm()
    expect(pull.reviews).toHaveLength(1)
  })
})

describe('npm run qa', () => {
  async function run(...args: readonly string[]) {
    const child = spawn(process.execPath, ['--enable-source-maps', 'dist/scripts/qa.js', ...args], {
      cwd: ROOT,
      env: {PATH: process.env['PATH'], HOME: process.env['HOME'], ...world.env},
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 30_000,
    })
    const [out, err, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit') as Promise<[number | null]>,
    ])
    return {out, err, code}
  }

  test('prints the report and posts nothing; its exit code says passed, failed, or not checked', async () => {
    await build()
    const pass = web.pullRequest({title: 'P', head: 'p', files: {'src/p.ts': 'p\n', 'tests/p.ts': 'p\n'}})
    const fail = web.pullRequest({title: 'F', head: 'f', files: {'src/f.ts': 'f\n'}})
    const [good, bad, odd] = await Promise.all([
      run('--pr', String(pass.number)),
      run('--pr', String(fail.number), '--repo', 'acme/web', '--json'),
      run('--pr', 'seven'),
    ])
    expect(good).toMatchObject({code: 0, err: ''})
    expect(good.out).toContain('### 🟢 QA passes')
    expect(good.out).toContain('**Verdict: PASS**')
    expect(bad.code).toBe(1)
    expect(JSON.parse(bad.out)).toMatchObject({verdict: 'fail', number: fail.number})
    expect(odd).toMatchObject({code: 2, out: ''})
    expect(odd.err).toContain('npm run qa -- --pr <number>')
    expect([...pass.reviews, ...fail.reviews]).toEqual([])
  })
})

describe('the contract of workflows', () => {
  const look = async () => {
    const talk = await world.ada.runs('/doctor')
    await talk.settled(
      ({reply}) => textOf(reply()).includes('doctor ·') && !textOf(reply()).includes('queued'),
      {
        timeoutMs: 20_000,
      },
    )
    return talk
  }
  const setApi = (yaml: string) => api.workflow('api-deploy.yml', {name: 'API Deploy', yaml})
  const BARE = `# Ships the API.
name: API Deploy
on:
  push:
    branches: [main] # every merge
jobs:
  deploy: {runs-on: ubuntu-latest, steps: [{run: make deploy}]}
`
  const proposals = () => api.pulls.filter(({head}) => head.startsWith('signalbox/workflow-contract'))

  test('is looked at when the worker starts, and told once in the log', () => {
    const told = world.logs.filter(({msg}) => /workflows (?:do not fit|take what)/.test(String(msg)))
    expect(told).toHaveLength(1)
  })

  test('is kept: /doctor says so, to the asker alone', async () => {
    const talk = await look()
    expect(talk.ephemeral).toBe(true)
    const text = textOf(talk.reply())
    expect(text).toContain('✅ **client** `acme/web client-deploy.yml` takes what we send')
    expect(text).toContain('✅ **api** `acme/api api-deploy.yml` takes what we send')
    expect(text).toContain('✅ **/diagnose** `acme/web diagnose.yml` takes what we send')
  })

  test.each([
    ['has no dispatch trigger', BARE, 'can’t be started: it has no workflow\\_dispatch'],
    [
      'misses an input',
      BARE.replace(
        '  push:',
        '  workflow_dispatch: {inputs: {correlation_id: {}, VITE_API_BASE: {}}}\n  push:',
      ),
      'takes no input requester',
    ],
    [
      'has a run name without the id',
      BARE.replace('on:', 'run-name: API by ${{ github.actor }}\non:'),
      'has a run name without the correlation id',
    ],
    [
      'demands what we do not send',
      BARE.replace('  push:', '  workflow_dispatch: {inputs: {region: {required: true}}}\n  push:'),
      'demands the input region, which we do not send',
    ],
  ])('is broken by a workflow that %s; /doctor shows it', async (_what, yaml, words) => {
    setApi(yaml)
    const talk = await look()
    expect(talk.reply()?.content).toMatch(/^❌ doctor · \d+ to mend/u)
    expect(textOf(talk.reply())).toContain(words)
    expect(textOf(talk.reply())).toContain('✅ **client**')
  })

  test('is broken by a workflow that is no YAML; nothing is proposed for it', async () => {
    const path = '.github/workflows/api-deploy.yml'
    api.commit('break', {files: {[path]: 'on: [push\njobs:\n'}})
    const talk = await look()
    expect(textOf(talk.reply())).toContain('on main, line 2, is not valid YAML')
    expect(talk.reply()?.components).toEqual([])
    api.commit('mend', {files: {[path]: null}})
  })

  test('is broken by a workflow that is disabled, or is not there', async () => {
    const workflow = setApi(BARE)
    workflow.disable()
    expect(textOf((await look()).reply())).toContain(
      'is disabled (disabled manually)'.replace(/[()]/g, '\\$&'),
    )
    api.workflow('api-deploy.yml', {name: 'API Deploy', yaml: BARE, onDefaultBranch: false})
    const talk = await look()
    expect(textOf(talk.reply())).toContain('is not there on main')
    expect(textOf(talk.reply())).toContain('correlation_id:')
  })

  test('is mended by a pull request: a button opens one draft, asking again updates the same', async () => {
    setApi(BARE)
    const talk = await look()
    const shown = textOf(talk.reply())
    expect(shown).toContain('run-name: API Deploy — ${{ inputs.correlation_id }} by ${{ inputs.requester }}')
    const opened = await world.ada.presses({id: talk.reply()?.id ?? ''}, 'Open a PR in acme/api')
    await says(opened, '✅ acme/api · pull request opened')
    expect(proposals()).toMatchObject([{draft: true, state: 'open', base: 'main'}])
    const {head = ''} = proposals()[0] ?? {}
    const mended = api.file('.github/workflows/api-deploy.yml', head)
    for (const line of BARE.split('\n')) expect(mended?.split('\n')).toContain(line)
    expect(mended).toContain('      requester:\n        description: Who asked for it; sent by Signalbox')
    expect(api.file('.github/workflows/api-deploy.yml')).toBe(BARE)

    const again = await world.ada.runs('/doctor fix:api')
    await says(again, '✅ acme/api · pull request updated')
    expect(proposals()).toHaveLength(1)
  })

  test('what needs no mending is not proposed', async () => {
    const talk = await world.ada.runs('/doctor fix:client')
    await says(talk, '⚪ client · there is nothing that a pull request would mend')
    expect(web.pulls.filter(({head}) => head.startsWith('signalbox/workflow-contract'))).toEqual([])
  })

  test.each<[string, Fault, string]>([
    [
      '403',
      {route: 'createPull', kind: 'forbidden'},
      'Contents, Workflows and Pull requests: read and write',
    ],
    [
      '404',
      {route: 'repository', kind: 'notFound'},
      'acme/api was not found, or our token can’t see it. Check the name',
    ],
    [
      '429 for a while',
      {route: 'createPull', kind: 'secondaryLimit', status: 429, retryAfterS: 90},
      'try again <t:',
    ],
    ['503 that stays', {route: 'createPull', kind: 'serverError', status: 503}, 'GitHub answered 503'],
  ])('is not mended, with what to do, when GitHub answers %s', async (_what, fault, words) => {
    for (const pull of proposals()) pull.close()
    const {length} = proposals()
    const disarm = world.github.misbehave({...fault, times: 9})
    const talk = await world.ada.runs('/doctor fix:api')
    await says(talk, '❌ /doctor could not be done')
    disarm()
    expect(textOf(talk.reply())).toContain(words)
    expect(textOf(talk.reply())).toMatch(/code `UPSTREAM_[A-Z_]+`\nasked by ada · `[0-9a-f]{8}…`/)
    expect(proposals()).toHaveLength(length)
  })

  test('is proposed once although GitHub did not say that it was opened', async () => {
    for (const pull of proposals()) pull.close()
    const {length} = proposals()
    world.github.misbehave({route: 'createPull', kind: 'timeout', takesEffect: true})
    await says(await world.ada.runs('/doctor fix:api'), '✅ acme/api · pull request opened')
    expect(proposals()).toHaveLength(length + 1)
  })

  test('a stranger neither looks nor presses', async () => {
    const talk = await world.bob.runs('/doctor')
    await says(talk, '⛔')
    expect(textOf(talk.reply())).not.toContain('acme/')
  })

  test.each<[string, Fault, string]>([
    ['403', {route: 'contents', kind: 'forbidden'}, 'may not do this'],
    ['404', {route: 'repository', kind: 'notFound'}, 'was not found, or our token can’t see it'],
    ['429', {route: 'contents', kind: 'secondaryLimit', status: 429}, 'GitHub asks us to slow down'],
    ['502', {route: 'workflow', kind: 'serverError'}, 'GitHub did not answer'],
    ['no answer in time', {route: 'contents', kind: 'timeout'}, 'GitHub did not answer'],
  ])('what could not be looked at is no success: %s', async (_what, fault, words) => {
    const disarm = world.github.misbehave({...fault, times: 9})
    const talk = await look()
    disarm()
    expect(textOf(talk.reply())).toContain(`❔`)
    expect(textOf(talk.reply())).toContain(words)
    expect(textOf(talk.reply())).not.toContain('✅ **')
  })

  test.each<[string, Fault, string]>([
    ['403', {route: 'user', kind: 'forbidden'}, 'github: Our GitHub token may not do this'],
    ['429', {route: 'user', kind: 'secondaryLimit', status: 429}, 'github: asks us to slow down'],
    [
      '503',
      {route: 'user', kind: 'serverError', status: 503},
      'does not answer as it should (GitHub answered 503)',
    ],
  ])('of GitHub that answers %s says so, and does not call it anything else', async (_what, fault, words) => {
    const disarm = world.github.misbehave(fault)
    const talk = await look()
    disarm()
    expect(textOf(talk.reply()).replaceAll('\\', '')).toContain(words)
  })

  test('of Discord that does not answer says so, and does not blame the token', async () => {
    const disarm = world.discord.misbehave({route: 'currentApplication', kind: 'serverError', status: 503})
    const talk = await look()
    disarm()
    expect(textOf(talk.reply())).toContain('discord: does not say whose the token is')
    expect(textOf(talk.reply())).toContain('look again in a minute')
  })
})
