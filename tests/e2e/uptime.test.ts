import {createServer, type Server} from 'node:http'
import type {AddressInfo} from 'node:net'
import pg from 'pg'
import {afterAll, beforeAll, beforeEach, expect, test} from 'vitest'
import type {MessageView} from '../../src/emulators/discord/index.ts'
import {createQueues, type Queues} from '../../src/platform/queue.ts'
import {installationOf} from '../support/redis.ts'
import {DEFAULT_YAML, openWorld, type World} from '../support/world.ts'

const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`

let world: World
let queues: Queues
let db: pg.Client
let server: Server
/** What each path answers; a path that is not here answers 200. */
const answers = new Map<string, number | 'cut' | 'nothing'>()

beforeAll(async () => {
  server = createServer((request, response) => {
    const answer = answers.get(request.url ?? '') ?? 200
    if (answer === 'nothing') return
    if (answer === 'cut') return void request.socket.destroy()
    response.writeHead(answer).end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  world = await openWorld({
    // Once at the start, and then when the test says so.
    yaml: `${DEFAULT_YAML}\nuptime: { every: 12h }\n`,
    env: {
      SAFE_LOCAL: 'true',
      API_BASE_URL: `${base}/api`,
      FRONTEND_BASE_URL: `${base}/web`,
    },
    roles: 'api',
  })
  await world.startMore({
    ROLES: 'bot,worker',
    DISCORD_STATUS_CHANNEL_ID: world.discord.channel('status').id,
  })
  await world.discord.waitForGateway()
  db = new pg.Client({connectionString: world.database.url})
  await db.connect()
  const log = {warn: () => undefined}
  const {REDIS_URL: redisUrl} = world.env
  queues = createQueues(
    redisUrl === undefined
      ? {databaseUrl: world.database.url, log}
      : {redisUrl, log, prefix: await installationOf(world.database.url)},
  )
})
afterAll(async () => {
  await queues.close()
  await db.end()
  await world.close()
  server.closeAllConnections()
  server.close()
})
beforeEach(() => answers.clear())

async function says(command: string, text: string): Promise<string> {
  const talk = await world.bob.runs(command)
  await talk.settled(({reply}) => textOf(reply()).includes(text), {timeoutMs: 20_000, what: text})
  expect(talk.ephemeral).toBe(false)
  expect(talk.reply()?.pings).toEqual([])
  return textOf(talk.reply())
}

let looks = 0
/** As the schedule does when its time has come. */
async function look(): Promise<void> {
  const seen = async () => (await db.query(`select 1 from uptime_checks where service = 'api'`)).rowCount ?? 0
  const before = await seen()
  await queues.add({queue: 'schedules', name: 'uptime', data: {}, id: `look-${++looks}`})
  await expect.poll(seen, {timeout: 15_000}).toBe(before + 1)
}

const told = () =>
  world.discord
    .channel('status')
    .messages()
    .map(message => textOf(message))

test('/uptime-check looks at everything there is, and says each with its time', async () => {
  const text = await says('/uptime-check', '✅ all 3 services are up · average ')
  expect(text).toMatch(/🟢 \*\*bot\*\* `online` · Discord’s gateway/)
  expect(text).toMatch(/🟢 \*\*api\*\* `online` · \d+ ms · 127\.0\.0\.1:\d+/)
  expect(text).toMatch(/🟢 \*\*frontend\*\* `online` · \d+ ms/)
  expect(text).toMatch(/asked by bob · `[0-9a-f]{8}…`/)
})

test.each<[string, number | 'cut' | 'nothing', string, string]>([
  ['answers 403', 403, 'error_403', 'It answered 403'],
  ['answers 503', 503, 'error_503', 'It answered 503'],
  ['answers 404', 404, 'error_404', 'It answered 404'],
  ['answers 429', 429, 'error_429', 'It answered 429'],
  ['gives no answer', 'nothing', 'timeout', 'No answer within 10 s'],
  ['breaks the connection', 'cut', 'connection_error', 'The connection broke'],
])('/uptime-check of an API that %s says so first', async (_what, answer, state, reason) => {
  answers.set('/api/health', answer)
  const text = await says('/uptime-check', '⚠️ 1 of 3 services are down')
  expect(text.split('\n')[1]).toContain(`🔴 **api** \`${state}\``)
  expect(text).toContain(reason)
})

test('an outage is told once after two failures in a row, and its end once, also where telling failed at first', async () => {
  await look()
  answers.set('/api/health', 503)
  await look()
  expect(told()).toEqual([])
  await look()
  await expect.poll(told, {timeout: 15_000}).toHaveLength(1)
  expect(told()[0]).toMatch(/^🔴 api is down · error 503\nIt answered 503\. · 127/)
  await look()

  const disarm = world.discord.misbehave({route: 'createMessage', kind: 'serverError', times: 3})
  answers.clear()
  await look()
  await expect.poll(told, {timeout: 20_000}).toHaveLength(2)
  disarm()
  expect(told()[1]).toMatch(/^🟢 api is up again · was down for \d+s/)
  await look()
  expect(told()).toHaveLength(2)
  for (const message of world.discord.channel('status').messages()) expect(message.pings).toEqual([])
})

test('our own liveness answers what a look from outside asks', async () => {
  const answer = await fetch(`${world.app.url ?? ''}/health/live`, {method: 'HEAD'})
  expect(answer.status).toBe(200)
})

test('/uptime-check with a period shows how it was: a picture, the share of time and the latencies', async () => {
  const text = await says('/uptime-check period:24h', 'the last 24h')
  expect(text).toMatch(/\*\*api\*\*.*\n`·{23}✕`\n\d+(\.\d)? % · p50 \d+ ms · p95 \d+ ms/)
  expect(text).toMatch(/\*\*frontend\*\*.*\n`·{23}[▁▂▃▄▅▆▇█]`\n100 % · p50/)
  await says('/uptime-check period:7d', 'the last 7d')
})

test('/status-digest has a line for each service that is looked at, without an arrow while there is nothing to compare', async () => {
  const text = await says('/status-digest', 'up 100 %')
  expect(text).toMatch(/^\*\*frontend\*\* up 100 % · p95 \d+ ms$/m)
  await db.query(
    `insert into uptime_checks (service, at, state) select 'frontend', now() - interval '30 hours' - n * interval '1 minute', 'error_500'
     from generate_series(1, 10) n`,
  )
  expect(await says('/status-digest', '📈 **frontend**')).toContain('📈 **frontend** up 100 %')
})
