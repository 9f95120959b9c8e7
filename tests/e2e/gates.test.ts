import pg from 'pg'
import {afterEach, describe, expect, test} from 'vitest'
import type {Conversation, MessageView, Person} from '../../src/emulators/discord/index.ts'
import type {Pull, Run} from '../../src/emulators/github/index.ts'
import {startProcess} from '../support/processes.ts'
import {DEFAULT_YAML, openWorld, type World, type WorldOptions} from '../support/world.ts'

const YAML = DEFAULT_YAML.replace('service: web', 'service: web\n    environment: production')
  .replace('workflow: { roles: [developer] }', 'workflow: { roles: [developer, tech_lead] }')
  .replace(
    'principals:',
    [
      'principals:',
      '  - { id: grace, discord: "111111111111111001", roles: [tech_lead] }',
      '  - { id: tom, discord: "111111111111111002", roles: [team_lead] }',
    ].join('\n'),
  )
const WAITS = '⏳ client → production · waits for 2 approvals'

const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`
const says = (talk: Conversation, text: string | RegExp, timeoutMs = 30_000) =>
  talk.settled(
    ({reply}) => (typeof text === 'string' ? textOf(reply()).includes(text) : text.test(textOf(reply()))),
    {timeoutMs, what: String(text)},
  )

let world: World
let db: pg.Pool
let grace: Person
let tom: Person
afterEach(async () => {
  await db.end()
  await world.close()
})

async function open(options: WorldOptions = {}): Promise<void> {
  world = await openWorld({
    yaml: YAML,
    queue: 'postgres',
    permissions: {contents: 'write', pull_requests: 'write', checks: 'read'},
    ...options,
    env: {APPROVAL_SWEEP_MS: '300', ...options.env},
  })
  db = new pg.Pool({connectionString: world.database.url, max: 2})
  db.on('error', () => undefined)
  grace = world.discord.person('grace', {id: '111111111111111001'})
  tom = world.discord.person('tom', {id: '111111111111111002'})
}

const web = () => world.github.repository('acme/web')
const shipped = (): readonly Run[] => web().runs.filter(run => run.workflow === 'client-deploy.yml')
const head = (): string => web().branches().get('main') ?? ''

/** The requests of this world in the order in which they were asked. */
async function requests(): Promise<
  readonly {
    readonly id: string
    readonly status: string
    readonly bound: Record<string, string>
    readonly note: string | null
    readonly used: boolean
  }[]
> {
  const {rows} = await db.query(
    'select id, status, bound, note, used_at is not null as used from approval_requests order by created_at',
  )
  return rows as Awaited<ReturnType<typeof requests>>
}

async function vote(who: Person, words: string, nth = -1): Promise<Conversation> {
  const request = (await requests()).at(nth)
  const talk = await who.runs(`/${words.replace('ID', `id:${request?.id ?? ''}`)}`)
  await talk.settled(({reply}) => !(reply()?.loading ?? true), {timeoutMs: 20_000})
  return talk
}

async function bothApprove(): Promise<void> {
  await vote(grace, 'approve ID')
  await vote(tom, 'approve ID')
}

describe('a deploy to production', () => {
  test('asks two people about exactly what it would ship, shows their votes, and ships that once', async () => {
    await open()
    const pull = web().pullRequest({
      title: 'OPS-12 Faster start',
      head: 'fast',
      author: 'lin',
      files: {'src/start.ts': 'go()\n', 'migrations/0007.sql': 'select 1;\n'},
    })
    web().startRun({
      workflow: 'client-deploy.yml',
      event: 'workflow_dispatch',
      ageMs: 3_600_000,
      conclusion: 'success',
    })
    web().branch('main', pull.headSha)
    const talk = await world.ada.runs('/deploy-client wait:true')
    await says(talk, `${WAITS} (0 of 2)`)
    await says(talk, 'decide here')
    const text = textOf(talk.reply())
    expect(text).toContain('risk high: deploy to production')
    expect(text).toContain('2 files · 1 migration · 1 PR (#1)')
    expect(text).toMatch(
      new RegExp(`bound to \`${pull.headSha.slice(0, 7)}\` \\+ \`client-deploy.yml@[0-9a-f]{4}\``),
    )
    expect(shipped()).toHaveLength(1)

    await vote(grace, 'approve ID')
    await says(talk, `${WAITS} (1 of 2)`)
    await vote(tom, 'approve ID')
    await says(talk, '🟢 client → production · success')
    expect(shipped().map(({headSha}) => headSha)).toEqual([pull.headSha, expect.any(String)])
    expect(world.github.count('dispatch')).toBe(1)
    expect(await requests()).toMatchObject([{status: 'approved', used: true, bound: {sha: pull.headSha}}])
    const metrics = await (await fetch(`${world.app.url ?? ''}/metrics`)).text()
    expect(metrics).toMatch(/^deploy_phase_seconds_count\{phase="human"\} 1$/m)
  })

  test('whose branch moves meanwhile is void, says what moved, and asks again', async () => {
    await open()
    const before = head()
    const talk = await world.ada.runs('/deploy-client wait:true')
    await says(talk, WAITS)
    const after = web().commit('one more')
    await bothApprove()
    await says(talk, 'asks again, for it moved')
    await says(talk, `${WAITS} (0 of 2)`)
    expect(textOf(talk.reply())).toContain(after.slice(0, 7))
    expect(shipped()).toEqual([])
    expect(await requests()).toMatchObject([
      {status: 'cancelled', used: false, bound: {sha: before}},
      {status: 'pending', bound: {sha: after}},
    ])
    await bothApprove()
    await says(talk, '🟢 client → production · success')
    expect(shipped().map(({headSha}) => headSha)).toEqual([after])
  })

  test('whose workflow file moves meanwhile is void, too', async () => {
    await open()
    const talk = await world.ada.runs('/deploy-client wait:true')
    await says(talk, WAITS)
    web().workflow('client-deploy.yml', {
      name: 'Client Deploy, changed',
      inputs: {correlation_id: {}, requester: {}, VITE_API_BASE: {}, more: {}},
    })
    await bothApprove()
    await says(talk, /asks again, for it moved: .*workflow/)
    expect(shipped()).toEqual([])
  })

  test('that is rejected ends by name, with the reason, and nothing is shipped', async () => {
    await open()
    const talk = await world.ada.runs('/deploy-client wait:true')
    await says(talk, WAITS)
    await vote(grace, 'reject ID reason:not on a friday')
    await says(talk, '⛔ client → production · rejected by grace')
    expect(textOf(talk.reply())).toContain('via discord')
    expect(textOf(talk.reply())).toContain('not on a friday')
    expect(shipped()).toEqual([])
  })

  test('that nobody decides in time ends as that', async () => {
    await open({yaml: `${YAML}\napprovals: { policies: { high: { expires: 2s, escalateTo: [] } } }\n`})
    const talk = await world.ada.runs('/deploy-client wait:true')
    await says(talk, WAITS)
    await says(talk, '⚪ client → production · approval expired')
    expect(await requests()).toMatchObject([{status: 'expired'}])
    expect(shipped()).toEqual([])
  })

  test('that is cancelled takes its request back', async () => {
    await open()
    const talk = await world.ada.runs('/deploy-client wait:true')
    await says(talk, WAITS)
    await world.ada.presses({id: talk.reply()?.id ?? ''}, 'Cancel')
    await says(talk, '⚪ client → production · cancelled before it started')
    expect(await requests()).toMatchObject([{status: 'cancelled'}])
    const late = await vote(grace, 'approve ID')
    expect(textOf(late.reply())).not.toContain('✅')
    expect(shipped()).toEqual([])
  })

  test('waits through the death of its worker, and ships once', async () => {
    await open({roles: 'bot,api'})
    const first = await startProcess({name: 'worker-1', env: {...world.env, ROLES: 'worker'}})
    const talk = await world.ada.runs('/deploy-client wait:true')
    await says(talk, WAITS)
    await first.kill('SIGKILL')
    await world.startMore({ROLES: 'worker'})
    await world.startMore({ROLES: 'worker'})
    await bothApprove()
    await says(talk, '🟢 client → production · success')
    expect(world.github.count('dispatch')).toBe(1)
  })

  test('whose branch moves in the very last moment is stopped, and no success', async () => {
    await open()
    // Its runs wait for the runner until somebody stops them.
    const inputs = {correlation_id: {}, requester: {}, VITE_API_BASE: {}}
    web().workflow('client-deploy.yml', {name: 'Client Deploy', inputs, hold: true})
    const talk = await world.ada.runs('/deploy-client wait:true')
    await says(talk, WAITS)
    world.github.misbehave({kind: 'latency', route: 'dispatch', ms: 1500})
    await bothApprove()
    await world.discord.eventually(() => world.github.count('dispatch') > 0, {
      timeoutMs: 20_000,
      what: 'the dispatch',
    })
    const sneaked = web().commit('sneaked in')
    await says(talk, '🔴 client → production · ran another commit', 60_000)
    expect(textOf(talk.reply())).toContain(sneaked.slice(0, 7))
    expect(shipped()).toHaveLength(1)
    expect(shipped()[0]?.conclusion).toBe('cancelled')
  })

  test('of a commit whose tests fail is refused before anybody is asked, by command or in words', async () => {
    await open()
    web().workflow('ci.yml', {name: 'CI'})
    web().startRun({workflow: 'ci.yml', conclusion: 'failure', ageMs: 60_000})
    const talk = await world.ada.runs('/deploy-client wait:true')
    await says(talk, '⛔ client → production · not started')
    expect(textOf(talk.reply())).toContain('fail, so it can’t go to production')
    await says(await world.ada.runs('/ask text:deploy client'), 'nothing happens before Start')
    const spoken = await world.ada.runs('/ask text:start')
    await says(spoken, '🔴 planned-deploy · failed after')
    expect(textOf(spoken.reply())).toContain('fail, so it can’t go to production')
    expect(await requests()).toEqual([])

    // Mended, people are asked about the very commit that the branch holds then.
    web().commit('mended')
    await says(await world.ada.runs('/ask text:deploy client'), 'nothing happens before Start')
    await says(await world.ada.runs('/ask text:start'), 'waits for approval')
    await expect
      .poll(requests, {timeout: 20_000})
      .toMatchObject([{status: 'pending', bound: {sha: head(), ref: 'main'}}])
    expect(shipped()).toEqual([])
  })

  test('of what can’t be read is refused, and nobody is asked', async () => {
    await open()
    const talk = await world.ada.runs('/deploy-client wait:true ref:no-such-branch')
    await says(talk, '⛔ client → production · not started')
    expect(textOf(talk.reply())).toContain('can’t be read')
    expect(await requests()).toEqual([])
  })

  test('during a freeze is refused with the reason and the end', async () => {
    const freeze = `{ from: "2020-01-01T00:00:00Z", to: "2999-01-01T00:00:00Z", environments: [production], reason: year end }`
    await open({yaml: `${YAML}\napprovals: { freezes: [ ${freeze} ] }\n`})
    const talk = await world.ada.runs('/deploy-client wait:true')
    await says(talk, '⛔ client → production · not started')
    expect(textOf(talk.reply())).toContain('frozen: year end')
    expect(await requests()).toEqual([])
  })
})

