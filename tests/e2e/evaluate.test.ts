import {afterAll, beforeAll, expect, test} from 'vitest'
import type {Conversation, MessageView} from '../../src/emulators/discord/index.ts'
import {API_TOKEN, DEFAULT_YAML, openWorld, type World} from '../support/world.ts'

const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`
const says = (talk: Conversation, text: string) =>
  talk.settled(({reply}) => textOf(reply()).includes(text), {timeoutMs: 20_000, what: text})

let world: World
beforeAll(async () => {
  world = await openWorld({
    yaml: DEFAULT_YAML.replace(
      'service: web',
      'service: web\n    verify: { frontend: "https://web.invalid" }',
    ),
  })
})
afterAll(() => world.close())

async function execute(input: Record<string, unknown>): Promise<string> {
  const response = await fetch(`${world.app.url ?? ''}/workflows/execute`, {
    method: 'POST',
    headers: {authorization: `Bearer ${API_TOKEN}`, 'content-type': 'application/json'},
    body: JSON.stringify({workflow: 'self-healing', input}),
  })
  expect(response.status).toBe(202)
  return ((await response.json()) as {id: string}).id
}

test('before any run has ended there is nothing to grade', async () => {
  await says(await world.bob.runs('/evaluate'), '📋 no workflow run has ended yet')
})

test('a run is graded once it has ended, against those before it, by its id or as the latest', async () => {
  const id = await execute({environment: 'development', target: 'client'})
  const open = await world.bob.runs(`/evaluate run:${id}`)
  await open.settled(({reply}) => /not graded yet|of 100/.test(textOf(reply())), {timeoutMs: 20_000})
  await expect.poll(() => over(id), {timeout: 60_000}).toBe(true)
  const talk = await world.bob.runs(`/evaluate run:${id}`)
  await says(talk, 'of 100')
  const text = textOf(talk.reply())
  expect(text).toMatch(/self-healing · (EXCELLENT|GOOD|FAIR|POOR) · \d+\.\d of 100/)
  expect(text).toContain(`\`${id}\``)
  expect(text).toContain('the first of its kind')
  expect(text).toMatch(/→ /)
  const latest = await world.ada.runs('/evaluate')
  await says(latest, id)
  const agents = await world.bob.runs('/agents')
  await says(agents, 'infrastructure')
  expect(textOf(agents.reply())).toMatch(/infrastructure`[^\n]* \d+ %/)
})

async function over(id: string): Promise<boolean> {
  const response = await fetch(`${world.app.url ?? ''}/runs/${id}`, {
    headers: {authorization: `Bearer ${API_TOKEN}`},
  })
  const {status} = (await response.json()) as {status: string}
  return ['completed', 'failed', 'cancelled'].includes(status)
}

test('a run that is not there, and what can be none, are told apart', async () => {
  await says(await world.bob.runs('/evaluate run:wf-000000000000'), '❌ there is no such run')
  const wrong = await world.bob.runs('/evaluate run:latest')
  await says(wrong, 'is not the id of a run')
})
