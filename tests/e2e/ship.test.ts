import {createServer, type Server} from 'node:http'
import type {AddressInfo} from 'node:net'
import {afterAll, beforeAll, beforeEach, describe, expect, test} from 'vitest'
import type {Conversation, MessageView} from '../../src/emulators/discord/index.ts'
import type {Fault} from '../../src/emulators/github/faults.ts'
import {attemptAgain} from '../support/attempt-again.ts'
import {DEFAULT_YAML, openWorld, type World} from '../support/world.ts'

/** Each `/ship` is somebody else’s, or it would join the one before. */
const DEVELOPERS = Array.from({length: 15}, (_, n) => `6666666666666666${n + 10}`)

const yaml = (site: string) => `
targets:
  client:
    repository: acme/web
    workflow: client-deploy.yml
    inputs: { strategy: "\${{ options.strategy }}" }
    verify: { frontend: "${site}/front", api: "${site}/api" }
    ship: { timeoutMs: 1500, autoRollback: false, checks: [{ name: search, url: "${site}/search" }] }
  api:
    repository: acme/api
    workflow: api-deploy.yml
    environment: staging
    service: api
    verify: { api: "${site}/api" }
    ship: { timeoutMs: 1500 }
  shop:
    repository: acme/shop
    workflow: shop-deploy.yml
    environment: production
    service: shop
    verify: { api: "${site}/api" }
    ship: { timeoutMs: 1500 }
  quick:
    repository: acme/quick
    workflow: quick-deploy.yml
    service: quick
    ship: { expires: 1s }
principals:
${DEVELOPERS.map((id, n) => `  - { id: dev${n}, discord: "${id}", roles: [developer] }`).join('\n')}
  - { id: leo, discord: "444444444444444444", roles: [developer, team_lead] }
  - { id: tia, discord: "555555555555555555", roles: [tech_lead] }
${DEFAULT_YAML.slice(DEFAULT_YAML.indexOf('principals:') + 'principals:\n'.length)}
approvals:
  policies: { medium: { approvers: 0 }, high: { approvers: 1 } }
`
const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`
const says = (talk: Conversation, text: string) =>
  talk.settled(({reply}) => textOf(reply()).includes(text), {timeoutMs: 20_000})
const labelsOf = (message: MessageView | undefined) =>
  [...JSON.stringify(message?.components ?? []).matchAll(/"label":"([^"]+)"/g)].map(([, label]) => label)

let server: Server
/** What each address answers; 200 unless told. */
let answers: Record<string, number> = {}
/** What deployments come to, and how long they take. */
let failing = false
let uploadMs = 200
let world: World
let leo: World['ada']
beforeAll(async () => {
  server = createServer((request, response) => {
    const [, side = ''] = (request.url ?? '').split('/')
    response.writeHead(answers[side] ?? 200).end('ok')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()))
  world = await openWorld({
    yaml: yaml(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    env: {
      SAFE_LOCAL: 'true',
      APPROVAL_SWEEP_MS: '100',
      GITHUB_TIMEOUT_MS: '1000',
      RUN_DISCOVERY_TIMEOUT_MS: '1500',
    },
    permissions: {contents: 'write'},
  })
  leo = world.discord.person('leo', {id: '444444444444444444'})
  const inputs = {correlation_id: {required: true}, requester: {required: true}, strategy: {}}
  for (const [repository, file] of [
    ['acme/web', 'client-deploy.yml'],
    ['acme/api', 'api-deploy.yml'],
    ['acme/shop', 'shop-deploy.yml'],
    ['acme/quick', 'quick-deploy.yml'],
  ] as const) {
    const home = world.github.repository(repository)
    home.branch('main')
    home.workflow(file, {
      name: `Deploy ${repository}`,
      inputs,
      script: () => [
        {
          name: 'deploy',
          steps: [{name: 'Upload', ms: uploadMs, ...(failing ? {conclusion: 'failure'} : {})}],
        },
      ],
    })
    // Something went well there before, and the branch went on since.
    home.startRun({workflow: file, conclusion: 'success', ageMs: 3_600_000})
    home.commit('next')
  }
})
afterAll(async () => {
  await world.close()
  server.close()
})
beforeEach(() => {
  failing = false
  uploadMs = 200
  answers = {}
})

const messages = () => world.discord.channel('general').messages()
/** The release's own message: the newest one with these words, or that gets them. */
const released = (words: string, after: string) =>
  world.discord.eventually(
    () =>
      messages().findLast(
        ({id, content, ephemeral}) => !ephemeral && BigInt(id) > BigInt(after) && content.includes(words),
      ),
    {what: words, timeoutMs: 20_000},
  )
let shipped = 0
const ship = async (line: string) => {
  const id = DEVELOPERS[shipped++] ?? ''
  const talk = await world.discord.person(`dev-${shipped}`, {id}).runs(`/ship ${line}`)
  await talk.settled(({reply}) => reply() !== undefined)
  return {talk, id: talk.reply()?.id ?? '0'}
}
const runsOf = (repository: string) => world.github.repository(repository).runs
const goodOf = (repository: string) => runsOf(repository).at(-1)?.headSha ?? ''

describe('/ship', () => {
  test('ships, verifies each address, and offers the three buttons to those who may ship', async () => {
    const {id} = await ship('target:client')
    const message = await released('deployed, 3 of 3 checks good', id)
    expect(message.content).toMatch(/^✅ client → development · deployed/u)
    expect(textOf(message)).toMatch(/✅ frontend · \d+ ms\n✅ API · \d+ ms\n✅ search · \d+ ms/)
    expect(textOf(message)).toContain(`last good: \`${goodOf('acme/web').slice(0, 7)}\``)
    expect(labelsOf(message)).toEqual(['Promote', 'Details', 'Roll back'])
    // The release's message is the word at the end: the deployment adds none of its own.
    expect(messages().map(({content}) => content)).toEqual([
      expect.stringContaining('success after'),
      message.content,
    ])

    const runs = runsOf('acme/web').length
    await attemptAgain(world, 'ship')
    const stranger = await world.bob.presses(message, 'Promote')
    await stranger.acknowledged()
    expect(stranger.ephemeral).toBe(true)
    expect(textOf(stranger.reply())).toContain('⛔ you can’t press this')

    const details = await leo.presses(message, 'Details')
    await says(details, '✅ client → development · all well right now')
    expect(details.ephemeral).toBe(true)

    await says(await leo.presses(message, 'Promote'), 'this marks it as good, and ships nothing')
    const kept = await released('promoted by leo', id)
    expect(kept.id).toBe(message.id)
    expect(runsOf('acme/web')).toHaveLength(runs)
    expect(labelsOf(kept)).toEqual([])
  })

  test('warns of what is slow or down, and counts what does not answer', async () => {
    answers = {search: 503}
    const {id} = await ship('target:client')
    const message = await released('deployed, 2 of 3 checks good', id)
    expect(message.content).toMatch(/^❌/u)
    expect(textOf(message)).toContain('❌ search · HTTP 503')
    expect(textOf(message)).toContain('speaks for going back: only 2 of 3 checks answer')
  })

  test('of a canary promotes the same commit in full, by a dispatch of its own', async () => {
    const {id} = await ship('target:client strategy:canary')
    const message = await released('(canary) · deployed', id)
    const [canary] = runsOf('acme/web')
    expect(canary?.inputs).toMatchObject({strategy: 'canary'})
    await says(await leo.presses(message, 'Promote'), 'promoting by leo')
    await attemptAgain(world, 'decide')
    await released('(canary) · promoted by leo', id)
    const [full, before] = runsOf('acme/web')
    expect(before?.id).toBe(canary?.id)
    expect(full).toMatchObject({headSha: canary?.headSha, inputs: {strategy: 'full'}})
  })

  test('goes back to the last good commit, after asking once more', async () => {
    const {id} = await ship('target:client')
    const message = await released('client → development · deployed', id)
    const runs = runsOf('acme/web').length
    const question = await world.ada.presses(message, 'Roll back')
    await says(question, '⚠️ client → development · go back?')
    expect(question.ephemeral).toBe(true)
    uploadMs = 50_000
    const yes = await world.ada.presses({id: question.reply()?.id ?? ''}, 'Yes, roll back')
    await says(yes, 'rolling back by ada')
    await attemptAgain(world, 'carry_out')
    await released('rolled back by ada', id)
    expect(runsOf('acme/web')[0]?.headSha).toBe(goodOf('acme/web'))
    const late = await leo.sendsRaw({
      type: 3,
      data: {
        custom_id: `v1:promote:${/v1:promote:([\w-]+)/.exec(JSON.stringify(message.components))?.[1]}`,
        component_type: 2,
      },
      message,
    })
    await late.acknowledged()
    expect(textOf(late.reply())).toContain('rolled back by ada')
    expect(runsOf('acme/web')).toHaveLength(runs + 1)
  })

  test('pressed by two at once does one thing', async () => {
    const {id} = await ship('target:client strategy:canary')
    const message = await released('(canary) · deployed', id)
    const before = runsOf('acme/web').length
    const question = await leo.presses(message, 'Roll back')
    await says(question, 'go back?')
    const pressed = await Promise.all([
      world.ada.presses(message, 'Promote'),
      leo.presses({id: question.reply()?.id ?? ''}, 'Yes, roll back'),
    ])
    for (const talk of pressed)
      await talk.settled(({reply}) => /by (ada|leo)|could not be done/.test(textOf(reply())), {
        timeoutMs: 20_000,
      })
    const refused = pressed.filter(talk => /decided before|nothing to decide/.test(textOf(talk.reply())))
    expect(refused).toHaveLength(1)
    await world.discord.eventually(
      () => messages().some(each => each.id === message.id && /promoted|rolled back/.test(each.content)),
      {timeoutMs: 20_000},
    )
    expect(runsOf('acme/web')).toHaveLength(before + 1)
  })

  test('goes back by itself where a critical address is down, and says why', async () => {
    answers = {api: 503}
    const {id} = await ship('env:staging')
    const message = await released('api → staging · rolled back automatically', id)
    expect(textOf(message)).toContain('API is down')
    expect(labelsOf(message)).toEqual([])
    expect(runsOf('acme/api')[0]?.headSha).toBe(goodOf('acme/api'))
  })

  test('asks for approval before it goes back by itself where shipping takes one', async () => {
    answers = {api: 503}
    const {id} = await ship('env:prod')
    const approve = async (after: string) => {
      const request = await world.discord.eventually(
        () =>
          messages().findLast(each => BigInt(each.id) > BigInt(after) && labelsOf(each).includes('Approve')),
        {what: 'the request for approval', timeoutMs: 20_000},
      )
      await says(await leo.presses(request, 'Approve'), 'your approval counts')
      return request.id
    }
    const first = await approve(id)
    await released('shop → production · rolling back automatically', id)
    expect(runsOf('acme/shop')).toHaveLength(2)
    await approve(first)
    await released('shop → production · rolled back automatically', id)
    expect(runsOf('acme/shop')[0]?.headSha).toBe(goodOf('acme/shop'))
  })

  test('takes its buttons away when nobody decides in time, and checks nothing that is not configured', async () => {
    const {id} = await ship('target:quick')
    const message = await released('quick → development · nobody decided in time', id)
    expect(labelsOf(message)).toEqual([])
    const first = message.versions.find(({content}) => content.includes('deployed, nothing verified'))
    expect(first).toBeDefined()
  })

  test('offers no promotion of what failed', async () => {
    failing = true
    const {id} = await ship('target:client')
    const message = await released('client → development · not deployed', id)
    expect(message.content).toMatch(/^🔴/u)
    expect(labelsOf(message)).toEqual(['Details', 'Roll back'])
  })

  test.each<[string, Fault, string, 'shipped' | 'not shipped']>([
    ['403', {route: 'dispatch', kind: 'forbidden'}, 'Our GitHub token may not do this', 'not shipped'],
    ['404', {route: 'dispatch', kind: 'notFound'}, 'quick-deploy.yml', 'not shipped'],
    [
      '429, which is waited out',
      {route: 'dispatch', kind: 'secondaryLimit', status: 429, retryAfterS: 1},
      'success after',
      'shipped',
    ],
    [
      '503, before it took effect',
      {route: 'dispatch', kind: 'serverError', status: 503},
      'before running it again',
      'not shipped',
    ],
    [
      'nothing in time, but not before it took effect',
      {route: 'dispatch', kind: 'timeout', takesEffect: true},
      'success after',
      'shipped',
    ],
    [
      'an answer that is lost, but not before it took effect',
      {route: 'dispatch', kind: 'reset', takesEffect: true},
      'success after',
      'shipped',
    ],
  ])(
    'tells of %s by GitHub with the deployment, and dispatches once at most',
    async (_what, fault, sentence, outcome) => {
      const before = runsOf('acme/quick').length
      world.github.misbehave(fault)
      const {talk, id} = await ship('target:quick')
      await talk.settled(({reply}) => textOf(reply()).includes(sentence), {timeoutMs: 20_000, what: sentence})
      expect(textOf(talk.reply())).toMatch(/asked by dev-\d+ · `[0-9a-f]{8}…`/)
      expect(talk.reply()?.pings).toEqual([])
      if (outcome === 'shipped') {
        await released('quick → development · nobody decided in time', id)
        expect(runsOf('acme/quick')).toHaveLength(before + 1)
        return
      }
      expect(runsOf('acme/quick')).toHaveLength(before)
      expect(
        messages().filter(each => BigInt(each.id) > BigInt(id) && each.content.includes('checks')),
      ).toEqual([])
    },
  )

  test.each([
    ['target:nothing', 'There is no target nothing'],
    ['target:api env:prod', 'api ships to staging, not to production.'],
    ['target:api strategy:canary', 'api ships in full only'],
    ['target:api run_id:12345678', 'ends a plan and ships nothing'],
  ])('%s is refused at once', async (line, sentence) => {
    const talk = await world.ada.runs(`/ship ${line}`)
    await talk.acknowledged()
    expect(talk.ephemeral).toBe(true)
    expect(textOf(talk.reply()).replaceAll('\\', '')).toContain(sentence)
  })

  test('a button about a release that there is not gets a private word', async () => {
    const message = messages()[0] as MessageView
    const talk = await world.ada.sendsRaw({
      type: 3,
      data: {custom_id: 'v1:promote:11111111-1111-4111-8111-111111111111', component_type: 2},
      message,
    })
    await talk.acknowledged()
    expect(talk.ephemeral).toBe(true)
    expect(textOf(talk.reply())).toContain('⛔ this button is not in use any more')
  })
})
