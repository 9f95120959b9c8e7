import pg from 'pg'
import {afterEach, describe, expect, test} from 'vitest'
import {startLinearEmulator, type LinearEmulator} from '../../src/emulators/linear/index.ts'
import {startMailbox, type Mailbox} from '../../src/emulators/mailbox/index.ts'
import {API_TOKEN, DEFAULT_YAML, openWorld, type World} from '../support/world.ts'

let world: World
let linear: LinearEmulator
let mailbox: Mailbox
afterEach(async () => {
  // By name: should it take too long, the next test has opened others by then.
  const [product, ...services] = [world, linear, mailbox]
  await product.close()
  for (const service of services) await service.close()
})

/** Everything that can tell people something, and a Linear project `web` with one issue. */
async function open({
  as = 'key',
  createIssues = false,
}: {readonly as?: 'key' | 'app'; readonly createIssues?: boolean} = {}): Promise<{readonly issue: string}> {
  linear = await startLinearEmulator()
  mailbox = await startMailbox()
  const web = linear.project('Web')
  const {clientId, clientSecret} = linear.app()
  const issue = linear.issue('Ship it', {projectId: web.id})
  world = await openWorld({
    permissions: {contents: 'write', pull_requests: 'write', checks: 'read'},
    yaml: `${DEFAULT_YAML.replace('service: web', 'service: web\n    project: web')}
projects: { web: { id: "${web.id}", team: "${linear.team('OPS').id}" } }
notifications: { projects: { web: { createIssues: ${String(createIssues)} } } }
`,
    env: {
      DISCORD_STATUS_CHANNEL_ID: '',
      LINEAR_API_URL: linear.url,
      ...(as === 'app'
        ? {LINEAR_CLIENT_ID: clientId, LINEAR_CLIENT_SECRET: clientSecret}
        : {LINEAR_API_KEY: linear.key()}),
      SMTP_HOST: mailbox.host,
      SMTP_PORT: String(mailbox.port),
      SMTP_TLS: 'false',
      NOTIFICATION_EMAIL_FROM: 'Signalbox <bot@example.com>',
      NOTIFICATION_EMAIL_TO: 'ops@example.com',
    },
  })
  return {issue: issue.identifier}
}

/** Starts a run that comes to nothing: the target's tests have no workflow. */
async function failingRun(input: Readonly<Record<string, unknown>> = {}): Promise<number> {
  const repository = world.github.repository('acme/web')
  repository.commit('good')
  const {number} = repository.pullRequest({title: 'b', head: 'add-b', files: {'b.md': 'x\n'}})
  const response = await fetch(`${world.app.url ?? ''}/workflows/execute`, {
    method: 'POST',
    headers: {authorization: `Bearer ${API_TOKEN}`},
    body: JSON.stringify({
      workflow: 'pr-deployment',
      input: {pr_number: number, repo_url: 'acme/web', target: 'client', ...input},
    }),
  })
  expect(response.status).toBe(202)
  return number
}

describe('a run that failed', () => {
  test('is told on its project’s issue and on its pull request; no mail is needed', async () => {
    const {issue} = await open()
    const number = await failingRun({project: 'web', issue})
    const comment = await linear.eventually(() => linear.comments(issue)[0], {timeoutMs: 30_000})
    expect(comment.body).toContain('pr-deployment failed')
    await expect
      .poll(() => world.github.repository('acme/web').comments, {timeout: 20_000})
      .toMatchObject([{number, author: expect.stringMatching(/./) as string}])
    expect(world.github.repository('acme/web').comments[0]?.body).toContain('🔴 **pr-deployment failed**')
    expect(mailbox.mails).toEqual([])
  })

  test('brings a mail where Linear is not to be reached, and reaches Linear when it is back', async () => {
    const {issue} = await open()
    const mend = linear.misbehave({operation: '*', kind: 'serverError', times: 1000})
    await failingRun({project: 'web', issue})
    const mail = await mailbox.eventually(() => mailbox.inbox('ops@example.com')[0], {timeoutMs: 30_000})
    expect(mail.subject).toContain('pr-deployment')
    expect(linear.comments(issue)).toEqual([])
    mend()
    await linear.eventually(() => linear.comments(issue)[0], {timeoutMs: 30_000})
    expect(linear.comments(issue)).toHaveLength(1)
  })
})

