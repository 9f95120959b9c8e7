import {randomUUID} from 'node:crypto'
import pg from 'pg'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import type {Conversation, MessageView} from '../../src/emulators/discord/index.ts'
import {attemptAgain} from '../support/attempt-again.ts'
import {DEFAULT_YAML, openWorld, type World} from '../support/world.ts'

const WEB = 'deployment:development:web'
/** Nobody is asked here before a deploy to staging. */
const YAML = `${DEFAULT_YAML.replace(
  'principals:',
  'principals:\n  - { id: bob, discord: "333333333333333333", roles: [developer] }',
)}
approvals: { policies: { medium: { approvers: 0 } } }
`

const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`
const says = (talk: Conversation, text: string) =>
  talk.settled(({reply}) => textOf(reply()).includes(text), {timeoutMs: 20_000})

let world: World
let db: pg.Client
beforeEach(async () => {
  world = await openWorld({yaml: YAML})
  db = new pg.Client({connectionString: world.database.url})
  await db.connect()
})
afterEach(async () => {
  await db.end()
  await world.close()
})

/** Deploys last this long from now on, in seconds of ours. */
function deploysTake(seconds: number): void {
  world.github.repository('acme/web').workflow('client-deploy.yml', {
    name: 'Client Deploy',
    inputs: {correlation_id: {required: true}, requester: {required: true}, VITE_API_BASE: {}},
    jobs: [{name: 'deploy', steps: [{name: 'Upload', ms: seconds * 20_000}]}],
  })
}

async function adaDeploys(): Promise<Conversation> {
  const talk = await world.ada.runs('/deploy-client wait:true')
  await says(talk, 'deploying')
  return talk
}

/** The message that asks a holder, once there is one more than before. */
const question = (nth = 0) =>
  world.discord.eventually(
    () =>
      world.discord
        .channel('general')
        .messages()
        .filter(message => message.content.includes('asks for it'))[nth],
    {what: 'the question to the holder'},
  )
const history = async () =>
  (
    await db.query<{operation: string; owner: string; detail: string | null}>(
      'select operation, owner, detail from lock_history order by id',
    )
  ).rows
const holders = async () =>
  (
    await db.query<{owner: string}>(
      'select owner from resource_locks where resource_id = $1 and owner_token is not null',
      [WEB],
    )
  ).rows.map(row => row.owner)

describe('two who deploy the same', () => {
  test('go one after the other; who waits sees the place in line and who is ahead, as it changes', async () => {
    deploysTake(5)
    const first = await adaDeploys()
    deploysTake(2)
    expect(textOf(first.reply())).toContain(`lock \`${WEB}\` · you are holding it`)

    const second = await world.bob.runs('/deploy-client wait:true')
    await says(second, '⏳ client → development · waiting, 1st in line')
    expect(textOf(second.reply())).toContain(`lock \`${WEB}\` · held by ada: deploys client \\(main\\)`)
    const third = await world.root.runs('/deploy-client wait:true')
    await says(third, 'waiting, 2nd in line')
    expect(textOf(third.reply())).toMatch(/in line since <t:\d+:R> · after bob/)
    expect(world.github.count('dispatch')).toBe(1)

    await says(first, '🟢 client → development · success')
    await says(second, 'you are holding it')
    await says(third, 'waiting, 1st in line')
    expect(textOf(third.reply())).toContain('held by bob')
    await says(second, '🟢 client → development · success')
    await says(third, '🟢 client → development · success')

    const {runs} = world.github.repository('acme/web')
    expect(runs).toHaveLength(3)
    expect(await history()).toEqual(
      ['ada', 'bob', 'root'].map(owner => ({operation: 'release', owner, detail: null})),
    )
    expect(await holders()).toEqual([])
  })

  test('one that is cancelled in line leaves it, and is never dispatched', async () => {
    deploysTake(6)
    await adaDeploys()
    deploysTake(0.5)
    const second = await world.bob.runs('/deploy-client wait:true')
    await says(second, '1st in line')
    const third = await world.root.runs('/deploy-client wait:true')
    await says(third, '2nd in line')
    await world.bob.presses({id: second.reply()?.id ?? ''}, 'Cancel')
    await says(second, 'cancelled before it started')
    await says(third, '1st in line')
    await says(third, '🟢 client → development · success')
    expect(world.github.count('dispatch')).toBe(2)
  })

  test('a failed deploy, and one that nobody waits for, give the lock back', async () => {
    world.github.repository('acme/web').workflow('client-deploy.yml', {
      name: 'Client Deploy',
      inputs: {correlation_id: {required: true}, requester: {required: true}, VITE_API_BASE: {}},
      jobs: [{name: 'deploy', steps: [{name: 'Upload', ms: 1000, conclusion: 'failure'}]}],
    })
    const failing = await world.ada.runs('/deploy-client wait:true')
    await says(failing, '🔴')
    const unattended = await world.bob.runs('/deploy-client')
    await says(unattended, 'not waiting for the end')
    expect(await history()).toEqual(
      ['ada', 'bob'].map(owner => ({operation: 'release', owner, detail: null})),
    )
    expect(await holders()).toEqual([])
  })

  test('what a migration holds is waited for, and a deploy of something else is not', async () => {
    deploysTake(0.1)
    await db.query(
      `select lock_claim($1, $2, false, 'migrator', 'migration', 60000, 0, 0, 0, '{}', 'adding a column', '{}')`,
      [WEB, randomUUID()],
    )
    const waiting = await world.ada.runs('/deploy-client wait:true')
    await says(waiting, 'held by migrator: adding a column')
    const other = await world.bob.runs('/deploy-client wait:true target:api')
    await says(other, '🟢 api → staging · success')
    await db.query(`select lock_force($1, null, 'the test', 'over')`, [WEB])
    await says(waiting, '🟢 client → development · success')
  })
})