describe('explain:true', () => {
  test('says to the asker alone what a deploy would meet, and does nothing', async () => {
    await open()
    const talk = await world.ada.runs('/deploy-client explain:true')
    await says(talk, '📋 client → production · takes 2 approvals')
    const text = textOf(talk.reply())
    for (const part of [
      'risk **high** (7.5 of 10)',
      'deploy to production \\(deploy\\_production\\)',
      'who could: grace (tech\\_lead), tom (team\\_lead)',
      `sha \`${head()}\``,
      'lock `deployment:production:web` · free',
      'nothing was started, and nobody was asked',
    ])
      expect(text).toContain(part)
    const seenByTom = tom.sees(world.discord.channel('general')).some(({id}) => id === talk.reply()?.id)
    expect(seenByTom).toBe(false)
    expect(await requests()).toEqual([])
    expect((await db.query('select from deployments')).rowCount).toBe(0)
    expect(shipped()).toEqual([])

    await says(await grace.runs('/deploy-client explain:true'), 'can’t run /deploy-client')
    await says(await world.ada.runs('/deploy-client explain:true ref:none'), 'can’t be read')
  })
})

describe('a pull request’s deployment', () => {
  function furnish(): Pull {
    web().workflow('ci.yml', {
      name: 'CI',
      jobs: [{name: 'test', steps: [{name: 'Test', ms: 500, log: ['Tests  3 passed (3)']}]}],
    })
    return web().pullRequest({
      title: 'Faster start',
      head: 'fast',
      author: 'lin',
      files: {'src/start.ts': 'export const a = 1\n'},
    })
  }
  const runIdIn = (talk: Conversation): string => /wf-[0-9a-f]+/.exec(textOf(talk.reply()))?.[0] ?? ''
  const start = async (pull: Pull) => {
    const talk = await world.ada.runs(
      `/workflow action:run workflow:pr-deployment input:pr_number=${pull.number} repo_url=acme/web`,
    )
    await says(talk, 'waits for approval')
    await world.discord.eventually(async () => (await requests()).length > 0, {
      timeoutMs: 20_000,
      what: 'the request',
    })
    return talk
  }

  test('stops at its gate, outlives its worker, and deploys exactly once when two have approved', async () => {
    await open({roles: 'bot,api'})
    const pull = furnish()
    const first = await startProcess({name: 'worker-1', env: {...world.env, ROLES: 'worker'}})
    const talk = await start(pull)
    // A run made of words dies with it, in the middle of its step.
    const jobs = [{name: 'lint', steps: [{name: 'Lint', ms: 500}]}]
    web().workflow('lint.yml', {name: 'Lint', hold: true, jobs})
    const linted = () => web().runs.filter(({workflow}) => workflow === 'lint.yml')
    await says(await world.ada.runs('/ask text:run the linter on main'), 'nothing happens before Start')
    const spoken = await world.ada.runs('/ask text:start')
    await world.discord.eventually(() => linted().length > 0, {timeoutMs: 20_000, what: 'a run of lint'})
    await first.kill('SIGKILL')
    await world.startMore({ROLES: 'worker'})
    linted()[0]?.release()
    await says(spoken, '🟢 planned-test · done after', 60_000)
    expect(linted()).toHaveLength(1)
    const own = await world.ada.runs(`/workflow action:approve run:${runIdIn(talk)}`)
    await says(own, /yourself|approve|need/)
    await says(await grace.runs(`/workflow action:approve run:${runIdIn(talk)}`), 'counted: 1 of 2')
    await vote(tom, 'approve ID')
    await says(talk, '🟢 pr-deployment · done after', 60_000)
    expect(shipped().map(({headSha}) => headSha)).toEqual([pull.headSha])
    expect(await requests()).toMatchObject([
      {
        status: 'approved',
        used: true,
        bound: {sha: pull.headSha, 'pull request': `acme/web#1@${pull.headSha}`},
      },
    ])
  })

  test('that moved while people thought ships nothing and says why', async () => {
    await open()
    const pull = furnish()
    const talk = await start(pull)
    pull.push('one more', {'src/more.ts': 'export const b = 2\n'})
    await bothApprove()
    await says(talk, '🔴 pr-deployment · failed after', 60_000)
    expect(textOf(talk.reply())).toContain('It moved while it waited')
    expect(shipped()).toEqual([])
  })

  test('to a target that needs nobody is not held up', async () => {
    await open({yaml: YAML.replace('environment: production', 'environment: development')})
    const pull = furnish()
    const talk = await world.ada.runs(
      `/workflow action:run workflow:pr-deployment input:pr_number=${pull.number} repo_url=acme/web`,
    )
    await says(talk, '🟢 pr-deployment · done after', 60_000)
    expect(await requests()).toEqual([])
    expect(shipped()).toHaveLength(1)
  })
})