test('a project for which the app is installed is written to with a token of its own, which nobody can read', async () => {
  const {issue} = await open({as: 'app'})
  const call = async (method: string, path: string) => {
    const response = await fetch(`${world.app.url ?? ''}${path}`, {
      method,
      headers: {authorization: `Bearer ${API_TOKEN}`},
    })
    return {status: response.status, body: (await response.json()) as Record<string, unknown>}
  }
  const tokens = async () =>
    ((await call('GET', '/linear/projects')).body['projects'] as {token: string}[]).map(({token}) => token)
  expect(await tokens()).toEqual(['workspace'])
  expect((await call('POST', '/linear/projects/webb/install')).status).toBe(404)

  const {body} = await call('POST', '/linear/projects/web/install')
  const consent = await fetch(String(body['authorize_url']), {redirect: 'manual'})
  const back = consent.headers.get('location') ?? ''
  expect(back).toMatch(/\/linear\/callback\?code=/)
  expect((await fetch(back.replace(/state=[^&]+/, 'state=forged'))).status).toBe(404)
  const installed = await fetch(back)
  expect(await installed.text()).toContain('installed for project web')
  expect((await fetch(back)).status).toBe(404)
  expect(await tokens()).toEqual(['installed'])

  linear.misbehave({operation: 'token', kind: 'serverError', times: 100})
  await failingRun({project: 'web', issue})
  await linear.eventually(() => linear.comments(issue)[0], {timeoutMs: 30_000})
  const db = new pg.Client({connectionString: world.database.url})
  await db.connect()
  const {rows} = await db.query<{row: string}>('select t::text as row from project_tokens t')
  await db.end()
  expect(rows).toHaveLength(1)
  expect(JSON.stringify([rows, world.logs])).not.toContain('lin_oauth_')
})

test('a deploy that failed is told where its own message does not tell it: once in Discord, in the issue that its project gets', async () => {
  await open({createIssues: true})
  world.github.repository('acme/web').workflow('client-deploy.yml', {
    name: 'Client Deploy',
    inputs: {correlation_id: {required: true}, requester: {required: true}, VITE_API_BASE: {}},
    jobs: [{name: 'deploy', steps: [{name: 'Upload', ms: 100, conclusion: 'failure'}]}],
  })
  const talk = await world.ada.runs('/deploy-client wait:true')
  await talk.settled(({reply}) => reply()?.content.startsWith('🔴'), {timeoutMs: 30_000})
  const issue = await linear.eventually(
    () => linear.issues().find(({title}) => title === 'client → development ended as failure'),
    {timeoutMs: 30_000},
  )
  expect(issue.project?.name).toBe('Web')
  expect(issue.description).toContain('job deploy › Upload')
  const said = world.discord.channel('general').messages()
  expect(said.filter(({content}) => content.includes('ended as failure'))).toEqual([])
})

test('metrics say what was told, where, and how long it took', async () => {
  const {issue} = await open()
  await failingRun({project: 'web', issue})
  await linear.eventually(() => linear.comments(issue)[0], {timeoutMs: 30_000})
  const metrics = async () => (await fetch(`${world.app.url ?? ''}/metrics`)).text()
  await expect
    .poll(metrics, {timeout: 10_000})
    .toContain('notification_deliveries_total{channel="linear",event="task_failed",outcome="told"} 1')
  expect(await metrics()).toContain('notification_latency_seconds_count{channel="linear"} 1')
  expect(await metrics()).toMatch(/# TYPE notification_backlog gauge/)
})