describe('/locks', () => {
  test('with nothing locked says so', async () => {
    const talk = await world.bob.runs('/locks')
    await says(talk, '📋 nothing is locked')
  })

  test('shows owner, reason, age and the line, with a button to take over', async () => {
    deploysTake(60)
    await adaDeploys()
    const second = await world.bob.runs('/deploy-client wait:true')
    await says(second, '1st in line')
    const talk = await world.root.runs('/locks')
    await says(talk, 'locks · 1 held')
    expect(textOf(talk.reply())).toMatch(
      /\*\*deployment:development:web\*\* · deploy · held by ada since <t:\d+:R> · deploys client \\\(main\\\)\n1\. bob waits since <t:\d+:R>/,
    )
    expect(JSON.stringify(talk.reply()?.components)).toContain(`Take over ${WEB}`)
  })
})

describe('taking over', () => {
  let locks: Conversation
  let adas: Conversation
  beforeEach(async () => {
    deploysTake(60)
    adas = await adaDeploys()
    const second = await world.root.runs('/deploy-client wait:true')
    await says(second, '1st in line')
    locks = await world.bob.runs('/locks')
    await says(locks, 'locks · 1 held')
  })
  const bobAsks = () => world.bob.presses({id: locks.reply()?.id ?? ''}, `Take over ${WEB}`)

  test('asks the holder, who alone is pinged and may answer; let go, the next in line has it', async () => {
    const asking = await bobAsks()
    await says(asking, '✅ ada was asked')
    const asked = await question()
    expect(asked?.pings).toEqual([`<@${world.ada.id}>`])
    expect(textOf(asked)).toContain('ada, you hold it. bob wants to take over')

    const meddling = await world.bob.presses({id: asked?.id ?? ''}, 'Let it go')
    await meddling.acknowledged()
    expect(meddling.ephemeral).toBe(true)
    expect(meddling.reply()?.content).toBe('⛔ you can’t press this')
    expect(await holders()).toEqual(['ada'])

    const answer = await world.ada.presses({id: asked?.id ?? ''}, 'Let it go')
    await says(answer, 'you let it go')
    expect(answer.ephemeral).toBe(true)
    await expect.poll(holders, {timeout: 10_000}).toEqual(['root'])
    expect((await history())[0]).toEqual({
      operation: 'force_release',
      owner: 'ada',
      detail: 'by ada: let go for bob',
    })
    await attemptAgain(world, 'answer')
    expect([await holders(), (await history()).length]).toEqual([['root'], 1])
    // The question shows what became of it, and its buttons are gone.
    await world.discord.eventually(
      () =>
        world.discord
          .channel('general')
          .messages()
          .find(
            ({id, content, components}) =>
              id === asked?.id && content.includes('let go') && components.length === 0,
          ),
      {what: 'the answered question'},
    )
  })

  /** As after a crash: nothing of what it did is written down as done. */
  test('is refused by a holder who keeps it, and asks once, also when it is attempted again', async () => {
    await says(await bobAsks(), '✅ ada was asked')
    const asked = await question()
    const messages = () => world.discord.channel('general').messages()
    const before = messages().length
    await attemptAgain(world, 'take_over')
    expect([messages().length, (await askIds()).length]).toEqual([before, 1])
    const answer = await world.ada.presses({id: asked?.id ?? ''}, 'Keep it')
    await says(answer, 'you keep it')
    expect(await holders()).toEqual(['ada'])
    const again = await world.ada.sendsRaw({
      type: 3,
      data: {custom_id: `v1:let-go:${(await askIds())[0] ?? ''}`, component_type: 2},
      message: {id: asked?.id ?? ''},
    })
    await again.acknowledged()
    expect(again.reply()?.content).toMatch(/^⛔ this button is not in use any more/)
    expect(await holders()).toEqual(['ada'])
  })

  const askIds = async () =>
    (await db.query<{id: string}>('select id from lock_take_overs')).rows.map(row => row.id)

  test('happens without an answer once the time is up, and is remembered', async () => {
    await bobAsks()
    await question()
    await attemptAgain(world, 'wait')
    await db.query(`update lock_take_overs set answer_by = now() - interval '1 second'`)
    await expect.poll(holders, {timeout: 10_000}).toEqual(['root'])
    expect((await history())[0]).toMatchObject({
      operation: 'force_release',
      detail: 'by a take-over: no answer to bob',
    })
    expect(await history()).toHaveLength(1)
  })

  test('by force is for admins, with a reason, and hits one holder, also when it is attempted again', async () => {
    const bare = await world.root.runs(`/take-over lock:${WEB} force:true`)
    await bare.acknowledged()
    expect(textOf(bare.reply())).toContain('reason: say why')
    const bold = await world.bob.runs(`/take-over lock:${WEB} reason:stuck force:true`)
    await says(bold, 'Only an admin can force it')
    expect(await holders()).toEqual(['ada'])

    const forced = await world.root.runs(`/take-over lock:${WEB} reason:stuck force:true`)
    await says(forced, `${WEB} · taken from ada`)
    await says(adas, 'was taken away; the deploy goes on without it')
    await expect.poll(holders, {timeout: 10_000}).toEqual(['root'])
    expect((await history())[0]).toEqual({
      operation: 'force_release',
      owner: 'ada',
      detail: 'by root (admin): stuck',
    })
    await attemptAgain(world, 'take_over')
    expect([await holders(), (await history()).length]).toEqual([['root'], 1])
  })

  test('never hits the next holder: an old button finds nothing to take', async () => {
    await db.query(`select lock_force($1, null, 'the test', 'hand over')`, [WEB])
    await expect.poll(holders, {timeout: 10_000}).toEqual(['root'])
    const late = await bobAsks()
    await says(late, 'nobody holds this lock any more')
    expect(await holders()).toEqual(['root'])
  })

  test('of a lock that no person holds asks nobody', async () => {
    await db.query(
      `select lock_claim('config:limits', $1, false, 'tuner', 'exclusive', 60000, 0, 0, 0, '{}', null, '{}')`,
      [randomUUID()],
    )
    const talk = await world.bob.runs('/take-over lock:config:limits')
    await says(talk, 'It is held by tuner, who can’t be asked here')
  })
})
