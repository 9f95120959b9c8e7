import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import type {Conversation, MessageView} from '../../src/emulators/discord/index.ts'
import type {RouteFault} from '../../src/emulators/github/faults.ts'
import type {Pull} from '../../src/emulators/github/index.ts'
import {loadFolder} from '../../src/runtime/load-plugins.ts'
import type {AgentDefinition} from '../../src/sdk/index.ts'
import {openWorld, type World} from '../support/world.ts'

const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`

/** One for each way in which GitHub fails, or the same command within moments would join the first. */
const ADMINS = ['1', '2', '3', '4'].map(n => `99999999999999999${n}`)
const nextAdmin = () => {
  const id = ADMINS.shift() ?? ''
  return world.discord.person(`admin-${id.at(-1)}`, {id})
}

let world: World
beforeAll(async () => {
  world = await openWorld({
    env: {ADMIN_USER_IDS: ['999999999999999999', ...ADMINS].join(','), GITHUB_TIMEOUT_MS: '1500'},
    permissions: {pull_requests: 'write'},
  })
  const web = world.github.repository('acme/web')
  const hour = 3_600_000
  const ended = (ageMs: number, conclusion: 'success' | 'failure') =>
    web.startRun({
      workflow: 'client-deploy.yml',
      event: 'push',
      branch: 'main',
      actor: 'ada',
      ageMs,
      durationMs: 125_000,
      conclusion,
    })
  ended(50 * hour, 'success')
  ended(5 * hour, 'success')
  ended(4 * hour, 'failure')
  ended(3 * hour, 'success')
})
afterAll(() => world.close())

describe('the everyday commands', () => {
  test('/agents lists who is there and how to reach them', async () => {
    const talk = await world.bob.runs('/agents')
    await talk.settled(({reply}) => reply()?.content.includes('agents'))
    const agents = await loadFolder<AgentDefinition>('agents', agent => agent.id)
    await talk.settled(({reply}) => textOf(reply()).includes(`total: ${agents.size}`))
    for (const {id} of agents.values()) expect(textOf(talk.reply())).toContain(`\`${id}\``)
    expect(textOf(talk.reply())).toMatch(/`deploy_client`.* `\/deploy-client`/)
  })

  test('/status shows the last runs of each workflow, newest first', async () => {
    const talk = await world.bob.runs('/status count:2')
    await talk.settled(({reply}) => textOf(reply()).includes('client-deploy'))
    const lines = textOf(talk.reply()).split('\n')
    const runs = lines.filter(line => line.includes('run '))
    expect(runs[0]).toMatch(/^🟢 • success • 3h ago • 2m 5s • \[run \d+\]/)
    expect(runs[1]).toMatch(/^🔴 • failure • 4h ago/)
    expect(lines.some(line => line === 'no runs found')).toBe(true)
  })

  test('a workflow that GitHub does not have any more is told as such, beside the others', async () => {
    const gone = /⚠️ Workflow (client|api)-deploy\.yml was not found in acme\/(web|api)/
    world.github.misbehave({route: 'workflowRuns', kind: 'notFound'})
    const status = await world.bob.runs('/status count:1')
    await status.settled(({reply}) => gone.test(textOf(reply())))
    expect(status.reply()?.content).toMatch(/^⚠️ status/u)
    expect(textOf(status.reply())).toMatch(/🟢 • success|no runs found/)
    world.github.misbehave({route: 'workflowRuns', kind: 'notFound'})
    const digest = await world.bob.runs('/status-digest period:daily')
    await digest.settled(({reply}) => gone.test(textOf(reply())))
    expect(textOf(digest.reply())).toMatch(/3 runs: 2 ✅|\*\*api-deploy\*\* no runs/)
  })

  test.each([
    ['a permission that is missing', {kind: 'forbidden', times: 2}, /⚠️ .*may not do this/],
    ['a server that fails once', {kind: 'serverError'}, /run \d+/],
    ['a connection that breaks', {kind: 'reset'}, /run \d+/],
    ['a limit that is over in a second', {kind: 'secondaryLimit', status: 429, retryAfterS: 1}, /run \d+/],
  ] as const)('/status in the face of %s tells the truth', async (_what, fault, expected) => {
    world.github.misbehave({route: 'workflowRuns', ...fault})
    const talk = await world.bob.runs('/status count:3')
    await talk.settled(({reply}) => expected.test(textOf(reply())), {timeoutMs: 15_000})
  })

  test('/status refuses a count that Discord’s own form would not have let through', async () => {
    const talk = await world.bob.sendsRaw({
      data: {name: 'status', type: 1, options: [{name: 'count', type: 4, value: 7}]},
    })
    await talk.acknowledged()
    expect(talk.ephemeral).toBe(true)
    expect(textOf(talk.reply())).toMatch(/^❌ \/status was not started\n· count:/)
  })

  test('/status-digest counts the day, leaves out older runs, and says when nothing is configured to be checked', async () => {
    const talk = await world.bob.runs('/status-digest period:daily')
    await talk.settled(({reply}) => reply()?.content.startsWith('📊 Last 24 Hours'))
    const text = textOf(talk.reply())
    expect(text).toContain('3 runs: 2 ✅ / 1 ❌ · average 2m 5s')
    expect(text).toContain('**api-deploy** no runs')
    expect(text).toContain('nothing to check')
    const week = await world.bob.runs('/status-digest period:weekly')
    await week.settled(({reply}) => textOf(reply()).includes('4 runs: 3 ✅ / 1 ❌'))
  })

  test('/help shows each person what they may run, and why not the rest', async () => {
    const forBob = await world.bob.runs('/help')
    await forBob.settled(({reply}) => reply()?.content.includes('what you can run'))
    expect(forBob.ephemeral).toBe(true)
    expect(textOf(forBob.reply())).toMatch(/Not for you yet.*`\/deploy-client`/)
    expect(textOf(forBob.reply())).toContain('why it is not for you')
    const why = await world.bob.runs('/help command:/deploy-client')
    await why.settled(({reply}) =>
      textOf(reply()).includes('needs role developer, you have: no account known here — ask ada or an admin'),
    )
    const looking = await world.bob.runs('/help topic:look')
    await looking.settled(({reply}) => textOf(reply()).includes('`/status [count:n]` The last runs'))
    const forAda = await world.ada.runs('/help command:deploy-client')
    await forAda.settled(({reply}) => textOf(reply()).includes('[wait:true|false]'))
    expect(textOf(forAda.reply())).not.toContain('not for you')
  })

  test('completion suggests targets and branches to those who may deploy, and nothing to others', async () => {
    expect(await world.ada.completes('/deploy-client target:c')).toEqual([
      {name: 'client → development (acme/web)', value: 'client'},
    ])
    expect(
      (await world.ada.completes('/deploy-client target:client ref:rel')).map(choice => choice.value),
    ).toEqual(['release-1'])
    expect(await world.bob.completes('/deploy-client target:c')).toEqual([])
  })
})

