import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import type {Conversation, MessageView} from '../../src/emulators/discord/index.ts'
import type {Fault, Repository} from '../../src/emulators/github/index.ts'
import {attemptAgain} from '../support/attempt-again.ts'
import {openWorld, type World} from '../support/world.ts'

const HISTORY = '# Status\r\n\r\nOld words,  with a tab\tand no end of line: é ✅'
const BRANCH = `signalbox/summary-${new Date().toISOString().slice(0, 10)}`

const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`
const says = (talk: Conversation, text: string) =>
  talk.settled(({reply}) => textOf(reply()).includes(text), {timeoutMs: 20_000, what: text})

let world: World
let web: Repository
beforeAll(async () => {
  world = await openWorld({
    permissions: {contents: 'write', pull_requests: 'write', issues: 'read'},
    env: {GITHUB_TIMEOUT_MS: '1000'},
  })
  web = world.github.repository('acme/web')
  web.commit('begin', {files: {'STATUS.md': HISTORY}})
  for (const n of [1, 2, 3, 4, 5, 6])
    web
      .pullRequest({
        title: `Change ${n} for @team`,
        head: `change-${n}`,
        author: 'ada',
        files: {[`${n}.txt`]: 'x'},
      })
      .merge()
  web.pullRequest({title: 'Not merged', head: 'other', files: {'o.txt': 'x'}}).close()
  for (const n of [1, 2, 3, 4, 5, 6]) web.issue(`Ready thing ${n}`, 'bob', ['ready'])
  web.issue('Unready thing', 'bob')
  const past = {workflow: 'client-deploy.yml', ageMs: 3_600_000}
  web.startRun({...past, conclusion: 'success'})
  web.startRun({...past, ageMs: 1_800_000, conclusion: 'failure'})
  web.startRun({...past, ageMs: 600_000, conclusion: 'success'})
  web.startRun({workflow: 'client-deploy.yml'}).hold()
})
afterAll(() => world.close())

/** Requests that change something at GitHub. */
const writes = () =>
  world.github.requests
    .filter(({method, path}) => method !== 'GET' && path.startsWith('/repos/'))
    .map(({route}) => route)
const open = () => web.pulls.filter(({state, head}) => state === 'open' && head.startsWith('signalbox/'))
const proposed = () => web.file('STATUS.md', open()[0]?.head) ?? ''

describe('/update-summary', () => {
  test('as a dry run shows the beginning of what it would write, and writes nothing', async () => {
    const talk = await world.bob.runs('/update-summary notes:"All is *well*" dry_run:true')
    await says(talk, '📋 summary of acme/web · dry run')
    expect(talk.ephemeral).toBe(false)
    const text = textOf(talk.reply())
    expect(text).toContain('nothing was written; this would go on top of `STATUS.md`')
    expect(text).toMatch(/```\n<!-- signalbox:summary [0-9a-f-]{36} -->\n## \d{4}-\d\d-\d\d, \d\d:\d\d UTC/)
    expect(text).toContain('> All is \\*well\\*')
    expect(text).toContain('asked by bob')
    expect(writes()).toEqual([])
    expect(web.file('STATUS.md')).toBe(HISTORY)
  })

  test('proposes a section on top of the file in the repository, and what was there stays byte by byte', async () => {
    const talk = await world.bob.runs('/update-summary notes:"All is *well*"')
    await says(talk, '✅ summary of acme/web · proposed')
    const [pull] = open()
    expect(textOf(talk.reply())).toContain(`[pull request \\#${pull?.number}](<${pull?.url}>) opened`)
    expect(pull).toMatchObject({head: BRANCH, base: 'main', draft: true})
    const text = proposed()
    expect(text.endsWith(HISTORY)).toBe(true)
    const section = text.slice(0, -HISTORY.length)
    expect(section).toContain('> All is \\*well\\*')
    expect(section.match(/Change \d for @\u200bteam · ada/g)).toEqual(
      [6, 5, 4, 3, 2].map(n => `Change ${n} for @\u200bteam · ada`),
    )
    expect(section).not.toContain('Not merged')
    expect(section.match(/^- (?:🔄|✅|❌) client-deploy · [a-z ]+/gm)).toHaveLength(3)
    expect(section).toMatch(/- 🔄 [^]*- ✅ [^]*- ❌ /)
    expect(section.match(/Ready thing \d/g)).toHaveLength(5)
    expect(section).not.toContain('Unready')
    expect(section.endsWith('\n\n---\n\n')).toBe(true)
    // [BUG] of the reference: the default branch, and no disk of ours, is where nothing changes before it is merged.
    expect(web.file('STATUS.md')).toBe(HISTORY)
  })

  test('brings the open pull request up to date instead of opening a second one', async () => {
    const before = proposed()
    const talk = await world.ada.runs('/update-summary notes:"Later on"')
    await says(talk, '✅ summary of acme/web · proposed')
    expect(textOf(talk.reply())).toContain('updated')
    expect(open()).toHaveLength(1)
    expect(proposed().endsWith(before)).toBe(true)
    expect(proposed()).toContain('> Later on')

    const once = proposed()
    await attemptAgain(world, 'update', {unwritten: 'propose the summary'})
    expect(proposed()).toBe(once)
    expect(open()).toHaveLength(1)
  })

  test.each<[string, Fault, string]>([
    ['403', {route: 'issues', kind: 'forbidden'}, 'Our GitHub token may not do this'],
    ['404', {route: 'issues', kind: 'notFound'}, 'was not found'],
    ['429', {route: 'issues', kind: 'secondaryLimit', status: 429}, 'asks us to slow down'],
    ['500', {route: 'issues', kind: 'serverError', status: 500}, 'GitHub answered 500'],
    ['no answer in time', {route: 'issues', kind: 'timeout'}, 'did not answer'],
  ])('leaves a section out, and says so, when GitHub answers %s for it', async (_what, fault, words) => {
    const disarm = world.github.misbehave({...fault, times: 9})
    const talk = await world.bob.runs('/update-summary dry_run:true')
    await says(talk, 'dry run\n')
    disarm()
    const text = textOf(talk.reply())
    expect(text).toContain('left out next steps: ')
    expect(text).toContain(words)
    expect(text).toContain('### Merged')
    expect(text).not.toContain('### Next steps')
  })

  test.each<[string, Fault, string]>([
    ['403', {route: 'writeContents', kind: 'forbidden'}, 'Our GitHub token may not do this'],
    ['404', {route: 'repository', kind: 'notFound'}, 'acme/web was not found, or our token can’t see it'],
    [
      '429',
      {route: 'repository', kind: 'secondaryLimit', status: 429, retryAfterS: 300},
      'GitHub asks us to slow down',
    ],
    ['503', {route: 'writeContents', kind: 'serverError', status: 503}, 'GitHub answered 503'],
  ])('proposes nothing and says why when GitHub answers %s to what it needs', async (_what, fault, words) => {
    const before = proposed()
    const written = world.github.count('writeContents')
    const disarm = world.github.misbehave({...fault, times: 9})
    const talk = await world.bob.runs('/update-summary notes:"never there"')
    await says(talk, '❌ /update-summary could not be done')
    disarm()
    expect(textOf(talk.reply())).toContain(words)
    expect(textOf(talk.reply())).toMatch(/code `UPSTREAM_[A-Z_]+`\nasked by bob · `[0-9a-f]{8}…`/)
    expect(world.github.count('writeContents') - written).toBeLessThanOrEqual(3)
    expect(proposed()).toBe(before)
  })

  test.each<[string, Fault]>([
    ['429', {route: 'repository', kind: 'secondaryLimit', status: 429, retryAfterS: 1}],
    ['502', {route: 'pulls', kind: 'serverError'}],
    [
      'no answer to what was written all the same',
      {route: 'writeContents', kind: 'timeout', takesEffect: true},
    ],
  ])('goes on after %s, with one section in one pull request', async (what, fault) => {
    world.github.misbehave(fault)
    const talk = await world.bob.runs(`/update-summary notes:"after ${what}"`)
    await says(talk, 'proposed')
    expect(open()).toHaveLength(1)
    expect(proposed().split(`> after ${what}`)).toHaveLength(2)
    expect(proposed().endsWith(HISTORY)).toBe(true)
  })

  test('begins anew once the pull request was closed, beside the branch that it left behind', async () => {
    for (const pull of web.pulls.filter(({state, head}) => state === 'open' && head.startsWith('signalbox/')))
      pull.close()
    const left = web.file('STATUS.md', BRANCH)
    const talk = await world.bob.runs('/update-summary')
    await says(talk, 'opened')
    expect(open()).toMatchObject([{head: expect.stringMatching(new RegExp(`^${BRANCH}-[0-9a-f]{8}$`))}])
    expect(proposed().endsWith(`---\n\n${HISTORY}`)).toBe(true)
    expect(web.file('STATUS.md', BRANCH)).toBe(left)
  })

  test('refuses notes with a secret in them', async () => {
    const talk = await world.bob.runs('/update-summary notes:"use ghp_0123456789abcdefghijABCDEFGHIJ012345"')
    await says(talk, 'The notes hold a token or a key')
    expect(proposed()).not.toContain('ghp_')
  })
})

test('/debug-last is off unless an operator turned it on, and says how', async () => {
  const talk = await world.bob.runs('/debug-last')
  await says(talk, '⛔ traces are off here')
  expect(talk.ephemeral).toBe(true)
  expect(textOf(talk.reply())).toContain('ENABLE_DEBUG_CMD')
})
