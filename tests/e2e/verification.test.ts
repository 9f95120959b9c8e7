import {strToU8, zipSync} from 'fflate'
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest'
import type {Conversation, MessageView} from '../../src/emulators/discord/index.ts'
import type {Workflow, WorkflowOptions} from '../../src/emulators/github/index.ts'
import {attemptAgain} from '../support/attempt-again.ts'
import {startProcess, type ProductProcess} from '../support/processes.ts'
import {openSite, type Site} from '../support/site.ts'
import {openWorld, type World} from '../support/world.ts'

const INPUTS = Object.fromEntries(
  ['correlation_id', 'requester', 'channel_id', 'frontend_url', 'api_base'].map(name => [name, {}]),
)
const WELL = {
  oidc: {ok: true},
  s3_read: {ok: true},
  cloudfront: {ok: true},
  api_health: {ok: true, status: 200, ms: 41},
  api_hello: {ok: true, status: 200, ms: 39},
}
type Left = ReturnType<NonNullable<WorkflowOptions['artifacts']>>

const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`.replaceAll(
    /\\|\u200b/g,
    '',
  )
const ends = (talk: Conversation, glyph: string) =>
  talk.settled(({reply}) => reply()?.content.startsWith(glyph), {timeoutMs: 20_000})

const summary = (checks: object, id: string | undefined): Left => [
  {
    name: 'diagnose-summary',
    files: {'diagnose-summary.json': JSON.stringify({correlation_id: id, checks, conclusion: 'success'})},
  },
]

/** The workflow that the diagnosis starts; `leaves` says what its next runs upload. */
function furnishDiagnosis(world: World, more: Partial<WorkflowOptions> = {}): Workflow {
  return world.github.repository('acme/web').workflow('diagnose-dispatch.yml', {
    name: 'Diagnose on Demand',
    inputs: INPUTS,
    jobs: [
      {
        name: 'diagnose',
        steps: [
          {name: 'Assume role', ms: 2000},
          {name: 'Read bucket', ms: 2000},
        ],
      },
    ],
    artifacts: ({correlation_id: id}) => summary(WELL, id),
    ...more,
  })
}

describe('is it up, did it work, why not', () => {
  let world: World
  let site: Site
  let cases = 0
  beforeAll(async () => {
    site = await openSite()
    world = await openWorld({
      env: {
        GITHUB_TIMEOUT_MS: '1000',
        RUN_DISCOVERY_TIMEOUT_MS: '1500',
        SAFE_LOCAL: 'true',
        FRONTEND_BASE_URL: site.url,
        API_BASE_URL: site.url,
      },
    })
    furnishDiagnosis(world)
  })
  afterAll(async () => {
    await world.close()
    await site.close()
  })
  afterEach(() => {
    for (const path of ['/', '/index.html', '/health', '/hello']) site.answers(path, 200)
  })

  const web = () => world.github.repository('acme/web')
  const deployed = (conclusion: 'success' | 'failure' = 'success') =>
    web().startRun({workflow: 'client-deploy.yml', conclusion})
  /** Each asks about another address: the same question within moments would join the first. */
  const diagnose = () => world.bob.runs(`/diagnose api_base:https://api-${++cases}.example.com`)

  describe('/verify-latest', () => {
    test('looks at the run, the frontend, its caching and the API, and says that it worked', async () => {
      const run = deployed()
      const answer = site.hold()
      const talk = await world.bob.runs('/verify-latest')
      await talk.acknowledged()
      answer()
      await ends(talk, '✅ client · verified')
      expect(talk.ephemeral).toBe(false)
      const lines = textOf(talk.reply()).split('\n')
      expect(lines).toContain('✅ Frontend: `/` ✅ 200 · `/index.html` ✅ 200 · cache-control `no-cache`')
      expect(lines).toContain('✅ API: `/health` ✅ 200 · `/hello` ✅ 200')
      expect(lines.some(line => line.startsWith('✅ Actions: success · build'))).toBe(true)
      expect(JSON.stringify(talk.reply()?.components)).toContain(run.url)
      expect(talk.reply()?.pings).toEqual([])
    })

    test('one endpoint of the API down is no success, and says what to check', async () => {
      site.answers('/hello', 503)
      const talk = await world.bob.runs('/verify-latest target:client')
      await ends(talk, '❌ client · API /hello answers 503')
      expect(textOf(talk.reply())).toContain('🔧 check that the API is deployed')
    })

    test('a step that ran and failed is not ok', async () => {
      const run = web().startRun({workflow: 'client-deploy.yml'})
      run.fail('deploy', 'Invalidate', ['AccessDenied'])
      const talk = await world.bob.runs(`/verify-latest run_url:${run.url}`)
      await ends(talk, '❌ client · Actions: failure: Invalidate')
      expect(textOf(talk.reply())).toContain('CDN failed')
      expect(textOf(talk.reply())).toContain('🔧 look at step `Invalidate` in [its log]')
    })

    test.each([
      ['https://github.com/acme/web/actions/workflows/x.yml', 'This is not the address of a run'],
      ['https://github.com/somebody/else/actions/runs/1', 'somebody/else is not one of our repositories'],
    ])('%s is refused', async (url, words) => {
      const talk = await world.bob.runs(`/verify-latest run_url:${url}`)
      await ends(talk, '❌ /verify-latest could not be done')
      expect(textOf(talk.reply())).toContain(words)
    })

    test('a target that has never been deployed is said to be so', async () => {
      const talk = await world.bob.runs('/verify-latest target:api')
      await ends(talk, '❌ api · nothing to verify')
    })

    test.each([
      ['notFound', 'was not found in acme/web'],
      ['forbidden', 'Our GitHub token may not do this (needs actions=read)'],
    ] as const)('GitHub says %s', async (kind, words) => {
      world.github.misbehave({route: 'workflowRuns', kind})
      const talk = await world.bob.runs(`/verify-latest`)
      await ends(talk, '❌ /verify-latest could not be done')
      expect(textOf(talk.reply())).toContain(words)
    })

    test.each([
      ['429', {kind: 'secondaryLimit', status: 429, retryAfterS: 1}],
      ['5xx', {kind: 'serverError', status: 503}],
      ['no answer in time', {kind: 'timeout'}],
    ] as const)('what passes by itself (%s) is tried again', async (_what, fault) => {
      deployed()
      world.github.misbehave({route: 'workflowRuns', ...fault})
      await ends(await world.bob.runs('/verify-latest'), '✅')
    })

    test('diagnose:true starts a diagnosis with a message of its own; its failure does not spoil the verification', async () => {
      const before = world.github.count('dispatch')
      const talk = await world.bob.runs('/verify-latest diagnose:true')
      await ends(talk, '✅ client · verified')
      await attemptAgain(world, 'verify_latest')
      const [, id = ''] = /🔍 diagnosis `([0-9a-f]{8})…` started/.exec(textOf(talk.reply())) ?? []
      await world.discord.eventually(
        () =>
          world.discord
            .channel('general')
            .messages()
            .find(message => message.content.startsWith('🟢 diagnosis') && textOf(message).includes(id)),
        {what: 'the results of the diagnosis'},
      )
      expect(world.github.count('dispatch')).toBe(before + 1)

      world.github.misbehave({route: 'dispatch', kind: 'notFound'})
      const without = await world.bob.runs('/verify-latest diagnose:true target:client')
      await ends(without, '✅ client · verified')
      expect(textOf(without.reply())).toContain(
        '⚠️ no diagnosis: Workflow diagnose-dispatch.yml was not found',
      )
    })
  })

  describe('/verify-run', () => {
    test('verifies a run by its number, for whom access names', async () => {
      const run = deployed()
      const talk = await world.root.runs(`/verify-run run_id:${run.id}`)
      await ends(talk, '✅ client · verified')
      const refused = await world.bob.runs(`/verify-run run_id:${run.id}`)
      await refused.acknowledged()
      expect(refused.ephemeral).toBe(true)
      expect(refused.reply()?.content).toMatch(/^⛔/)
    })

    test('a number that is none is refused to the asker alone, a run that is not there is said to be so', async () => {
      const none = await world.root.runs('/verify-run run_id:12a')
      await none.acknowledged()
      expect(none.ephemeral).toBe(true)
      expect(textOf(none.reply())).toContain('run_id: must be the number of a run')
      const unknown = await world.root.runs('/verify-run run_id:404')
      await ends(unknown, '❌ /verify-run could not be done')
      expect(textOf(unknown.reply())).toContain('There is no run 404 in acme/web')
    })
  })

  describe('/diagnose', () => {
    afterEach(() => void furnishDiagnosis(world))

    test('follows its workflow to the end and tells what the report says, with a new message at the end', async () => {
      const before = world.github.count('dispatch')
      furnishDiagnosis(world, {jobs: [{name: 'diagnose', steps: [{name: 'Look', ms: 60_000}]}]})
      const talk = await diagnose()
      await ends(talk, '⏳ diagnosis · running')
      await ends(talk, '🟢 diagnosis · all well')
      const text = textOf(talk.reply())
      expect(text).toContain('✅ API /health: 200 · 41 ms')
      expect(text).toContain(`frontend \`${site.url}\` · API \`https://api-${cases}.example.com\``)
      const run = web().runs[0]
      expect(JSON.stringify(talk.reply()?.components)).toContain(run?.url)
      expect(run?.inputs).toEqual({
        correlation_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
        requester: 'bob',
        channel_id: world.discord.channel('general').id,
        frontend_url: site.url,
        api_base: `https://api-${cases}.example.com`,
      })
      const last = await world.discord.eventually(
        () =>
          world.discord
            .channel('general')
            .messages()
            .find(
              message =>
                message.interactionId === undefined &&
                textOf(message).includes(run?.inputs['correlation_id']?.slice(0, 8) ?? '?'),
            ),
        {what: 'the closing message'},
      )
      expect(last?.pings).toEqual([])
      expect(world.github.count('dispatch')).toBe(before + 1)
    })

    test.each([
      [
        'sign-in fails',
        {...WELL, oidc: {ok: false, details: 'token ghp_abcdefghijklmnopqrstuvwxyz0123456789 @everyone'}},
        '🔴 diagnosis · something is broken',
        '❌ cloud sign-in',
      ],
      [
        'one API endpoint is down',
        {...WELL, api_hello: {ok: false, status: 500}},
        '⚠️ diagnosis · not all well',
        '❌ API /hello: 500',
      ],
      [
        'nothing is known of the CDN',
        {...WELL, cloudfront: {ok: false, details: 'not configured'}},
        '⚠️ diagnosis · not all well',
        '⚠️ CDN: not configured',
      ],
    ])('when %s', async (_what, checks, title, line) => {
      furnishDiagnosis(world, {artifacts: ({correlation_id: id}) => summary(checks, id)})
      const talk = await diagnose()
      await ends(talk, title)
      expect(textOf(talk.reply())).toContain(line)
      expect(textOf(talk.reply())).not.toContain('ghp_')
      expect(JSON.stringify(talk.reply()?.embeds)).not.toContain('@everyone')
      expect(talk.reply()?.pings).toEqual([])
    })

    const zipped = (zip: Uint8Array): Left => [{name: 'diagnose-summary', zip}]
    test.each([
      ['left nothing', [], 'it left no artifact diagnose-summary, and no report in its log'],
      ['has expired', [{name: 'diagnose-summary', files: {'a.json': '{}'}, expired: true}], 'has expired'],
      ['is another’s', summary(WELL, 'somebody-else'), 'it is about another request'],
      ['is no zip', zipped(strToU8('hello')), 'it holds no JSON file'],
      [
        'is a bomb',
        zipped(zipSync({'a.json': new Uint8Array(30_000_000)})),
        'it holds more than 1048576 bytes',
      ],
      ['is too large', zipped(new Uint8Array(1_100_000)), 'holds more than 1048576 bytes'],
    ] as const)('an artifact that %s is said plainly, and is no success', async (_what, left, why) => {
      furnishDiagnosis(world, {artifacts: () => left})
      const talk = await diagnose()
      await ends(talk, '⚠️ diagnosis · no results')
      expect(textOf(talk.reply())).toContain(why)
    })

    test('without an artifact the report in the log counts, and where a run broke is told', async () => {
      const log = [
        '```json',
        JSON.stringify({checks: {...WELL, s3_read: {ok: false, details: 'denied'}}}),
        '```',
      ]
      furnishDiagnosis(world, {
        artifacts: () => [],
        jobs: [
          {
            name: 'diagnose',
            steps: [
              {name: 'Summarise', ms: 500, log},
              {name: 'Judge', ms: 500, conclusion: 'failure', log: ['bucket: denied']},
            ],
          },
        ],
      })
      const talk = await diagnose()
      await ends(talk, '🔴 diagnosis · something is broken')
      const text = textOf(talk.reply())
      expect(text).toContain('❌ bucket: denied')
      expect(text).toContain('read from the log')
      expect(text).toContain('job `diagnose` › step `Judge`')
    })

    test('an address that is not public is refused before anything is started', async () => {
      const before = world.github.count('dispatch')
      const talk = await world.bob.runs(
        '/diagnose frontend_url:http://web.example.com api_base:https://me:pw@x.example.com',
      )
      await talk.acknowledged()
      expect(talk.ephemeral).toBe(true)
      expect(textOf(talk.reply())).toContain('frontend_url: Only https:// addresses are allowed')
      expect(textOf(talk.reply())).toContain('api_base: The address contains a user name or password')
      expect(world.github.count('dispatch')).toBe(before)
    })

    test.each([
      ['403', {kind: 'forbidden'}, '🔴', 'Our GitHub token may not do this'],
      [
        '404: the workflow was deleted',
        {kind: 'notFound'},
        '🔴',
        'Workflow diagnose-dispatch.yml was not found in acme/web',
      ],
      ['429', {kind: 'secondaryLimit', status: 429, retryAfterS: 1}, '🟢', 'all well'],
      ['5xx, and it got through', {kind: 'serverError', takesEffect: true}, '🟢', 'all well'],
      ['nothing in time, and it got through', {kind: 'timeout', takesEffect: true}, '🟢', 'all well'],
      [
        'a broken connection before it got through',
        {kind: 'reset'},
        '⚠️',
        'GitHub’s answer was lost and no run carries our id',
      ],
    ] as const)('GitHub answers the dispatch with %s', async (_what, fault, glyph, words) => {
      const runs = web().runs.length
      world.github.misbehave({route: 'dispatch', ...fault})
      const talk = await diagnose()
      await ends(talk, glyph)
      expect(textOf(talk.reply())).toContain(words)
      expect(web().runs.length - runs).toBe(glyph === '🟢' ? 1 : 0)
    })

    test('a workflow that is switched off is told in GitHub’s words', async () => {
      furnishDiagnosis(world).disable()
      const talk = await diagnose()
      await ends(talk, '🔴 diagnosis · not started')
      expect(textOf(talk.reply())).toContain('disabled workflow')
    })

    test('while GitHub does not let us look (5xx, 429) it is still followed, and read in the end', async () => {
      world.github.misbehave({route: 'run', kind: 'serverError', times: 2})
      world.github.misbehave({route: 'artifacts', kind: 'secondaryLimit', retryAfterS: 1})
      world.github.misbehave({route: 'artifactZip', kind: 'serverError'})
      await ends(await diagnose(), '🟢 diagnosis · all well')
    })

    test('the button stops its run, for who asked and admins only', async () => {
      furnishDiagnosis(world, {jobs: [{name: 'diagnose', steps: [{name: 'Slow', ms: 2_000_000}]}]})
      const talk = await diagnose()
      await ends(talk, '⏳ diagnosis')
      const refused = await world.ada.presses(talk.reply()!, 'Cancel')
      await refused.acknowledged()
      expect(refused.ephemeral).toBe(true)
      await world.bob.presses(talk.reply()!, 'Cancel')
      await ends(talk, '⚪ diagnosis · cancelled')
      expect(web().runs[0]?.conclusion).toBe('cancelled')
      expect(JSON.stringify(talk.reply()?.components)).not.toContain('Cancel')
    })
  })
})

describe('a worker that dies in the middle of a diagnosis', () => {
  let world: World
  const processes: ProductProcess[] = []
  afterEach(async () => {
    await Promise.all(processes.splice(0).map(each => each.kill('SIGKILL')))
    await world.close()
  })

  test('is followed by another, which does not start it again', async () => {
    world = await openWorld({roles: 'bot,api', webhooks: false})
    furnishDiagnosis(world)
    const first = await startProcess({name: 'first', env: {...world.env, ROLES: 'worker'}})
    processes.push(first)
    // Time for its first message to be shown: who dies while delivering one keeps it for a while.
    world.github.misbehave({route: 'dispatch', kind: 'latency', ms: 700})
    // At the moment at which the run exists and nobody but GitHub knows of it.
    const killed = new Promise<void>(done => {
      const off = world.github.on(change => {
        if (change.kind !== 'run') return
        off()
        void first.kill('SIGKILL').then(() => done())
      })
    })
    const talk = await world.bob.runs('/diagnose')
    await killed
    await world.startMore({ROLES: 'worker'})
    await ends(talk, '🟢 diagnosis · all well')
    expect(world.github.count('dispatch')).toBe(1)
    expect(world.github.repository('acme/web').runs).toHaveLength(1)
  })
})