describe('refusals', () => {
  test('who may not deploy is told every reason, alone, and nothing is dispatched', async () => {
    const talk = await world.bob.runs('/deploy-client wait:true')
    await talk.acknowledged()
    expect(talk.ephemeral).toBe(true)
    expect(textOf(talk.reply())).toMatch(
      /^⛔ you can’t run \/deploy-client yet\n· needs role developer.*\n· or one of the Discord roles/,
    )
    expect(world.github.count('dispatch')).toBe(0)
  })

  test.each([
    'http://api.example.com',
    'https://127.0.0.1',
    'https://localhost.',
    'https://169.254.169.254/latest/meta-data',
    'https://user:pass@api.example.com',
    'https://2130706433/',
    'https://[::ffff:10.0.0.1]/',
    'javascript:alert(1)',
    'x'.repeat(3000),
  ])('an API address like %s is refused with its reason', async url => {
    const talk = await world.ada.sendsRaw({
      data: {name: 'deploy-client', type: 1, options: [{name: 'api_base', type: 3, value: url}]},
    })
    await talk.acknowledged()
    expect(talk.ephemeral).toBe(true)
    expect(textOf(talk.reply())).toMatch(/^❌ \/deploy-client was not started\n· api/)
    expect(world.github.count('dispatch')).toBe(0)
  })

  test('an unknown target names the known ones', async () => {
    const talk = await world.ada.runs('/deploy-client target:cleint')
    await talk.acknowledged()
    expect(textOf(talk.reply())).toContain('there is no cleint; there is client, api')
  })

  test.each([
    ['an unknown command', {name: 'rm-rf', type: 1}],
    ['an unknown option', {name: 'status', type: 1, options: [{name: 'force', type: 5, value: true}]}],
    [
      'a period that is neither a day nor a week',
      {name: 'status-digest', type: 1, options: [{name: 'period', type: 3, value: 'monthly'}]},
    ],
    ['a wrong type', {name: 'status', type: 1, options: [{name: 'count', type: 3, value: 'many'}]}],
    [
      'mention and markdown tricks',
      {name: 'deploy-client', type: 1, options: [{name: 'target', type: 3, value: '@everyone <@1> **x**'}]},
    ],
    [
      'control and look-alike characters',
      {
        name: 'deploy-client',
        type: 1,
        options: [{name: 'target', type: 3, value: 'cl\u0456ent\u202e\u0000'}],
      },
    ],
    [
      'ten thousand characters',
      {name: 'help', type: 1, options: [{name: 'command', type: 3, value: 'a'.repeat(6000)}]},
    ],
  ])('%s gets a private answer and executes nothing', async (_what, data) => {
    const talk = await world.ada.sendsRaw({data})
    await talk.acknowledged()
    expect(talk.failed).toBeUndefined()
    expect(talk.ephemeral).toBe(true)
    expect(talk.reply()?.content).toMatch(/^[❌⛔]/u)
    expect(talk.reply()?.pings).toEqual([])
    expect(textOf(talk.reply())).not.toMatch(/@everyone|<@\d/)
    expect(world.github.count('dispatch')).toBe(0)
  })
})

