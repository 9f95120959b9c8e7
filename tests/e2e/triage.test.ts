import {readFileSync} from 'node:fs'
import {createServer, type Server} from 'node:http'
import type {AddressInfo} from 'node:net'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import type {Conversation, MessageView} from '../../src/emulators/discord/index.ts'
import type {Fault, Pull, Repository} from '../../src/emulators/github/index.ts'
import {attemptAgain} from '../support/attempt-again.ts'
import {DEFAULT_YAML, openWorld, type World} from '../support/world.ts'

const YAML = DEFAULT_YAML.replace(
  'access:\n',
  'access:\n  triage: { roles: [developer] }\n  triage-issues: { roles: [developer] }\n',
)
const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`.replaceAll(
    /\\|\u200b/g,
    '',
  )
const says = (talk: Conversation, words: string) =>
  talk.settled(({reply}) => textOf(reply()).includes(words), {timeoutMs: 20_000, what: words})
/** What the tool wrote; the emulator stamps it itself. */
const logOf = (name: string) =>
  readFileSync(new URL(`../fixtures/triage/${name}.txt`, import.meta.url), 'utf8')
    .split('\n')
    .map(line => line.replace(/^\S+Z ?/, ''))
    .filter(line => !/^##\[/.test(line))

let world: World
let web: Repository
let api: Repository
/** Has no package at all. */
let registry: Server
const sought: string[] = []
beforeAll(async () => {
  registry = createServer((request, response) => {
    sought.push(`${request.method} ${request.url}`)
    response.writeHead(404).end()
  })
  await new Promise<void>(resolve => registry.listen(0, '127.0.0.1', resolve))
  const {port} = registry.address() as AddressInfo
  world = await openWorld({
    yaml: `${YAML}\nregistries: { npm: "http://127.0.0.1:${port}" }\n`,
    permissions: {contents: 'write', issues: 'write', pull_requests: 'write'},
    env: {GITHUB_TIMEOUT_MS: '800'},
  })
  web = world.github.repository('acme/web')
  api = world.github.repository('acme/api')
  for (const repository of [web, api])
    repository.workflow('ci.yml', {
      name: 'CI',
      inputs: {},
      jobs: [{name: 'test', steps: [{name: 'Run tests', ms: 1000}]}],
      hold: true,
    })
})
afterAll(async () => {
  await world.close()
  registry.close()
})

let branches = 0
/** A number of its own: the same command within moments would join the first. */
let limit = 20
/** A pull request whose CI failed with this log. */
function broken(log: readonly string[], files: Readonly<Record<string, string>> = {'a.txt': 'a\n'}): Pull {
  const head = `broken-${++branches}`
  const pull = web.pullRequest({title: 'A change', head, files})
  web.startRun({workflow: 'ci.yml', event: 'pull_request', branch: head}).fail('test', 'Run tests', log)
  return pull
}
const runOf = (pull: Pull) => web.runs.find(run => run.headSha === pull.headSha)
const commentsOn = (number: number) => web.comments.filter(comment => comment.number === number)

describe('/triage', () => {
  test('of a pull request reads the logs of its head, and says cause, place, patch and how sure it is', async () => {
    const pull = broken(logOf('tsc'), {
      'src/cart/total.ts': `${'// sum\n'.repeat(13)}const n = items.reduce((all, one) => all + one.lenght, 0)\nexport {n}\n`,
    })
    const talk = await world.ada.runs(`/triage ref:#${pull.number}`)
    await says(talk, `🔴 #${pull.number} of acme/web · an error in the code`)
    expect(talk.ephemeral).toBe(false)
    const text = textOf(talk.reply())
    expect(text).toContain('**100 %** sure · quick win')
    expect(text).toContain('› step `Run tests`')
    expect(text).toContain(
      `[\`src/cart/total.ts:14\`](<${world.github.htmlUrl}/acme/web/blob/${pull.headSha}/src/cart/total.ts#L14>)`,
    )
    expect(text).toContain("Property 'lenght' does not exist on type 'Item[]'. Did you mean 'length'?")
    expect(text).toContain('🔧 **patch**, risk low: write length for lenght')
    expect(text).toContain('-const n = items.reduce((all, one) => all + one.lenght, 0)')
    expect(text).toContain('+const n = items.reduce((all, one) => all + one.length, 0)')
    expect(text).toContain('nothing was changed')
    expect(text).toContain("Type 'string' is not assignable to type 'number'.")
    // It says it in Discord; on the pull request only when asked.
    expect(commentsOn(pull.number)).toEqual([])
    expect(web.pulls.filter(({head}) => head.startsWith('signalbox'))).toEqual([])
  })

  describe('with draft:true', () => {
    const TYPO = `${'// sum\n'.repeat(13)}const n = items.reduce((all, one) => all + one.lenght, 0)\nexport {n}\n`
    const drafts = () => web.pulls.filter(({head}) => head.startsWith('signalbox/'))

    test('opens the patch as a draft for the branch that fails, one however often it is asked for', async () => {
      const pull = broken(logOf('tsc'), {'src/cart/total.ts': TYPO})
      const disarm = world.github.misbehave({route: 'createPull', kind: 'serverError', takesEffect: true})
      await says(await world.ada.runs(`/triage ref:#${pull.number} draft:true`), 'opened as [#')
      disarm()
      await says(await world.ada.runs(`/triage ref:${pull.url} draft:true`), 'opened as [#')
      const [draft, ...others] = drafts()
      expect(others).toEqual([])
      expect(draft).toMatchObject({
        ...{draft: true, base: pull.head, title: 'Write length for lenght, as the tool suggests'},
        body: expect.stringContaining('Written by rules') as string,
      })
      expect(web.file('src/cart/total.ts', draft?.head)).toBe(TYPO.replace('lenght', 'length'))
      expect(web.file('src/cart/total.ts', pull.head)).toBe(TYPO)
    })

    test.each([
      ['a patch of what is installed', 'pytest-module', {'requirements.txt': 'flask\n'}, 'by people alone'],
      ['what is no patch', 'jest', undefined, 'There is no patch to open'],
    ])('opens nothing for %s, and says why', async (_what, log, files, why) => {
      const before = drafts().length
      const pull = broken(logOf(log), files)
      await says(await world.ada.runs(`/triage ref:#${pull.number} draft:true`), why)
      expect(drafts()).toHaveLength(before)
    })

    test('opens nothing for a commit that newer ones follow', async () => {
      const before = drafts().length
      const pull = broken(logOf('tsc'), {'src/cart/total.ts': TYPO})
      const run = runOf(pull)
      pull.push('Newer', {'b.txt': 'b\n'})
      await says(await world.ada.runs(`/triage ref:${run?.id} draft:true`), 'No branch of acme/web ends at')
      expect(drafts()).toHaveLength(before)
    })
  })

  test('by number of the run, by its address and by that of the pull request it is the same cause', async () => {
    const pull = broken(logOf('pytest'))
    const run = runOf(pull)
    for (const ref of [String(run?.id), run?.url, pull.url]) {
      const talk = await world.ada.runs(`/triage ref:${ref}`)
      await says(talk, '· a test fails')
      expect(textOf(talk.reply())).toContain('`tests/test_orders.py:31` assert 10 == 90')
    }
  })

  test.each([
    ['jest', 'a test fails', 'src/login/session.test.js:42'],
    ['pytest-module', 'a dependency is missing', 'add PyYAML where the project declares'],
    ['memory', 'out of memory', 'NODE_OPTIONS'],
    ['network', 'the network failed', 'Re-run failed jobs'],
    ['unknown', 'a job fails', '**55 %** sure · needs review'],
  ])('reads %s', async (log, cause, words) => {
    const pull = broken(logOf(log))
    const talk = await world.ada.runs(`/triage ref:${pull.number}`)
    await says(talk, `· ${cause}`)
    expect(textOf(talk.reply())).toContain(words)
  })

  test('a package that its registry does not have is not to be installed', async () => {
    const pull = broken(logOf('node-package'))
    const talk = await world.ada.runs(`/triage ref:${pull.number}`)
    await says(talk, 'npm has no package')
    expect(textOf(talk.reply())).not.toContain('npm install')
    expect(sought).toEqual([expect.stringMatching(/^HEAD \/[^/]+$/)])
  })

  test('comment:true says it on the pull request in one comment, which is brought up to date', async () => {
    const pull = broken(logOf('vitest'))
    await says(await world.ada.runs(`/triage ref:${pull.number} comment:true`), 'said in')
    expect(commentsOn(pull.number)).toHaveLength(1)
    const [comment] = commentsOn(pull.number)
    expect(comment?.body).toContain('### 🔴 a test fails · 100 % (quick win)')
    expect(comment?.body).toContain('tests/cart.test.ts:18')

    pull.push('Mend', {'b.txt': 'b\n'})
    web.startRun({workflow: 'ci.yml', event: 'pull_request', branch: pull.head}).finish('success')
    await says(await world.ada.runs(`/triage ref:${pull.url} comment:true`), 'nothing fails')
    expect(commentsOn(pull.number)).toHaveLength(1)
    expect(commentsOn(pull.number)[0]?.body).toContain('### 🟢 Nothing fails')
  })

  test('a comment of somebody else that begins with our mark stays as it is', async () => {
    const pull = broken(logOf('node'))
    web.comment({on: pull.number, author: 'mallory', body: '<!-- signalbox:triage -->\nall is well'})
    await says(await world.ada.runs(`/triage ref:${pull.number} comment:true`), 'said in')
    expect(commentsOn(pull.number).map(({author}) => author)).toHaveLength(2)
    expect(commentsOn(pull.number)[0]?.body).toContain('all is well')
  })

  test('of a run that belongs to no pull request says that there is nowhere to comment', async () => {
    const run = web.startRun({workflow: 'ci.yml'})
    run.fail('test', 'Run tests', logOf('eslint'))
    const talk = await world.ada.runs(`/triage ref:${run.id} comment:true`)
    await says(talk, 'the linter objects')
    expect(textOf(talk.reply())).toContain('there is no open pull request to say it on')
  })

  test('what did not fail is said to be so', async () => {
    const head = `quiet-${++branches}`
    const pull = web.pullRequest({title: 'Q', head, files: {'q.txt': 'q\n'}})
    await says(await world.ada.runs(`/triage ref:${pull.number}`), '⚪')
    const run = web.startRun({workflow: 'ci.yml', event: 'pull_request', branch: head})
    await says(await world.ada.runs(`/triage ref:${pull.url}`), 'nothing failed so far, it still runs')
    run.finish('success')
    await says(await world.ada.runs(`/triage ref:#${pull.number}`), '🟢')
  })

  test('whatever a log says is shown and never followed: no command, no ping, no link of its own', async () => {
    const pull = broken(logOf('hostile'))
    const writes = () => world.github.count('createPull') + world.github.count('dispatch')
    const before = writes()
    const talk = await world.ada.runs(`/triage ref:${pull.number} comment:true`)
    await says(talk, 'said in')
    const {pings = []} = talk.reply() ?? {}
    expect(pings).toEqual([])
    const text = textOf(talk.reply())
    expect(text).toContain('the module has no name that npm gives out')
    expect(text).not.toContain('npm install')
    const [comment] = commentsOn(pull.number)
    expect(comment?.body).not.toContain('npm install')
    // GitHub pings nobody from within code.
    expect(comment?.body.replace(/```[\s\S]*?```|`[^`\n]*`/g, '')).not.toMatch(/@\w/)
    expect(writes()).toBe(before)
  })

  test.each([
    ['12345', 'write #12345 for a pull request'],
    ['soon', 'Name a pull request (#7), a run by its number, or the address of either'],
    ['https://github.com/evil/other/pull/3', 'evil/other is not one of our repositories'],
    ['#4711', 'acme/web has no pull request #4711'],
    ['99999999999', 'acme/web has no run 99999999999'],
  ])('%s is refused with what to do', async (ref, words) => {
    const talk = await world.ada.runs(`/triage ref:${ref}`)
    await says(talk, '❌ /triage could not be done')
    expect(textOf(talk.reply())).toContain(words)
  })

  test('is for those whom the configuration names', async () => {
    await says(await world.bob.runs('/triage ref:#1'), '⛔')
  })

  test.each<[string, Fault, string]>([
    ['403', {route: 'logs', kind: 'forbidden'}, 'Our GitHub token may not do this'],
    ['403 to the comment', {route: 'createComment', kind: 'forbidden'}, 'Our GitHub token may not do this'],
  ])('says why it was not done when GitHub answers %s', async (_what, fault, words) => {
    const pull = broken(logOf('traceback'))
    const disarm = world.github.misbehave({...fault, times: 20})
    const talk = await world.ada.runs(`/triage ref:${pull.number} comment:true`)
    await says(talk, '❌ /triage could not be done')
    disarm()
    expect(textOf(talk.reply())).toContain(words)
    expect(commentsOn(pull.number)).toEqual([])
  })

  test('a log that is gone is said to be unread, which is no success', async () => {
    const pull = broken(logOf('traceback'))
    const disarm = world.github.misbehave({route: 'logs', kind: 'notFound', times: 9})
    const talk = await world.ada.runs(`/triage ref:${pull.number}`)
    await says(talk, '⚠️')
    disarm()
    expect(textOf(talk.reply())).toContain('❔ job `test`: GitHub has no log of it')
  })

  test.each<[string, Fault]>([
    ['429', {route: 'logs', kind: 'secondaryLimit', status: 429, retryAfterS: 1}],
    ['502', {route: 'run', kind: 'serverError'}],
    ['no answer in time', {route: 'pull', kind: 'timeout'}],
    ['no answer to a comment that was written', {route: 'createComment', kind: 'timeout', takesEffect: true}],
  ])('goes on after %s, with one comment', async (_what, fault) => {
    const pull = broken(logOf('jest'))
    const disarm = world.github.misbehave(fault)
    await says(await world.ada.runs(`/triage ref:${pull.number} comment:true`), 'said in')
    disarm()
    expect(commentsOn(pull.number)).toHaveLength(1)
  })
})

describe('/triage-issues', () => {
  const STORY =
    'When I press the button on the checkout page the app crashes with a white screen and the cart is empty afterwards.'
  let numbers: Readonly<Record<'crash' | 'again' | 'idea' | 'short' | 'owned', number>>
  beforeAll(() => {
    api.commit('owners', {
      files: {'.github/CODEOWNERS': '* @acme/core\n/src/money/ @grace\n', 'src/money/tax.ts': 'x\n'},
    })
    numbers = {
      crash: api.issue('Checkout crashes on the pay button', 'carl', [], STORY),
      again: api.issue('Checkout crashes on the pay button again', 'dora', [], STORY),
      idea: api.issue('Please add a dark theme', 'carl', [], 'It would be nice for those who work at night.'),
      short: api.issue('Broken', 'eve', [], 'help'),
      owned: api.issue('Wrong tax', 'eve', ['bug'], 'In `src/money/tax.ts` the rate is wrong for @everyone.'),
    }
    api.pullRequest({title: 'Not an issue', head: 'no-issue', files: {'n.txt': 'n\n'}})
  })
  const commentsIn = (number: number) => api.comments.filter(comment => comment.number === number)

  test('shows what it would do and changes nothing', async () => {
    const talk = await world.ada.runs('/triage-issues repository:acme/api')
    await says(talk, '📋 issues of acme/api · 5 looked at')
    const text = textOf(talk.reply())
    expect(text).toContain('nothing was changed · `apply:true` does it')
    expect(text).toMatch(
      /\[#\d+\]\(<[^)]+>\) Checkout crashes on the pay button · \*\*P1\*\* it crashes · bug/,
    )
    expect(text).toMatch(/again · \*\*P1\*\* it crashes · bug · like \[#\d+\]/)
    expect(text).toMatch(/dark theme · \*\*P3\*\* .* · enhancement/)
    expect(text).toMatch(/Broken · .* · too little said/)
    expect(text).toContain('for `grace`?')
    expect(text).not.toContain('Not an issue')
    expect(talk.reply()?.pings).toEqual([])
    expect(api.comments).toEqual([])
    expect(Object.values(numbers).flatMap(number => api.labels(number))).toEqual(['bug'])
  })

  test('apply:true labels and comments what it said, and counts only what it did', async () => {
    const disarm = world.github.misbehave({route: 'addLabels', kind: 'serverError'})
    const talk = await world.ada.runs('/triage-issues repository:acme/api apply:true')
    await says(talk, '✅ issues of acme/api · 5 labelled, 3 commented')
    disarm()
    expect(api.labels(numbers.crash)).toEqual(['bug', 'priority: P1', 'triaged'])
    expect(api.labels(numbers.again)).toEqual(['bug', 'priority: P1', 'duplicate', 'triaged'])
    expect(api.labels(numbers.idea)).toEqual(['enhancement', 'priority: P3', 'triaged'])
    expect(api.labels(numbers.short)).toContain('needs info')
    expect(api.labels(numbers.owned)).toEqual(['bug', 'priority: P2', 'triaged'])
    expect(commentsIn(numbers.crash)).toEqual([])
    expect(commentsIn(numbers.again)).toHaveLength(1)
    expect(commentsIn(numbers.again)[0]?.body).toContain(`much like #${numbers.crash} (`)
    expect(commentsIn(numbers.short)[0]?.body).toContain('What did you do, what did you expect')
    expect(commentsIn(numbers.owned)[0]?.body).toContain(
      'Perhaps for `grace`: CODEOWNERS has src/money/tax.ts.',
    )
    expect(api.comments.map(({body}) => body).join()).not.toContain('@')
  })

  test('again there is nothing left to do', async () => {
    const before = api.comments.length
    await attemptAgain(world, 'triage_issues', {unwritten: `issue-${numbers.again}`})
    expect(api.comments).toHaveLength(before)
    const talk = await world.ada.runs('/triage-issues repository:acme/api apply:true limit:19')
    await says(talk, '✅ issues of acme/api · nothing to triage')
    expect(textOf(talk.reply())).toContain('5 open · 5 triaged before')
    expect(api.comments).toHaveLength(before)
  })

  test('reads all pages, and takes as many as it was asked for', async () => {
    const many = world.github.repository('acme/web')
    for (let n = 0; n < 130; n++)
      many.issue(`Number ${n} of its own kind`, 'carl', [], `Story ${n} is unlike ${n * 7}.`)
    const talk = await world.ada.runs('/triage-issues limit:3')
    await says(talk, '· 3 looked at')
    expect(textOf(talk.reply())).toContain('130 open · 0 triaged before · 127 left for another time')
  })

  test('is for those whom the configuration names, and for our repositories', async () => {
    await says(await world.bob.runs('/triage-issues'), '⛔')
    const abroad = await world.ada.runs('/triage-issues repository:evil/other')
    await says(abroad, '❌ /triage-issues could not be done')
    expect(textOf(abroad.reply())).toContain('evil/other is not one of our repositories')
  })

  test.each<[string, Fault, string]>([
    ['403', {route: 'issues', kind: 'forbidden'}, 'Our GitHub token may not do this'],
    ['404', {route: 'issues', kind: 'notFound'}, 'our token can’t see them'],
  ])('says why it was not done when GitHub answers %s', async (_what, fault, words) => {
    const disarm = world.github.misbehave({...fault, times: 20})
    const talk = await world.ada.runs(`/triage-issues repository:acme/api limit:${++limit}`)
    await says(talk, '❌ /triage-issues could not be done')
    disarm()
    expect(textOf(talk.reply())).toContain(words)
  })

  test('an answer that is lost leaves one comment and all labels', async () => {
    const number = api.issue('Odd', 'eve', [], 'hm')
    world.github.misbehave({route: 'createComment', kind: 'timeout', takesEffect: true})
    world.github.misbehave({route: 'addLabels', kind: 'timeout', takesEffect: true})
    const talk = await world.ada.runs('/triage-issues repository:acme/api apply:true limit:6')
    await says(talk, '✅ issues of acme/api · 1 labelled, 1 commented')
    expect(talk.reply()?.pings).toEqual([])
    expect(commentsIn(number)).toHaveLength(1)
    expect(api.labels(number)).toEqual(expect.arrayContaining(['needs info', 'triaged']))
  })

  test('a permission that is missing is told per issue; nothing is claimed', async () => {
    const number = api.issue(
      'Slow search, it takes forever',
      'carl',
      [],
      'The search has a bad latency, 30 s.',
    )
    const disarm = world.github.misbehave({route: 'addLabels', kind: 'forbidden', times: 9})
    const talk = await world.ada.runs('/triage-issues repository:acme/api apply:true limit:5')
    await says(talk, '⚠️ issues of acme/api · 0 labelled, 0 commented, 1 not')
    disarm()
    expect(textOf(talk.reply())).toContain(`❌ #${number}: Our GitHub token may not do this`)
    expect(api.labels(number)).toEqual([])
  })
})