/** Commands that read at GitHub before they do anything; `beside` says what goes on where one part is refused. */
const READING: readonly {readonly line: string; readonly beside?: string}[] = [
  {line: '/status', beside: '⚠️ status'},
  {line: '/status-digest', beside: '📊 Last 24 Hours'},
  {line: '/plan'},
  {line: '/update-summary'},
  {line: '/verify-latest'},
  {line: '/verify-run run_id:1'},
  {line: '/qa pr:1'},
  {line: '/triage ref:#1'},
  {line: '/triage-issues'},
  {line: '/doctor fix:api'},
]

describe.each<{
  readonly failure: string
  readonly fault: Omit<RouteFault, 'route'>
  readonly cause: string
  readonly next: RegExp
  readonly code: string
  /** How often the command was tried again. */
  readonly again: number
}>([
  {
    failure: '403',
    fault: {kind: 'forbidden'},
    cause: 'Our GitHub token may not do this',
    next: /An operator must grant it\./,
    code: 'UPSTREAM_REFUSED',
    again: 0,
  },
  {
    failure: '429 for five minutes',
    fault: {kind: 'secondaryLimit', status: 429, retryAfterS: 300},
    cause: 'GitHub asks us to slow down.',
    next: /try again <t:\d+:R>/,
    code: 'UPSTREAM_RATE_LIMITED',
    again: 0,
  },
  {
    failure: '503',
    fault: {kind: 'serverError', status: 503},
    cause: 'GitHub answered 503.',
    next: /try again in a minute/,
    code: 'UPSTREAM_UNAVAILABLE',
    again: 2,
  },
  {
    failure: 'nothing in time',
    fault: {kind: 'timeout'},
    cause: 'GitHub did not answer in time.',
    next: /try again in a minute/,
    code: 'UPSTREAM_UNAVAILABLE',
    again: 2,
  },
])('while GitHub answers everything with $failure', ({failure, fault, cause, next, code, again}) => {
  const talks = new Map<string, Conversation>()
  let before = 0
  let disarm = () => {}
  beforeAll(async () => {
    const admin = nextAdmin()
    before = world.github.requests.length
    disarm = world.github.misbehave({route: '*', times: Infinity, ...fault})
    // All together, since most of it is waiting.
    for (const {line} of READING) talks.set(line, await admin.runs(line))
  })
  afterAll(() => disarm())

  test.each(READING)('$line says why, what to do and how to find it, and ends', async ({line, beside}) => {
    const talk = talks.get(line)
    const ended = /^(?:❌ \/|⚠️ status|📊)/u
    await talk?.settled(({reply}) => ended.test(reply()?.content ?? ''), {timeoutMs: 20_000, what: line})
    const reply = talk?.reply()
    const text = textOf(reply)
    expect(text).toContain(cause)
    expect(text).toMatch(next)
    const [, id = 'none'] = /asked by admin-\d · `([0-9a-f]{8})…`/.exec(text) ?? []
    if (beside !== undefined && failure === '403') expect(reply?.content).toContain(beside)
    else {
      expect(reply?.content).toMatch(/^❌ \/[a-z-]+ could not be done/u)
      expect(text).toContain(`code \`${code}\``)
    }
    expect(reply?.pings).toEqual([])
    expect(talk?.followUps()).toEqual([])
    const tries = world.logs.filter(
      ({msg, correlation_id: of}) => msg === 'action will be tried again' && String(of).startsWith(id),
    )
    expect(tries).toHaveLength(again)
  })

  test('nothing was changed, and nobody was told anything else', () => {
    const asked = world.github.requests.slice(before)
    expect(asked.filter(({method}) => method !== 'GET').map(({route}) => route)).toEqual([])
    const general = world.discord.channel('general').messages()
    expect(general.filter(({interactionId}) => interactionId === undefined)).toEqual([])
  })
})

describe('what GitHub is handed', () => {
  test('is the whole id and who asked; an API address only when one was given', async () => {
    const inputsOf = async (line: string) => {
      const known = world.github.count('dispatch')
      const talk = await world.ada.runs(line)
      await talk.settled(() => world.github.count('dispatch') > known)
      const sent = world.github.requests.filter(({route}) => route === 'dispatch').at(-1)
      return (sent?.body as {inputs: unknown}).inputs
    }
    const plain = await inputsOf('/deploy-client')
    expect(plain).toEqual({
      correlation_id: expect.stringMatching(
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      ),
      requester: 'ada',
    })
    expect(await inputsOf('/deploy-client api_base:https://api.example.com')).toMatchObject({
      requester: 'ada',
      VITE_API_BASE: 'https://api.example.com',
    })
  })
})

describe('/workflow', () => {
  const LASTING = {times: Infinity}
  const SLOW = 'step `code_review`: GitHub asks us to slow down'
  const cases: readonly (readonly [string, Omit<RouteFault, 'route'>, string, reviews: number])[] = [
    ['403', {kind: 'forbidden'}, 'step `code_review`: Our GitHub token may not do this', 0],
    ['404', {kind: 'notFound'}, 'step `code_review`: acme/web has no pull request', 0],
    ['429', {kind: 'secondaryLimit', status: 429, retryAfterS: 1}, 'The review blocks it', 1],
    ['503', {kind: 'serverError', status: 503}, 'The review blocks it', 1],
    ['nothing in time', {kind: 'timeout'}, 'The review blocks it', 1],
    ['429 for five minutes', {...LASTING, kind: 'secondaryLimit', status: 429, retryAfterS: 300}, SLOW, 0],
    [
      '503 that stays',
      {...LASTING, kind: 'serverError', status: 503},
      'step `code_review`: GitHub answered 503',
      0,
    ],
    [
      'nothing in time, ever',
      {...LASTING, kind: 'timeout'},
      'step `code_review`: GitHub did not answer in time',
      0,
    ],
  ]
  const begun = new Map<string, {readonly talk: Conversation; readonly pull: Pull}>()
  // All together, since a step waits some seconds before its next try.
  beforeAll(async () => {
    const web = world.github.repository('acme/web')
    for (const [what, fault] of cases) {
      const pull = web.pullRequest({title: what, head: `blocks-${what}`, files: {'.env': 'A=1\n'}})
      world.github.misbehave({route: 'pull', path: `/pulls/${pull.number}`, ...fault})
      const line = `/workflow action:run workflow:pr-deployment input:pr_number=${pull.number} repo_url=acme/web`
      begun.set(what, {pull, talk: await world.ada.runs(line)})
    }
  })

  test.each(cases)(
    'a step that GitHub answers with %s says so, or goes on',
    async (what, _fault, words, reviews) => {
      const {talk, pull} = begun.get(what) ?? {}
      const text = () => textOf(talk?.reply()).replaceAll('\\', '')
      const stands = words === SLOW ? /^🟡[^]* · next try <t:\d+:R>/u : /^🔴 pr-deployment · failed after/u
      await talk?.settled(() => stands.test(text()) && text().includes(words), {timeoutMs: 40_000, what})
      expect(text()).toMatch(/asked by ada · `[0-9a-f]{8}…`/)
      expect(talk?.reply()?.pings).toEqual([])
      expect(pull?.reviews).toHaveLength(reviews)
    },
  )

  test('nothing was shipped', () => {
    const web = world.github.repository('acme/web')
    const heads = [...begun.values()].map(({pull}) => pull.headSha)
    expect(web.runs.filter(({headSha}) => heads.includes(headSha))).toEqual([])
  })
})
